"""Load runs and searches as they come out of real measurements, for the reports' tests."""

from __future__ import annotations

from runner.results import (
    Answers,
    Generator,
    LoadResult,
    Percentiles,
    SaturationResult,
    SaturationStep,
    Verdict,
)

LAG = Percentiles(count=1000, p50=0.0001, p90=0.0004, p95=0.0006, p99=0.0234, p999=0.04, max=0.05)
INVALID = "the generator was the bottleneck: it took 50 of 1000 arrivals up more than 2 ms late"


def generator(**changes: object) -> Generator:
    """A generator that kept up."""
    values: dict[str, object] = {"client": "wire", "max_in_flight": 256, "deadline_seconds": 30.0, "lag": LAG}
    return Generator.model_validate({**values, **changes})


def load(**changes: object) -> LoadResult:
    """A run of 1000 right answers."""
    latency = Percentiles(count=1000, p50=0.002, p90=0.004, p95=0.006, p99=0.0432, p999=0.05, max=0.06)
    values: dict[str, object] = {
        "engine": "clickhouse",
        "rate_per_second": 100.0,
        "duration_seconds": 10.0,
        "offered": 1000,
        "sent": 1000,
        "dropped": 0,
        "answers": Answers(ok=1000),
        "achieved_per_second": 100.0,
        "corrected": latency,
        "uncorrected": latency,
        "generator": generator(),
        "by_statement": {"Q6": latency, "<b>point</b>": latency},
        "workload": "dash<b>boards",
    }
    return LoadResult.model_validate({**values, **changes})


def step(rate: float, p99: float | None, outcome: str, *, purpose: str = "search") -> SaturationStep:
    """One rate that was tried."""
    return SaturationStep.model_validate(
        {
            "purpose": purpose,
            "rate_per_second": rate,
            "duration_seconds": 10.0,
            "arrivals": int(rate * 10),
            "needed": 1522,
            "over": 3,
            "error_share": 0.0,
            "achieved_per_second": rate,
            "corrected": Percentiles(count=0 if p99 is None else 100, p50=p99, p99=p99),
            "lag_p99": 0.0002,
            "outcome": outcome,
        }
    )


def saturation(**changes: object) -> SaturationResult:
    """A search that has found 347 per second."""
    values: dict[str, object] = {
        "engine": "clickhouse",
        "percentile": 99.0,
        "limit_seconds": 0.5,
        "largest_error_share": 0.001,
        "rate_per_second": 347.0,
        "above_per_second": 361.0,
        "complete": True,
        "confirmed": True,
        "steps": (
            step(200, 0.011, "meets", purpose="warm-up"),
            step(200, 0.012, "meets"),
            step(347, 0.31, "meets"),
            step(361, 0.77, "misses"),
            step(400, None, "generator"),
        ),
        "verdict": Verdict.PASS,
    }
    return SaturationResult.model_validate({**values, **changes})

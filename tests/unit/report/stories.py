"""Experiments that never took place, told as probes; and what all of the sample's parts share."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import NamedTuple

from runner.results import Answers, Experiment, Injection, Percentiles, Sample, Verdict
from tests.unit.report.alerted import besides

STARTED = 1_790_000_000.0
HOSTILE = "<script>alert('x')</script>\"'&<img src=x onerror=alert(1)>"
LONG = "a-very-long-component-name-that-somebody-generated-" * 6
TITLES = {"trino": "Trino", "clickhouse": "ClickHouse (chDB)"}
PERIOD = {"trino": 0.25, "clickhouse": 0.05}
FAILS_AFTER = {"refused": 0.002, "reset": 0.004, "unavailable": 1.2, "timeout": 1.0}
LATENCY = {"trino": 0.065, "clickhouse": 0.0024}


def percentiles(values: list[float]) -> Percentiles:
    """Exact percentiles of a list."""
    if not values:
        return Percentiles(count=0)
    ordered = sorted(values)

    def at(fraction: float) -> float:
        return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))]

    return Percentiles(
        count=len(ordered), p50=at(0.5), p90=at(0.9), p95=at(0.95), p99=at(0.99), p999=at(0.999), max=ordered[-1]
    )


@dataclass(frozen=True)
class Story:
    """How one synthetic experiment goes; seconds from the injection unless said otherwise."""

    fault: str
    kind: str
    engine: str
    component: str
    verdict: Verdict = Verdict.PASS
    held: float = 3.0
    outage: tuple[float, float] | None = None
    error: str = "refused"
    slower: float = 1.0
    wrong: int = 0
    unknown: int = 0
    censored: bool = False
    full_capacity: float | None = None
    tail: float = 6.0
    reason: str = ""
    confirmed: bool = True


STORIES = (
    Story("kill", "pod", "trino", "coordinator", outage=(0.0, 21.4), full_capacity=31.8, held=9.2, tail=12),
    Story("kill", "pod", "trino", "worker-1", outage=(0.1, 15.2), error="unavailable", full_capacity=19.6, held=8.1),
    Story("freeze", "node", "trino", "coordinator", held=5.0, outage=(0.0, 5.0), error="timeout", unknown=3),
    Story("freeze", "node", "trino", "worker-1", held=5.0, outage=(0.2, 5.1), error="timeout"),
    Story("latency", "network", "trino", "clients", slower=6.0, verdict=Verdict.FAIL, reason="p95 is 6.1 times steady"),
    Story("bandwidth", "network", "trino", "clients", slower=3.0),
    Story("blackhole", "network", "trino", "clients", outage=(0.0, 3.3), error="timeout"),
    Story("reset", "network", "trino", "clients", outage=(0.0, 3.05), error="reset"),
    Story("refused", "service", "trino", "clients", confirmed=False, verdict=Verdict.INCONCLUSIVE, reason="no proof"),
    Story("kill", "pod", "clickhouse", "server", outage=(0.0, 1.35), held=1.3, full_capacity=1.5),
    Story("freeze", "node", "clickhouse", "server", outage=(0.0, 45.0), error="timeout", censored=True, tail=30,
          verdict=Verdict.FAIL, reason="not recovered within 35 s"),
    Story("latency", "network", "clickhouse", "clients", slower=200.0),
    Story("blackhole", "network", "clickhouse", "clients", outage=(0.0, 3.1), error="timeout", wrong=2,
          verdict=Verdict.FAIL, reason="2 wrong answers"),
    Story("reset", "network", "clickhouse", "clients", outage=(0.0, 3.0), error="reset"),
    Story("partition", "network", "clickhouse", "server", verdict=Verdict.SKIPPED, reason="no means to do that here"),
    Story("bandwidth", "network", "clickhouse", LONG, verdict=Verdict.SKIPPED, reason=HOSTILE),
)  # fmt: skip


def experiment(story: Story, rng: random.Random, index: int = 0, period: float | None = None) -> Experiment:
    """One experiment told as probes."""
    name = f"{story.engine}/{story.component}/{story.fault}"
    common = {
        "name": name,
        "fault": story.fault,
        "kind": story.kind,
        "engine": story.engine,
        "component": story.component,
        "description": f"{story.fault} on {story.component} of {TITLES[story.engine]}",
        "verdict": story.verdict,
        "reason": story.reason,
        "started_at": STARTED + 100 + 60 * index,
        "probe_period_seconds": period or PERIOD[story.engine],
        "probe_deadline_seconds": 1.0,
    }
    if story.verdict is Verdict.SKIPPED:
        return Experiment.model_validate(
            {**common, "duration_seconds": 0.0, "injection": Injection(confirmed=False), "answers": Answers()}
        )
    samples, injected, reverted, until = _probes(story, rng, period or PERIOD[story.engine])
    times = Times(STARTED + 100 + 60 * index, injected, reverted, until)
    return Experiment.model_validate({**common, **_measures(story, samples, times)})


def _probes(story: Story, rng: random.Random, period: float) -> tuple[list[Sample], float, float, float]:
    injected = 4.0
    confirmed = injected + 0.12
    reverted = confirmed + story.held
    until = max(reverted, confirmed + (story.outage[1] if story.outage and not story.censored else 0)) + story.tail
    wrong_left, samples = story.wrong, []
    for number in range(int(until / period)):
        at = number * period
        latency = LATENCY[story.engine] * rng.lognormvariate(0, 0.25)
        outcome, error = "ok", ""
        if injected <= at < reverted:
            latency *= story.slower
        if story.outage and confirmed + story.outage[0] <= at < confirmed + story.outage[1]:
            outcome, error, latency = "failed", story.error, FAILS_AFTER[story.error] * rng.uniform(1.0, 1.04)
        elif wrong_left and at > reverted:
            outcome, error, wrong_left = "wrong", "1 row instead of 25", wrong_left - 1
        elif story.unknown and number == 6:
            outcome, error = "unknown", "connection broke after the last byte"
        samples.append(Sample(at=round(at, 4), latency=latency, outcome=outcome, error=error))  # type: ignore[arg-type]
    return samples, injected, reverted, until


class Times(NamedTuple):
    """Moments of one experiment; ``started`` since the epoch, the others since then."""

    started: float
    injected: float
    reverted: float
    until: float


def _measures(story: Story, samples: list[Sample], times: Times) -> dict[str, object]:
    started, injected, reverted, until = times
    confirmed = injected + 0.12
    period = samples[1].at
    bad = [sample for sample in samples if sample.outcome == "failed"]

    def latency(low: float, high: float) -> Percentiles:
        return percentiles([s.latency for s in samples if low <= s.at < high and s.outcome == "ok"])

    rto = (until - confirmed if story.censored else (bad[-1].at + period + 0.01 - confirmed)) if bad else 0.0
    measured = story.confirmed
    return {
        "duration_seconds": until,
        "injection": Injection(
            confirmed=measured,
            started_at=started + injected,
            confirmed_at=started + confirmed if measured else None,
            reverted_at=started + reverted,
            proof="process 4711 is gone, process 4733 took its place" if measured else "",
            revert_confirmed=True,
            revert_proof="proxy on port 40123 forwards",
        ),
        "window": (injected, reverted),
        "steady_before": True,
        "steady_after": None if story.censored else True,
        "detection_seconds": max(0.0, bad[0].at + bad[0].latency - confirmed) if bad and measured else None,
        "unavailable_seconds": len(bad) * period if measured else None,
        "availability": 1 - len(bad) / len(samples) if measured else None,
        "rto_seconds": rto if measured else None,
        "rto_uncertainty_seconds": (0.0 if story.censored else period + bad[-1].latency if bad else period)
        if measured
        else None,
        "rto_censored": story.censored,
        "full_capacity_seconds": story.full_capacity,
        "answers": Answers(
            ok=len(samples) - len(bad) + 240, failed=len(bad) + 3, wrong=story.wrong, unknown=story.unknown
        ),
        "probe_answers": Answers(
            ok=sum(s.outcome == "ok" for s in samples), failed=len(bad), wrong=story.wrong, unknown=bool(story.unknown)
        ),
        "errors": {story.error: len(bad)} if bad else {},
        "latency_before": latency(0, injected),
        "latency_during": latency(injected, reverted),
        "latency_after": latency(reverted, until),
        "samples": tuple(samples),
        **besides(story.engine, story.fault, confirmed, until, censored=story.censored),
    }

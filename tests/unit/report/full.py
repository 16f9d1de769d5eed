"""The fullest documents: every part of a report, a comparison and a history at once, with hostile and long texts."""

from __future__ import annotations

from pathlib import Path

from runner.comparison.compare import compare
from runner.comparison.model import Comparison
from runner.comparison.sides import Side
from runner.history.runs import RunLine, run_line
from runner.results import (
    Answers,
    Experiment,
    KubernetesComparison,
    KubernetesView,
    Percentiles,
    Results,
    Scaling,
    ScalingStep,
    Verdict,
)
from tests.unit.report.loads import load, saturation
from tests.unit.report.sample import HOSTILE, sample_results
from tests.unit.report.tpch_sample import repeated, throughput

DAY = 86_400.0
REFUSED = KubernetesView(not_measured="no right to watch pods in that namespace")


def full_results(seed: int = 1) -> Results:
    """Everything of the sample run, and what only some targets or options bring."""
    plain = sample_results(seed)
    experiments = tuple(_on_kubernetes(item, number) for number, item in enumerate(plain.experiments))
    return plain.model_copy(
        update={
            "experiments": experiments,
            "benchmarks": (*plain.benchmarks[:1], repeated("clickhouse")),
            "loads": (*plain.loads, load()),
            "throughputs": (throughput("trino", refresh=False), throughput("clickhouse", wrong=3)),
            "saturations": (saturation(), saturation(engine="trino", verdict=Verdict.INCONCLUSIVE, reason=HOSTILE)),
            "scalings": (scaled(),),
        }
    )


def full_comparison() -> Comparison:
    """Two runs of the sample's machine that differ everywhere by a little."""
    base, new = sample_results(1), sample_results(2)
    return compare(Side((base,), (Path("base/results.json"),)), Side((new,), (Path("new/results.json"),)))


def full_history() -> tuple[list[RunLine], list[str]]:
    """Five runs on five days, one of them with other settings, and a document that cannot be read."""
    lines = []
    for number in range(5):
        made = sample_results(number + 1)
        environment = made.environment.model_copy(
            update={"started_at": made.environment.started_at + number * DAY, "cpus": 8 if number == 2 else 2}
        )
        lines.append(run_line(made.model_copy(update={"environment": environment}), Path(f"run-{number}/results.json")))
    return lines, ["reports/broken/results.json: not JSON; name the results.json of a run"]


def scaled() -> Scaling:
    """Workers that were added and taken away again."""
    latency = Percentiles(count=40, p50=0.2, p90=0.3, p95=0.4, p99=0.5, p999=0.5, max=0.6)
    return Scaling(
        name="trino/workers/autoscaling",
        engine="trino",
        component="workers",
        description="load until the autoscaler adds a worker",
        verdict=Verdict.PASS,
        started_at=1.79e9,
        duration_seconds=420.0,
        before="1 worker",
        after="2 workers",
        steps=(
            ScalingStep(way="out", name="decided", seconds=21.0),
            ScalingStep(way="in", name="pod gone", seconds=47.5),
        ),
        rate_per_second=4.0,
        answers_out=Answers(ok=120, failed=1),
        answers_in=Answers(ok=80),
        errors={"reset": 1},
        latency_before=latency,
        latency_out=latency,
        latency_in=latency,
    )


def _on_kubernetes(item: Experiment, number: int) -> Experiment:
    if not item.samples:
        return item
    until, struck = item.duration_seconds, (item.window or (4.0, 8.0))[0]
    compared = KubernetesComparison(
        failing_seconds=1.5,
        longest_seconds=1.25,
        longest_at_seconds=-0.04,
        unready_seconds=12.0,
        served_seconds=0.5,
        unobserved_seconds=0.0,
        ready_gap_seconds=-0.3,
        all_ready_seconds=14.0,
    )
    view = KubernetesView(
        ready=((0.02, struck + 1.0), (until - 3.0, until)),
        all_pods_ready=((0.02, struck), (until - 2.0, until)),
        not_observed=((-0.001, 0.02),),
        compared=compared,
    )
    return item.model_copy(update={"kubernetes": REFUSED if number % 5 == 3 else view})

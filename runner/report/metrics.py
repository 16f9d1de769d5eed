"""The run as ``metrics.prom``: Prometheus' text format, for node-exporter's textfile collector or a Pushgateway.

Every name, its unit and its meaning is in :data:`FAMILIES` and, for people, in ``docs/monitoring.md``. Gauges only: a
run is over when the file is written. What was not measured has no sample.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from runner.report.alert_metrics import ALERT_FAMILIES, alert_samples
from runner.results import Answers, Experiment, LoadResult, Results, Verdict

METRICS_FILE = "metrics.prom"
Labels = Mapping[str, str]
Samples = Iterator[tuple[str, Labels, float | None]]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its name, the unit of its value, and what it says."""

    name: str
    unit: str
    meaning: str


FAMILIES = (
    Family("qer_run_info", "always 1", "What ran, as labels"),
    Family("qer_run_started_timestamp_seconds", "seconds since 1970", "When the run began"),
    Family("qer_run_duration_seconds", "seconds", "How long the run took"),
    Family("qer_run_verdict", "1 or 0", "1 for the verdict of the run, 0 for the others"),
    Family("qer_check_verdict", "1 or 0", "1 for the verdict of each check, 0 for the others"),
    Family("qer_check_duration_seconds", "seconds", "How long each check took"),
    Family("qer_experiment_verdict", "1 or 0", "1 for the verdict of each experiment, 0 for the others"),
    Family(
        "qer_experiment_injected_timestamp_seconds", "seconds since 1970", "When the fault was proven to be in force"
    ),
    Family("qer_experiment_rto_seconds", "seconds", "From the proven fault to lasting right answers"),
    Family("qer_experiment_rto_censored", "1 or 0", "1: not recovered in time, the RTO is a lower bound"),
    Family(
        "qer_experiment_detection_seconds", "seconds", "From the proven fault to the first answer that was not right"
    ),
    Family("qer_experiment_unavailable_seconds", "seconds", "How long probes were not answered right"),
    Family("qer_experiment_full_capacity_seconds", "seconds", "From the proven fault until all replicas were back"),
    Family("qer_experiment_availability_ratio", "share, 0 to 1", "Probes answered right, from the proven fault on"),
    *(Family(*one) for one in ALERT_FAMILIES),
    Family("qer_experiment_probes", "probes", "Probes by what became of them"),
    Family("qer_load_requests", "requests", "Requests of the load by what became of them"),
    Family("qer_load_latency_seconds", "seconds", "Latency from the intended start, by percentile"),
    Family("qer_slo_verdict", "1 or 0", "1 for the verdict of each objective, 0 for the others"),
)


def render_metrics(results: Results) -> str:
    """All samples, family by family in the order of :data:`FAMILIES`; a family without samples is left out."""
    found: dict[str, list[str]] = {}
    for name, labels, value in _samples(results):
        if value is not None:
            found.setdefault(name, []).append(f"{name}{_written(labels)} {_number(value)}")
    blocks = []
    for family in FAMILIES:
        if lines := found.pop(family.name, []):
            head = (f"# HELP {family.name} {family.meaning} ({family.unit}).", f"# TYPE {family.name} gauge")
            # Of two results of the same name the last one counts: a series is there once.
            blocks += [*head, *{line.rpartition(" ")[0]: line for line in lines}.values()]
    if found:
        raise KeyError(f"metrics without a description: {', '.join(sorted(found))}")
    return "\n".join(blocks) + "\n"


def _samples(results: Results) -> Samples:
    yield from _run(results)
    for check in results.checks:
        labels = {"check": check.name, "engine": check.engine}
        yield from _verdicts("qer_check_verdict", labels, check.status)
        yield "qer_check_duration_seconds", labels, check.seconds
    for experiment in results.experiments:
        yield from _experiment(experiment)
    for load in results.loads:
        yield from _load(load)
    for slo in results.slo:
        yield from _verdicts("qer_slo_verdict", {"objective": slo.objective, "subject": slo.subject}, slo.verdict)


def _run(results: Results) -> Samples:
    environment = results.environment
    info = {"target": results.target, "version": environment.runner_version, "transport": environment.transport}
    yield "qer_run_info", info, 1
    yield "qer_run_started_timestamp_seconds", {}, environment.started_at
    yield "qer_run_duration_seconds", {}, environment.duration_seconds
    yield from _verdicts("qer_run_verdict", {}, results.verdict)


def _experiment(experiment: Experiment) -> Samples:
    labels = {
        "experiment": experiment.name,
        "fault": experiment.fault,
        "engine": experiment.engine,
        "component": experiment.component,
    }
    yield from _verdicts("qer_experiment_verdict", labels, experiment.verdict)
    yield "qer_experiment_injected_timestamp_seconds", labels, experiment.injection.confirmed_at
    yield "qer_experiment_rto_seconds", labels, experiment.rto_seconds
    yield "qer_experiment_rto_censored", labels, float(experiment.rto_censored)
    yield "qer_experiment_detection_seconds", labels, experiment.detection_seconds
    yield "qer_experiment_unavailable_seconds", labels, experiment.unavailable_seconds
    yield "qer_experiment_full_capacity_seconds", labels, experiment.full_capacity_seconds
    yield "qer_experiment_availability_ratio", labels, experiment.availability
    yield from alert_samples(experiment, labels)
    yield from _answers("qer_experiment_probes", labels, experiment.probe_answers)


def _load(load: LoadResult) -> Samples:
    labels = {"engine": load.engine, "rate": _number(load.rate_per_second)}
    yield from _answers("qer_load_requests", labels, load.answers)
    yield "qer_load_requests", {**labels, "outcome": "dropped"}, load.dropped
    percentiles = {"50": load.corrected.p50, "95": load.corrected.p95, "99": load.corrected.p99}
    for percentile, seconds in percentiles.items():
        yield "qer_load_latency_seconds", {**labels, "percentile": percentile}, seconds


def _verdicts(name: str, labels: Labels, verdict: Verdict) -> Samples:
    for one in Verdict:
        yield name, {**labels, "verdict": one.value}, float(one is verdict)


def _answers(name: str, labels: Labels, answers: Answers) -> Samples:
    for outcome in ("ok", "failed", "wrong", "unknown"):
        yield name, {**labels, "outcome": outcome}, getattr(answers, outcome)


def _written(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if math.isfinite(value) and value == int(value) else repr(float(value))

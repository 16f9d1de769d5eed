"""From what was measured to the results document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from benchmarks.latency import latency_summary
from benchmarks.openloop import Attempt
from benchmarks.tpch.model import Benchmark as PowerRun
from benchmarks.tpch.throughput_model import Throughput as ThroughputRun
from engines import Outcome
from faults.base import Fault
from faults.catalogue import Impossible
from faults.experiment import Record, Status
from runner.kubernetes_view import kubernetes_view
from runner.loads import percentiles
from runner.report.durability import broken_promises
from runner.results import (
    AlertsView,
    Answers,
    Benchmark,
    Durability,
    Experiment,
    Injection,
    Percentiles,
    Sample,
    Throughput,
    Verdict,
)
from runner.slo import Slo, evaluate_experiment


def benchmark(run: PowerRun) -> Benchmark:
    """One engine's power run; the models share their field names."""
    return Benchmark.model_validate(asdict(run))


def throughput(run: ThroughputRun) -> Throughput:
    """One engine's throughput test; the models share their field names."""
    return Throughput.model_validate(asdict(run))


def impossible(case: Impossible, now: float) -> Experiment:
    """A fault that has nothing to strike on this target. ``now``: seconds since the epoch."""
    return Experiment(
        name=f"{case.engine}/{case.fault.name}",
        fault=case.fault.name,
        kind=case.fault.kind.value,
        engine=case.engine,
        component="",
        description=case.fault.summary,
        verdict=Verdict.SKIPPED,
        reason=case.reason,
        started_at=now,
        duration_seconds=0.0,
        injection=Injection(confirmed=False),
        probe_period_seconds=0.0,
        probe_deadline_seconds=0.0,
        answers=Answers(),
    )


def experiment(record: Record, slo: Slo, alerts: AlertsView | None = None) -> Experiment:
    """One experiment with its verdict against the objectives; ``alerts``: what monitoring saw of it."""
    fault, measures = record.fault, record.measures
    latency = _phases(record)
    measured = Experiment(
        name=fault.label,
        fault=fault.name,
        kind=fault.kind.value,
        engine=fault.engine,
        component=fault.component,
        description=fault.summary,
        along=fault.along,
        verdict=Verdict.SKIPPED,
        reason=record.reason,
        started_at=record.wall_started,
        duration_seconds=record.finished - record.started,
        injection=_injection(record),
        window=_window(record),
        probe_period_seconds=record.probe_period,
        probe_deadline_seconds=record.probe_deadline,
        steady_before=record.steady_before,
        steady_after=record.steady_after,
        detection_seconds=measures.detection if measures else None,
        unavailable_seconds=measures.unavailable if measures else None,
        availability=measures.availability if measures else None,
        rto_seconds=measures.rto if measures else None,
        rto_uncertainty_seconds=measures.rto_uncertainty if measures else None,
        rto_censored=measures.censored if measures else False,
        full_capacity_seconds=_full_capacity(record),
        answers=answers([*record.probes, *record.workload]),
        probe_answers=answers(record.probes),
        errors=errors([*record.probes, *record.workload]),
        latency_before=latency[0],
        latency_during=latency[1],
        latency_after=latency[2],
        samples=tuple(_sample(attempt, record.started) for attempt in record.probes),
        durability=Durability.model_validate(asdict(record.durability)) if record.durability else None,
        kubernetes=kubernetes_view(record),
        alerts=alerts,
    )
    verdict, reason = judge(record.status, measured, slo)
    return measured.model_copy(update={"verdict": verdict, "reason": reason})


def judge(status: Status, measured: Experiment, slo: Slo) -> tuple[Verdict, str]:
    """The verdict and, where it is not PASS, why."""
    if status is Status.SKIPPED:
        return Verdict.SKIPPED, measured.reason
    if measured.answers.wrong > slo.wrong_answers:
        return Verdict.FAIL, f"{measured.answers.wrong} wrong answers"
    if measured.durability and measured.durability.broken:
        return Verdict.FAIL, f"inserts: {broken_promises(measured.durability)}"
    if status is not Status.COMPLETED:
        return (Verdict.FAIL if status is Status.LEFTOVER else Verdict.INCONCLUSIVE), measured.reason
    missed = [result for result in evaluate_experiment(slo, measured) if result.verdict is not Verdict.PASS]
    reasons = [f"{result.objective} {result.measured}, limit {result.limit}" for result in missed]
    verdicts = [result.verdict for result in missed]
    if not measured.steady_after:
        verdicts.append(Verdict.FAIL)
        reasons.append("no steady state again within the recovery limit")
    return overall([Verdict.PASS, *verdicts]), "; ".join(reasons)


def answers(attempts: Iterable[Attempt]) -> Answers:
    """Outcomes of all attempts that were sent."""
    counts = Counter(attempt.outcome for attempt in attempts if not attempt.dropped)
    return Answers(**{outcome.value: counts[outcome] for outcome in Outcome})


def errors(attempts: Iterable[Attempt]) -> dict[str, int]:
    """How often each class of error occurred, most frequent first."""
    counts = Counter(attempt.error for attempt in attempts if attempt.outcome is not Outcome.OK and not attempt.dropped)
    return dict(counts.most_common())


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of a whole: any FAIL fails it, any INCONCLUSIVE leaves it open, nothing run is SKIPPED."""
    seen = set(verdicts)
    for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS):
        if verdict in seen:
            return verdict
    return Verdict.SKIPPED


def label(case: Fault | Impossible) -> str:
    """How a case is called while it runs."""
    return case.label if isinstance(case, Fault) else f"{case.engine}/{case.fault.name}"


def _injection(record: Record) -> Injection:
    def wall(moment: float | None) -> float | None:
        return None if moment is None else record.wall_started + (moment - record.started)

    return Injection(
        confirmed=record.confirmed is not None,
        started_at=wall(record.injected),
        confirmed_at=wall(record.confirmed),
        reverted_at=wall(record.reverted),
        proof=record.proof,
        revert_confirmed=bool(record.revert_proof),
        revert_proof=record.revert_proof,
    )


def _window(record: Record) -> tuple[float, float] | None:
    if record.injected is None:
        return None
    return record.injected - record.started, (record.reverted or record.finished) - record.started


def _full_capacity(record: Record) -> float | None:
    if record.full_capacity is None or record.confirmed is None:
        return None
    return max(0.0, record.full_capacity - record.confirmed)


def _phases(record: Record) -> tuple[Percentiles, Percentiles, Percentiles]:
    """Latency of right probes before the injection, until recovery, and after it."""
    right = [attempt for attempt in record.probes if attempt.outcome is Outcome.OK]
    if record.injected is None:
        return _latency(right), Percentiles(count=0), Percentiles(count=0)
    ended = max(
        record.reverted or record.finished, (record.confirmed or 0) + (record.measures.rto if record.measures else 0)
    )
    before = [attempt for attempt in right if attempt.finished < record.injected]
    after = [attempt for attempt in right if attempt.intended >= ended]
    during = [attempt for attempt in right if attempt.finished >= record.injected and attempt.intended < ended]
    return _latency(before), _latency(during), _latency(after)


def _latency(attempts: Sequence[Attempt]) -> Percentiles:
    return percentiles(latency_summary(attempt.latency for attempt in attempts))


def _sample(attempt: Attempt, started: float) -> Sample:
    return Sample(
        at=round(attempt.intended - started, 4),
        latency=round(attempt.latency, 5),
        outcome=attempt.outcome.value,
        error=attempt.error,
    )

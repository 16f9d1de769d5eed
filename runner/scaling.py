"""From a scaling that was measured to the results document."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.latency import latency_summary
from benchmarks.openloop import Attempt
from engines import Outcome
from faults.scale_experiment import AUTOSCALING, MANUAL, VERTICAL
from faults.scale_record import ScaleRecord
from runner.loads import percentiles
from runner.measured import answers, errors
from runner.results import Percentiles, Scaling, ScalingStep, Verdict

BY_ROLE = {"worker": (AUTOSCALING, MANUAL), "server": (VERTICAL,)}
"""Which scalings there are for an engine that has such a role."""


def scaling(record: ScaleRecord) -> Scaling:
    """One scaling with its verdict."""
    measured = Scaling(
        name=record.name,
        engine=record.engine,
        component=record.component,
        description=record.description,
        verdict=Verdict.SKIPPED,
        reason=record.reason,
        started_at=record.began,
        duration_seconds=record.seconds,
        before=record.before,
        after=record.after,
        rate_per_second=None if record.skipped else record.rate,
        steps=tuple(ScalingStep(way=step.way.value, name=step.name, seconds=step.seconds) for step in record.steps),
        evidence=tuple(line for line in record.evidence if line),
        answers_before=answers(record.calm),
        answers_out=answers(record.out),
        answers_in=answers(record.back),
        errors=errors([*record.calm, *record.out, *record.back]),
        latency_before=_latency(record.calm),
        latency_out=_latency(record.out),
        latency_in=_latency(record.back),
    )
    if record.skipped:
        return measured
    verdict, reason = judge(measured, complete=record.complete)
    return measured.model_copy(update={"verdict": verdict, "reason": reason})


def judge(measured: Scaling, *, complete: bool) -> tuple[Verdict, str]:
    """The verdict and, where it is not PASS, why."""
    wrong = sum(part.wrong for part in (measured.answers_before, measured.answers_out, measured.answers_in))
    if wrong:
        return Verdict.FAIL, f"{wrong} wrong answers"
    if measured.answers_in.failed:
        return Verdict.FAIL, f"{measured.answers_in.failed} answers failed while less was there again"
    if not complete:
        return Verdict.INCONCLUSIVE, measured.reason or "it did not come to its end"
    if not measured.answers_in.ok:
        return Verdict.INCONCLUSIVE, "nothing was answered on the way in, so nothing shows that it does no harm"
    return Verdict.PASS, ""


def _latency(attempts: Sequence[Attempt]) -> Percentiles:
    return percentiles(latency_summary(attempt.latency for attempt in attempts if attempt.outcome is Outcome.OK))

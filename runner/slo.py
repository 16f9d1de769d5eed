"""Service level objectives: the YAML file that decides verdicts, and its evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from faults.base import fault_classes
from runner.alerts.objectives import evaluate_alerts
from runner.errors import BadInput, first_problem
from runner.results import (
    Benchmark,
    CheckResult,
    Durability,
    Experiment,
    LoadResult,
    SaturationResult,
    SloResult,
    Throughput,
    Verdict,
)

DEFAULT_FILE = Path(__file__).with_name("default.slo.yaml")
SCHEMA_FILE = Path(__file__).with_name("slo.schema.json")

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(gt=0)]
Ratio = Annotated[float, Field(gt=0)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LoadObjectives(_Model):
    """Limits of a load run, as shares of the offered arrivals; latency in seconds from the intended start."""

    availability: Share | None = 0.999
    dropped: Share | None = 0.001
    p99_seconds: Seconds | None = None


class RtoObjectives(_Model):
    """Longest RTO per kind of fault, in seconds."""

    service: Seconds | None = 15
    pod: Seconds | None = 60
    node: Seconds | None = 120
    network: Seconds | None = 20
    storage: Seconds | None = 60


class AvailabilityObjectives(_Model):
    """Smallest share of probes answered right per kind of fault, from the confirmed injection on."""

    service: Share | None = 0.1
    pod: Share | None = 0.05
    node: Share | None = 0.02
    network: Share | None = 0.1
    storage: Share | None = 0.05


class LatencyObjectives(_Model):
    """Largest median latency relative to the steady state before."""

    after: Ratio | None = 15
    during: Ratio | None = None


class FaultObjectives(_Model):
    """Limits of one fault, by its name; what is absent is its kind's."""

    rto_seconds: Seconds | None = None
    availability: Share | None = None


FAULTS = {"scale-to-zero": FaultObjectives(rto_seconds=90, availability=0.05)}
"""Faults of which the limits of their kind cannot be asked."""


class AlertObjectives(_Model):
    """Limits of an experiment's alerts, where the stack has monitoring."""

    fired_seconds: Seconds | None = 180
    resolved_seconds: Seconds | None = 180
    unexpected: Count | None = 0


class Slo(_Model):
    """The whole file."""

    version: Literal[1] = 1
    wrong_answers: Count = 0
    failed_checks: Count = 0
    invalid_queries: Count = 0
    load: LoadObjectives = LoadObjectives()
    rto_seconds: RtoObjectives = RtoObjectives()
    availability: AvailabilityObjectives = AvailabilityObjectives()
    faults: dict[str, FaultObjectives] = FAULTS
    latency_ratio: LatencyObjectives = LatencyObjectives()
    alerts: AlertObjectives = AlertObjectives()

    @field_validator("faults")
    @classmethod
    def _known(cls, given: dict[str, FaultObjectives]) -> dict[str, FaultObjectives]:
        """What is absent keeps the shipped limit, like every absent key."""
        known = fault_classes()
        for name in given:
            if name not in known:
                raise ValueError(f"no fault {name!r}; fault --list tells their names")
        merged = dict(given)
        for name, shipped in FAULTS.items():
            own = given.get(name, FaultObjectives())
            merged[name] = shipped.model_copy(update=own.model_dump(exclude_unset=True))
        return merged

    def experiment_limit(self, experiment: Experiment, measure: Literal["rto_seconds", "availability"]) -> float | None:
        """The limit of a fault where it has one of its own (``null`` switches it off, too), else that of its kind."""
        own = self.faults.get(experiment.fault)
        if own is not None and measure in own.model_fields_set:
            limit: float | None = getattr(own, measure)
        else:
            limit = getattr(getattr(self, measure), experiment.kind)
        return limit


def load_slo(path: Path | None) -> Slo:
    """Read objectives; the shipped defaults without a path.

    Raises:
        BadInput: missing, not YAML, an unknown key, a limit out of range.
    """
    file = path or DEFAULT_FILE
    try:
        document = yaml.safe_load(file.read_text())
    except OSError as error:
        raise BadInput(f"SLO file {file}: {error.strerror}; give a readable YAML file with --slo") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        at = f" at line {where.line + 1}" if where else ""
        raise BadInput(f"SLO file {file}: not YAML{at}; see {DEFAULT_FILE.name} for an example") from error
    try:
        return Slo.model_validate({} if document is None else document)
    except ValidationError as error:
        raise BadInput(f"SLO file {file}: {first_problem(error)}") from error


def json_schema() -> str:
    """JSON Schema (2020-12) of the file, as kept in ``slo.schema.json``."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Slo.model_json_schema()}
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def evaluate_checks(slo: Slo, checks: tuple[CheckResult, ...]) -> list[SloResult]:
    """Objectives on functionality checks; none without checks."""
    ran = [check for check in checks if check.status is not Verdict.SKIPPED]
    if not ran:
        return []
    failed = sum(check.status is not Verdict.PASS for check in ran)
    return [_at_most("failed checks", f"{len(ran)} checks", slo.failed_checks, failed)]


def evaluate_benchmark(slo: Slo, benchmark: Benchmark) -> list[SloResult]:
    """Objectives on TPC-H answers."""
    invalid = sum(not query.valid for query in benchmark.queries)
    subject = f"{benchmark.engine} TPC-H, {len(benchmark.queries)} queries"
    return [_at_most("invalid queries", subject, slo.invalid_queries, invalid)]


def evaluate_throughput(slo: Slo, throughput: Throughput) -> list[SloResult]:
    """Objectives on a throughput test; where not one answer could be compared, nothing was shown."""
    queries = [query for stream in throughput.streams for query in stream.queries]
    subject = f"{throughput.engine} TPC-H throughput, {len(queries)} queries"
    if throughput.problem:
        reason = f"not measured ({throughput.problem})"
        return [_invalid(slo, subject, reason, Verdict.FAIL)]
    invalid = sum(bool(query.problem) for query in queries)
    if not invalid and all(query.checked == "no" for query in queries):
        return [_invalid(slo, subject, "no answer could be compared", Verdict.INCONCLUSIVE)]
    results = [_at_most("invalid queries", subject, slo.invalid_queries, invalid)]
    if throughput.refreshes:
        failed = sum(bool(run.problem) for run in throughput.refreshes)
        results.append(_at_most("failed refresh functions", f"{throughput.engine} TPC-H throughput", 0, failed))
    return results


def _invalid(slo: Slo, subject: str, measured: str, verdict: Verdict) -> SloResult:
    limit = f"≤ {slo.invalid_queries}"
    return SloResult(objective="invalid queries", subject=subject, limit=limit, measured=measured, verdict=verdict)


def evaluate_load(slo: Slo, load: LoadResult) -> list[SloResult]:
    """Objectives on one load run. Where the generator was the bottleneck, only wrong answers are the engine's doing."""
    subject = f"{load.engine} load, {load.rate_per_second:g}/s"
    wrong = _at_most("wrong answers", subject, slo.wrong_answers, load.answers.wrong)
    results = []
    if load.offered and slo.load.availability is not None:
        share = load.answers.ok / load.offered
        results.append(_at_least("availability", subject, slo.load.availability, share))
    if load.offered and slo.load.dropped is not None:
        results.append(_at_most("dropped arrivals", subject, slo.load.dropped, load.dropped / load.offered, ".2%"))
    if slo.load.p99_seconds is not None and load.corrected.p99 is not None:
        results.append(_at_most("p99 in seconds", subject, slo.load.p99_seconds, load.corrected.p99, ".4g"))
    generator = load.generator
    if generator is None or not generator.invalid:
        return [wrong, *results]
    kept = SloResult(
        objective="the generator keeps the schedule",
        subject=subject,
        limit="lag of no consequence",
        measured=generator.invalid,
        verdict=Verdict.INCONCLUSIVE,
    )
    return [wrong, kept, *(item.model_copy(update={"verdict": Verdict.INCONCLUSIVE}) for item in results)]


def evaluate_saturation(found: SaturationResult) -> SloResult:
    """That a search has found a rate, and that nothing but the engine ended it."""
    rate = "none" if found.rate_per_second is None else f"{found.rate_per_second:.4g}/s"
    return SloResult(
        objective="a rate that meets the limit",
        subject=f"{found.engine} saturation",
        limit=f"p{found.percentile:g} ≤ {found.limit_seconds:g} s, errors ≤ {found.largest_error_share:.3%}",
        measured=f"{rate} ({found.reason})" if found.reason else rate,
        verdict=found.verdict,
    )


def evaluate_experiment(slo: Slo, experiment: Experiment) -> list[SloResult]:
    """Objectives on one completed experiment; none for one that was skipped or that proved nothing."""
    results = [_at_most("wrong answers", experiment.name, slo.wrong_answers, experiment.answers.wrong)]
    if experiment.durability is not None:
        results.append(_exactly_once(experiment.name, experiment.durability))
    rto_limit = slo.experiment_limit(experiment, "rto_seconds")
    if rto_limit is not None and experiment.rto_seconds is not None:
        results.append(_rto(experiment, rto_limit))
    availability_limit = slo.experiment_limit(experiment, "availability")
    if availability_limit is not None and experiment.availability is not None:
        results.append(_availability(experiment, availability_limit, experiment.availability))
    for phase, latency in (("during", experiment.latency_during), ("after", experiment.latency_after)):
        ratio_limit: float | None = getattr(slo.latency_ratio, phase)
        if ratio_limit is not None and latency.p50 and experiment.latency_before.p50:
            ratio = latency.p50 / experiment.latency_before.p50
            results.append(_at_most(f"latency ratio {phase}", experiment.name, ratio_limit, ratio, ".2f"))
    return results + evaluate_alerts(slo.alerts, experiment.name, experiment.alerts)


def _exactly_once(subject: str, durability: Durability) -> SloResult:
    """No file can allow a lost row. What could not be read back shows nothing, so it is no pass either."""
    objective = "acknowledged inserts lost or duplicated"
    if durability.broken is not None:
        return _at_most(objective, subject, 0, durability.broken)
    return SloResult(
        objective=objective,
        subject=subject,
        limit="≤ 0",
        measured=f"not measured ({durability.reason})",
        verdict=Verdict.INCONCLUSIVE,
    )


def _rto(experiment: Experiment, limit: float) -> SloResult:
    """The recovery lies within the uncertainty before ``rto``: a limit inside that interval decides nothing."""
    rto, uncertainty = experiment.rto_seconds or 0.0, experiment.rto_uncertainty_seconds or 0.0
    longer = _prolonged(experiment)
    limit += longer
    if experiment.rto_censored:
        verdict, measured = Verdict.FAIL, f"not recovered after {rto:.2f} s"
    else:
        measured = f"{rto:.2f} s (± {uncertainty:.2f} s)"
        verdict = Verdict.PASS if rto <= limit else Verdict.FAIL if rto - uncertainty > limit else Verdict.INCONCLUSIVE
    shown = f"≤ {limit:g} s" + (f" ({longer:g} s of it held for its alert)" if longer else "")
    return SloResult(objective="RTO", subject=experiment.name, limit=shown, measured=measured, verdict=verdict)


def _availability(experiment: Experiment, limit: float, measured: float) -> SloResult:
    """The limit is one on what was asked for: none of the seconds that a fault was held longer has to be available."""
    longer = _prolonged(experiment)
    if longer and experiment.unavailable_seconds and measured < 1:
        observed = experiment.unavailable_seconds / (1 - measured)
        limit *= max(0.0, 1 - longer / observed)
    return _at_least("availability", experiment.name, limit, measured)


def _prolonged(experiment: Experiment) -> float:
    """Seconds that the fault was held longer than asked for."""
    return experiment.alerts.prolonged_seconds if experiment.alerts else 0.0


def _at_most(objective: str, subject: str, limit: float, measured: float, form: str = "g") -> SloResult:
    verdict = Verdict.PASS if measured <= limit else Verdict.FAIL
    return SloResult(
        objective=objective, subject=subject, limit=f"≤ {limit:{form}}", measured=f"{measured:{form}}", verdict=verdict
    )


def _at_least(objective: str, subject: str, limit: float, measured: float) -> SloResult:
    verdict = Verdict.PASS if measured >= limit else Verdict.FAIL
    return SloResult(
        objective=objective, subject=subject, limit=f"≥ {limit:.1%}", measured=f"{measured:.2%}", verdict=verdict
    )

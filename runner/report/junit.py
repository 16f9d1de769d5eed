"""``junit.xml``: one test suite per part of the run, one test case per check, query, load, experiment and objective.

PASS is a passed case and FAIL a ``failure``. SKIPPED is ``skipped`` with its reason. INCONCLUSIVE is an ``error``:
in JUnit's words the assertion was never reached, and a CI must not take that for a pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from runner.report import alerts, engine_metrics
from runner.report.durability import inserts
from runner.report.headline import tally
from runner.report.tpch import judgement
from runner.report.units import NBSP, duration, printable, with_uncertainty
from runner.results import (
    Benchmark,
    CheckResult,
    Experiment,
    LoadResult,
    Results,
    SaturationResult,
    Scaling,
    SloResult,
    Throughput,
    Verdict,
)

_ELEMENT = {Verdict.FAIL: "failure", Verdict.INCONCLUSIVE: "error", Verdict.SKIPPED: "skipped"}


@dataclass(frozen=True, slots=True)
class _Case:
    group: str
    name: str
    verdict: Verdict
    seconds: float
    reason: str
    output: str = ""


def render_junit(results: Results) -> str:
    """The run as JUnit XML, in the dialect that Jenkins, GitLab, GitHub actions and Azure read."""
    started = datetime.fromtimestamp(results.environment.started_at, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    root = ET.Element("testsuites", name="query engine reliability")
    cases = _cases(results)
    for title, suite in cases.items():
        if suite:
            root.append(_suite(title, suite, started))
    _totals(root, [case for suite in cases.values() for case in suite])
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode").replace(NBSP, " ")  # so that a log can be searched
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _cases(results: Results) -> dict[str, list[_Case]]:
    return {
        "functionality": [_check(check) for check in results.checks],
        "tpch": [case for benchmark in results.benchmarks for case in _queries(benchmark)],
        "throughput": [case for item in results.throughputs for case in _throughput(item)],
        "load": [*map(_load, results.loads), *map(_saturation, results.saturations)],
        "experiments": [_experiment(experiment) for experiment in results.experiments],
        "scaling": [_scaling(scaling) for scaling in results.scalings],
        "slo": [_objective(slo) for slo in results.slo],
    }


def _suite(title: str, cases: Iterable[_Case], started: str) -> ET.Element:
    cases = list(cases)
    suite = ET.Element("testsuite", name=title, timestamp=started)
    _totals(suite, cases)
    for case in cases:
        suite.append(_case(title, case))
    return suite


def _totals(element: ET.Element, cases: list[_Case]) -> None:
    numbers = tally(case.verdict for case in cases)
    element.set("tests", str(numbers.total))
    element.set("failures", str(numbers.failed))
    element.set("errors", str(numbers.inconclusive))
    element.set("skipped", str(numbers.skipped))
    element.set("time", f"{sum(case.seconds for case in cases):.3f}")


def _case(suite: str, case: _Case) -> ET.Element:
    element = ET.Element(
        "testcase", classname=printable(f"{suite}.{case.group}"), name=printable(case.name), time=f"{case.seconds:.3f}"
    )
    if tag := _ELEMENT.get(case.verdict):
        reason = printable(case.reason) or "no reason was recorded"
        note = ET.SubElement(element, tag, message=" ".join(reason.split()))
        if tag != "skipped":
            note.set("type", case.verdict.value)
            note.text = reason
    if case.output:
        ET.SubElement(element, "system-out").text = printable(case.output)
    return element


def _check(check: CheckResult) -> _Case:
    evidence = "\n\n".join(f"> {item.sent}\n< {item.received}" for item in check.evidence)
    return _Case(check.engine, check.name, check.status, check.seconds, check.reason or check.description, evidence)


def _queries(benchmark: Benchmark) -> list[_Case]:
    return [
        _Case(
            benchmark.engine,
            f"Q{query.query}",
            Verdict.PASS if query.valid else Verdict.FAIL,
            sum(query.seconds) + sum(query.warmup_seconds),
            query.problem or "the answer differs from the oracle's",
        )
        for query in benchmark.queries
    ]


def _throughput(item: Throughput) -> list[_Case]:
    cases = [
        _Case(
            f"{item.engine}.stream-{stream.stream}",
            f"Q{query.query}",
            judgement(query),
            query.seconds or 0.0,
            query.problem or "a refresh function was changing the tables meanwhile",
        )
        for stream in item.streams
        for query in stream.queries
    ]
    cases += [
        _Case(
            f"{item.engine}.refresh",
            f"{run.function} of pair {run.pair}",
            Verdict.FAIL if run.problem else Verdict.PASS,
            run.seconds or 0.0,
            run.problem,
        )
        for run in item.refreshes
    ]
    return cases or [_Case(item.engine, "streams", Verdict.FAIL, 0.0, item.problem)]


def _load(load: LoadResult) -> _Case:
    """A load run by itself fails on wrong answers; latency and error limits are the objectives' business."""
    verdict, reason = Verdict.PASS, ""
    if load.answers.wrong:
        verdict, reason = Verdict.FAIL, f"{load.answers.wrong} wrong answers"
    elif load.generator and load.generator.invalid:
        verdict, reason = Verdict.INCONCLUSIVE, load.generator.invalid
    elif not load.answers.ok:
        verdict, reason = Verdict.INCONCLUSIVE, "not one correct answer"
    output = (
        f"offered {load.offered}, sent {load.sent}, dropped {load.dropped}; "
        f"p50 {duration(load.corrected.p50)}, p99 {duration(load.corrected.p99)} from intended start"
    )
    lines = [output, *load.problems]
    return _Case(
        load.engine, f"{load.rate_per_second:g} per second", verdict, load.duration_seconds, reason, "\n".join(lines)
    )


def _saturation(found: SaturationResult) -> _Case:
    rate = "none" if found.rate_per_second is None else f"{found.rate_per_second:.4g} per second"
    lines = [f"p{found.percentile:g} within {duration(found.limit_seconds)}: {rate}"]
    lines += [f"{s.rate_per_second:.4g}/s: p99 {duration(s.corrected.p99)}, {s.outcome}" for s in found.steps]
    seconds = sum(step.duration_seconds for step in found.steps)
    return _Case(found.engine, "saturation", found.verdict, seconds, found.reason, "\n".join(lines))


def _experiment(experiment: Experiment) -> _Case:
    rto = with_uncertainty(experiment.rto_seconds, experiment.rto_uncertainty_seconds, censored=experiment.rto_censored)
    lines = [
        experiment.description,
        f"detection {duration(experiment.detection_seconds)}, unavailable {duration(experiment.unavailable_seconds)}",
        f"RTO {rto}, full capacity {duration(experiment.full_capacity_seconds)}",
        f"injection: {experiment.injection.proof or 'no proof'}",
        f"revert: {experiment.injection.revert_proof or 'no proof'}",
    ]
    if experiment.durability is not None:
        lines.append(f"inserts: {inserts(experiment.durability)}")
    if experiment.alerts is not None:
        lines.append(f"alerts: {alerts.details(experiment.alerts)}")
    if experiment.metrics is not None:
        lines.append(f"engine metrics: {engine_metrics.details(experiment.metrics)}")
    output = "" if experiment.verdict is Verdict.SKIPPED else "\n".join(lines)
    group = f"{experiment.kind}.{experiment.engine}"
    return _Case(group, experiment.name, experiment.verdict, experiment.duration_seconds, experiment.reason, output)


def _scaling(scaling: Scaling) -> _Case:
    lines = [scaling.description, *(f"{step.way} {step.name}: {duration(step.seconds)}" for step in scaling.steps)]
    output = "" if scaling.verdict is Verdict.SKIPPED else "\n".join([*lines, *scaling.evidence])
    return _Case(scaling.engine, scaling.name, scaling.verdict, scaling.duration_seconds, scaling.reason, output)


def _objective(slo: SloResult) -> _Case:
    reason = f"limit {slo.limit}, measured {slo.measured}"
    return _Case("objective", f"{slo.objective}: {slo.subject}", slo.verdict, 0.0, reason)

"""Objectives: the file's errors are one line each, and every limit can decide a verdict."""

from pathlib import Path

import pytest

from runner.errors import BadInput
from runner.results import (
    AlertsView,
    Answers,
    Benchmark,
    CheckResult,
    Durability,
    Experiment,
    Injection,
    LoadResult,
    Percentiles,
    QueryResult,
    Verdict,
)
from runner.slo import (
    Slo,
    evaluate_benchmark,
    evaluate_checks,
    evaluate_experiment,
    evaluate_load,
    load_slo,
)


def test_the_shipped_file_says_what_the_code_assumes() -> None:
    assert load_slo(None) == Slo()


def test_an_empty_file_takes_every_default(tmp_path: Path) -> None:
    file = tmp_path / "slo.yaml"
    file.write_text("# nothing yet\n")
    assert load_slo(file) == Slo()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("rto_seconds: [", "not YAML at line"),
        ("rto_second: {pod: 3}", "unknown key rto_second"),
        ("rto_seconds: {pods: 3}", "unknown key rto_seconds.pods"),
        ("rto_seconds: {pod: -1}", "rto_seconds.pod: input should be greater than 0 (got -1)"),
        ("availability: {pod: 1.5}", "availability.pod: input should be less than or equal to 1 (got 1.5)"),
        ("wrong_answers: -2", "wrong_answers: input should be greater than or equal to 0 (got -2)"),
        ("rto_seconds: {pod: soon}", "rto_seconds.pod: input should be a valid number"),
        ("rto_seconds: {pod: .inf}", "rto_seconds.pod: input should be a finite number"),
        ("faults: {scale-to-none: {rto_seconds: 3}}", "faults: no fault 'scale-to-none'; fault --list tells"),
        ("faults: {drain: {rto: 3}}", "unknown key faults.drain.rto"),
        ("version: 2", "version: input should be 1 (got 2)"),
        ("- a\n- b", "the document: "),
        ("\x00", "not YAML"),
    ],
)
def test_a_bad_file_is_one_line_naming_file_and_key(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "slo.yaml"
    file.write_text(text)
    with pytest.raises(BadInput) as caught:
        load_slo(file)
    message = str(caught.value)
    assert complaint in message
    assert str(file) in message
    assert "\n" not in message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"absent\.yaml: No such file"):
        load_slo(tmp_path / "absent.yaml")


def experiment(**changes: object) -> Experiment:
    values = {
        "name": "trino/worker-1/kill",
        "fault": "kill",
        "kind": "pod",
        "engine": "trino",
        "component": "worker-1",
        "description": "",
        "verdict": Verdict.PASS,
        "started_at": 0.0,
        "duration_seconds": 30.0,
        "injection": Injection(confirmed=True),
        "probe_period_seconds": 0.25,
        "probe_deadline_seconds": 2.0,
        "availability": 0.5,
        "rto_seconds": 10.0,
        "rto_uncertainty_seconds": 2.0,
        "answers": Answers(ok=10),
        "latency_before": Percentiles(count=9, p50=0.01),
        "latency_after": Percentiles(count=9, p50=0.02),
        **changes,
    }
    return Experiment.model_validate(values)


def verdicts(slo: Slo, subject: Experiment) -> dict[str, Verdict]:
    return {result.objective: result.verdict for result in evaluate_experiment(slo, subject)}


def test_every_objective_of_a_good_experiment_is_met() -> None:
    found = verdicts(Slo(), experiment())
    assert found == dict.fromkeys(["wrong answers", "RTO", "availability", "latency ratio after"], Verdict.PASS)


def test_what_a_fault_was_held_longer_for_its_alert_is_no_fault_of_the_engine() -> None:
    # 75 of 80 seconds unavailable, 70 of them because the run held the fault: 5 of 10 are left to judge.
    alerts = AlertsView(asked=True, prolonged_seconds=70.0)
    held = experiment(rto_seconds=75.0, unavailable_seconds=75.0, availability=1 - 75 / 80, alerts=alerts)
    limits = Slo.model_validate({"version": 1, "rto_seconds": {"pod": 4.9}, "availability": {"pod": 0.49}})
    found = {one.objective: one for one in evaluate_experiment(limits, held)}
    assert found["availability"].verdict is Verdict.PASS
    assert (found["RTO"].verdict, found["RTO"].limit) == (
        Verdict.INCONCLUSIVE,
        "≤ 74.9 s (70 s of it held for its alert)",
    )
    stricter = Slo.model_validate({"version": 1, "rto_seconds": {"pod": 2.9}, "availability": {"pod": 0.51}})
    assert {verdicts(stricter, held)[one] for one in ("RTO", "availability")} == {Verdict.FAIL}
    asked = held.model_copy(update={"alerts": None})
    assert verdicts(limits, asked)["availability"] is Verdict.FAIL


def test_a_fault_may_have_limits_of_its_own() -> None:
    pods = {"fault": "scale-to-zero", "kind": "service", "rto_seconds": 60.0, "availability": 0.03}
    shipped = verdicts(Slo(), experiment(**pods))
    assert (shipped["RTO"], shipped["availability"]) == (Verdict.PASS, Verdict.FAIL)
    assert verdicts(Slo(), experiment(**{**pods, "fault": "no-endpoints"}))["RTO"] is Verdict.FAIL
    mine = Slo.model_validate({"faults": {"drain": {"availability": None}, "scale-to-zero": {"availability": 0.02}}})
    found = verdicts(mine, experiment(**pods))
    assert (found["availability"], found["RTO"]) == (Verdict.PASS, Verdict.PASS)
    drained = experiment(fault="drain", kind="node", rto_seconds=30.0, availability=0.0)
    assert "availability" not in verdicts(mine, drained)
    assert verdicts(mine, drained)["RTO"] is Verdict.PASS
    switched_off = Slo.model_validate({"faults": {"scale-to-zero": {"rto_seconds": None}}})
    assert "RTO" not in verdicts(switched_off, experiment(**pods))
    kept = Slo.model_validate({"faults": {"drain": {"rto_seconds": 5}}})
    assert verdicts(kept, experiment(**pods))["RTO"] is Verdict.PASS, "what is not named keeps the shipped limit"
    assert verdicts(kept, drained)["RTO"] is Verdict.FAIL


@pytest.mark.parametrize(
    ("changes", "objective", "verdict"),
    [
        ({"answers": Answers(ok=9, wrong=1)}, "wrong answers", Verdict.FAIL),
        ({"rto_seconds": 63.0}, "RTO", Verdict.FAIL),
        ({"rto_seconds": 61.0}, "RTO", Verdict.INCONCLUSIVE),
        ({"rto_seconds": 5.0, "rto_censored": True}, "RTO", Verdict.FAIL),
        ({"availability": 0.01}, "availability", Verdict.FAIL),
        ({"latency_after": Percentiles(count=9, p50=0.16)}, "latency ratio after", Verdict.FAIL),
    ],
)
def test_each_limit_decides(changes: dict[str, object], objective: str, verdict: Verdict) -> None:
    found = verdicts(Slo(), experiment(**changes))
    assert found[objective] is verdict
    assert all(other is Verdict.PASS for name, other in found.items() if name != objective)


@pytest.mark.parametrize(
    ("changes", "verdict", "measured"),
    [
        ({}, Verdict.PASS, "0"),
        ({"lost": 2}, Verdict.FAIL, "2"),
        ({"duplicated": 1}, Verdict.FAIL, "1"),
        ({"unexpected": 1}, Verdict.FAIL, "1"),
        ({"unknown_written": 3, "refused_but_written": 4}, Verdict.PASS, "0"),
        ({"lost": None, "reason": "no answer"}, Verdict.INCONCLUSIVE, "not measured (no answer)"),
    ],
)
def test_inserts_have_a_limit_that_no_file_can_change(
    changes: dict[str, object], verdict: Verdict, measured: str
) -> None:
    counts = {"lost": 0, "duplicated": 0, "unknown_written": 0, "refused_but_written": 0, "unexpected": 0}
    told = Durability.model_validate({"acknowledged": 9, "refused": 4, "unknown": 3, **counts, **changes})
    results = evaluate_experiment(Slo(wrong_answers=99), experiment(durability=told))
    (found,) = [result for result in results if result.objective == "acknowledged inserts lost or duplicated"]
    assert (found.verdict, found.measured) == (verdict, measured)


def test_null_switches_a_limit_off(tmp_path: Path) -> None:
    file = tmp_path / "slo.yaml"
    file.write_text("rto_seconds: {pod: null}\navailability: {pod: null}\nlatency_ratio: {after: null, during: 2}\n")
    subject = experiment(rto_seconds=999.0, latency_during=Percentiles(count=3, p50=0.03))
    assert verdicts(load_slo(file), subject) == {
        "wrong answers": Verdict.PASS,
        "latency ratio during": Verdict.FAIL,
    }


def load(**changes: object) -> LoadResult:
    values = {
        "engine": "clickhouse",
        "rate_per_second": 10.0,
        "duration_seconds": 100.0,
        "offered": 1000,
        "sent": 1000,
        "dropped": 0,
        "answers": Answers(ok=1000),
        "achieved_per_second": 10.0,
        "corrected": Percentiles(count=1000),
        "uncorrected": Percentiles(count=1000),
        **changes,
    }
    return LoadResult.model_validate(values)


@pytest.mark.parametrize(
    ("changes", "failing"),
    [
        ({}, set()),
        ({"answers": Answers(ok=998, failed=2)}, {"availability"}),
        ({"answers": Answers(ok=999, wrong=1)}, {"wrong answers"}),
        ({"sent": 998, "dropped": 2, "answers": Answers(ok=998)}, {"availability", "dropped arrivals"}),
    ],
)
def test_load(changes: dict[str, object], failing: set[str]) -> None:
    results = evaluate_load(Slo(), load(**changes))
    assert {result.objective for result in results if result.verdict is Verdict.FAIL} == failing
    assert len(results) == 3


def test_checks_and_queries() -> None:
    def check(status: Verdict) -> CheckResult:
        return CheckResult(name="c", engine="trino", description="", status=status, seconds=0.1)

    assert evaluate_checks(Slo(), ()) == []
    assert evaluate_checks(Slo(), (check(Verdict.SKIPPED),)) == []
    assert evaluate_checks(Slo(), (check(Verdict.PASS),))[0].verdict is Verdict.PASS
    assert evaluate_checks(Slo(), (check(Verdict.PASS), check(Verdict.FAIL)))[0].verdict is Verdict.FAIL

    def benchmark(*valid: bool) -> Benchmark:
        queries = tuple(QueryResult(engine="t", query=n, seconds=(1.0,), valid=v) for n, v in enumerate(valid, 1))
        return Benchmark(
            engine="t",
            title="T",
            scale_factor=1,
            oracle="o",
            loading=None,
            queries=queries,
            geometric_mean_seconds=None,
        )

    assert evaluate_benchmark(Slo(), benchmark(True, True))[0].verdict is Verdict.PASS
    assert evaluate_benchmark(Slo(), benchmark(True, False))[0].verdict is Verdict.FAIL

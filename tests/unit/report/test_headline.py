"""The one sentence says why."""

from __future__ import annotations

import pytest

from runner.report import headline, parts, tally
from runner.report.headline import answers
from runner.results import Verdict
from tests.unit.report.inserts import with_durability
from tests.unit.report.sample import checks, empty_results, sample_results


def test_a_failure_names_what_failed_and_counts_wrong_answers_once() -> None:
    text = headline(sample_results())
    assert text.startswith("2 wrong answers; 2 checks failed (trino.cancel, clickhouse.types_round_trip); ")
    assert "1 TPC-H answer failed (Q7 on clickhouse)" in text


def test_lost_inserts_come_before_everything_else() -> None:
    results = sample_results()
    hurt = with_durability(results, lost=2, duplicated=1)
    assert headline(hurt).startswith("Inserts 2 lost, 1 duplicated; 2 wrong answers; ")


def test_many_failures_are_summed_up() -> None:
    failed = tuple(check.model_copy(update={"status": Verdict.FAIL}) for check in checks()[:5])
    results = empty_results(checks=failed, verdict=Verdict.FAIL)
    assert headline(results) == "5 checks failed (trino.info, trino.nodes_active, trino.statement_protocol and 2 more)."


def test_a_pass_says_what_was_carried_out() -> None:
    done = tuple(check for check in checks() if check.status in {Verdict.PASS, Verdict.SKIPPED})
    assert headline(empty_results(checks=done, verdict=Verdict.PASS)) == "25 of 25 checks passed."


def test_an_open_run_names_what_is_open() -> None:
    results = empty_results(checks=checks()[13:14], verdict=Verdict.INCONCLUSIVE)
    assert headline(results) == "1 check inconclusive (trino.large_result)."


def test_nothing_measured_is_said() -> None:
    assert headline(empty_results()) == "Nothing was measured."


def test_answers_are_those_of_loads_and_experiments() -> None:
    results = sample_results()
    assert answers(results).wrong == 2
    experiments = sum(item.answers.ok for item in results.experiments)
    assert answers(results).ok == experiments + sum(load.answers.ok for load in results.loads)


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        ([], Verdict.SKIPPED),
        ([Verdict.SKIPPED], Verdict.SKIPPED),
        ([Verdict.PASS, Verdict.SKIPPED], Verdict.PASS),
        ([Verdict.PASS, Verdict.INCONCLUSIVE], Verdict.INCONCLUSIVE),
        ([Verdict.INCONCLUSIVE, Verdict.FAIL], Verdict.FAIL),
    ],
)
def test_a_tally_is_as_bad_as_its_worst(verdicts: list[Verdict], worst: Verdict) -> None:
    assert tally(verdicts).verdict is worst
    assert tally(verdicts).total == len(verdicts)


def test_parts_are_in_the_order_of_the_report() -> None:
    assert [part.key for part in parts(sample_results())] == [
        "checks",
        "benchmarks",
        "experiments",
        "scalings",
        "slo",
    ]

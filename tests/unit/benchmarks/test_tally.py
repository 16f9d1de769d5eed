"""Counting: nothing is lost when processes are added up, and the generator's own share is told apart."""

from __future__ import annotations

import math
import pickle
import random

import pytest
from hdrh.histogram import HdrHistogram

from benchmarks.arrivals import Constant
from benchmarks.latency import Latencies, latency_summary
from benchmarks.load import LoadSpec, bottleneck, summarize
from benchmarks.openloop import Reply
from benchmarks.tails import at_least, at_most, enough, surely_less, surely_more
from benchmarks.tally import PROBLEMS_SHOWN, Tally, merged
from engines import Outcome

OK = Reply("q", Outcome.OK)


def test_latencies_survive_the_way_from_one_process_to_another() -> None:
    latencies = Latencies()
    for value in (0.001, 0.01, 1.5):
        latencies.record(value)
    copy = pickle.loads(pickle.dumps(latencies))  # noqa: S301 - our own
    assert copy.count == 3
    assert copy.at(100) == pytest.approx(1.5, rel=1e-3)
    assert pickle.loads(pickle.dumps(Latencies())).count == 0  # noqa: S301


def test_the_encoded_histogram_is_one_other_tools_read() -> None:
    summary = latency_summary([0.002] * 99 + [1.0])
    histogram = HdrHistogram.decode(summary.encoded)
    assert histogram.get_total_count() == 100
    assert histogram.get_value_at_percentile(100) == pytest.approx(1_000_000, rel=1e-3)


def test_merged_histograms_have_the_percentiles_of_all_values() -> None:
    draw = random.Random(1)  # noqa: S311 - values, not secrets
    values = [draw.lognormvariate(-5, 1) for _ in range(5000)]
    parts = []
    for number in range(3):
        part = Tally()
        for value in values[number::3]:
            part.arrived(0.0001)
            part.answered(OK, 10.0, 10.0, 10.0 + value)
        parts.append(part)
    whole = merged(parts)
    assert (whole.offered, whole.sent, whole.corrected.count) == (5000, 5000, 5000)
    assert whole.by_operation["q"].count == 5000
    for percentile in (50, 99, 99.9):
        exact = sorted(values)[math.ceil(5000 * percentile / 100) - 1]
        assert whole.corrected.at(percentile) == pytest.approx(exact, rel=2e-3)


def test_every_outcome_every_error_and_every_miss_is_counted() -> None:
    tally = Tally(limit=0.1)
    tally.answered(OK, 1.0, 1.05, 1.06)
    tally.answered(OK, 1.0, 1.0, 1.2)
    for _ in range(PROBLEMS_SHOWN + 3):
        tally.answered(Reply("q", Outcome.FAILED, "refused", "nothing listens"), 1.0, 1.0, 1.01)
    tally.answered(Reply("q", Outcome.WRONG, "wrong", "24"), 1.0, 1.0, 1.01)
    tally.drop()
    assert tally.outcomes == {Outcome.OK: 2, Outcome.FAILED: PROBLEMS_SHOWN + 3, Outcome.WRONG: 1}
    assert tally.errors == {"refused": PROBLEMS_SHOWN + 3, "wrong": 1}
    assert len(tally.problems) == PROBLEMS_SHOWN
    assert tally.over == 1 + PROBLEMS_SHOWN + 3 + 1 + 1, "late, failed, wrong and dropped all missed the limit"
    assert (tally.corrected.count, tally.sent, tally.done) == (2, PROBLEMS_SHOWN + 6, PROBLEMS_SHOWN + 7)
    assert tally.corrected.at(0) == pytest.approx(0.06, rel=1e-2)
    assert tally.uncorrected.at(0) == pytest.approx(0.01, rel=1e-2)


def lagging(lag: float, late: int, total: int, *, latency: float) -> Tally:
    """``late`` of ``total`` arrivals taken up ``lag`` seconds late."""
    tally = Tally()
    for number in range(total):
        own = lag if number < late else 0.0001
        tally.arrived(own)
        tally.answered(OK, 0.0, own, own + latency)
    return tally


def test_a_generator_that_lags_is_the_bottleneck() -> None:
    assert "the generator was the bottleneck: it took 50 of 1000" in bottleneck(lagging(0.02, 50, 1000, latency=0.003))
    assert bottleneck(lagging(0.0015, 1000, 1000, latency=0.003)) == "", "2 ms are allowed"
    assert bottleneck(lagging(0.02, 9, 1000, latency=0.003)) == "", "less than 1 % of the arrivals"


def test_a_lag_that_does_not_show_in_the_latency_is_none() -> None:
    assert bottleneck(lagging(0.02, 50, 1000, latency=0.9)) == ""


def test_one_late_arrival_of_few_proves_nothing() -> None:
    assert bottleneck(lagging(0.05, 1, 20, latency=0.003)) == ""
    assert bottleneck(lagging(0.05, 5, 20, latency=0.003)) != ""


def test_clients_that_are_all_busy_are_the_engines_doing() -> None:
    tally = Tally()
    for _ in range(1000):
        tally.arrived(0.0001)
        tally.waited += 1
        tally.answered(OK, 0.0, 2.0, 2.1)
    assert bottleneck(tally) == ""
    run = summarize(tally, LoadSpec(Constant(rate=1000, duration=1)), elapsed=4.0)
    assert (run.waited, run.late, run.achieved) == (1000, 0, 250)
    assert run.corrected.quantiles["p50"] == pytest.approx(2.1, rel=1e-2)
    assert run.uncorrected.quantiles["p50"] == pytest.approx(0.1, rel=1e-2)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"deadline": 0}, "deadline"),
        ({"deadline": math.nan}, "deadline"),
        ({"processes": 0}, "processes"),
        ({"max_in_flight": 0}, "max_in_flight"),
        ({"max_in_flight": 2, "processes": 3}, "one for each process"),
        ({"jobs": 65}, "jobs must be from 1 to 64"),
        ({"jobs": 4, "processes": 2, "max_in_flight": 7}, "one for each process of each Job"),
        ({"limit": -1.0}, "limit"),
    ],
)
def test_a_load_that_cannot_be_made_is_refused(change: dict[str, float], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        LoadSpec(Constant(rate=1, duration=1), **change)  # type: ignore[arg-type]


def test_binomial_tails_are_exact() -> None:
    def exactly(count: int, total: int, share: float) -> float:
        return math.comb(total, count) * share**count * (1 - share) ** (total - count)

    for total, share in ((20, 0.01), (300, 0.01), (50, 0.4)):
        for count in (0, 1, 3, 10, 20):
            exact = sum(exactly(k, total, share) for k in range(count, total + 1))
            assert at_least(count, total, share) == pytest.approx(exact, rel=1e-9)
            assert at_most(count, total, share) == pytest.approx(1 - exact + exactly(count, total, share), rel=1e-6)


def test_how_many_answers_a_percentile_needs() -> None:
    assert enough(99) == 1522
    assert enough(99.9) == 15352
    assert not surely_less(0, 298, 0.01) and surely_less(0, 299, 0.01), "299 answers show what none of them exceeds"
    assert surely_more(30, 1000, 0.01) and not surely_more(12, 1000, 0.01)

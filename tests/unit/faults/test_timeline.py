"""Measures from a timeline, on attempts written down by hand and on scripted outages."""

import threading
import time

import pytest

from benchmarks.openloop import DROPPED, Attempt, OpenLoop, constant
from benchmarks.statements import StatementClient, probe_statement
from engines import Outcome
from faults.timeline import consecutive_ok, measure
from tests.unit.fakes import Script, ScriptedEngine

PERIOD = 0.1


def timeline(outcomes: str, latency: float = 0.01) -> list[Attempt]:
    """One attempt each 0.1 s: ``.`` right, ``x`` failed, ``w`` wrong, ``-`` never sent."""
    kinds = {".": Outcome.OK, "x": Outcome.FAILED, "w": Outcome.WRONG, "-": Outcome.UNKNOWN}
    return [
        Attempt(i, "probe", i * PERIOD, i * PERIOD, i * PERIOD + latency, kinds[c], DROPPED if c == "-" else "")
        for i, c in enumerate(outcomes)
    ]


def test_no_outage() -> None:
    measures = measure(timeline("." * 30), confirmed=1.0, until=3.0, period=PERIOD)
    assert (measures.detection, measures.unavailable, measures.rto) == (None, 0.0, 0.0)
    assert measures.availability == 1.0
    assert measures.rto_uncertainty == PERIOD
    assert not measures.censored


def test_one_outage() -> None:
    measures = measure(timeline("." * 10 + "x" * 7 + "." * 10), confirmed=0.95, until=2.7, period=PERIOD)
    assert measures.detection == pytest.approx(1.01 - 0.95)
    assert measures.unavailable == pytest.approx(0.7)
    assert measures.availability == pytest.approx(10 / 17)
    assert measures.rto == pytest.approx(1.71 - 0.95)
    assert measures.rto_uncertainty == pytest.approx(0.11), "from the start of the last failure to the first answer"


def test_flapping_counts_to_the_last_failure() -> None:
    measures = measure(timeline("." * 10 + "xx" + "." * 8 + "x" + "." * 9), confirmed=0.95, until=3.0, period=PERIOD)
    assert measures.unavailable == pytest.approx(0.3)
    assert measures.rto == pytest.approx(2.11 - 0.95)


def test_a_failure_after_the_recovery_counts_as_unavailable_only() -> None:
    measures = measure(timeline("." * 10 + "xx" + "." * 8 + "x" + "." * 3), confirmed=0.95, until=2.4, period=PERIOD)
    assert measures.unavailable == pytest.approx(0.3)
    assert measures.rto == pytest.approx(1.21 - 0.95)
    assert not measures.censored


def test_right_answers_before_the_first_failure_are_no_recovery() -> None:
    measures = measure(timeline("." * 20 + "x" + "..."), confirmed=0.95, until=2.4, period=PERIOD)
    assert measures.censored
    assert measures.rto == pytest.approx(2.4 - 0.95)


def test_attempts_still_under_way_leave_a_gap_that_is_not_steady() -> None:
    attempts = timeline("." * 10)
    assert consecutive_ok(attempts)
    del attempts[7]
    assert not consecutive_ok(attempts)


def test_a_wrong_answer_is_not_available() -> None:
    measures = measure(timeline("." * 10 + "w" + "." * 9), confirmed=0.95, until=2.0, period=PERIOD)
    assert measures.unavailable == pytest.approx(0.1)


def test_not_recovered_is_censored() -> None:
    measures = measure(timeline("." * 10 + "x" * 10 + "...."), confirmed=0.95, until=2.5, period=PERIOD)
    assert measures.censored, "four right answers are not yet the five of a recovery"
    assert measures.rto == pytest.approx(2.5 - 0.95)


def test_probes_that_were_never_sent_say_nothing() -> None:
    measures = measure(timeline("." * 10 + "--" + "." * 10), confirmed=0.95, until=2.2, period=PERIOD)
    assert measures.availability == 1.0
    with pytest.raises(ValueError, match="no probe finished"):
        measure(timeline("." * 5), confirmed=5.0, until=6.0, period=PERIOD)


def test_consecutive_ok() -> None:
    assert consecutive_ok(timeline("x....."))
    assert not consecutive_ok(timeline("....x"))
    assert not consecutive_ok(timeline("...."))
    assert not consecutive_ok(timeline("x....."), since=0.2)


@pytest.mark.parametrize("mode", ["refused", "stalled"])
def test_scripted_outage_is_found_within_its_stated_uncertainty(mode: str) -> None:
    """The endpoint's own clock tells when it went and came; the interval that is reported must hold that moment."""
    script = Script()
    engine = ScriptedEngine(script, period=0.02, deadline=0.2)
    statement = [probe_statement(engine.probe)]
    loop = OpenLoop(
        constant(engine.probe.period, 60),
        lambda: StatementClient(engine, statement),
        deadline=engine.probe.deadline,
        max_in_flight=16,
    )

    def at_least(count: int) -> None:
        end = time.monotonic() + 30
        while len(loop.attempts()) < count and time.monotonic() < end:
            threading.Event().wait(0.005)

    loop.start()
    at_least(10)
    script.become(mode)
    at_least(len(loop.attempts()) + 30)
    script.become("ok")
    at_least(len(loop.attempts()) + 40)
    loop.stop()
    gone, back = script.changes[0][0], script.changes[1][0]
    attempts = loop.attempts()
    measures = measure(attempts, confirmed=gone, until=time.monotonic(), period=engine.probe.period)
    late = max(attempt.started - attempt.intended for attempt in attempts)
    answering = max(attempt.service_time for attempt in attempts if attempt.intended > back)
    assert measures.detection is not None
    assert measures.rto - measures.rto_uncertainty <= back - gone <= measures.rto
    slack = late + answering  # of this machine, measured in this very run
    waiting = engine.probe.deadline if mode == "stalled" else 0.0
    assert measures.rto - (back - gone) <= engine.probe.period + slack
    assert measures.detection <= engine.probe.period + waiting + late + slack
    assert measures.rto_uncertainty <= engine.probe.period + waiting + slack

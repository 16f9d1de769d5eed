"""Conducting generators that follow a script: readiness, the beginning, early ends, broken ways to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import pytest

from benchmarks.arrivals import Constant
from benchmarks.load import LoadSpec, Sofar
from benchmarks.openloop import Reply
from benchmarks.processes import GeneratorError
from benchmarks.remote import State, Status, tally_text, unpacked
from benchmarks.tally import Tally
from engines import Outcome
from runner.fleet import ALIVE_SECONDS, BROKEN_SECONDS, LEAST_LEAD, OPEN_SECONDS, Fleet
from runner.mailbox import ALIVE
from targets.base import MeansError

SPEC = LoadSpec(Constant(rate=10, duration=10), jobs=2, deadline=5)


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Generator:
    """Answers 100 arrivals in ten seconds from its beginning on; its own clock is far from ours."""

    def __init__(self, name: str, clock: Clock, *, latency: float = 0.01) -> None:
        self.name, self._clock, self._latency = name, clock, latency
        self.files: dict[str, str] = {}
        self.told: list[tuple[str, ...]] = []
        self.began = 0.0
        self.runs = 0
        self.opened = True
        self.ended = ""
        self.failed = ""
        self.deaf = self.silent = False
        self.losses = 0

    def run(self, command: Sequence[str], seconds: float) -> str:
        self.told.append(tuple(command))
        if self.deaf:
            raise MeansError("no answer")
        if command[0] == "touch":
            return ""
        assert tuple(command[:3]) == ("python", "-m", "runner.mailbox")
        match command[3:]:
            case ["put", name, text]:
                self._take(name, text)
            case ["begin", _, wait]:
                self.began = self._clock() + float(wait)
            case ["take", name]:
                if self.losses:
                    self.losses -= 1
                    raise MeansError("the connection broke")
                return self.files[name]
        return ""

    def _take(self, name: str, text: str) -> None:
        self.files[name] = text
        if name.startswith("order-"):
            self.runs, self.began = self.runs + 1, 0.0

    def tail(self, lines: int) -> list[str]:
        if self.silent:
            raise MeansError("no answer")
        return ["noise", self._status().line(), "more noise"] if self.opened else []

    def end(self) -> str:
        return self.ended

    def _status(self) -> Status:
        run = self.runs
        if self.failed:
            return Status(run=run, state=State.FAILED, problem=self.failed)
        if not run:
            return Status(run=0, state=State.IDLE)
        if not self.began:
            return Status(run=run, state=State.READY)
        done = max(0, min(100, int((self._clock() - self.began) * 10)))
        if done < 100 and f"stop-{run}" not in self.files:
            return Status(run=run, state=State.GOING, offered=done, done=done)
        self.files.setdefault(f"tally-{run}", tally_text(self._tally(done), 50.0))
        return Status(run=run, state=State.DONE, offered=done, done=done)

    def _tally(self, done: int) -> Tally:
        tally = Tally()
        for number in range(done):
            tally.arrived(0.0001)
            at = 50.0 + number / 10
            tally.answered(Reply(f"Q{1 + number % 2}", Outcome.OK), at, at, at + self._latency)
        return tally


@contextmanager
def fleet(*latencies: float) -> Iterator[tuple[Fleet, list[Generator], Clock]]:
    clock = Clock()
    generators = [Generator(f"g{n}", clock, latency=latency) for n, latency in enumerate(latencies or (0.01, 0.5))]
    with Fleet(generators, clock=clock, sleep=clock.sleep) as made:
        yield made, generators, clock


def never(_: Sofar) -> bool:
    return False


def test_what_all_have_counted_is_added_up_without_loss() -> None:
    told: list[Sofar] = []

    def watch(sofar: Sofar) -> bool:
        told.append(sofar)
        return False

    with fleet() as (made, generators, _):
        made.open()
        tally, began = made.run(SPEC, watch)
        assert [unpacked(one.files["order-1"], LoadSpec) for one in generators] == [SPEC, SPEC]
    assert (tally.offered, tally.sent, tally.corrected.count, tally.lag.count) == (200, 200, 200, 200)
    assert {name: found.count for name, found in tally.by_operation.items()} == {"Q1": 100, "Q2": 100}
    assert tally.corrected.at(50) == pytest.approx(0.01, rel=1e-2)
    assert tally.corrected.at(100) == pytest.approx(0.5, rel=1e-2)
    assert tally.last - began == pytest.approx(9.9 + 0.5), "by the slowest generator's own clock"
    assert [sofar.done for sofar in told] == sorted(sofar.done for sofar in told)
    assert told[-1] == Sofar(200, 200, 0)
    assert all(one.began >= began for one in generators)


def test_all_are_ready_before_any_begins_and_they_begin_together() -> None:
    with fleet() as (made, generators, clock):
        slow = generators[1]
        status, ready_at = slow._status, clock.now + 8

        def later() -> Status:
            return status() if clock.now >= ready_at else Status(run=0, state=State.IDLE)

        slow._status = later  # type: ignore[method-assign]  # opens its processes later
        tally, began = made.run(SPEC, never)
    assert began > ready_at
    assert abs(generators[0].began - generators[1].began) <= tally.spread + 1e-6


def test_the_spread_of_the_beginnings_is_what_telling_took() -> None:
    with fleet(0.01) as (made, (generator,), clock):
        run = generator.run

        def slowly(command: Sequence[str], seconds: float) -> str:
            if "begin" in command:
                clock.now += 0.7
            return run(command, seconds)

        generator.run = slowly  # type: ignore[method-assign]
        tally, began = made.run(SPEC, never)
        assert tally.spread == pytest.approx(0.7)
        assert began <= generator.began <= began + tally.spread + 1e-5
        (told,) = [float(words[-1]) for words in generator.told if words[3:4] == ("begin",)]
        assert told >= LEAST_LEAD


def test_a_watch_stops_all_of_them_once() -> None:
    with fleet() as (made, generators, _):
        tally, _ = made.run(SPEC, lambda sofar: sofar.done >= 40)
        for generator in generators:
            assert [words[4] for words in generator.told if "stop-1" in words] == ["stop-1"]
    assert 40 <= tally.offered < 200


def test_a_second_run_is_not_mistaken_for_the_first() -> None:
    with fleet() as (made, generators, _):
        first, _ = made.run(SPEC, lambda sofar: sofar.done >= 40)
        second, _ = made.run(SPEC, never)
        assert generators[0].runs == 2
    assert first.offered < second.offered == 200


def test_a_generator_that_fails_ends_the_run_with_its_reason() -> None:
    def fail(sofar: Sofar) -> bool:
        if sofar.done > 50:
            generators[1].failed = "EngineError: no such host"
        return False

    with (
        fleet() as (made, generators, _),
        pytest.raises(GeneratorError, match="generator g1 has failed: EngineError: no such host"),
    ):
        made.run(SPEC, fail)


@pytest.mark.parametrize("ended", ["", "OOMKilled, exit code 137"])
def test_a_generator_that_is_never_ready_is_named(ended: str) -> None:
    with fleet() as (made, generators, clock):
        generators[1].opened, generators[1].ended = False, ended
        expected = (
            r"g1 has ended without a result \(OOMKilled" if ended else f"g1 was not idle within {OPEN_SECONDS:g} s"
        )
        before = clock.now
        with pytest.raises(GeneratorError, match=expected):
            made.open()
        assert clock.now - before < OPEN_SECONDS + 5
        assert (clock.now - before < OPEN_SECONDS / 2) is bool(ended), "why wait for what has ended?"


def test_one_that_does_not_end_is_not_waited_for_for_ever() -> None:
    with fleet() as (made, generators, _):
        generators[0]._status = lambda: Status(run=1, state=State.READY)  # type: ignore[method-assign]
        with pytest.raises(GeneratorError, match="generator g0 did not end in time"):
            made.run(SPEC, never)


def test_an_api_that_is_away_for_a_while_costs_nothing() -> None:
    with fleet() as (made, generators, clock):
        since = clock.now

        def away(sofar: Sofar) -> bool:
            generators[0].silent = since + 5 < clock.now < since + 30
            return False

        generators[1].losses = 2
        tally, _ = made.run(SPEC, away)
    assert tally.offered == 200


def test_one_that_is_not_heard_any_more_is_given_up() -> None:
    def away(sofar: Sofar) -> bool:
        generators[0].silent = True
        return False

    with fleet() as (made, generators, clock):
        before = clock.now
        spec = LoadSpec(Constant(rate=10, duration=1000), jobs=2)
        with pytest.raises(GeneratorError, match="generator g0 is not heard any more: no answer"):
            made.run(spec, away)
        assert BROKEN_SECONDS < clock.now - before < 2 * BROKEN_SECONDS


def test_one_that_cannot_be_told_to_begin_ends_the_run() -> None:
    with fleet() as (made, generators, _):
        made.open()
        generators[1].deaf = True
        with pytest.raises(MeansError, match="generator g1 cannot be told order-1: no answer"):
            made.run(SPEC, never)


def test_generators_hear_now_and_then_that_somebody_is_there() -> None:
    touched: list[float] = []

    def noting(run: Callable[[Sequence[str], float], str], clock: Clock) -> Callable[[Sequence[str], float], str]:
        def noted(command: Sequence[str], seconds: float) -> str:
            if command[0] == "touch":
                assert command[1].endswith(f"/{ALIVE}")
                touched.append(clock.now)
            return run(command, seconds)

        return noted

    with fleet(0.01) as (made, (generator,), clock):
        generator.run = noting(generator.run, clock)  # type: ignore[method-assign, assignment]
        generator._status = lambda: Status(run=generator.runs, state=State.READY)  # type: ignore[method-assign]
        with pytest.raises(GeneratorError):
            made.run(LoadSpec(Constant(rate=10, duration=300), jobs=1), never)
    assert len(touched) > 8
    assert max(b - a for a, b in pairwise(touched)) <= ALIVE_SECONDS + 1

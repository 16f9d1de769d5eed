"""The generator: the schedule does not wait for the engine, and its three delays are told apart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from benchmarks.arrivals import Arrivals, Constant
from benchmarks.generator import Generator
from benchmarks.lanes import Arrival, DriverLanes, Finished, Lane
from benchmarks.load import LoadSpec, Sofar, run_load
from benchmarks.mixture import Mixture
from benchmarks.openloop import Reply
from benchmarks.processes import in_this_process
from benchmarks.statements import probe_statement
from benchmarks.tally import Tally
from engines import Outcome
from tests.unit.fakes import Script, ScriptedEngine


class Slow:
    """Lanes that answer after some seconds; ``None``: only when they are told that the deadline has passed."""

    def __init__(self, service: float | None) -> None:
        self.service = service
        self.lanes: list[SlowLane] = []

    def make(self, finished: Finished) -> SlowLane:
        self.lanes.append(SlowLane(self, finished))
        return self.lanes[-1]


class SlowLane:
    def __init__(self, lanes: Slow, finished: Finished) -> None:
        self._lanes, self._finished = lanes, finished
        self._arrival: Arrival | None = None
        self.indices: list[int] = []
        self.closed = False

    def send(self, arrival: Arrival) -> None:
        assert self._arrival is None, "one statement at a time"
        self._arrival = arrival
        self.indices.append(arrival.index)
        if self._lanes.service is not None:
            asyncio.get_running_loop().call_later(self._lanes.service, self._answer, Reply("q", Outcome.OK))

    def _answer(self, reply: Reply) -> None:
        arrival, self._arrival = self._arrival, None
        assert arrival is not None
        self._finished(self, arrival, reply, time.monotonic())

    def expire(self) -> None:
        if self._arrival is not None:
            self._answer(Reply("q", Outcome.FAILED, "timeout", "no answer in time"))

    def close(self) -> None:
        self.closed = True


def generate(
    schedule: Arrivals,
    lanes: Slow,
    *,
    max_in_flight: int,
    deadline: float = 30.0,
    meanwhile: Callable[[Generator], None] = lambda _: None,
) -> Tally:
    tally = Tally()
    generator = Generator(schedule.part(0, 1), lanes, deadline=deadline, max_in_flight=max_in_flight, tally=tally)

    async def run() -> None:
        asyncio.get_running_loop().call_later(0.1, meanwhile, generator)
        await asyncio.wait_for(generator.run(time.monotonic()), 60)

    asyncio.run(run())
    return tally


def test_arrivals_go_on_while_the_engine_is_slow() -> None:
    lanes = Slow(0.3)
    tally = generate(Constant(rate=200, duration=0.2), lanes, max_in_flight=64)
    assert tally.offered == tally.sent == tally.corrected.count == 40
    assert len(lanes.lanes) > 30, "clients overlap as long as there may be more of them"
    assert sorted(index for lane in lanes.lanes for index in lane.indices) == list(range(40))
    assert all(lane.closed for lane in lanes.lanes)


def test_clients_are_bounded_and_what_waits_for_one_counts_from_its_intended_start() -> None:
    lanes = Slow(0.05)
    tally = generate(Constant(rate=100, duration=0.2), lanes, max_in_flight=1)
    assert len(lanes.lanes) == 1
    assert tally.sent == 20 and tally.dropped == 0
    assert tally.waited >= 15
    service, latency = tally.uncorrected.at(50), tally.corrected.at(100)
    assert service is not None and latency is not None
    assert latency > 10 * service, "the last one waited for all before it"


class Unstoppable(Slow):
    """Lanes that take no notice of a deadline, as a driver that hangs does not."""

    def make(self, finished: Finished) -> SlowLane:
        lane = super().make(finished)
        lane.expire = lambda: None  # type: ignore[method-assign]
        return lane


def test_what_finds_no_client_within_the_deadline_is_dropped() -> None:
    tally = generate(Constant(rate=100, duration=0.2), Unstoppable(0.5), max_in_flight=1, deadline=0.1)
    assert tally.offered == 20
    assert tally.sent == 1 and tally.dropped == 19
    assert tally.over == 19, "what was dropped missed every limit"


def test_a_statement_that_is_never_answered_fails_at_its_deadline() -> None:
    tally = generate(Constant(rate=100, duration=0.05), Slow(None), max_in_flight=8, deadline=0.1)
    assert tally.errors == {"timeout": 5}
    assert tally.corrected.count == 0


def test_stopping_sends_nothing_more_and_counts_what_was_under_way() -> None:
    lanes = Slow(None)
    tally = generate(
        Constant(rate=100, duration=60), lanes, max_in_flight=2, meanwhile=lambda generator: generator.stop()
    )
    assert tally.outcomes[Outcome.UNKNOWN] == tally.errors["abandoned"] == 2
    assert tally.offered == tally.sent + tally.dropped < 100
    assert all(lane.closed for lane in lanes.lanes)


def test_the_generators_own_lag_is_not_the_engines() -> None:
    class Blocking(Slow):
        def make(self, finished: Finished) -> SlowLane:
            time.sleep(0.2)  # the loop itself cannot go on, as with a garbage collection or a stolen processor
            return super().make(finished)

    tally = generate(Constant(rate=100, duration=0.1), Blocking(0.0), max_in_flight=1)
    lag = tally.lag.at(100)
    assert lag is not None and lag > 0.1
    assert tally.late >= 8
    assert generate(Constant(rate=100, duration=0.1), Slow(0.3), max_in_flight=1).waited == 9


def test_a_defect_in_a_lane_ends_the_run() -> None:
    class Broken(Slow):
        def make(self, finished: Finished) -> SlowLane:
            raise RuntimeError("defect")

    async def run() -> None:
        generator = Generator(
            Constant(rate=100, duration=0.5).part(1, 2), Broken(0.0), deadline=1, max_in_flight=1, tally=Tally()
        )
        await asyncio.wait_for(generator.run(time.monotonic()), 60)

    with pytest.raises(RuntimeError, match="defect"):
        asyncio.run(run())


class Sequence(Script):
    """Answers in these modes, one after the other, then right."""

    def __init__(self, modes: list[str]) -> None:
        super().__init__()
        self.modes = iter(modes)

    def answer(self, deadline: float) -> str:
        super().answer(deadline)
        return next(self.modes, "ok")


def test_drivers_are_used_and_every_outcome_and_error_is_counted() -> None:
    engine = ScriptedEngine(Sequence(["wrong"] * 3 + ["refused"] * 2))
    spec = LoadSpec(Constant(rate=200, duration=0.5), max_in_flight=1, limit=5.0)
    run = run_load(engine, Mixture([probe_statement(engine.probe)]), spec, in_this_process)
    assert run.outcomes[Outcome.WRONG] == run.errors["wrong"] == 3
    assert run.outcomes[Outcome.FAILED] == run.errors["refused"] == 2
    assert run.outcomes[Outcome.OK] == run.corrected.count == run.offered - 5 == 95
    assert run.over == 5
    assert run.operations == {"probe": 100}
    assert run.by_operation["probe"].count == 95
    assert "got ((24,),)" in run.problems[0]


def test_the_watch_is_told_and_can_end_the_run() -> None:
    engine = ScriptedEngine(Script())
    told: list[Sofar] = []

    def enough(sofar: Sofar) -> bool:
        told.append(sofar)
        return sofar.done > 5

    spec = LoadSpec(Constant(rate=50, duration=60))
    run = run_load(engine, Mixture([probe_statement(engine.probe)]), spec, in_this_process, enough)
    assert told[-1].done > 5
    assert run.offered < 3000


def test_a_driver_that_raises_what_it_must_not_is_a_defect() -> None:
    class Broken(ScriptedEngine):
        def connect(self) -> object:  # type: ignore[override]
            raise RuntimeError("defect")

    engine = Broken(Script())
    with pytest.raises(RuntimeError, match="defect"):
        run_load(
            engine,
            Mixture([probe_statement(engine.probe)]),
            LoadSpec(Constant(rate=50, duration=0.2)),
            in_this_process,
        )


def test_a_client_that_hangs_in_its_driver_does_not_keep_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.generator.GRACE_SECONDS", 0.1)

    lanes = Unstoppable(None)
    tally = generate(Constant(rate=100, duration=0.03), lanes, max_in_flight=3, deadline=0.1)
    assert tally.errors == {"timeout": 3}
    assert all(lane.closed for lane in lanes.lanes)


def test_lanes_are_made_in_their_protocol() -> None:
    engine = ScriptedEngine(Script())

    async def made() -> Lane:
        return DriverLanes(engine, Mixture([probe_statement(engine.probe)])).make(lambda *_: None)

    asyncio.run(made()).close()

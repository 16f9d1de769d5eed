"""From when an engine counts as being at full capacity."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from faults.observer import Observer, wait_until
from targets.base import AvailabilityTimeline, AvailabilityWatch, MeansError
from tests.unit.fakes import FakeTarget, Script, ScriptedEngine


class CapableTarget(FakeTarget):
    """Answers as it is told to."""

    answer: Callable[[], bool] = staticmethod(lambda: True)

    def full_capacity(self, engine: str) -> bool:
        return self.answer()


@pytest.fixture
def observed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[CapableTarget, Observer]:
    monkeypatch.setattr("faults.observer._CapacityWatch.INTERVAL", 0.01)
    monkeypatch.setattr("faults.observer._CapacityWatch.PROMPT", 0.1)
    engine = ScriptedEngine(Script())
    target = CapableTarget(tmp_path, [engine])
    return target, Observer(target, engine, None, seed=1)


def test_an_answer_that_waited_for_a_frozen_worker_counts_from_its_end(
    observed: tuple[CapableTarget, Observer],
) -> None:
    target, observer = observed
    asked, thawed = threading.Event(), threading.Event()

    def held_up() -> bool:
        asked.set()
        return thawed.wait(10)

    with observer:
        assert wait_until(lambda: observer.full_capacity_at() is not None, 5)
        target.answer = held_up
        assert asked.wait(5)
        wait_until(lambda: False, 0.2)  # longer than what counts as prompt
        moment = time.monotonic()
        thawed.set()
        assert wait_until(lambda: (observer.full_capacity_at() or 0) >= moment, 5)


def cannot_tell() -> bool:
    raise MeansError("no answer")


@pytest.mark.parametrize("lost", [lambda: False, cannot_tell])
def test_capacity_that_was_lost_counts_from_its_return(
    observed: tuple[CapableTarget, Observer], lost: Callable[[], bool]
) -> None:
    target, observer = observed
    with observer:
        assert wait_until(lambda: observer.full_capacity_at() is not None, 5)
        target.answer = lost
        assert wait_until(lambda: observer.full_capacity_at() is None, 5)
        moment = time.monotonic()
        target.answer = lambda: True
        assert wait_until(lambda: (observer.full_capacity_at() or 0) >= moment, 5)


class WatchedTarget(FakeTarget):
    """Somebody runs its engine and says that it is well."""

    watched: tuple[str, ...] = ()
    ended = 0

    @contextmanager
    def watch_availability(self, engine: str) -> Iterator[AvailabilityWatch]:
        self.watched += (engine,)
        yield self
        self.ended += 1

    def timeline(self) -> AvailabilityTimeline:
        return AvailabilityTimeline(0.0, 1.0, ((0.0, 1.0),))


def test_the_view_of_whoever_runs_the_engine_is_watched_as_long_as_the_probes(tmp_path: Path) -> None:
    engine = ScriptedEngine(Script())
    target = WatchedTarget(tmp_path, [engine])
    observer = Observer(target, engine, None, seed=1)
    assert observer.availability() is None
    with observer:
        assert wait_until(lambda: len(observer.probes()) > 1, 5)
        assert target.watched == (engine.kind,)
        during = target.ended
    assert (during, target.ended) == (0, 1)
    assert observer.availability() == AvailabilityTimeline(0.0, 1.0, ((0.0, 1.0),))


def test_a_target_without_such_a_view_has_no_timeline(observed: tuple[CapableTarget, Observer]) -> None:
    _, observer = observed
    with observer:
        pass
    assert observer.availability() is None

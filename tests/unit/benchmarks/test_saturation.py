"""The search for the saturation rate, on a queue whose capacity is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from benchmarks.arrivals import Constant
from benchmarks.latency import Latencies
from benchmarks.load import LoadRun, LoadSpec, Sofar, Watch, summarize
from benchmarks.openloop import Reply
from benchmarks.saturation import Objective, Saturation, Search, StepOutcome, find_saturation, judge
from benchmarks.tally import Tally
from engines import Outcome

OBJECTIVE = Objective(limit=0.5)


class Queue:
    """One server that takes ``1 / capacity`` seconds for each arrival, first come, first served."""

    def __init__(self, capacity: float, *, errors: float = 0.0, generator: float = math.inf) -> None:
        self.capacity, self.errors, self.generator = capacity, errors, generator
        self.offered: list[tuple[float, float]] = []

    def __call__(self, rate: float, duration: float, watch: Watch) -> LoadRun:
        self.offered.append((rate, duration))
        schedule = Constant(rate=rate, duration=duration)
        tally = Tally(OBJECTIVE.limit)
        free = 0.0
        for index, start in enumerate(schedule.starts()):
            tally.arrived(0.7 if rate > self.generator else 0.0001)
            free = max(free, start) + 1 / self.capacity
            failed = self.errors and index % round(1 / self.errors) == 0
            reply = Reply("q", Outcome.FAILED, "engine", "no") if failed else Reply("q", Outcome.OK)
            tally.answered(reply, start, start, free + (0.7 if rate > self.generator else 0.0))
            if index % 50 == 0 and watch(Sofar(tally.offered, tally.done, tally.over)):
                break
        return summarize(tally, LoadSpec(schedule, limit=OBJECTIVE.limit), elapsed=duration)


def search(queue: Queue, *, objective: Objective = OBJECTIVE, **changes: float) -> Saturation:
    given = {"start": 10.0, "lowest": 1.0, "most_steps": 40, **changes}
    return find_saturation(queue, objective, Search(**given))  # type: ignore[arg-type]


@pytest.mark.parametrize("capacity", [3.0, 333.0])
def test_the_capacity_is_found_to_the_resolution(capacity: float) -> None:
    found = search(Queue(capacity), step_seconds=600.0)
    assert found.rate is not None and found.above is not None
    assert capacity / 1.06 <= found.rate <= capacity * 1.06
    assert found.complete and found.confirmed
    assert found.above <= found.rate * 1.05


def test_a_step_has_the_arrivals_its_percentile_needs_and_the_time_an_overload_takes_to_show() -> None:
    chosen = Search(start=10, step_seconds=600)
    assert chosen.duration(10, OBJECTIVE) * 10 >= OBJECTIVE.needed == 1522
    assert chosen.duration(10_000, OBJECTIVE) == OBJECTIVE.limit / chosen.resolution
    assert Search(start=10, step_seconds=20).duration(10, OBJECTIVE) == 20


def test_a_lost_step_is_ended_early_and_never_taken_for_a_success() -> None:
    found = search(Queue(12), step_seconds=600.0)
    lost = [step for step in found.steps if step.stopped]
    assert lost
    assert all(step.outcome is StepOutcome.MISSES for step in lost)
    assert all(step.run.offered < step.rate * step.duration for step in lost)


def test_errors_count_against_a_rate() -> None:
    found = search(Queue(1000, errors=0.02))
    assert found.rate is None
    assert not found.complete
    assert "failed or were dropped" in found.reason


def test_the_generators_limit_is_not_taken_for_the_engines() -> None:
    found = search(Queue(1e9, generator=100.0))
    assert found.rate is not None and found.rate <= 100
    assert not found.complete
    assert "the generator was the bottleneck" in found.reason
    assert {step.outcome for step in found.steps if step.rate > 100} == {StepOutcome.GENERATOR}


def test_the_highest_rate_allowed_ends_the_search() -> None:
    found = search(Queue(1e9), highest=40.0)
    assert found.rate == 40
    assert "the highest rate allowed, 40/s, meets the objective" in found.reason


def test_the_number_of_steps_is_bounded() -> None:
    queue = Queue(333.0)
    found = search(queue, most_steps=6)
    assert len(queue.offered) == len(found.steps) == 6
    assert not found.complete
    assert "6 steps" in found.reason


def test_the_time_is_bounded() -> None:
    queue = Queue(333.0)
    moments = iter(range(0, 100_000, 10))
    found = find_saturation(queue, OBJECTIVE, Search(start=10, seconds=35), clock=lambda: next(moments))
    assert len(found.steps) < 5
    assert "used its 35 s" in found.reason


def test_the_engine_comes_to_rest_before_each_step_but_the_first() -> None:
    rests: list[int] = []
    steps: list[object] = []
    find_saturation(
        Queue(50), OBJECTIVE, Search(start=10, most_steps=5), settle=lambda: rests.append(len(steps)), tell=steps.append
    )
    assert rests == [1, 2, 3, 4]


def run_with(over: int, offered: int) -> LoadRun:
    tally = Tally(OBJECTIVE.limit)
    for number in range(offered):
        tally.arrived(0.0001)
        tally.answered(Reply("q", Outcome.OK), 0.0, 0.0, 0.9 if number < over else 0.01)
    return summarize(tally, LoadSpec(Constant(rate=1, duration=1)), elapsed=1)


@pytest.mark.parametrize(
    ("over", "offered", "outcome"),
    [
        (15, 1522, StepOutcome.MEETS),
        (16, 1522, StepOutcome.MISSES),
        (0, 299, StepOutcome.MEETS),
        (0, 298, StepOutcome.UNDECIDED),
        (2, 299, StepOutcome.UNDECIDED),
        (9, 299, StepOutcome.MISSES),
    ],
)
def test_few_arrivals_decide_only_what_is_clear(over: int, offered: int, outcome: StepOutcome) -> None:
    assert judge(run_with(over, offered), OBJECTIVE)[0] is outcome


def test_too_few_arrivals_are_said_to_be_too_few() -> None:
    found = search(Queue(1e9), step_seconds=5.0, start=20.0, lowest=20.0, highest=40.0)
    assert found.rate is None
    assert "at 40/s too few to tell (200 arrivals, 1522 needed)" in found.reason


def test_an_engine_has_failed_only_where_every_rate_is_certainly_too_high() -> None:
    assert search(Queue(0.5), step_seconds=600.0).hopeless
    few = search(Queue(25.0), step_seconds=5.0, start=20.0, lowest=20.0)
    assert few.rate is None and StepOutcome.MISSES in {step.outcome for step in few.steps}
    assert not few.hopeless, "20/s had too few arrivals to tell"
    assert not search(Queue(333.0)).hopeless


def test_few_arrivals_at_low_rates_do_not_end_the_search() -> None:
    found = search(Queue(47.0), step_seconds=20.0, start=2.0)
    assert found.rate is not None and 47 / 1.1 <= found.rate <= 47 * 1.06
    outcomes = {step.outcome for step in found.steps if step.rate < 14}
    assert outcomes == {StepOutcome.UNDECIDED}, "less than 299 arrivals"
    assert all(step.outcome is StepOutcome.MEETS for step in found.steps if step.rate == found.rate)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Objective(limit=0), "limit"),
        (lambda: Objective(limit=math.nan), "limit"),
        (lambda: Objective(limit=1, percentile=100), "percentile"),
        (lambda: Objective(limit=1, errors=1), "errors"),
        (lambda: Search(start=0), "rates"),
        (lambda: Search(start=1, resolution=0), "resolution"),
        (lambda: Search(start=1, most_steps=0), "steps"),
        (lambda: Search(start=1, seconds=-1), "search"),
    ],
)
def test_what_makes_no_search_is_refused(make: Callable[[], object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        make()


def test_histograms_of_steps_can_be_empty() -> None:
    assert Latencies().summary().quantiles == {}

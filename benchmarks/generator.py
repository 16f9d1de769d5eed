"""One process of an open-loop load generator: an event loop that takes arrivals up when their time has come.

Three delays are told apart, because they have three causes:

* the generator's own *lag*: from the intended start until the loop takes the arrival up;
* waiting for a free client: the engine is slower than the arrivals, and ``max_in_flight`` bounds what is under way;
* the service time, from the moment a client sends the statement.

Latency from the intended start holds all three, as a user would see it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import deque
from collections.abc import Iterator

from benchmarks.lanes import ABANDONED, Arrival, Lane, Lanes
from benchmarks.openloop import Reply
from benchmarks.tally import Tally
from engines import ErrorClass, Outcome

BATCH = 64
"""Arrivals taken up in a row before answers get their turn."""

MOST_WAITING = 200_000
"""Arrivals that may wait for a client; more are dropped at once, so that memory is bounded."""

GRACE_SECONDS = 5.0
"""How long after the last deadline a driver may still be at it before it is given up."""


class Generator:
    """Sends the arrivals of one schedule through lanes.

    Args:
        schedule: (index, intended start in seconds from the beginning), ascending.
        lanes: makes clients.
        deadline: seconds from its intended start in which an arrival must be answered.
        max_in_flight: lanes at most.
        tally: counts.
    """

    def __init__(
        self, schedule: Iterator[tuple[int, float]], lanes: Lanes, *, deadline: float, max_in_flight: int, tally: Tally
    ) -> None:
        self._schedule, self._lanes, self._tally = schedule, lanes, tally
        self._deadline, self._max_in_flight = deadline, max_in_flight
        self._made: list[Lane] = []
        self._idle: list[Lane] = []
        self._waiting: deque[tuple[int, float]] = deque()
        self._under_way: dict[Lane, Arrival] = {}  # in the order of sending, which is that of their deadlines
        self._next: tuple[int, float] | None = None
        self._began = 0.0
        self._timer: asyncio.Handle | None = None
        self._ended: asyncio.Future[None]

    async def run(self, began: float) -> None:
        """Send everything and wait for every answer or its deadline.

        Args:
            began: the moment of ``time.monotonic()`` that the schedule counts from.
        """
        loop = asyncio.get_running_loop()
        self._ended, self._began = loop.create_future(), began
        loop.set_exception_handler(self._defect)
        self._advance()
        self._tick()
        expiry = loop.create_task(self._expire())
        try:
            await self._ended
        finally:
            expiry.cancel()
            with contextlib.suppress(asyncio.CancelledError):  # which is what was asked for
                await expiry
            for lane in self._made:
                lane.close()

    def stop(self) -> None:
        """Send nothing more and give up what is under way."""
        if self._timer is not None:
            self._timer.cancel()
        self._next = None
        while self._waiting:
            self._waiting.popleft()
            self._tally.drop()
        now = time.monotonic()
        for arrival in self._under_way.values():
            self._tally.answered(_abandoned(), arrival.intended, arrival.started, now)
        self._under_way.clear()
        self._end_if_done()

    def _advance(self) -> None:
        following = next(self._schedule, None)
        self._next = None if following is None else (following[0], self._began + following[1])

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(BATCH):
            if self._next is None:
                self._end_if_done()
                return
            index, intended = self._next
            now = time.monotonic()
            if intended > now:
                self._timer = loop.call_at(intended, self._tick)
                return
            self._tally.arrived(now - intended)
            self._take_up(index, intended, now)
            self._advance()
        self._timer = loop.call_soon(self._tick)

    def _take_up(self, index: int, intended: float, now: float) -> None:
        if self._idle:
            self._send(self._idle.pop(), index, intended, now)
        elif len(self._made) < self._max_in_flight:
            lane = self._lanes.make(self._finished)
            self._made.append(lane)
            self._send(lane, index, intended, now)
        elif len(self._waiting) < MOST_WAITING:
            self._tally.waited += 1
            self._waiting.append((index, intended))
        else:
            self._tally.drop()

    def _send(self, lane: Lane, index: int, intended: float, now: float) -> None:
        arrival = Arrival(index, intended, now, intended + self._deadline)
        self._under_way[lane] = arrival
        lane.send(arrival)

    def _finished(self, lane: Lane, arrival: Arrival, reply: Reply, moment: float) -> None:
        if self._under_way.get(lane) is not arrival:  # given up before
            return
        del self._under_way[lane]
        self._tally.answered(reply, arrival.intended, arrival.started, moment)
        self._reuse(lane)

    def _reuse(self, lane: Lane) -> None:
        now = time.monotonic()
        while self._waiting:
            index, intended = self._waiting.popleft()
            if now - intended < self._deadline:
                self._send(lane, index, intended, now)
                return
            self._tally.drop()
        self._idle.append(lane)
        self._end_if_done()

    def _end_if_done(self) -> None:
        idle = self._next is None and not self._waiting and not self._under_way
        if idle and not self._ended.done():
            self._ended.set_result(None)

    async def _expire(self) -> None:
        """Give up what has passed its deadline; a lane that cannot be stopped is left behind after a grace."""
        while True:
            await asyncio.sleep(self._until_first_deadline())
            self._expire_until(time.monotonic())

    def _expire_until(self, now: float) -> None:
        overdue = list(itertools.takewhile(lambda item: item[1].due <= now, self._under_way.items()))
        for lane, arrival in overdue:
            lane.expire()
            if self._under_way.get(lane) is arrival and arrival.due + GRACE_SECONDS <= now:
                self._leave_behind(lane, arrival, now)

    def _until_first_deadline(self) -> float:
        first = next(iter(self._under_way.values()), None)
        left = self._deadline if first is None else first.due - time.monotonic()
        return min(1.0, max(0.01, left))

    def _leave_behind(self, lane: Lane, arrival: Arrival, now: float) -> None:
        del self._under_way[lane]
        lane.close()
        self._made.remove(lane)
        detail = f"no answer within {self._deadline:g} s, nor {GRACE_SECONDS:g} s later"
        reply = Reply("", Outcome.FAILED, ErrorClass.TIMEOUT.value, detail)
        self._tally.answered(reply, arrival.intended, arrival.started, now)
        self._end_if_done()

    def _defect(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """Whatever is raised in a callback is a defect, never a measurement: it ends the run."""
        error = context.get("exception")
        if not self._ended.done():
            problem = error if isinstance(error, Exception) else RuntimeError(str(context.get("message")))
            self._ended.set_exception(problem)


def _abandoned() -> Reply:
    return Reply("", Outcome.UNKNOWN, ABANDONED, "under way when the load was ended")

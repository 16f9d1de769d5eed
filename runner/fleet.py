"""Generators elsewhere as one: they begin together, are watched, stopped, and added up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Protocol, Self, TypeVar

from benchmarks.load import LoadSpec, Sofar, Watch
from benchmarks.processes import READY_SECONDS, GeneratorError
from benchmarks.remote import RemoteError, State, Status, packed, tally_from
from benchmarks.tally import Tally, merged
from runner.mailbox import ALIVE
from targets.base import MeansError
from targets.kubernetes.job_manifest import REPORT

AT_ONCE = 16
"""Generators that are spoken to at the same time."""

COMMAND_SECONDS = 30.0
ATTEMPTS = 3
OPEN_SECONDS = 120.0  # in which a generator whose container runs has opened its engine
LEAD_SECONDS, LEAD_EACH = 2.0, 0.1  # in which all are told when to begin
LEAST_LEAD = 0.5  # in which a generator tells its own processes
ENDING_SECONDS = 60.0
ALIVE_SECONDS = 30.0
BROKEN_SECONDS = 120.0
LOOK_SECONDS = 5.0
LINES = 20
_POLL_SECONDS = 0.5
_MAILBOX = ("python", "-m", "runner.mailbox")

T = TypeVar("T")


class Remote(Protocol):
    """One generator's container."""

    name: str

    def run(self, command: Sequence[str], seconds: float) -> str:
        """Run a command in it; returns what that prints. Raises ``MeansError``."""
        ...

    def tail(self, lines: int) -> list[str]:
        """The last lines of its log. Raises ``MeansError``."""
        ...

    def end(self) -> str:
        """Why it has ended; empty while it runs. May raise ``MeansError``."""
        ...


class Fleet:
    """Generators whose containers run. A context manager: leaving it speaks to none of them any more.

    Args:
        remotes: at least one, in the order of their numbers.
        clock: seconds, monotonic.
        sleep: waits some seconds.
    """

    def __init__(
        self,
        remotes: Sequence[Remote],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._remotes = tuple(remotes)
        self._clock, self._sleep = clock, sleep
        self._pool = ThreadPoolExecutor(min(AT_ONCE, len(self._remotes)), thread_name_prefix="fleet")
        self._run = 0
        self._heard = dict.fromkeys(self._remotes, clock())
        self._alive_due = self._looked = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # What is under way is bounded, and nobody waits for it: its generator is about to go.
        self._pool.shutdown(wait=False, cancel_futures=True)

    def open(self) -> None:
        """Wait until every generator has opened its engine.

        Raises:
            GeneratorError: one has not, or has ended.
        """
        self._until(State.IDLE, OPEN_SECONDS)

    def run(self, spec: LoadSpec, watch: Watch) -> tuple[Tally, float]:
        """See ``benchmarks.load.Conduct``: one run of all of them.

        Raises:
            GeneratorError: one of them ended without a result.
            MeansError: one of them cannot be spoken to.
        """
        self._run += 1
        order = packed(spec)
        self._heard = dict.fromkeys(self._remotes, self._clock())
        self._each(lambda remote: self._tell(remote, "put", f"order-{self._run}", order))
        self._until(State.READY, READY_SECONDS + COMMAND_SECONDS)
        began, spread = self._begin()
        self._follow(spec, began, watch)
        tally = merged(self._each(lambda remote: self._take(remote, began)))
        tally.spread = spread
        return tally, began

    def _begin(self) -> tuple[float, float]:
        """Give each its moment: "in so many seconds from now", so that no clocks are compared.

        The moment that a generator understood lies between the one meant when the command was sent and the same
        seconds after it has come back: that bounds how far apart they begin.
        """
        first = self._clock() + LEAD_SECONDS + LEAD_EACH * len(self._remotes)

        def begin(remote: Remote) -> tuple[float, float]:
            sent = self._clock()
            wait = max(LEAST_LEAD, first - sent)
            # Told once: a second word could reach a generator that has begun.
            self._tell(remote, "begin", f"begin-{self._run}", f"{wait:.6f}", attempts=1)
            return sent + wait, self._clock() + wait

        spans = self._each(begin)
        began = min(earliest for earliest, _ in spans)
        return began, max(latest for _, latest in spans) - began

    def _follow(self, spec: LoadSpec, began: float, watch: Watch) -> None:
        """Watch until all are done; stop them when the watch says so."""
        ends = began + spec.arrivals.duration + spec.deadline + ENDING_SECONDS
        sofar: dict[Remote, Status] = {}
        stopped = False
        while not self._all(sofar, State.DONE):
            if self._clock() > ends:
                raise GeneratorError(f"{self._behind(sofar, State.DONE)} did not end in time")
            self._sleep(_POLL_SECONDS)
            self._look(sofar, State.DONE)
            if watch(_total(sofar.values())) and not stopped:
                stopped = True
                self._each(lambda remote: self._tell(remote, "put", f"stop-{self._run}", ""))

    def _until(self, state: State, seconds: float) -> None:
        ends = self._clock() + seconds
        found: dict[Remote, Status] = {}
        self._look(found, state)
        while not self._all(found, state):
            if self._clock() > ends:
                raise GeneratorError(f"{self._behind(found, state)} was not {state.value} within {seconds:g} s")
            self._sleep(_POLL_SECONDS)
            self._look(found, state)

    def _all(self, found: dict[Remote, Status], state: State) -> bool:
        return all(remote in found and found[remote].state is state for remote in self._remotes)

    def _behind(self, found: dict[Remote, Status], state: State) -> str:
        late = [one.name for one in self._remotes if one not in found or found[one].state is not state]
        return f"generator {late[0]}" + (f" (and {len(late) - 1} more)" if len(late) > 1 else "")

    def _look(self, found: dict[Remote, Status], state: State) -> None:
        """Read how far those are that have not come to a state; tell all that somebody is here."""
        waited_for = [one for one in self._remotes if one not in found or found[one].state is not state]
        for remote, status in zip(waited_for, self._pool.map(self._status, waited_for), strict=True):
            if status is not None and status.state is State.FAILED:
                raise GeneratorError(f"generator {remote.name} has failed: {status.problem}")
            if status is not None and status.run == self._run:
                found[remote] = status
        self._require_running([one for one in waited_for if one not in found or found[one].state is not state])
        self._be_heard()

    def _status(self, remote: Remote) -> Status | None:
        try:
            lines = remote.tail(LINES)
        except MeansError as error:
            if self._clock() - self._heard[remote] > BROKEN_SECONDS:
                raise GeneratorError(f"generator {remote.name} is not heard any more: {error}") from None
            return None
        self._heard[remote] = self._clock()
        return Status.last(lines)

    def _require_running(self, remotes: Sequence[Remote]) -> None:
        """Now and then: a container that was ended from outside tells nothing any more."""
        if self._clock() - self._looked < LOOK_SECONDS:
            return
        self._looked = self._clock()

        def end(remote: Remote) -> str:
            with suppress(MeansError):  # an API that is away for a while: asked again
                return remote.end()
            return ""

        for remote, why in zip(remotes, self._pool.map(end, remotes), strict=True):
            if why and not self._said(remote):
                raise GeneratorError(f"generator {remote.name} has ended without a result ({why})")

    def _said(self, remote: Remote) -> bool:
        """Whether its log tells more than that it has ended, which the next look finds."""
        status = self._status(remote)
        return status is not None and status.state in {State.FAILED, State.DONE} and status.run == self._run

    def _be_heard(self) -> None:
        """Touch a file: next to no work for a generator that is under load."""
        if self._clock() < self._alive_due:
            return
        self._alive_due = self._clock() + ALIVE_SECONDS

        def touch(remote: Remote) -> None:
            with suppress(MeansError):  # the next one comes early enough
                remote.run(("touch", f"{REPORT}/{ALIVE}"), COMMAND_SECONDS)

        self._each(touch)

    def _tell(self, remote: Remote, *words: str, attempts: int = ATTEMPTS) -> str:
        """A command of its mailbox; those that may be said twice are, when the first was lost.

        Raises:
            MeansError: it cannot be told.
        """
        for attempt in range(1, attempts + 1):
            try:
                return remote.run((*_MAILBOX, *words), COMMAND_SECONDS)
            except MeansError as error:
                if attempt == attempts:
                    raise MeansError(f"generator {remote.name} cannot be told {words[1]}: {error}") from None
                self._sleep(_POLL_SECONDS)
        raise AssertionError("there is at least one attempt")

    def _take(self, remote: Remote, began: float) -> Tally:
        try:
            return tally_from(self._tell(remote, "take", f"tally-{self._run}"), began)
        except RemoteError as error:
            raise GeneratorError(f"generator {remote.name}: {error}") from None

    def _each(self, work: Callable[[Remote], T]) -> list[T]:
        return list(self._pool.map(work, self._remotes))


def _total(parts: Iterable[Status]) -> Sofar:
    every = list(parts)
    return Sofar(sum(p.offered for p in every), sum(p.done for p in every), sum(p.over for p in every))

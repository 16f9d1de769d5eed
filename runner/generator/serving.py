"""Generator processes in a pod that begin, tell and end as they are told.

``python -m runner.generator --outputs FILE --work FILE --job N`` is the container's process. It opens the engine as
any runner in a pod does, with its own ServiceAccount, and makes one run after the other (``benchmarks.remote``): an
order, the moment to begin, and perhaps a word to stop come into its mailbox; its log tells how far it is; its tally
stays in the mailbox until it is taken. When nobody has been heard of for ``PATIENCE_SECONDS``, it ends.
"""

from __future__ import annotations

import argparse
import math
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from benchmarks.load import LoadSpec, Sofar
from benchmarks.mixture import Mixture
from benchmarks.processes import Job, run_jobs
from benchmarks.remote import LONGEST_PROBLEM, State, Status, tally_text, unpacked
from engines import Endpoint
from runner.mailbox import Mailbox, Patience
from runner.targets import open_target

PATIENCE_SECONDS = 180.0
MOST_RUNS = 1000
LONGEST_LEAD = 600.0
_TELL_SECONDS = 1.0
_POLL_SECONDS = 0.05


class Unled(Exception):
    """Nobody conducts any more, or what was told makes no sense."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the container; the exit code is 0 when it was told to end, 1 when it has failed."""
    parser = argparse.ArgumentParser(prog="python -m runner.generator", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--outputs", type=Path, required=True, help="outputs document with one engine")
    parser.add_argument("--work", type=Path, required=True, help="the mixture, packed")
    parser.add_argument("--job", type=int, required=True, help="number of this Job, from 0 on")
    given = parser.parse_args(arguments)
    # The first process of a container has no default answer to a signal.
    signal.signal(signal.SIGTERM, _end)
    teller = _Teller()
    try:
        mixture = unpacked(given.work.read_text(encoding="utf-8"), Mixture)
        with open_target(str(given.outputs), engines=None) as target:
            (engine,) = target.engines()
            _Serving(engine.endpoint, mixture, given.job, Mailbox.here(), teller).serve()
    except Exception as error:  # noqa: BLE001 - told to whoever reads the log, which raises it
        teller.failed(error)
        return 1
    return 0


def _end(number: int, _: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(0)


class _Teller:
    """Logs the status, at once when it is another state and about every second while it stays."""

    def __init__(self) -> None:
        self._last = Status(run=0, state=State.IDLE)
        self._due = 0.0

    def tell(self, status: Status) -> None:
        now = time.monotonic()
        moved = (status.run, status.state) != (self._last.run, self._last.state)
        if moved or now >= self._due:
            self._last, self._due = status, now + _TELL_SECONDS
            sys.stdout.write(f"{status.line()}\n")
            sys.stdout.flush()

    def failed(self, error: Exception) -> None:
        problem = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST_PROBLEM]
        self.tell(Status(run=self._last.run, state=State.FAILED, problem=problem))


class _Serving:
    """Makes the runs that are ordered."""

    def __init__(self, endpoint: Endpoint, mixture: Mixture, job: int, mailbox: Mailbox, teller: _Teller) -> None:
        self._endpoint, self._mixture, self._job = endpoint, mixture, job
        self._mailbox, self._teller = mailbox, teller
        self._patience = Patience(mailbox, PATIENCE_SECONDS)

    def serve(self) -> None:
        """One run after the other, until this process is told to end.

        Raises:
            Unled: nobody conducts any more.
        """
        status = Status(run=0, state=State.IDLE)
        for run in range(1, MOST_RUNS + 1):
            spec = unpacked(self._await(f"order-{run}", status), LoadSpec)
            status = self._run(run, spec)
        raise Unled(f"{MOST_RUNS} runs are enough")

    def _run(self, run: int, spec: LoadSpec) -> Status:
        first = self._job * spec.processes
        numbers = range(first, first + spec.processes)
        jobs = [Job(self._endpoint, self._mixture, spec, number) for number in numbers]

        def watch(sofar: Sofar) -> bool:
            self._teller.tell(_going(run, sofar))
            self._require_patience()
            return self._mailbox.get(f"stop-{run}") is not None

        tally, began = run_jobs(jobs, spec, lambda: self._begin(run), watch)
        self._mailbox.put(f"tally-{run}", tally_text(tally, began))
        return Status(run=run, state=State.DONE, offered=tally.offered, done=tally.done, over=tally.over)

    def _begin(self, run: int) -> float:
        text = self._await(f"begin-{run}", Status(run=run, state=State.READY))
        moment = float(text)
        if not math.isfinite(moment) or moment > time.monotonic() + LONGEST_LEAD:
            raise Unled(f"no moment to begin at: {text[:40]}")
        return moment

    def _await(self, name: str, status: Status) -> str:
        """Wait for a text, telling the status meanwhile."""
        while (text := self._mailbox.get(name)) is None:
            self._teller.tell(status)
            self._require_patience()
            time.sleep(_POLL_SECONDS)
        return text

    def _require_patience(self) -> None:
        if self._patience.over:
            raise Unled(f"nobody has been heard of for {PATIENCE_SECONDS:g} s")


def _going(run: int, sofar: Sofar) -> Status:
    return Status(run=run, state=State.GOING, offered=sofar.offered, done=sofar.done, over=sofar.over)

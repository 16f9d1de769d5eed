"""Several Jobs that begin and go together."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from targets.kubernetes.job import RunnerJob


class JobGroup:
    """Entering creates all; leaving deletes all before it waits until their pods are gone, also when interrupted.

    Args:
        jobs: not yet entered.
    """

    def __init__(self, jobs: Sequence[RunnerJob]) -> None:
        self.jobs = tuple(jobs)
        self._made: list[RunnerJob] = []

    def __enter__(self) -> Self:
        try:
            for job in self.jobs:
                self._made.append(job)
                job.create()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def start(self) -> None:
        """Wait until the containers of all run or have run.

        Raises:
            MeansError: one does not start; says why.
        """
        for job in self.jobs:
            job.start()

    def _remove(self) -> None:
        for job in self._made:
            job.delete()
        for job in self._made:
            job.wait_until_gone()
        self._made.clear()

"""The live lines at the bottom of a terminal; texts are expected without control characters."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import rich.console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from runner.report.units import count

MEBIBYTE = 1024**2


class Live:
    """Lines at the bottom of a terminal: a spinner for each open phase, bars under them."""

    def __init__(self, out: rich.console.Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[detail]}", style="dim", markup=False),
            TimeElapsedColumn(),
            console=out,
            transient=True,
        )
        self._phases: list[TaskID] = []
        self._transfers: dict[str, TaskID] = {}
        atexit.register(self.close)  # a download that fails leaves its line, and a hidden cursor, to us

    def close(self) -> None:
        """Remove everything; may be called twice."""
        for task in self._phases:
            self._progress.remove_task(task)
        self._phases.clear()
        self._transfers.clear()
        self._progress.stop()

    def begin(self, title: str) -> None:
        """Open a line under those that are open."""
        if not self._phases:
            self._progress.start()
        self._phases.append(self._progress.add_task(title, total=None, detail=""))

    def end(self) -> None:
        """Take the last line away."""
        if self._phases:  # not closed meanwhile
            self._progress.remove_task(self._phases.pop())
        if not self._phases:
            self._progress.stop()

    def step(self, text: str) -> None:
        """Say on the last line what is being done; a line that stays where none is open."""
        if self._phases:
            self._progress.update(self._phases[-1], detail=text)
        else:
            self._progress.console.print(Text(f"  {text}", "dim"), soft_wrap=True)

    @contextmanager
    def bar(self, description: str, total: int) -> Iterator[LiveBar]:
        """A line that counts up to ``total``."""
        self.begin(f"  {description}")
        self._progress.update(self._phases[-1], total=total)
        try:
            yield LiveBar(self._progress, self._phases[-1], total)
        finally:
            self.end()

    def transfer(self, label: str, done: int, total: int) -> None:
        """A line that counts bytes and goes when they are all there."""
        if label not in self._transfers:
            self.begin(label)
            self._transfers[label] = self._phases[-1]
        detail = f"{done / MEBIBYTE:.0f} of {total / MEBIBYTE:.0f} MiB"
        self._progress.update(self._transfers[label], completed=done, total=total, detail=detail)
        if done >= total:
            task = self._transfers.pop(label)
            self._phases.remove(task)
            self._phases.append(task)
            self.end()


class LiveBar:
    """Counts up one line, from any thread."""

    def __init__(self, progress: Progress, task: TaskID, total: int) -> None:
        self._progress, self._task, self._total = progress, task, total
        self._done, self._lock = 0, threading.Lock()

    def advance(self, steps: int = 1) -> None:
        """So many more are done."""
        with self._lock:
            self._done += steps
            detail = f"{count(self._done)} of {count(self._total)}"
            self._progress.update(self._task, completed=self._done, detail=detail)

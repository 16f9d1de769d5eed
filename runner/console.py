"""How a run shows itself: live lines on a terminal, plain lines when piped, on standard error with ``--json``."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, Self

import rich.console
from rich.table import Table
from rich.text import Text

from runner.live import MEBIBYTE, Live
from runner.report import alerts
from runner.report.durability import inserts
from runner.report.headline import SEVERITY, headline, parts
from runner.report.units import NBSP, count, duration, printable, rate, with_uncertainty
from runner.results import CheckResult, Experiment, Results, SaturationResult, Scaling, Verdict

SYMBOLS = {Verdict.PASS: "✓", Verdict.FAIL: "✕", Verdict.INCONCLUSIVE: "?", Verdict.SKIPPED: "–"}
STYLES = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.INCONCLUSIVE: "yellow", Verdict.SKIPPED: "dim"}
QUARTERS = 4  # a piped progress says so this many times
NAME_WIDTH = 40
OBJECTIVES_SHOWN = 10


class Bar(Protocol):
    """What ``Console.progress`` hands out; safe to use from several threads."""

    def advance(self, steps: int = 1) -> None:
        """So many more are done."""
        ...


class Console:
    """Tells people what goes on; everything it is given is shown literally, on one line.

    A context manager: leaving it takes the live lines away. At the end of the process they go in any case.

    Args:
        json: standard output belongs to a machine, so people are told on standard error, without live lines.
        out: where to write, for tests; chosen from ``json`` without it.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        *,
        json: bool = False,
        out: rich.console.Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out = out or _standard(sys.stderr if json else sys.stdout)
        self._clock = clock
        self._live = Live(self._out) if self._out.is_terminal and not self._out.is_dumb_terminal and not json else None
        self._transfers: dict[str, _Quarters] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the live lines away, whatever is still open; may be called twice."""
        if self._live:
            self._live.close()

    @contextmanager
    def phase(self, title: str) -> Iterator[None]:
        """A part of the run, with its time at the end; phases may be nested."""
        began, mark, style = self._clock(), "✕", "bold red"
        if self._live:
            self._live.begin(_line(title))
        else:
            self._print(f"{title} ...")
        try:
            yield
            mark, style = "●", "bold"
        finally:
            if self._live:
                self._live.end()
            took = duration(self._clock() - began)
            ending = took if mark == "●" else f"stopped after {took}"
            self._print((f"{mark} ", style), (title, "bold"), (f"  {ending}", "dim"))

    def step(self, text: str) -> None:
        """What is being done now: replaces the last step on a terminal, a line of its own elsewhere."""
        if self._live:
            self._live.step(_line(text))
        else:
            self._print(f"  {text}")

    def line(self, text: str) -> None:
        """A line that stays."""
        self._print(text)

    @contextmanager
    def progress(self, total: int, description: str) -> Iterator[Bar]:
        """Count up to ``total``; advance the bar that comes out."""
        if self._live:
            with self._live.bar(_line(description), total) as bar:
                yield bar
        else:
            yield _Quarters(total, lambda done: self._print(f"  {description}: {count(done)} of {count(total)}"))

    def transfer(self, label: str, done: int, total: int) -> None:
        """So many bytes of something long are here."""
        if self._live:
            self._live.transfer(_line(label), done, total)
            return
        bar = self._transfers.get(label)
        if bar is None or done < bar.done:  # begun, or begun anew
            bar = self._transfers[label] = _Quarters(total, lambda now: self._print(_bytes(label, now, total)))
        bar.advance(done - bar.done)

    def check(self, result: CheckResult) -> None:
        """One functionality check is done."""
        took = "" if result.status is Verdict.SKIPPED else duration(result.seconds)
        self._row(result.status, result.name, took, result.reason)

    def experiment(self, result: Experiment) -> None:
        """One experiment is done."""
        if result.verdict is Verdict.SKIPPED:
            self._row(result.verdict, result.name, "", result.reason)
            return
        rto = with_uncertainty(result.rto_seconds, result.rto_uncertainty_seconds, censored=result.rto_censored)
        answers = result.answers
        told = (
            f"RTO {rto}, unavailable {duration(result.unavailable_seconds)}; "
            f"{answers.ok} ok, {answers.failed} failed, {answers.wrong} wrong, {answers.unknown} unknown"
        )
        if result.durability is not None:
            told += f"; inserts: {inserts(result.durability)}"
        if said := alerts.summary(result.alerts):
            told += f"; {said}"
        self._row(result.verdict, result.full_name, told, result.reason)

    def scaling(self, result: Scaling) -> None:
        """One scaling is done."""
        told = ", ".join(f"{step.way} {step.name} {duration(step.seconds)}" for step in result.steps)
        self._row(result.verdict, result.name, told, result.reason)

    def saturation(self, result: SaturationResult) -> None:
        """One search for the saturation rate is done."""
        found = "no rate" if result.rate_per_second is None else rate(result.rate_per_second)
        limit = f"p{result.percentile:g} ≤ {duration(result.limit_seconds)}"
        self._row(result.verdict, f"{result.engine} saturation", f"{found} meets {limit}", result.reason)

    def verdict(self, results: Results, paths: Sequence[Path] = ()) -> None:
        """The end of a run: its parts, what was missed, the verdict with its reason, the files written."""
        self._print()
        done = [part for part in parts(results) if part.tally.total]
        told = [(p.title, f"{count(p.tally.passed)} of {count(p.tally.total)} {p.good}", p.tally.rest) for p in done]
        if self._live and told:
            self._out.print(_table(told))
        else:
            for title, result, rest in told:
                self._print(f"{title}: {result}" + (f"; {rest}" if rest else ""))
        self._missed(results)
        mark = f"{SYMBOLS[results.verdict]} {results.verdict.value}"
        self._print((mark, STYLES[results.verdict]), f"  {headline(results)}")
        for path in paths:
            self._print((f"  {path}", "dim"))

    def _missed(self, results: Results) -> None:
        missed = [item for item in results.slo if item.verdict in {Verdict.FAIL, Verdict.INCONCLUSIVE}]
        for item in sorted(missed, key=lambda item: SEVERITY[item.verdict])[:OBJECTIVES_SHOWN]:
            limits = f"limit {item.limit}, measured {item.measured}"
            self._row(item.verdict, f"{item.objective}: {item.subject}", limits, "")
        if len(missed) > OBJECTIVES_SHOWN:
            self._print(f"  and {len(missed) - OBJECTIVES_SHOWN} more in the report")

    def _row(self, verdict: Verdict, name: str, told: str, reason: str) -> None:
        """One line; the reason on a second one where there is something to explain."""
        mark = f"  {SYMBOLS[verdict]} {verdict.value:<12} "
        self._print((mark, STYLES[verdict]), f"{name:<{NAME_WIDTH}}  ", told)
        if reason and verdict is not Verdict.PASS:
            self._print((f"{'':17}{reason}", "" if verdict is Verdict.FAIL else "dim"))

    def _print(self, *pieces: str | tuple[str, str]) -> None:
        """One line of text and (text, style), never wrapped; lines above the live ones stay."""
        cleaned = [_line(piece) if isinstance(piece, str) else (_line(piece[0]), piece[1]) for piece in pieces]
        text = Text.assemble(*cleaned)
        text.rstrip()
        self._out.print(text, soft_wrap=True, highlight=False)


class _Quarters:
    """Says how far it is whenever another quarter is done."""

    def __init__(self, total: int, say: Callable[[int], None]) -> None:
        self.done = 0
        self._total, self._say, self._lock = total, say, threading.Lock()

    def advance(self, steps: int = 1) -> None:
        with self._lock:
            before, self.done = self.done, self.done + steps
            if self._total > 0 and self.done * QUARTERS // self._total > before * QUARTERS // self._total:
                self._say(self.done)


def _standard(stream: object) -> rich.console.Console:
    """A console on one of the process's own streams; what its encoding cannot show becomes ``?``."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
    return rich.console.Console(stderr=stream is sys.stderr)


def _table(rows: Sequence[tuple[str, str, str]]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 0))
    for title, result, rest in rows:
        table.add_row(title, result, Text(rest, "yellow" if rest else ""))
    return table


def _bytes(label: str, done: int, total: int) -> str:
    return f"  {label}: {done / MEBIBYTE:.0f} of {total / MEBIBYTE:.0f} MiB"


def _line(text: str) -> str:
    """Any text without line ends and control characters, so that nothing measured can move the cursor."""
    return printable(re.sub(r"[\r\n\t]+", " ", text.replace(NBSP, " ")))

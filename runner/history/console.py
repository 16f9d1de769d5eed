"""History on the terminal: one line for each run."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import rich.console
from rich.table import Table
from rich.text import Text

from runner.console import STYLES, SYMBOLS
from runner.history.runs import RunLine, names
from runner.report.units import NBSP, duration, moment, number, printable

SHOWN = 50  # the latest


def print_history(runs: Sequence[RunLine], unread: Sequence[str], console: rich.console.Console) -> None:
    """Tell it to people; what was measured is shown literally."""
    for line in unread:
        console.print(Text(f"left out: {_clean(line)}", "yellow"), soft_wrap=True)
    if len(runs) > SHOWN:
        console.print(Text(f"{len(runs) - SHOWN} earlier runs are in the page", "dim"))
    engines = names(runs, "geometric_means")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("started", "target", "verdict"):
        table.add_column(title, header_style="dim", no_wrap=True)
    for title in ("SF", *(f"{engine} geometric mean" for engine in engines), "worst p99", "median RTO", "longest RTO"):
        table.add_column(title, header_style="dim", justify="right")
    for run in runs[-SHOWN:]:
        verdict = Text(f"{SYMBOLS[run.verdict]} {run.verdict.value}", STYLES[run.verdict])
        cells = [number(run.scale_factor), *(duration(run.geometric_means.get(engine)) for engine in engines)]
        cells += [duration(max(run.p99.values(), default=None)), *_recoveries(run)]
        table.add_row(moment(run.started_at), _clean(run.target), verdict, *map(_clean, cells))
    console.print(table)


def _recoveries(run: RunLine) -> tuple[str, str]:
    """(median, longest); of a censored one its lower bound."""
    if not run.recoveries:
        return duration(None), duration(None)
    times = list(run.recoveries.values())
    longest = max(times, key=lambda one: (one.seconds, one.censored))
    middle = median(one.seconds for one in times)
    return duration(middle), f"{'> ' if longest.censored else ''}{duration(longest.seconds)}"


def _clean(text: str) -> str:
    return printable(" ".join(text.replace(NBSP, " ").split()))

"""A comparison on the terminal: a table for each engine, one for the rest, and the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import rich.console
from rich.table import Table
from rich.text import Text

from benchmarks.regression import Change
from runner.comparison.model import Comparison, EngineComparison, Measure
from runner.report.comparison import SIGNS, comparison_headline
from runner.report.figures.forest import shown_interval, shown_ratio
from runner.report.units import NBSP, duration, printable

STYLES = {Change.WORSE: "bold red", Change.BETTER: "green", Change.SAME: "dim", Change.CANNOT_TELL: "yellow"}
REASON = 90
PIPED = 200  # columns


def plain_console(*, stderr: bool = False) -> rich.console.Console:
    """A console for tables: as wide as they need where it is no terminal."""
    console = rich.console.Console(stderr=stderr, highlight=False)
    return console if console.is_terminal else rich.console.Console(stderr=stderr, highlight=False, width=PIPED)


def print_comparison(comparison: Comparison, console: rich.console.Console) -> None:
    """Tell it to people; what was measured is shown literally."""
    for text in (*(f"Differs, and was allowed to: {one}" for one in comparison.allowed), *comparison.notes):
        console.print(Text(_clean(text), "yellow"), soft_wrap=True)
    for engine in comparison.engines:
        console.print(_engine(engine))
    if comparison.measures:
        console.print(_measures(comparison.measures))
    change = comparison.change
    console.print(
        Text.assemble(
            (f"{SIGNS[change]} {change.value.upper()}", STYLES[change]), f"  {_clean(comparison_headline(comparison))}"
        ),
        soft_wrap=True,
    )


def _engine(engine: EngineComparison) -> Table:
    table = _table(engine.title, ("query", "base", "new", "ratio", "over the shift", "95 %"))
    whole = [shown_ratio(engine.ratio), "", shown_interval(engine.low, engine.high)]
    table.add_row("all", "", "", *_cells(whole), _verdict(engine.change))
    for query in engine.queries:
        cells = [duration(query.base_seconds), duration(query.new_seconds), shown_ratio(query.ratio)]
        cells += [shown_ratio(query.judged), shown_interval(query.low, query.high)]
        table.add_row(f"Q{query.query}", *_cells(cells), _verdict(query.change, query.reason))
    return table


def _measures(measures: Sequence[Measure]) -> Table:
    table = _table("measured once", ("subject", "measure", "base", "new", "ratio", "bounds"), left=2)
    for one in measures:
        cells = [one.subject, one.name, one.base, one.new, shown_ratio(one.ratio), shown_interval(one.low, one.high)]
        table.add_row(*_cells(cells), _verdict(one.change, one.reason))
    return table


def _table(title: str, columns: Iterable[str], left: int = 1) -> Table:
    table = Table(
        box=None, pad_edge=False, title=Text(_clean(title), "bold"), title_justify="left", padding=(0, 2, 0, 0)
    )
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index < left else "right", no_wrap=index >= left, header_style="dim")
    table.add_column("verdict", no_wrap=True, header_style="dim")
    return table


def _verdict(change: Change, reason: str = "") -> Text:
    text = Text(f"{SIGNS[change]} {change.value}", STYLES[change])
    return text.append(f"  {_clean(reason)[:REASON]}", "dim") if reason else text


def _cells(values: Iterable[str]) -> list[Text]:
    return [Text(_clean(value)) for value in values]


def _clean(text: str) -> str:
    return printable(" ".join(text.replace(NBSP, " ").split()))

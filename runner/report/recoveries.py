"""The table of all faults over many runs, on the terminal and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence

import rich.console
from rich.table import Table
from rich.text import Text

from runner.history.recoveries import FaultLine, Recoveries, Spread
from runner.report.markdown import escaped, markdown_table
from runner.report.units import MINUS, NONE, count, plural, printable

COLUMNS = (
    "Fault",
    ">Confirmed",
    ">Held, s",
    ">Detection, s",
    ">Unavailable, s",
    ">RTO, s",
    ">Full capacity, s",
    ">Right/failed/wrong/unknown",
    ">Inserts broken",
    ">Ready gap, s",
)
"""Those that start with ``>`` are aligned right."""
ON_TERMINALS = (0, 1, 3, 4, 5, 6, 7, 9)
"""Of the columns; there is not room for more."""

NOTE = (
    "Median (least to greatest) over the runs; ± is the greatest uncertainty of any. All times count from the confirmed"
    " injection, so a fault's own hold is part of them. Ready gap: Kubernetes' ready again minus clients served again."
    " Inserts broken: lost or duplicated."
)


def print_recoveries(recoveries: Recoveries, console: rich.console.Console) -> None:
    """Tell it to people; what was measured is shown literally."""
    for unread in recoveries.unread:
        console.print(Text(f"left out: {printable(unread)}", "yellow"), soft_wrap=True)
    for warning in differences(recoveries):
        console.print(Text(printable(warning), "yellow"), soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ON_TERMINALS:
        title, right = COLUMNS[column].removeprefix(">"), COLUMNS[column].startswith(">")
        table.add_column(
            title, header_style="dim", justify="right" if right else "left", no_wrap=not column, overflow="fold"
        )
    for line in carried_out(recoveries):
        told = cells(line)
        table.add_row(*(Text(printable(told[column])) for column in ON_TERMINALS))
    console.print(table)
    for line in never(recoveries):
        console.print(Text(printable(f"SKIPPED {line.name}: {line.reason}"), "dim"), soft_wrap=True)
    console.print(Text(NOTE, "dim"), soft_wrap=True)


def recoveries_markdown(recoveries: Recoveries) -> str:
    """The same as GitHub-flavoured Markdown; everything measured is escaped."""
    rows = [[escaped(cell) for cell in cells(line)] for line in carried_out(recoveries)]
    blocks = [f"{plural(recoveries.runs, 'run')}.", *map(escaped, differences(recoveries))]
    if rows:
        blocks += [markdown_table(COLUMNS, rows, most=None), NOTE]
    skipped = [f"- SKIPPED {escaped(line.name)}: {escaped(line.reason, 400)}" for line in never(recoveries)]
    if skipped:
        blocks.append("\n".join(skipped))
    return "\n\n".join(blocks) + "\n"


def carried_out(recoveries: Recoveries) -> list[FaultLine]:
    """Lines with something to show."""
    return [line for line in recoveries.lines if line.runs]


def never(recoveries: Recoveries) -> list[FaultLine]:
    """Lines of faults that were skipped each time."""
    return [line for line in recoveries.lines if not line.runs]


def differences(recoveries: Recoveries) -> list[str]:
    """A line for each setting that makes the runs unlike each other."""
    return [
        f"Runs of different {what} are in one table: {'; '.join(values)}"
        for what, values in recoveries.settings.items()
    ]


def cells(line: FaultLine) -> Sequence[str]:
    """One line's cells, in the order of ``COLUMNS``."""
    answers = line.answers
    return (
        line.name,
        f"{line.confirmed} of {line.runs}",
        shown(line.held),
        shown(line.detection, 2),
        shown(line.unavailable),
        shown(line.rto, uncertainty=line.rto_uncertainty),
        shown(line.full_capacity),
        "/".join(map(str, (answers.ok, answers.failed, answers.wrong, answers.unknown))),
        count(line.broken),
        shown(line.ready_gap),
    )


def shown(found: Spread | None, decimals: int = 1, uncertainty: float = 0.0) -> str:
    """``34.3 ± 2.1 (33.1–35.9)``; how many were not recovered within the limit, where any were."""
    if found is None:
        return NONE

    def text(value: float) -> str:
        rounded = f"{abs(value):.{decimals}f}"
        return f"{MINUS if value < 0 and float(rounded) else ''}{rounded}"

    late = f"{found.censored} of {found.count} not within the limit" if found.censored else ""
    if math.isinf(found.middle):
        return f"at least {text(found.low)}, {late}"
    said = text(found.middle)
    if uncertainty:
        said += f" ± {uncertainty:.{decimals if uncertainty >= 0.1 else 2}f}"
    if text(found.low) != text(found.high):
        between = "–" if found.low >= 0 else " to "
        said += f" ({text(found.low)}{between}{text(found.high)})"
    return f"{said}, {late}" if late else said

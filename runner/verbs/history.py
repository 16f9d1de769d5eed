"""``python -m runner history``."""

from __future__ import annotations

from pathlib import Path

import click

from runner.comparison.console import plain_console
from runner.errors import BadInput, CouldNotRun, ExitCode
from runner.help import ExampleCommand
from runner.history.console import print_history
from runner.history.runs import HistoryError, read_history
from runner.options import check_output
from runner.report.files import ReportError, write_texts
from runner.report.history import render_history


@click.command(
    cls=ExampleCommand,
    examples=("python -m runner history reports", "python -m runner history reports --output reports"),
)
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=None,
    metavar="DIR",
    help="Where history.html is written. [default: DIRECTORY]",
)
def history(directory: Path, output: Path | None) -> int:
    """Many runs over time: verdicts, TPC-H, latency under load, recovery times.

    DIRECTORY holds results.json files, at any depth. What cannot be read is named and left out.
    """
    try:
        runs, unread = read_history(directory)
    except HistoryError as error:
        raise BadInput(str(error)) from error
    where = output or directory
    check_output(where)
    console = plain_console()
    print_history(runs, unread, console)
    try:
        path = write_texts({"history.html": render_history(runs, unread)}, where)[0]
    except ReportError as error:
        raise CouldNotRun(str(error)) from error
    console.print(f"  {path}", style="dim", soft_wrap=True, markup=False)
    return ExitCode.MET

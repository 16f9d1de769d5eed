"""``python -m runner recoveries``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from runner.comparison.console import plain_console
from runner.errors import BadInput, ExitCode
from runner.help import ExampleCommand
from runner.history.recoveries import read_recoveries
from runner.history.runs import HistoryError
from runner.report.experiments_csv import write_experiments
from runner.report.recoveries import print_recoveries, recoveries_markdown
from runner.report.units import printable


@click.command(
    cls=ExampleCommand,
    examples=(
        "python -m runner recoveries reports",
        "python -m runner recoveries week-46 week-47 --markdown > table.md",
        "python -m runner recoveries reports --csv > experiments.csv",
    ),
)
@click.argument("directories", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DIR...")
@click.option("--markdown", is_flag=True, help="Print Markdown instead.")
@click.option("--csv", "as_csv", is_flag=True, help="Print every single experiment instead, for other programs.")
def recoveries(directories: tuple[Path, ...], *, markdown: bool, as_csv: bool) -> int:
    """Each fault over many runs: median and range of what clients saw.

    Each DIR holds results.json files, at any depth. What cannot be read is named and left out.
    """
    if markdown and as_csv:
        raise click.UsageError("--markdown and --csv are two formats: choose one")
    try:
        if as_csv:
            _tell_unread(write_experiments(directories, sys.stdout))
            return ExitCode.MET
        found = read_recoveries(directories)
    except HistoryError as error:
        raise BadInput(str(error)) from error
    if markdown:
        _tell_unread(found.unread)
        click.echo(recoveries_markdown(found), nl=False)
    else:
        print_recoveries(found, plain_console())
    return ExitCode.MET


def _tell_unread(unread: Sequence[str]) -> None:
    for line in unread:
        click.echo(f"left out: {printable(line)}", err=True)

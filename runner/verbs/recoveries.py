"""``python -m runner recoveries``."""

from __future__ import annotations

from pathlib import Path

import click

from runner.comparison.console import plain_console
from runner.errors import BadInput, ExitCode
from runner.help import ExampleCommand
from runner.history.recoveries import read_recoveries
from runner.history.runs import HistoryError
from runner.report.recoveries import print_recoveries, recoveries_markdown


@click.command(
    cls=ExampleCommand,
    examples=(
        "python -m runner recoveries reports",
        "python -m runner recoveries week-46 week-47 --markdown > table.md",
    ),
)
@click.argument("directories", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DIR...")
@click.option("--markdown", is_flag=True, help="Print Markdown instead.")
def recoveries(directories: tuple[Path, ...], *, markdown: bool) -> int:
    """Each fault over many runs: median and range of what clients saw.

    Each DIR holds results.json files, at any depth. What cannot be read is named and left out.
    """
    try:
        found = read_recoveries(directories)
    except HistoryError as error:
        raise BadInput(str(error)) from error
    if markdown:
        for line in found.unread:
            click.echo(f"left out: {line}", err=True)
        click.echo(recoveries_markdown(found), nl=False)
    else:
        print_recoveries(found, plain_console())
    return ExitCode.MET

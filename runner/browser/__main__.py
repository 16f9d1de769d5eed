"""``python -m runner.browser``: the README's pictures, from the results of a run."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from runner.browser.devtools import BrowserError
from runner.browser.pictures import take_pictures
from runner.errors import ExitCode
from runner.report import ReportError, load_results


@click.command()
@click.argument("results", type=click.Path(path_type=Path), default=Path("report"))
@click.option(
    "--output", type=click.Path(path_type=Path), default=Path("docs/images"), show_default=True, help="Directory."
)
@click.option("--experiment", default="", help="Whose timeline to show; default: the longest outage with a recovery.")
def main(results: Path, output: Path, experiment: str) -> None:
    """Pictures of RESULTS, a results.json or a directory with one: the report's head and a timeline, light and dark."""
    try:
        for path in take_pictures(load_results(results), output, experiment):
            click.echo(f"{path} ({path.stat().st_size // 1024} KiB)")
    except ReportError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(ExitCode.BAD_INPUT)
    except BrowserError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(ExitCode.COULD_NOT_RUN)


if __name__ == "__main__":
    main()

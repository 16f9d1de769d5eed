"""``python -m runner compare``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from benchmarks.regression import MARGIN, Change
from runner.comparison.alike import ALLOWANCES
from runner.comparison.compare import COARSE_MARGIN, CompareError, compare
from runner.comparison.console import plain_console, print_comparison
from runner.comparison.model import Comparison
from runner.comparison.sides import load_side
from runner.errors import BadInput, CouldNotRun, ExitCode
from runner.help import ExampleCommand
from runner.options import Positive, check_output
from runner.report.comparison_page import render_comparison
from runner.report.files import ReportError, write_texts

EXIT_CODES = {
    Change.WORSE: ExitCode.FAILED,
    Change.BETTER: ExitCode.MET,
    Change.SAME: ExitCode.MET,
    Change.CANNOT_TELL: ExitCode.COULD_NOT_RUN,
}


class Allowances(click.ParamType[frozenset[str]]):
    """Names of differences: ``hardware,version``."""

    name = "names"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> frozenset[str]:
        """Split and check."""
        if isinstance(value, frozenset):
            return value
        names = frozenset(part.strip() for part in str(value).split(",") if part.strip())
        if unknown := sorted(names - set(ALLOWANCES)):
            self.fail(f"unknown difference {unknown[0]!r}; choose from {', '.join(ALLOWANCES)}", param, ctx)
        return names


allow_option = click.option(
    "--allow",
    type=Allowances(),
    default="",
    metavar="LIST",
    help=f"Differences between the runs that are meant: {', '.join(ALLOWANCES)}.",
)


@click.command(
    "compare",
    cls=ExampleCommand,
    examples=(
        "python -m runner compare main/results.json report/results.json",
        "python -m runner compare runs/before runs/after --margin 0.05 --output report/comparison",
        "python -m runner compare old/results.json new/results.json --allow version,hardware",
    ),
)
@click.argument("base", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("report/comparison"),
    show_default=True,
    metavar="DIR",
    help="Where comparison.html and comparison.json are written.",
)
@allow_option
@click.option(
    "--margin",
    type=Positive("a margin", largest=10, example="0.1"),
    default=MARGIN,
    show_default=True,
    metavar="M",
    help="Smallest change of a query's time that is worth a verdict; 0.1 is 10 %.",
)
@click.option(
    "--coarse-margin",
    type=Positive("a margin", largest=100, example="0.5"),
    default=COARSE_MARGIN,
    show_default=True,
    metavar="M",
    help="The same for what a run measures once: load, recovery.",
)
@click.option("--json", is_flag=True, help="Print the comparison document to standard output, the tables to stderr.")
def compare_runs(
    *, base: Path, new: Path, output: Path, allow: frozenset[str], margin: float, coarse_margin: float, json: bool
) -> int:
    """Two runs side by side.

    BASE and NEW are results.json files, directories that hold one, or directories of several runs of the same thing.

    Exit codes: 0 nothing is worse, 1 something is, 2 not comparable, 3 nothing can be told.
    """
    sides = load_side(base), load_side(new)
    try:
        comparison = compare(*sides, margin=margin, coarse_margin=coarse_margin, allow=allow)
    except CompareError as error:
        raise BadInput(str(error)) from error
    check_output(output)
    console = plain_console(stderr=json)
    print_comparison(comparison, console)
    for path in write_comparison(comparison, output):
        console.print(f"  {path}", style="dim", soft_wrap=True, markup=False)
    if json:
        sys.stdout.write(comparison.to_json())
    return EXIT_CODES[comparison.change]


def write_comparison(comparison: Comparison, directory: Path) -> list[Path]:
    """Write ``comparison.json`` and ``comparison.html``.

    Raises:
        CouldNotRun: the directory cannot be written to.
    """
    texts = {"comparison.json": comparison.to_json(), "comparison.html": render_comparison(comparison)}
    try:
        return write_texts(texts, directory)
    except ReportError as error:
        raise CouldNotRun(str(error)) from error

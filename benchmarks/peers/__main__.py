"""``python -m benchmarks.peers``: this project beside its peers, on the same work in one run."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.peers.generation import compare_generation
from benchmarks.peers.model import Cell, Row, to_json, to_markdown
from benchmarks.peers.overhead import NAME, VERSION, compare_overhead
from benchmarks.peers.stall import compare_stall
from benchmarks.tpch.data import scale_factor
from targets.base import TargetError

COULD_NOT_RUN = 3
PARTS = ("generation", "overhead", "load")


class Factor(click.ParamType[float]):
    """A scale factor."""

    name = "number"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Check it."""
        try:
            return scale_factor(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--scale-factor", "factor", type=Factor(), default=0.1, show_default=True, help="Of TPC-H.")
@click.option("--repeats", type=click.IntRange(1, 100), default=5, show_default=True, help="Of each query.")
@click.option("--seconds", type=click.FloatRange(5, 600), default=15.0, show_default=True, help="Of the load.")
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, help="Only this; may be given several times.")
@click.option("--environments", type=click.Path(path_type=Path), default=Path("build/peers"), show_default=True)
@click.option("--output", type=click.Path(path_type=Path), default=Path("report/peers"), show_default=True)
def main(
    *, factor: float, repeats: int, seconds: float, parts: tuple[str, ...], environments: Path, output: Path
) -> None:
    """Measure the same work here and with peers from the package registry; what cannot be measured says why."""
    console = Console(highlight=False)
    environments = environments.absolute()
    found: list[Row] = []
    try:
        output.mkdir(parents=True, exist_ok=True)
        for part in parts or PARTS:
            console.print(f"{part} ...")
            found += _part(part, factor, repeats, seconds, environments)
        (output / "peers.json").write_text(to_json(found, machine()), encoding="utf-8")
        (output / "peers.md").write_text(to_markdown(found, machine()), encoding="utf-8")
    except (TargetError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(COULD_NOT_RUN)
    console.print(_table(found))


def _part(part: str, factor: float, repeats: int, seconds: float, environments: Path) -> list[Row]:
    if part == "generation":
        return [compare_generation(factor), _no_generator()]
    if part == "overhead":
        return compare_overhead(factor, repeats, environments)
    return compare_stall(seconds, environments)


def _no_generator() -> Row:
    """What tpch-runner's own description says of generation and loading."""
    return Row(
        "generate and load TPC-H into Trino and ClickHouse",
        Cell("both, by this project's loader (see the report of a benchmark)"),
        f"{NAME} {VERSION}",
        Cell(skipped="it has no generator of its own, and knows neither engine"),
    )


def machine() -> str:
    """What the figures hold for; no names."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{platform.machine()}, {os.cpu_count()} processors, {platform.system()} {platform.release()}, {python}"


def _table(rows: list[Row]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0))
    for column in ("work", "truth", "here", "peer", "there"):
        table.add_column(column)
    for row in rows:
        table.add_row(row.work, row.truth or "–", row.ours.shown, row.peer, row.theirs.shown)
    return table


if __name__ == "__main__":
    main()

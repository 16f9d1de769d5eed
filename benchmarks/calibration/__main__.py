"""``python -m benchmarks.calibration``: how far off what we measure is, with Locust beside it where it is installed."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.calibration.document import FILE, Calibration, LocustFigures, keep, locust_figures
from benchmarks.calibration.endpoint import ScriptedEndpoint, scripted_endpoint
from benchmarks.calibration.measures import STALL_RATE, STALL_SECONDS, measure_edges, measure_rate, measure_stall
from benchmarks.calibration.peer import PeerError, run_locust, startup_seconds
from benchmarks.processes import GeneratorError
from targets.base import TargetError

OFF, COULD_NOT_RUN = 1, 3
SHORTEST = math.ceil(2 * STALL_SECONDS)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--locust", type=click.Path(path_type=Path), default=None, metavar="PYTHON", help="Of an environment with Locust."
)
@click.option(
    "--seconds",
    type=click.IntRange(SHORTEST, 600),
    default=15,
    show_default=True,
    help="Of the run with the stall, and of Locust's.",
)
@click.option(
    "--outages", type=click.IntRange(1, 100), default=8, show_default=True, help="Outages whose edges are sought."
)
@click.option("--output", type=click.Path(path_type=Path), default=Path("report/calibration"), show_default=True)
@click.option("--keep/--no-keep", "keeping", default=True, help="Show the figures in later reports of this machine.")
def main(*, locust: Path | None, seconds: int, outages: int, output: Path, keeping: bool) -> None:
    """Measure a scripted endpoint whose behaviour is known.

    Exit codes: 0 what is measured is as close as promised, 1 it is not, 2 bad input, 3 could not run.
    """
    console = Console(highlight=False)
    try:
        output.mkdir(parents=True, exist_ok=True)
        found = calibrate(console, locust, seconds, outages)
        (output / FILE).write_text(found.to_json(), encoding="utf-8")
        (output / "calibration.md").write_text(markdown(found), encoding="utf-8")
        if keeping:
            keep(found)
    except (GeneratorError, TargetError, TimeoutError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(COULD_NOT_RUN)
    console.print(_table(found))
    if found.locust_reason:
        console.print(f"Locust: SKIPPED, {found.locust_reason}", markup=False)
    sys.exit(0 if found.met else OFF)


def calibrate(console: Console, locust: Path | None, seconds: float, outages: int) -> Calibration:
    """All measures, one after the other, on one endpoint.

    Raises:
        GeneratorError, TimeoutError: a process of the calibration did not work.
    """
    with scripted_endpoint() as endpoint:
        console.print(f"A stall of {STALL_SECONDS:g} s at {STALL_RATE:g}/s ...")
        stall = measure_stall(endpoint, duration=seconds)
        console.print(f"The edges of {outages} outages ...")
        edges = measure_edges(endpoint, outages=outages)
        console.print("The highest rate of one process ...")
        rate = measure_rate(endpoint, tell=lambda line: console.print(f"  {line}"))
        peer = _peer(console, endpoint, locust, seconds)
        return Calibration.of(stall, edges, rate, peer, measured_at=time.time())


def _peer(console: Console, endpoint: ScriptedEndpoint, python: Path | None, seconds: float) -> LocustFigures | str:
    if python is None:
        return "no environment of it was named; make calibrate makes one"
    console.print("Locust on the same endpoint ...")
    try:
        startup = startup_seconds(python, endpoint)
        stalled = run_locust(python, endpoint, rate=STALL_RATE, duration=seconds, stall=STALL_SECONDS)
        fastest = run_locust(python, endpoint, rate=0, duration=seconds, startup=startup)
    except PeerError as error:
        return str(error)
    return locust_figures(stalled, fastest)


def markdown(found: Calibration) -> str:
    """The table as Markdown."""
    version = f"Locust {found.locust.version}" if found.locust else f"Locust (skipped: {found.locust_reason})"
    head = f"| what | truth | measured | {version} |\n| --- | ---: | ---: | ---: |\n"
    rows = "".join(f"| {' | '.join(cell or '–' for cell in row)} |\n" for row in found.rows())
    return f"{head}{rows}\n{found.machine}\n"


def _table(found: Calibration) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("what", "truth", "measured", "Locust"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for row in found.rows():
        table.add_row(*(cell or "–" for cell in row))
    return table


if __name__ == "__main__":
    main()

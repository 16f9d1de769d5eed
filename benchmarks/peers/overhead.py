"""What a tool adds to a query, and whether it notices a wrong answer: both on one DuckDB database."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import duckdb

from benchmarks.peers.duck import DuckEngine, make_database
from benchmarks.peers.environments import PeerError, environment, run
from benchmarks.peers.model import Cell, Row
from benchmarks.tpch.compare import problem
from benchmarks.tpch.data import dataset
from benchmarks.tpch.model import Expected
from benchmarks.tpch.oracle import DuckDbOracle
from benchmarks.tpch.power import Execution, run_queries
from benchmarks.tpch.queries import QUERY_NUMBERS, query

NAME = "tpch-runner"
VERSION = "1.0.1"
DRIVER = Path(__file__).with_name("tpch_runner_driver.py")
DRIVER_SECONDS = 1200
DATABASE = "tpch.duckdb"  # the name that tpch-runner expects
SPOIL = "DELETE FROM lineitem WHERE rowid % 500 = 0"


@dataclass(frozen=True, slots=True)
class Timed:
    """One query: DuckDB's own time without any tool, the tool's figure, and all that the tool took (seconds)."""

    raw: float
    reported: float
    wall: float
    noticed: bool = False


def compare_overhead(factor: float, repeats: int, environments: Path) -> list[Row]:
    """Overhead and validation, here and in tpch-runner."""
    data = dataset(factor)
    with tempfile.TemporaryDirectory(prefix="peers-") as name:
        directory = Path(name)
        make_database(directory / DATABASE, data)
        oracle = DuckDbOracle(data)
        expected = {number: oracle.expected(number) for number in QUERY_NUMBERS}
        before = _answers(directory)
        ours, theirs = _ours(directory, repeats, expected), _theirs(directory, repeats, environments)
        with duckdb.connect(str(directory / DATABASE)) as connection:
            connection.execute(SPOIL)
        changed = [number for number, answer in _answers(directory).items() if answer != before[number]]
        spoilt = _ours(directory, 1, expected), _theirs(directory, 1, environments)
    return [
        Row(
            work=f"22 queries on DuckDB, scale factor {factor:g}: added to each by the tool; of that in its own figure",
            ours=_added(ours),
            peer=f"{NAME} {VERSION} (its package has no queries: given these)",
            theirs=_added(theirs),
        ),
        Row(
            work="wrong answers noticed, after 0.2 % of lineitem were deleted",
            truth=f"{len(changed)} queries answer differently",
            ours=_noticed(spoilt[0], changed),
            peer=f"{NAME} {VERSION}",
            theirs=_noticed(spoilt[1], changed),
        ),
    ]


def _answers(directory: Path) -> dict[int, object]:
    with duckdb.connect(str(directory / DATABASE), read_only=True) as connection:
        return {number: connection.execute(query(number).sql).fetchall() for number in QUERY_NUMBERS}


def _ours(directory: Path, repeats: int, expected: dict[int, Expected]) -> dict[int, list[Timed]]:
    """In this process: DuckDB alone and through the power test, in turn."""
    engine = DuckEngine(directory / DATABASE)
    found: dict[int, list[Timed]] = {number: [] for number in QUERY_NUMBERS}
    for _ in range(repeats):
        for number in QUERY_NUMBERS:
            with duckdb.connect(str(directory / DATABASE)) as connection:
                connection.execute(query(number).sql).fetchall()  # what is cold for one is cold for both
                began = time.perf_counter()
                connection.execute(query(number).sql).fetchall()
                raw = time.perf_counter() - began
            began = time.perf_counter()
            result = run_queries(
                engine,
                [number],
                Execution(warmups=0, iterations=1),
                statement=lambda asked: engine.tpch_sql(query(asked), 1.0),
                judge=lambda asked: lambda answer: problem(expected[asked], answer),
            )[0]
            wall = time.perf_counter() - began
            found[number].append(Timed(raw, sum(result.seconds), wall, noticed=not result.valid))
    return found


def _theirs(directory: Path, repeats: int, environments: Path) -> dict[int, list[Timed]] | str:
    """In a process of the peer's environment; why not, where that fails."""
    home = environments / "home"
    (home / "data" / "tpch_runner").mkdir(parents=True, exist_ok=True)  # it makes the directories below alone
    try:
        python = environment(environments / NAME, [f"{NAME}=={VERSION}", f"duckdb=={duckdb.__version__}"])
        driver = str(shutil.copy(DRIVER, directory))  # away from this project's own modules
        command = [str(python), driver, str(directory), str(repeats)]
        told = run(command, NAME, DRIVER_SECONDS, cwd=directory, env={**os.environ, "HOME": str(home)})
        figures = json.loads(told.splitlines()[-1])
    except (PeerError, ValueError, IndexError) as error:
        return str(error)
    return {int(number): [Timed(*timed) for timed in many] for number, many in figures.items()}


def _added(found: dict[int, list[Timed]] | str) -> Cell:
    if isinstance(found, str):
        return Cell(skipped=found)
    wall = median(median(one.wall - one.raw for one in many) for many in found.values())
    reported = median(median(one.reported - one.raw for one in many) for many in found.values())
    text = f"{wall * 1e3:.2f} ms; {reported * 1e3:.2f} ms"
    return Cell(text, {"wall_seconds": wall, "reported_seconds": reported})


def _noticed(found: dict[int, list[Timed]] | str, changed: Sequence[int]) -> Cell:
    if isinstance(found, str):
        return Cell(skipped=found)
    noticed = [number for number in changed if any(one.noticed for one in found[number])]
    return Cell(f"{len(noticed)} of {len(changed)}", {"noticed": float(len(noticed)), "changed": float(len(changed))})

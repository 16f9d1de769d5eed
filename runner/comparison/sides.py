"""One side of a comparison: a run, or several runs of the same thing taken together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.statistics import Sample
from runner.errors import BadInput
from runner.report.files import RESULTS_FILE, ReportError, load_results
from runner.results import Benchmark, QueryResult, Results

MOST_RUNS = 1_000


@dataclass(frozen=True, slots=True)
class Side:
    """Documents with the files they were read from, in the order of their beginning."""

    runs: tuple[Results, ...]
    files: tuple[Path, ...]

    @property
    def first(self) -> Results:
        """The run that speaks for all."""
        return self.runs[0]

    def benchmarks(self) -> dict[str, list[Benchmark]]:
        """Power runs by engine."""
        found: dict[str, list[Benchmark]] = {}
        for run in self.runs:
            for benchmark in run.benchmarks:
                found.setdefault(benchmark.engine, []).append(benchmark)
        return found


def load_side(path: Path) -> Side:
    """Read one side.

    Args:
        path: a results document, a directory with one, or a directory with directories of them: several runs.

    Raises:
        BadInput: nothing there, or not a results document.
    """
    files = [path]
    if path.is_dir() and not (path / RESULTS_FILE).exists():
        files = find_documents(path)
        if not files:
            raise BadInput(f"{path}: no {RESULTS_FILE} in it; name the {RESULTS_FILE} of a run")
    try:
        runs = sorted(((load_results(file), file) for file in files), key=lambda pair: pair[0].environment.started_at)
    except ReportError as error:
        raise BadInput(str(error)) from error
    return Side(tuple(run for run, _ in runs), tuple(file for _, file in runs))


def find_documents(directory: Path) -> list[Path]:
    """Results documents in a directory and below it, by path.

    Raises:
        BadInput: more than ``MOST_RUNS`` of them.
    """
    found: list[Path] = []
    for file in directory.rglob(RESULTS_FILE):
        if file.is_file():
            found.append(file)
        if len(found) > MOST_RUNS:
            raise BadInput(f"{directory}: more than {MOST_RUNS} runs; name a directory with fewer")
    return sorted(found)


def sample(results: Sequence[QueryResult]) -> Sample:
    """Hot executions of one query in groups: one for each process start of each run. No time is not a time."""
    groups = [[seconds for seconds in group if seconds > 0] for result in results for group in hot_groups(result)]
    return [group for group in groups if group]


def hot_groups(result: QueryResult) -> list[list[float]]:
    """Timed executions of one run by process start, without a first one that no warm-up preceded: it was cold.

    A run of several restarts says so in ``rounds`` and holds as many executions of each, one after the other.
    """
    rounds = max(1, int(getattr(result, "rounds", 1)))
    size = -(-len(result.seconds) // rounds)
    groups = [list(result.seconds[start : start + size]) for start in range(0, len(result.seconds), max(1, size))]
    if rounds == 1 or result.warmup_seconds:
        return groups
    return [group[1:] if len(group) > 1 else group for group in groups]

"""What each run of a directory comes to, in the order of their beginning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import geometric_mean, median

from runner.comparison.alike import versions
from runner.comparison.sides import find_documents, hot_groups
from runner.errors import BadInput
from runner.report.files import ReportError, load_results
from runner.report.headline import parts
from runner.results import Benchmark, Results, Verdict


class HistoryError(Exception):
    """There is no history: one line that says why and what to do instead."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """One recovery time in seconds; censored: not recovered within it."""

    seconds: float
    censored: bool


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run, as far as it can be followed from run to run.

    Attributes:
        file: its document.
        started_at: seconds since the epoch.
        target: what it ran on.
        command: what was run.
        verdict: of the whole.
        setting: all that must be alike for times to be comparable: machine, scale factor, engines.
        scale_factor: of TPC-H.
        passed: (passed, carried out) of each part, by its title.
        geometric_means: seconds, by engine; over the queries that had right answers.
        queries: how many those are, by engine.
        p99: seconds of corrected latency, by ``engine at rate``.
        recoveries: by the experiment's name.
    """

    file: Path
    started_at: float
    target: str
    command: str
    verdict: Verdict
    setting: tuple[str, ...]
    scale_factor: float
    passed: dict[str, tuple[int, int]] = field(default_factory=dict)
    geometric_means: dict[str, float] = field(default_factory=dict)
    queries: dict[str, int] = field(default_factory=dict)
    p99: dict[str, float] = field(default_factory=dict)
    recoveries: dict[str, Recovery] = field(default_factory=dict)


def read_history(directory: Path) -> tuple[list[RunLine], list[str]]:
    """Read all runs below a directory; nothing but their lines is kept in memory.

    Returns:
        The runs, the earliest first, and a line about each document that could not be read.

    Raises:
        HistoryError: not a directory, too many runs, or not one that can be read.
    """
    unread: list[str] = []
    runs = [run_line(results, file) for file, results in each_run([directory], unread)]
    if not runs:
        more = f"; {unread[0]}" if unread else ""
        raise HistoryError(f"{directory}: no run in it{more or '; name a directory that holds results.json files'}")
    return sorted(runs, key=lambda run: run.started_at), unread


def each_run(directories: Iterable[Path], unread: list[str]) -> Iterator[tuple[Path, Results]]:
    """Every run below the directories, once, one at a time; what cannot be read becomes a line of ``unread``.

    Raises:
        HistoryError: not a directory, or too many runs.
    """
    files: dict[Path, None] = {}
    for directory in directories:
        if not directory.is_dir():
            raise HistoryError(f"{directory}: no such directory; name one that holds the reports of several runs")
        try:
            files.update(dict.fromkeys(find_documents(directory)))
        except BadInput as error:
            raise HistoryError(str(error)) from error
    for file in files:
        try:
            yield file, load_results(file)
        except ReportError as error:
            unread.append(str(error))


def run_line(results: Results, file: Path) -> RunLine:
    """What one run comes to."""
    environment = results.environment
    means = {benchmark.engine: _right_medians(benchmark) for benchmark in results.benchmarks}
    return RunLine(
        file=file,
        started_at=environment.started_at,
        target=results.target,
        command=results.command,
        verdict=results.verdict,
        setting=(
            f"{environment.platform}, {environment.cpus} processors",
            f"scale factor {environment.scale_factor:g}",
            *versions(environment).values(),
        ),
        scale_factor=environment.scale_factor,
        passed={
            part.title: (part.tally.passed, part.tally.total - part.tally.skipped)
            for part in parts(results)
            if part.tally.total
        },
        geometric_means={engine: geometric_mean(medians) for engine, medians in means.items() if medians},
        queries={engine: len(medians) for engine, medians in means.items() if medians},
        p99={f"{load.engine} at {load.rate_per_second:g}/s": p for load in results.loads if (p := load.corrected.p99)},
        recoveries={
            one.name: Recovery(one.rto_seconds, one.rto_censored)
            for one in results.experiments
            if one.rto_seconds is not None
        },
    )


def _right_medians(benchmark: Benchmark) -> list[float]:
    """Hot medians of the queries that had right answers."""
    hot = [[s for group in hot_groups(query) for s in group] for query in benchmark.queries if query.valid]
    return [median(seconds) for seconds in hot if seconds]


def names(runs: Sequence[RunLine], part: str) -> list[str]:
    """Everything that any run has in ``geometric_means``, ``p99`` or ``recoveries``, in the order of appearance."""
    return list(dict.fromkeys(name for run in runs for name in getattr(run, part)))

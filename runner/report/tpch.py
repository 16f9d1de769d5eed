"""What a power run or a throughput test comes to, in words; the same in every report and on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from runner.report.units import NBSP, count, duration, plural, size
from runner.results import Benchmark, Interval, QueryResult, Stream, StreamQuery, Throughput, Verdict

NOTE = "Derived from TPC-H; not comparable to published TPC-H results."


def interval(found: Interval | None) -> str:
    """``95 %: 1.20 s – 1.31 s``; a dash where there is none."""
    if found is None:
        return "–"
    return f"{found.confidence * 100:g}{NBSP}%: {duration(found.low)} – {duration(found.high)}"


def over(benchmark: Benchmark) -> str:
    """What the intervals of a power run rest on; empty where there are none."""
    found = next((query.interval for query in benchmark.queries if query.interval), None)
    if found is None:
        return ""
    if found.over == "restarts":
        return f"over {plural(len(benchmark.restarts), 'restart')}"
    return "over the iterations of one process, so they say nothing about another start"


@dataclass(frozen=True, slots=True)
class Told:
    """What an engine tells of one query: medians over its iterations, ``None`` where it does not tell.

    ``overhead`` is the median of what a client waits beyond the engine's own time, in seconds.
    """

    elapsed: float | None
    overhead: float | None
    cpu: float | None
    queued: float | None
    rows: float | None
    bytes_: float | None
    memory: float | None


def told(query: QueryResult) -> Told:
    """Summarise what the engine told."""
    pairs = zip(query.seconds, query.engine_seconds, strict=False)
    every = query.statistics
    return Told(
        elapsed=_median(query.engine_seconds),
        overhead=_median([client - engine for client, engine in pairs if engine is not None]),
        cpu=_median(one.cpu_seconds for one in every),
        queued=_median(one.queued_seconds for one in every),
        rows=_median(one.rows_read for one in every),
        bytes_=_median(one.bytes_read for one in every),
        memory=_median(one.peak_memory_bytes for one in every),
    )


def power_line(benchmark: Benchmark) -> str:
    """One line for the terminal."""
    if benchmark.geometric_mean_seconds is None:
        return f"{benchmark.title}: no geometric mean, since not every query has a right answer and a hot iteration"
    parts = [
        f"geometric mean {duration(benchmark.geometric_mean_seconds)}{_within(benchmark.geometric_mean_interval)}",
        f"sum {duration(benchmark.sum_seconds)}{_within(benchmark.sum_interval)}",
    ]
    if basis := over(benchmark):
        parts.append(f"intervals {basis}")
    return f"{benchmark.title}: {', '.join(parts)}"


def throughput_line(item: Throughput) -> str:
    """One line for the terminal."""
    if item.problem:
        return f"{item.title}: {item.problem}"
    rate = "no rate, since something failed or was wrong"
    if item.queries_per_hour is not None:
        rate = f"{hourly(item.queries_per_hour)} queries per hour"
    return f"{item.title}: {plural(len(item.streams), 'stream')} in {duration(item.seconds)}, {rate}; {refreshed(item)}"


def refreshed(item: Throughput) -> str:
    """What the refresh stream did, or why there was none."""
    if not item.refreshes:
        return f"no refresh functions: {item.without_refresh or 'none were asked for'}"
    failed = sum(bool(run.problem) for run in item.refreshes)
    parts = [
        f"{name} {duration(_median(run.seconds for run in item.refreshes if run.function == name))}"
        for name in ("RF1", "RF2")
    ]
    done = plural(len(item.refreshes), "refresh function")
    return f"{done} ({', '.join(parts)}{f', {failed} failed' if failed else ''})"


def amount(bytes_: float | None) -> str:
    """A number of bytes; a dash where nobody told."""
    return "–" if bytes_ is None else size(round(bytes_))


def hourly(queries_per_hour: float | None) -> str:
    """A rate; a dash where there is none."""
    return "–" if queries_per_hour is None else count(round(queries_per_hour))


def trouble(item: Throughput) -> list[str]:
    """Everything that went wrong in a throughput test, one line each."""
    lines = [f"{item.title}: {item.problem}"] if item.problem else []
    lines += [
        f"{item.title}, stream {stream.stream}, Q{query.query}: {query.problem}"
        for stream in item.streams
        for query in stream.queries
        if query.problem
    ]
    return lines + [
        f"{item.title}, {run.function} of pair {run.pair}: {run.problem}" for run in item.refreshes if run.problem
    ]


def caches(benchmark: Benchmark) -> str:
    """How the engine was started anew and what went of its caches, each wording once."""
    methods = "; ".join(dict.fromkeys(one.method for one in benchmark.restarts))
    dropped = "; ".join(dict.fromkeys(one.caches for one in benchmark.restarts))
    back = duration(_median(one.seconds for one in benchmark.restarts))
    return f"{methods}, back after {back} (median); caches: {dropped}"


def compared(streams: Iterable[Stream]) -> tuple[int, int, int]:
    """Answers that were right, that were wrong or failed, and that could not be compared."""
    queries = [query for stream in streams for query in stream.queries]
    verdicts = [judgement(query) for query in queries]
    return tuple(verdicts.count(one) for one in (Verdict.PASS, Verdict.FAIL, Verdict.SKIPPED))  # type: ignore[return-value]


def judgement(query: StreamQuery) -> Verdict:
    """PASS for a right answer, SKIPPED for one that nothing could be compared with."""
    if query.problem:
        return Verdict.FAIL
    return Verdict.SKIPPED if query.checked == "no" else Verdict.PASS


def _within(found: Interval | None) -> str:
    return f" ({interval(found)})" if found else ""


def _median(values: Iterable[float | None]) -> float | None:
    known: Sequence[float] = [value for value in values if value is not None]
    return median(known) if known else None

"""What the script tells: a JSON document and a table for people. Nothing secret in either."""

from __future__ import annotations

import json
import statistics
import sys
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.tpch.model import LoadingResult, QueryResult, geometric_mean
from runner.presto.options import STANDARD_OUTPUT, Request
from targets.cache import write_atomically

SCHEMA_VERSION = "1"
NOTE = "Derived from TPC-H; not comparable to published TPC-H results."


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything one run of the script came to. ``oracle`` is empty where answers were not compared."""

    request: Request
    server: str
    version: str
    started_at: float
    oracle: str
    loading: LoadingResult | None
    adapted: tuple[str, ...]
    queries: tuple[QueryResult, ...]

    @property
    def good(self) -> bool:
        """Every query ran, and every answer that was compared was right."""
        return not any(query.problem for query in self.queries)


def document(measured: Measured) -> str:
    """The JSON document. Durations in seconds, ``startedAt`` in seconds since the epoch."""
    request = measured.request
    content = {
        "schemaVersion": SCHEMA_VERSION,
        "note": NOTE,
        "server": measured.server,
        "version": measured.version,
        "catalog": request.place.catalog if request.place else None,
        "schema": request.place.schema if request.place else None,
        "scaleFactor": request.factor,
        "startedAt": measured.started_at,
        "validated": bool(measured.oracle),
        "oracle": measured.oracle,
        "notValidatedBecause": request.unvalidated,
        "adaptedTables": measured.adapted,
        "loading": asdict(measured.loading) if measured.loading else None,
        "queries": [_query(query, validated=bool(measured.oracle)) for query in measured.queries],
        "geometricMeanSeconds": geometric_mean(measured.queries),
        "passed": measured.good,
    }
    return json.dumps(content, indent=1) + "\n"


def _query(query: QueryResult, *, validated: bool) -> dict[str, object]:
    return {
        "query": query.query,
        "seconds": query.seconds,
        "warmupSeconds": query.warmup_seconds,
        "engineSeconds": query.engine_seconds,
        "rows": query.rows,
        "valid": query.valid if validated else None,
        "problem": query.problem,
    }


def write(measured: Measured) -> None:
    """Write the document where it was asked for.

    Raises:
        OSError: the file cannot be written.
    """
    output = measured.request.output
    if output == STANDARD_OUTPUT:
        sys.stdout.write(document(measured))
    elif output is not None:
        write_atomically(output, document(measured))


def show(measured: Measured) -> None:
    """Print table, problems and what was or was not validated; to standard error where the document has the other."""
    console = Console(stderr=measured.request.output == STANDARD_OUTPUT, highlight=False, soft_wrap=True)
    console.print(_table(measured))
    for query in measured.queries:
        if query.problem:
            console.print(f"Q{query.query}: {query.problem}", markup=False, style="red")
    console.print(_summary(measured), markup=False)


def _table(measured: Measured) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("query", "cold", "hot median", "hot best", "rows", "answer"):
        table.add_column(heading, justify="left" if heading in {"query", "answer"} else "right")
    for query in measured.queries:
        table.add_row(
            f"Q{query.query}",
            _seconds(query.cold_seconds),
            _seconds(statistics.median(query.hot_seconds) if query.hot_seconds else None),
            _seconds(min(query.hot_seconds, default=None)),
            "-" if query.rows is None else str(query.rows),
            _judgement(query, measured),
        )
    return table


def _judgement(query: QueryResult, measured: Measured) -> str:
    execution = measured.request.execution
    if len(query.warmup_seconds) + len(query.seconds) < execution.warmups + execution.iterations:
        return "[red]failed[/red]"
    if query.problem:
        return "[red]wrong[/red]"
    return "right" if measured.oracle else "not validated"


def _summary(measured: Measured) -> str:
    bad = sum(bool(query.problem) for query in measured.queries)
    mean = geometric_mean(measured.queries)
    parts = [
        f"{measured.server} (Trino {measured.version})",
        f"{len(measured.queries) - bad} of {len(measured.queries)} queries fine",
        f"geometric mean of hot medians {mean:.3f} s" if mean is not None else "no geometric mean",
        f"answers compared with {measured.oracle}"
        if measured.oracle
        else f"NOT VALIDATED: {measured.request.unvalidated}",
    ]
    if measured.adapted:
        parts.append("the tables lack standard names or decimals, so each query renames and casts (timed with it)")
    return "; ".join(parts) + f". {NOTE}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f} s"

"""The refresh functions RF1 (new sales) and RF2 (old sales): their rows, and a run of each that counts them.

Source: TPC-H specification 3.0.1, clauses 2.5 to 2.7 (scale factor times 1500 orders with one to seven lineitems each
are inserted, as many deleted) and 4.2.3 (order keys use 8 of every 32; the rest is left for inserts). Rows and keys of
a set depend on the data set, its number and a seed alone. Two deviations: new orders repeat those of a stretch of the
data set under new keys, so that every distribution and every rule between columns holds without dbgen's update
streams; and an engine without transactions inserts both tables one after the other.
"""

from __future__ import annotations

import hashlib
import json
import random
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import duckdb
import pyarrow
import pyarrow.parquet
from pyarrow.lib import ArrowException

from benchmarks.tpch.data import BYTES_PER_UNIT, DatasetError, identity
from benchmarks.tpch.views import connect
from engines import Dataset, Engine, EngineError, RefreshSet
from engines.tpch import schema_name
from targets.cache import cache_directory, cache_errors, cache_lock, require_space

FORMAT = 1  # of the kept files
LARGEST_STREAM = 1000
LOCK_SECONDS = 900.0
_SHARE = 1 / 1000  # of the orders, which is 1500 times the scale factor
_SPARE_BYTES = 5_000_000
_FILES = ("orders", "lineitem", "delete_keys")


@dataclass(frozen=True, slots=True)
class RefreshResult:
    """One run of one refresh function.

    Attributes:
        engine: kind of the engine.
        function: which of the two.
        stream: number of the refresh set.
        seconds: what it took, client-side; ``None`` where it failed.
        rows: by how many rows each table changed, as counted before and after.
        problem: failure, or row counts other than the set's; empty when it did what it should.
    """

    engine: str
    function: Literal["RF1", "RF2"]
    stream: int
    seconds: float | None
    rows: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""


def refresh_set(data: Dataset, stream: int, *, seed: int = 0) -> RefreshSet:
    """The rows of one refresh set, made when the cache does not hold them.

    Args:
        data: the data set that is loaded.
        stream: number of the set, 1 to 1000; no two of them share a key.
        seed: chooses the orders that the new ones repeat.

    Raises:
        ValueError: no such stream.
        DatasetError: the data set cannot be read.
        TargetError: the cache cannot be used, has too little space, or is locked by another run for too long.
    """
    if not 1 <= stream <= LARGEST_STREAM:
        raise ValueError(f"refresh stream {stream}: expected a number from 1 to {LARGEST_STREAM}")
    key = json.dumps([FORMAT, identity(data), duckdb.__version__, seed, stream])
    root = cache_directory() / "refresh" / schema_name(data.scale_factor)
    directory = root / f"{stream:04}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    with cache_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        if found := _kept(data, stream, directory):
            return found
        with cache_lock(root / ".lock", timeout=LOCK_SECONDS):
            return _kept(data, stream, directory) or _make(data, stream, seed, directory)


def run_rf1(engine: Engine, refresh: RefreshSet, *, deadline: float) -> RefreshResult:
    """Insert a set, timed, and compare the row counts before and after (which are not timed).

    Args:
        engine: where the data set is loaded; nobody else may be writing there.
        refresh: what to insert.
        deadline: seconds for each statement.
    """
    wanted = dict(refresh.inserted)
    return _run(engine, "RF1", refresh, wanted, lambda: engine.refresh_insert(refresh, deadline=deadline))


def run_rf2(engine: Engine, refresh: RefreshSet, *, deadline: float) -> RefreshResult:
    """Delete a set; as ``run_rf1``."""
    wanted = {table: -rows for table, rows in refresh.deleted.items()}
    return _run(engine, "RF2", refresh, wanted, lambda: engine.refresh_delete(refresh, deadline=deadline))


def _run(
    engine: Engine,
    function: Literal["RF1", "RF2"],
    refresh: RefreshSet,
    wanted: dict[str, int],
    work: Callable[[], None],
) -> RefreshResult:
    kind = engine.endpoint.kind
    try:
        before = engine.refresh_counts(refresh.scale_factor)
        began = time.perf_counter()
        work()
        seconds = time.perf_counter() - began
        after = engine.refresh_counts(refresh.scale_factor)
    except EngineError as error:
        problem = f"{error.error_class.value}: {error.name}: {' '.join(str(error).split())}"
        return RefreshResult(kind, function, refresh.stream, None, problem=problem)
    changed = {table: after[table] - before[table] for table in wanted}
    problem = "; ".join(
        f"{table} changed by {changed[table]:+} rows, not {rows:+}"
        for table, rows in wanted.items()
        if changed[table] != rows
    )
    return RefreshResult(kind, function, refresh.stream, seconds, changed, problem)


def order_key(index: int, sequence: int = 0) -> int:
    """The key of the n-th order (from 1): the data set has sequence 0, refresh sets the unused keys of sequence 1."""
    return ((index >> 3) << 5) + (sequence << 3) + (index & 7)


def stretch(orders: int, stream: int) -> range:
    """Which orders (counted from 1) a set deletes, and whose places the inserted ones take: no two sets share one."""
    return range((stream - 1) * orders // LARGEST_STREAM + 1, stream * orders // LARGEST_STREAM + 1)


def _make(data: Dataset, stream: int, seed: int, directory: Path) -> RefreshSet:
    size = int(BYTES_PER_UNIT * data.scale_factor * _SHARE * 2) + _SPARE_BYTES
    require_space(directory.parent, size, f"refresh set {stream} of scale factor {data.scale_factor:g}")
    with tempfile.TemporaryDirectory(prefix=".making-", dir=directory.parent) as temporary:
        partial = Path(temporary) / "set"
        partial.mkdir()
        counts = _write(data, stream, seed, partial, temporary)
        (partial / "counts.json").write_text(json.dumps(counts), encoding="utf-8")
        if directory.exists():
            directory.rename(Path(temporary) / "broken")
        partial.rename(directory)
    return _set(data, stream, directory, counts)


def _write(data: Dataset, stream: int, seed: int, partial: Path, spill: str) -> dict[str, dict[str, int]]:
    places = stretch(data.rows["orders"], stream)
    first = random.Random(f"{seed}/{stream}").randint(1, data.rows["orders"] - len(places) + 1)  # noqa: S311 - no secret
    old = [order_key(index) for index in range(first, first + len(places))]
    new = [order_key(index, sequence=1) for index in places]
    gone = pyarrow.table({"orderkey": pyarrow.array([order_key(index) for index in places], pyarrow.int64())})
    pyarrow.parquet.write_table(gone, partial / "delete_keys.parquet")
    try:
        with connect(data, spill) as connection:
            connection.register("keys", pyarrow.table({"old": old, "new": new}))
            connection.register("gone", gone)
            inserted = {
                table: _copy(connection, table, old, partial / f"{table}.parquet") for table in ("orders", "lineitem")
            }
            deleted = {table: _count(connection, table, places) for table in inserted}
    except duckdb.Error as error:
        raise DatasetError(f"refresh set {stream}: {str(error).splitlines()[0]}") from error
    if (inserted["orders"], deleted["orders"]) != (len(places), len(places)):
        raise DatasetError(f"{data.directory}: its orders do not have the specification's keys; delete it")
    return {"inserted": inserted, "deleted": deleted}


def _copy(connection: duckdb.DuckDBPyConnection, table: str, old: list[int], file: Path) -> int:
    """Write the rows of the old keys under the new ones. The range lets DuckDB skip all other row groups."""
    key = f"{table[0]}_orderkey"
    order = f"{key}, l_linenumber" if table == "lineitem" else key
    rows = (
        f"SELECT {table}.* REPLACE (keys.new AS {key}) FROM {table} JOIN keys ON {key} = keys.old"  # noqa: S608 - names
        f" WHERE {key} BETWEEN {old[0]} AND {old[-1]} ORDER BY {order}"
    )
    connection.execute(f"COPY ({rows}) TO '{str(file).replace(chr(39), chr(39) * 2)}' (FORMAT parquet)")
    return _rows(file)


def _count(connection: duckdb.DuckDBPyConnection, table: str, places: range) -> int:
    key = f"{table[0]}_orderkey"
    low, high = order_key(places[0]), order_key(places[-1])
    sql = f"SELECT count(*) FROM {table} SEMI JOIN gone ON {key} = orderkey WHERE {key} BETWEEN {low} AND {high}"  # noqa: S608
    (row,) = connection.execute(sql).fetchall()
    return int(row[0])


def _kept(data: Dataset, stream: int, directory: Path) -> RefreshSet | None:
    """What the cache holds, if it is whole."""
    try:
        counts = json.loads((directory / "counts.json").read_text(encoding="utf-8"))
        found = _set(data, stream, directory, counts)
        whole = found.inserted == {name: _rows(directory / f"{name}.parquet") for name in ("orders", "lineitem")}
        return found if whole and found.deleted["orders"] == _rows(found.delete_keys) else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, DatasetError):
        return None  # missing, or not what we wrote: made again


def _set(data: Dataset, stream: int, directory: Path, counts: Mapping[str, Mapping[str, int]]) -> RefreshSet:
    orders, lineitem, keys = (directory / f"{name}.parquet" for name in _FILES)
    inserted, deleted = dict(counts["inserted"]), dict(counts["deleted"])
    return RefreshSet(data.scale_factor, stream, orders, lineitem, keys, inserted, deleted)


def _rows(file: Path) -> int:
    try:
        return int(pyarrow.parquet.read_metadata(file).num_rows)
    except (OSError, ArrowException) as error:
        raise DatasetError(f"{file}: not a whole Parquet file; delete it") from error

"""The refresh functions on ClickHouse: inserts of Parquet files, and lightweight deletes by a table of keys."""

from __future__ import annotations

from collections.abc import Mapping

from engines._clickhouse_tpch import Loader, count, forget
from engines.tpch import REFRESHED, RefreshSet, schema_name

_SETTINGS = {"lightweight_deletes_sync": "2"}  # the rows are gone when the statement returns
_KEYS = {"orders": "o_orderkey", "lineitem": "l_orderkey"}


def insert(session: Loader, refresh: RefreshSet, deadline: float) -> None:
    """See ``Engine.refresh_insert``."""
    database = schema_name(refresh.scale_factor)
    for table, file in (("orders", refresh.orders), ("lineitem", refresh.lineitem)):
        forget(session, f"{database}.{table}")
        session.insert_file(f"{database}.{table}", file, deadline=deadline)


def delete(session: Loader, refresh: RefreshSet, deadline: float) -> None:
    """See ``Engine.refresh_delete``. The keys go into a table, since there is no limit to how many there are."""
    database = schema_name(refresh.scale_factor)
    keys = f"{database}.refresh_keys_{refresh.stream}"
    session.execute(f"DROP TABLE IF EXISTS {keys}", deadline=deadline)
    session.execute(f"CREATE TABLE {keys} (orderkey Int64) ENGINE = MergeTree ORDER BY orderkey", deadline=deadline)
    session.insert_file(keys, refresh.delete_keys, deadline=deadline)
    for table in reversed(REFRESHED):  # no lineitem is ever without its order
        forget(session, f"{database}.{table}")
        where = f"{_KEYS[table]} IN (SELECT orderkey FROM {keys})"  # noqa: S608 - names of our own
        session.execute(f"DELETE FROM {database}.{table} WHERE {where}", deadline=deadline, settings=_SETTINGS)  # noqa: S608
    session.execute(f"DROP TABLE {keys}", deadline=deadline)


def counts(session: Loader, scale_factor: float) -> Mapping[str, int]:
    """See ``Engine.refresh_counts``."""
    return {table: count(session, f"{schema_name(scale_factor)}.{table}") for table in REFRESHED}

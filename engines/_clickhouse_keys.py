"""Unique keys on ClickHouse: a MergeTree table in a database of its own, one insert for each key."""

from __future__ import annotations

import re
from collections.abc import Mapping

from engines.base import EngineError, KeyTable, Session

PREFIX = "qer_keys_"
"""What the databases of such tables begin with; whatever bears it belongs to this project."""

_GONE = {60, 81}  # UNKNOWN_TABLE, UNKNOWN_DATABASE
_NAME = re.compile(r"[a-z0-9_]{1,64}")
_OURS = re.compile(f"{PREFIX}{_NAME.pattern}")


class ClickHouseKeys(KeyTable):
    """A table ``keys`` with the server's own settings: what is lost here, users' tables of that kind can lose.

    Each table has a database of its own, so that one statement takes both away.

    Raises:
        ValueError: the name is not made of small letters, digits and underscores.
    """

    def __init__(self, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a name for a table of keys: {name!r}")
        self._database = PREFIX + name
        self._table = f"{self._database}.keys"

    def create(self, session: Session, *, deadline: float) -> None:
        """See ``KeyTable.create``."""
        databases = f"SELECT name FROM system.databases WHERE startsWith(name, '{PREFIX}')"  # noqa: S608 - a constant
        for (name,) in session.execute(databases, deadline=deadline).rows:
            if _OURS.fullmatch(str(name)):
                session.execute(f"DROP DATABASE IF EXISTS {name} SYNC", deadline=deadline)
        session.execute(f"CREATE DATABASE {self._database}", deadline=deadline)
        session.execute(f"CREATE TABLE {self._table} (key UInt64) ENGINE = MergeTree ORDER BY key", deadline=deadline)

    def insert(self, session: Session, key: int, *, deadline: float) -> None:
        """See ``KeyTable.insert``."""
        session.execute(f"INSERT INTO {self._table} (key) VALUES ({key:d})", deadline=deadline)  # noqa: S608 - a number

    def read(self, session: Session, *, deadline: float) -> Mapping[int, int]:
        """See ``KeyTable.read``."""
        counts = f"SELECT key, count() FROM {self._table} GROUP BY key"  # noqa: S608 - a checked name
        try:
            rows = session.execute(counts, deadline=deadline).rows
        except EngineError as error:
            if error.code in _GONE:
                return {}
            raise
        return {int(str(key)): int(str(count)) for key, count in rows}

    def drop(self, session: Session, *, deadline: float) -> None:
        """See ``KeyTable.drop``."""
        session.execute(f"DROP DATABASE IF EXISTS {self._database} SYNC", deadline=deadline)

"""Whether an engine works, asked over its own port (not through the proxy) and without a driver.

Each check returns why the engine is not ready yet, or an empty string when it is.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

TIMEOUT = 10.0
MAX_PAGES = 1000
# Cheaper than a query, and a query would wait for a worker first.
NODES_PATH = "/v1/jmx/mbean/trino.metadata:name=DiscoveryNodeManager/ActiveNodeCount"
# The tpch connector gives every active worker a split, so one broken worker fails the statement.
WORK_SQL = "SELECT count(*) FROM tpch.tiny.nation"
WORK_ROWS = [[25]]
SOURCE = "query-engine-reliability-supervisor"


class Check(Protocol):
    """One engine's readiness."""

    def up(self, port: int) -> bool:
        """Whether the process that listens on ``port`` says of itself that it has started."""
        ...

    def problem(self) -> str:
        """Why the engine does not have its full capacity, or an empty string."""
        ...


class NotReadyError(Exception):
    """The engine answered, but not as it should."""


# What an engine that is starting, dying or disturbed may make of an answer.
_EXPECTED = (OSError, http.client.HTTPException, ValueError, LookupError, TypeError, AttributeError, NotReadyError)


def _request(
    connection: http.client.HTTPConnection, method: str, path: str, body: str, headers: Mapping[str, str]
) -> bytes:
    try:
        connection.request(method, path, body.encode() if body else None, dict(headers))
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise NotReadyError(f"HTTP {response.status}")
    return content


@dataclass(frozen=True, slots=True)
class TrinoCheck:
    """Trino: every node active, and a query that runs on every worker succeeds."""

    https_port: int
    ca_file: Path
    user: str
    password: str = field(repr=False)
    nodes: int

    def up(self, port: int) -> bool:
        """``/v1/info`` (public) of the coordinator or a worker, on its internal HTTP port."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
            return json.loads(_request(connection, "GET", "/v1/info", "", {}))["starting"] is False
        except _EXPECTED:
            return False

    def problem(self) -> str:
        """See ``Check.problem``."""
        try:
            active = int(self._call("GET", NODES_PATH, ""))
            if active != self.nodes:
                return f"{active} of {self.nodes} nodes are active"
            rows = self._query(WORK_SQL)
        except _EXPECTED as problem:
            return f"{type(problem).__name__}: {problem}"
        return "" if rows == WORK_ROWS else f"{WORK_SQL} answered {rows}"

    def _query(self, sql: str) -> list[list[Any]]:
        page = json.loads(self._call("POST", "/v1/statement", sql))
        rows: list[list[Any]] = page.get("data", [])
        give_up = time.monotonic() + TIMEOUT
        for _ in range(MAX_PAGES):
            if "error" in page:
                raise NotReadyError(page["error"]["errorName"])
            if "nextUri" not in page:
                return rows
            if time.monotonic() > give_up:
                raise NotReadyError("no answer in time")
            page = json.loads(self._call("GET", urllib.parse.urlsplit(page["nextUri"]).path, ""))
            rows = rows + page.get("data", [])
        raise NotReadyError("too many pages")

    def _call(self, method: str, path: str, body: str) -> bytes:
        context = ssl.create_default_context(cafile=str(self.ca_file))
        connection = http.client.HTTPSConnection("127.0.0.1", self.https_port, timeout=TIMEOUT, context=context)
        token = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {token}", "X-Trino-User": self.user, "X-Trino-Source": SOURCE}
        return _request(connection, method, path, body, headers)


@dataclass(frozen=True, slots=True)
class ClickHouseCheck:
    """ClickHouse: ``/ping`` and one statement with the credentials."""

    port: int
    user: str
    password: str = field(repr=False)

    def up(self, port: int) -> bool:
        """``/ping`` (public)."""
        try:
            return self._call(port, "GET", "/ping", "", {}).strip() == b"Ok."
        except _EXPECTED:
            return False

    def problem(self) -> str:
        """See ``Check.problem``."""
        headers = {"X-ClickHouse-User": self.user, "X-ClickHouse-Key": self.password}
        try:
            answer = self._call(self.port, "POST", "/", "SELECT 1 FORMAT TSV", headers)
        except _EXPECTED as problem:
            return f"{type(problem).__name__}: {problem}"
        return "" if answer == b"1\n" else "SELECT 1 did not answer 1"

    @staticmethod
    def _call(port: int, method: str, path: str, body: str, headers: Mapping[str, str]) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        return _request(connection, method, path, body, headers)

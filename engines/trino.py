"""Trino through its official Python client."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from typing import Any

import requests
from trino.client import ClientSession, TrinoQuery, TrinoRequest

from engines import _trino_tpch
from engines._background import BackgroundQuery
from engines._deadline import http_session, within
from engines._failures import MALFORMED, shorten, transport_failure
from engines._trino_errors import DRIVER_ERRORS, Failure
from engines._trust import Trust
from engines.base import (
    Answer,
    Endpoint,
    Engine,
    EngineError,
    ErrorClass,
    Health,
    LoadReport,
    ProbeQuery,
    Session,
    Statistics,
)
from engines.tpch import Dataset, TpchQuery

SOURCE = "query-engine-reliability"
CANCEL_SECONDS = 2.0
"""How long one attempt to cancel an abandoned query may take, on a thread of its own."""

_ACTIVE_NODES = "/v1/jmx/mbean/trino.metadata:name=DiscoveryNodeManager/ActiveNodeCount"
_CONTEXT = ("catalog", "schema")  # statement settings that are not session properties
_MAY_STILL_RUN = (ErrorClass.TIMEOUT, ErrorClass.RESET)

_cancelling = threading.BoundedSemaphore(8)


class TrinoSession(Session):
    """One HTTP connection to a coordinator, kept open between statements."""

    def __init__(self, engine: TrinoEngine, source: str) -> None:
        self._endpoint = engine.endpoint
        self._engine = engine
        self._source = source
        self._http = engine.http()
        self._status: int | None = None
        self._http.hooks["response"].append(self._note_status)

    def _note_status(self, response: requests.Response, **_: object) -> None:
        self._status = response.status_code

    def execute(self, sql: str, *, deadline: float, settings: Mapping[str, str] | None = None) -> Answer:
        """See ``Session.execute``. The settings ``catalog`` and ``schema`` say where tables are looked up."""
        return self.run(sql, self.request(deadline, settings), deadline)

    def run(
        self,
        sql: str,
        request: TrinoRequest,
        deadline: float,
        on_stats: Callable[[dict[str, Any]], None] | None = None,
    ) -> Answer:
        """Send one statement with a request made by this session and fetch all its rows."""
        self._status = None
        query: Any = TrinoQuery(request, sql, stats_callback=on_stats)
        try:
            with within(deadline):
                rows = tuple(tuple(row) for row in query.execute())
        except DRIVER_ERRORS as error:
            polling = request.next_uri is not None
            failure = Failure(self._endpoint, deadline, self._status, polling).of(error)
            if failure.error_class in _MAY_STILL_RUN and request.next_uri:
                self._engine.abandon(request)
            raise failure from error
        columns = tuple(str(column["name"]) for column in query.columns or ())
        return Answer(columns, rows, query.query_id, _statistics(query.stats))

    def request(self, deadline: float, settings: Mapping[str, str] | None) -> TrinoRequest:
        """What one statement sends: its session properties, catalog and schema; no HTTP attempt is repeated."""
        properties = {
            # The engine gives up by itself soon after its client did, even when it cannot be reached to cancel.
            "query_max_run_time": f"{deadline + CANCEL_SECONDS:.2f}s",
            **{name: value for name, value in (settings or {}).items() if name not in _CONTEXT},
        }
        catalog, schema = ((settings or {}).get(name) for name in _CONTEXT)
        client = ClientSession(
            user=self._endpoint.user,
            catalog=catalog,
            schema=schema,
            source=self._source,
            properties=properties,
            timezone="UTC",
        )
        return self._engine.request(self._http, client, deadline)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


class TrinoRunning(BackgroundQuery):
    """A statement that a thread of its own polls."""

    def __init__(
        self, engine: TrinoEngine, session: TrinoSession, sql: str, request: TrinoRequest, deadline: float
    ) -> None:
        self._engine = engine
        self._request = request
        self._stats: dict[str, Any] = {}
        super().__init__(session, lambda: session.run(sql, request, deadline, self._stats.update))

    @property
    def query_id(self) -> str | None:
        """See ``RunningQuery.query_id``."""
        return self._stats.get("queryId")

    def state(self) -> str:
        """See ``RunningQuery.state``; empty until the coordinator answered once."""
        return str(self._stats.get("state", ""))

    def cancel(self) -> None:
        """See ``RunningQuery.cancel``; harmless when it has ended."""
        if not self.ended:
            self._engine.cancel(self._request)


class TrinoEngine(Engine):
    """Trino, known before as PrestoSQL."""

    kind = "trino"
    title = "Trino"
    health_path = "/v1/info"

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._trust = Trust(endpoint)

    def connect(self, *, source: str = SOURCE) -> TrinoSession:
        """Open a session; ``source`` is what resource groups select by.

        Raises:
            EngineError: the CA file cannot be used, or a password would cross the network in the clear.
        """
        return TrinoSession(self, source)

    def start(
        self, sql: str, *, deadline: float, settings: Mapping[str, str] | None = None, source: str = SOURCE
    ) -> TrinoRunning:
        """See ``Engine.start``."""
        session = self.connect(source=source)
        return TrinoRunning(self, session, sql, session.request(deadline, settings), deadline)

    def http(self) -> requests.Session:
        """A new HTTP session that trusts the endpoint's authority and gives its credentials.

        Raises:
            EngineError: the CA file cannot be used, or the password would cross the network in the clear.
        """
        session = http_session(self._trust.context())
        if self.endpoint.password is not None:
            if self.endpoint.scheme == "http":
                raise EngineError(
                    f"Trino takes passwords over HTTPS only, and {self.endpoint.url} is not: give it no password",
                    error_class=ErrorClass.UNAUTHORIZED,
                    name="InsecureAuthentication",
                )
            session.auth = (self.endpoint.user, self.endpoint.password)
        return session

    def request(self, http: requests.Session, client: ClientSession, deadline: float) -> TrinoRequest:
        """The driver's request object, set to one attempt."""
        return TrinoRequest(
            host=self.endpoint.host,
            port=self.endpoint.port,
            client_session=client,
            http_session=http,
            http_scheme=self.endpoint.scheme,
            max_attempts=1,
            request_timeout=deadline,
        )

    def cancel(self, request: TrinoRequest) -> None:
        """Tell the coordinator that nobody waits for this query any more.

        Raises:
            EngineError: it could not be told within ``CANCEL_SECONDS``.
        """
        if (uri := request.next_uri) is None:
            return
        try:
            with within(CANCEL_SECONDS), self.http() as http:
                http.delete(uri, headers=request.http_headers)
        except (requests.RequestException, OSError) as error:
            error_class, cause = transport_failure(error) or (ErrorClass.PROTOCOL, error)
            message = f"could not cancel the query: {shorten(str(cause), self.endpoint)}"
            raise EngineError(message, error_class=error_class, name=type(cause).__name__) from error

    def abandon(self, request: TrinoRequest) -> None:
        """Cancel without waiting for it. Where too many are being cancelled, the engine's own limit ends the query."""
        if _cancelling.acquire(blocking=False):
            threading.Thread(target=self._cancel_quietly, args=(request,), name="cancel", daemon=True).start()

    def _cancel_quietly(self, request: TrinoRequest) -> None:
        try:
            # The statement's failure is already reported; the engine ends the query by itself a little later.
            with contextlib.suppress(EngineError):
                self.cancel(request)
        finally:
            _cancelling.release()

    def health(self, *, timeout: float = 5.0) -> Health:
        """See ``Engine.health``; the node count needs credentials and is ``None`` when they are refused."""
        with within(timeout), self.http() as http:
            try:
                info = http.get(f"{self.endpoint.url}/v1/info").json()
                version, starting = str(info["nodeVersion"]["version"]), bool(info["starting"])
                return Health(True, starting, version, None if starting else self._active_nodes(http))
            except (requests.RequestException, OSError, *MALFORMED) as error:
                _, cause = transport_failure(error) or (None, error)
                return Health(live=False, detail=shorten(f"{type(cause).__name__}: {cause}", self.endpoint))

    def _active_nodes(self, http: requests.Session) -> int | None:
        response = http.get(self.endpoint.url + _ACTIVE_NODES, headers={"X-Trino-User": self.endpoint.user})
        if response.ok and response.text.strip().isdigit():
            return int(response.text)
        return None

    @property
    def probe(self) -> ProbeQuery:
        """One task on one worker, and no table: a table would make a cold worker pay for its connector as well.

        Generating the first ``tpch`` row costs a new worker seconds of CPU, and probes that give up on it meanwhile
        would keep it from ever finishing. Each costs a coordinator 0.07 s of CPU (a connection with TLS and a password,
        a plan, three requests): twice as many would take half of what one with a limit of 500m has.
        """
        sql, expected = "SELECT sum(x) FROM UNNEST(sequence(1, 25)) AS t(x)", 325
        return ProbeQuery(sql, ((expected,),), period=0.5, deadline=2.0)

    def load_tpch(self, dataset: Dataset, progress: Callable[[str, int], None] | None = None) -> LoadReport:
        """Hive tables over the very Parquet files where the engine sees them, else the tpch connector's own schema."""
        with self.connect() as session:
            return _trino_tpch.load(session, self.endpoint, dataset, progress)

    @property
    def refresh_refusal(self) -> str:
        """See ``Engine.refresh_refusal``: no catalog in use can insert and delete rows of its own."""
        return _trino_tpch.refresh_refusal(self.endpoint)

    def tpch_sql(self, query: TpchQuery, scale_factor: float) -> tuple[str, Mapping[str, str]]:
        """See ``Engine.tpch_sql``."""
        return _trino_tpch.dialect(query), _trino_tpch.location(self.endpoint, scale_factor)


def _statistics(stats: Mapping[str, Any]) -> Statistics:
    """What the last page of an answer tells (``StatementStats`` of Trino's client protocol)."""

    def seconds(name: str) -> float | None:
        return None if stats.get(name) is None else float(stats[name]) / 1000

    return Statistics(
        elapsed_seconds=seconds("elapsedTimeMillis"),
        cpu_seconds=seconds("cpuTimeMillis"),
        queued_seconds=seconds("queuedTimeMillis"),
        rows_read=stats.get("processedRows"),
        bytes_read=stats.get("processedBytes"),
        peak_memory_bytes=stats.get("peakMemoryBytes"),
    )

"""What every query engine adapter offers, and the words used for answers and failures."""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from engines.tpch import Dataset, RefreshSet, TpchQuery

if TYPE_CHECKING:
    from engines.wire import Wire

Row = tuple[object, ...]


class Outcome(StrEnum):
    """What became of one statement, as its client saw it.

    ``unknown`` is for statements whose effect the client cannot tell: an insert whose connection broke
    after the last byte was sent may or may not have been applied (Jepsen calls this an *info* operation).
    """

    OK = "ok"
    FAILED = "failed"
    WRONG = "wrong"
    UNKNOWN = "unknown"


class ErrorClass(StrEnum):
    """Why a statement got no answer, coarse enough to be the same for every engine."""

    REFUSED = "refused"  # nothing listens there
    RESET = "reset"  # the connection broke
    TIMEOUT = "timeout"  # the deadline passed
    UNAUTHORIZED = "unauthorized"  # credentials wrong or missing
    UNAVAILABLE = "unavailable"  # 502/503/504, server starting, no workers
    QUEUE_FULL = "queue_full"  # refused by admission control
    ENGINE = "engine"  # the engine's own error: syntax, unknown table, out of memory, ...
    PROTOCOL = "protocol"  # the answer is not the engine's protocol


class EngineError(Exception):
    """A statement failed. Never holds credentials.

    Attributes:
        error_class: coarse class, the same words for every engine.
        name: the engine's own error name (``SYNTAX_ERROR``, ``UNKNOWN_TABLE``), or the driver's exception name.
        code: the engine's own number for it, where it has one.
    """

    def __init__(self, message: str, *, error_class: ErrorClass, name: str, code: int | None = None) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.name = name
        self.code = code


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one engine answers and as whom (TCP address as seen by this process).

    ``catalogs`` maps what the engine holds to where: for Trino ``{"tpch": "tpch", "hive": "hive"}``.
    ``data_location`` is the directory, as *the engine* sees it, that holds Parquet files the runner can also
    write; ``None`` where runner and engine share no file system.
    """

    kind: str
    host: str
    port: int
    scheme: Literal["http", "https"] = "http"
    user: str = ""
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    catalogs: tuple[str, ...] = ()
    data_directory: Path | None = None
    expected_nodes: int = 1

    @property
    def url(self) -> str:
        """Base URL without credentials."""
        return f"{self.scheme}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the engine itself says of one statement; ``None`` where it does not tell.

    Attributes:
        elapsed_seconds: from its arrival at the engine to its end there, time in a queue included.
        cpu_seconds: CPU time of all threads and nodes together.
        queued_seconds: time in which admission control held it back.
        rows_read: rows that its scans read.
        bytes_read: what these rows take, as the engine counts it.
        peak_memory_bytes: the most memory it held at once.
    """

    elapsed_seconds: float | None = None
    cpu_seconds: float | None = None
    queued_seconds: float | None = None
    rows_read: int | None = None
    bytes_read: int | None = None
    peak_memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows of one statement, each as wide as ``columns``, and what the engine says of it."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    query_id: str | None = None
    statistics: Statistics = Statistics()

    @property
    def engine_seconds(self) -> float | None:
        """The engine's own timing."""
        return self.statistics.elapsed_seconds


@dataclass(frozen=True, slots=True)
class Health:
    """What the engine says of itself.

    Attributes:
        live: the process answers its health endpoint.
        starting: it answers, but says that it does not accept statements yet.
        version: engine version as the engine itself reports it; empty when not live.
        active_nodes: nodes that run queries, the coordinator included; ``None`` where the engine has no such notion.
    """

    live: bool
    starting: bool = False
    version: str = ""
    active_nodes: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ProbeQuery:
    """The statement a continuous probe sends.

    It touches what clients need (for Trino: a worker), is cheap, and has one right answer.

    Attributes:
        sql: the statement.
        expected: its rows.
        period: seconds between intended starts.
        deadline: seconds after which an attempt counts as failed.
    """

    sql: str
    expected: tuple[Row, ...]
    period: float
    deadline: float


@dataclass(frozen=True, slots=True)
class LoadReport:
    """How long loading a data set took (seconds, client-side) and how many rows each table has afterwards."""

    seconds: float
    rows: Mapping[str, int]
    reused: bool = False


class Session(ABC):
    """One client connection; not to be shared between threads. Use as a context manager."""

    @abstractmethod
    def execute(self, sql: str, *, deadline: float, settings: Mapping[str, str] | None = None) -> Answer:
        """Run one statement, exactly one driver attempt, and fetch all rows.

        Args:
            sql: one statement without a trailing semicolon.
            deadline: seconds after which the statement is given up (and cancelled where possible).
            settings: engine settings or session properties for this statement only.

        Raises:
            EngineError: the statement got no answer.
        """

    @abstractmethod
    def close(self) -> None:
        """Release the connection; never raises for a broken one."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RunningQuery(ABC):
    """A statement under way on a thread of its own, so that it can be watched and cancelled meanwhile."""

    @property
    @abstractmethod
    def query_id(self) -> str | None:
        """The engine's identifier of the query, once it gave one."""

    @abstractmethod
    def state(self) -> str:
        """The engine's own word for what the query is doing, as last seen: ``QUEUED``, ``RUNNING``, ``FINISHED`` ..."""

    @property
    @abstractmethod
    def ended(self) -> bool:
        """Whether its outcome is known here, so that ``wait`` tells it at once."""

    @abstractmethod
    def cancel(self) -> None:
        """Ask the engine to end the query; harmless when it has ended.

        Raises:
            EngineError: the engine could not be asked.
        """

    @abstractmethod
    def wait(self, timeout: float) -> Answer:
        """The query's answer.

        Raises:
            EngineError: it got none, or (``TIMEOUT``) it is not there after ``timeout`` seconds.
        """


class KeyTable(ABC):
    """A table in which every insert writes one key that no other insert writes.

    So it can be told afterwards what became of each. Every call is one attempt at each of its statements.
    """

    @abstractmethod
    def create(self, session: Session, *, deadline: float) -> None:
        """Make it, empty, and remove those that killed runs have left: one run at a time may have one on an engine.

        Raises:
            EngineError: it could not be made. ``deadline``: seconds for each statement, as for ``Session.execute``.
        """

    @abstractmethod
    def insert(self, session: Session, key: int, *, deadline: float) -> None:
        """Write one row; returns once the engine has acknowledged it.

        Raises:
            EngineError: it has not.
        """

    @abstractmethod
    def read(self, session: Session, *, deadline: float) -> Mapping[int, int]:
        """How many times each key is there. A table that is gone has lost them all, so it holds none.

        Raises:
            EngineError: that cannot be told.
        """

    @abstractmethod
    def drop(self, session: Session, *, deadline: float) -> None:
        """Remove it with all it holds; harmless when it is gone.

        Raises:
            EngineError: it may still be there.
        """


class Engine(ABC):
    """Adapter for one kind of query engine. Subclasses register themselves under ``kind``."""

    kind: ClassVar[str]
    title: ClassVar[str]
    health_path: ClassVar[str] = "/"  # answers at once, without credentials and without running a statement
    modest_rate: ClassVar[float] = 2.0  # short TPC-H queries per second that two cores answer without queueing
    registry: ClassVar[dict[str, type[Engine]]] = {}

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if kind := cls.__dict__.get("kind"):
            Engine.registry[kind] = cls

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    @abstractmethod
    def connect(self) -> Session:
        """Open a session; sends nothing that could fail yet, or raises ``EngineError``."""

    @abstractmethod
    def start(self, sql: str, *, deadline: float, settings: Mapping[str, str] | None = None) -> RunningQuery:
        """Run one statement on a session and a thread of its own; arguments as those of ``Session.execute``."""

    @abstractmethod
    def health(self, *, timeout: float = 5.0) -> Health:
        """Ask the engine's own health endpoint; an engine that does not answer is ``Health(live=False)``."""

    @property
    @abstractmethod
    def probe(self) -> ProbeQuery:
        """The availability probe of this engine."""

    @abstractmethod
    def load_tpch(self, dataset: Dataset, progress: Callable[[str, int], None] | None = None) -> LoadReport:
        """Make the data set queryable and verify each table's row count.

        Args:
            dataset: the TPC-H Parquet files.
            progress: called as ``progress(table, rows)`` after each part of a table with the rows it has so far, hence
                once for a table in one part and the last time with all of its rows.

        Raises:
            EngineError: a statement failed or a row count differs.
        """

    def key_table(self, name: str) -> KeyTable | None:  # noqa: ARG002 - for those that have one
        """A table of that name (small letters, digits, underscores) for unique keys; nothing is sent yet.

        ``None``, as here: the engine keeps no data of its own that a fault could lose.
        """
        return None

    @property
    def refresh_refusal(self) -> str:
        """Why the refresh functions cannot run here, in one line; empty where they can."""
        return f"{self.title} has no tables of its own that could be written"

    def refresh_insert(self, refresh: RefreshSet, *, deadline: float) -> None:  # noqa: ARG002 - for those that can
        """RF1: insert the set's orders and lineitems into the loaded data set, which the next load then makes anew.

        Args:
            refresh: what to insert.
            deadline: seconds for each statement.

        Raises:
            EngineError: the engine cannot write (see ``refresh_refusal``) or did not confirm it.
        """
        raise self._cannot_refresh()

    def refresh_delete(self, refresh: RefreshSet, *, deadline: float) -> None:  # noqa: ARG002 - for those that can
        """RF2: delete the set's orders and their lineitems; arguments and errors as those of ``refresh_insert``."""
        raise self._cannot_refresh()

    def refresh_counts(self, scale_factor: float) -> Mapping[str, int]:  # noqa: ARG002 - for those that can
        """Rows that ``orders`` and ``lineitem`` have now; errors as those of ``refresh_insert``."""
        raise self._cannot_refresh()

    def _cannot_refresh(self) -> EngineError:
        return EngineError(self.refresh_refusal, error_class=ErrorClass.ENGINE, name="NOT_SUPPORTED")

    def wire(self) -> Wire | None:
        """Its protocol without the driver, for load; ``None``, as here, where a statement is more than one request.

        Raises:
            EngineError: the CA file cannot be used.
        """
        return None

    @abstractmethod
    def tpch_sql(self, query: TpchQuery, scale_factor: float) -> tuple[str, Mapping[str, str]]:
        """The query in this engine's dialect and the settings it needs."""


def engine_class(kind: str) -> type[Engine]:
    """The adapter registered for ``kind``.

    Raises:
        KeyError: no module of this package registers that kind.
    """
    return engine_kinds()[kind]


def engine_kinds() -> dict[str, type[Engine]]:
    """All adapters, by kind. Importing the package's modules registers them: a new engine is one new file."""
    import engines  # noqa: PLC0415 - the package imports this module first

    for module in pkgutil.iter_modules(engines.__path__):
        importlib.import_module(f"engines.{module.name}")
    return dict(sorted(Engine.registry.items()))

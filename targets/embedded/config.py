"""What a caller may choose about the embedded target, and how it hears of progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from targets.base import TargetError

ENGINES = ("trino", "clickhouse")
TRINO_VERSION = "476"
GIBIBYTE = 1024**3
MEBIBYTE = 1024**2
MIN_HEAP_BYTES = 512 * MEBIBYTE
MAX_WORKERS = 8
COORDINATOR_BYTES = 768 * MEBIBYTE
WORKER_BYTES = GIBIBYTE
CLICKHOUSE_BYTES = 2560 * MEBIBYTE
MIN_CLICKHOUSE_BYTES = 256 * MEBIBYTE


def _silent(_: str) -> None:
    """Nobody listens."""


def _no_transfer(_label: str, _done: int, _total: int) -> None:
    """Nobody watches bytes."""


@dataclass(frozen=True, slots=True)
class Listener:
    """How the target tells what it does; it prints nothing itself.

    Attributes:
        phase: called with one line whenever a new phase begins.
        transfer: called as ``transfer(label, bytes_done, bytes_total)`` while something long is fetched or unpacked.
    """

    phase: Callable[[str], None] = _silent
    transfer: Callable[[str, int, int], None] = _no_transfer


@dataclass(frozen=True, slots=True)
class EmbeddedConfig:
    """The embedded target's settings.

    Attributes:
        engines: engine kinds to start, in the order of the outputs document.
        trino_workers: worker processes besides the coordinator.
        coordinator_heap_bytes: Java heap of the coordinator (512 MiB at least; 768 MiB runs TPC-H at scale factor 1).
        worker_heap_bytes: Java heap of each worker (a 512 MiB worker ran out of memory at scale factor 1).
        clickhouse_bytes: limit for all of ClickHouse's statements together, and its caches.
        ready_seconds: how long the engines may take until they answer correctly.
        keep: leave everything running at close (``embedded up``); a later run attaches to it.
        listener: hears of progress; not part of what makes two configurations equal.
    """

    engines: tuple[str, ...] = ENGINES
    trino_workers: int = 1
    coordinator_heap_bytes: int = COORDINATOR_BYTES
    worker_heap_bytes: int = WORKER_BYTES
    clickhouse_bytes: int = CLICKHOUSE_BYTES
    ready_seconds: float = 240.0
    keep: bool = False
    listener: Annotated[Listener, Field(exclude=True)] = field(default=Listener(), compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.engines or set(self.engines) - set(ENGINES) or len(set(self.engines)) != len(self.engines):
            raise TargetError(f"embedded engines must be one or both of {', '.join(ENGINES)}, each once")
        if not 1 <= self.trino_workers <= MAX_WORKERS:
            raise TargetError(f"trino workers must be 1 to {MAX_WORKERS}, not {self.trino_workers}")
        if min(self.coordinator_heap_bytes, self.worker_heap_bytes) < MIN_HEAP_BYTES:
            raise TargetError(f"a Trino heap must be at least {MIN_HEAP_BYTES // MEBIBYTE} MiB")
        if self.clickhouse_bytes < MIN_CLICKHOUSE_BYTES:
            raise TargetError(f"ClickHouse's memory must be at least {MIN_CLICKHOUSE_BYTES // MEBIBYTE} MiB")

    def fits(self, other: EmbeddedConfig) -> bool:
        """Whether an instance started with ``other`` serves this configuration as well."""
        if not set(self.engines) <= set(other.engines):
            return False
        if "clickhouse" in self.engines and self.clickhouse_bytes != other.clickhouse_bytes:
            return False
        return "trino" not in self.engines or self._trino() == other._trino()

    def _trino(self) -> tuple[int, int, int]:
        return self.trino_workers, self.coordinator_heap_bytes, self.worker_heap_bytes

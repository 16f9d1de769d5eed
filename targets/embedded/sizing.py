"""How much memory the embedded engines get for TPC-H at a scale factor, on this machine."""

from __future__ import annotations

from dataclasses import dataclass

import psutil

from targets.embedded.config import CLICKHOUSE_BYTES, COORDINATOR_BYTES, GIBIBYTE, MEBIBYTE, WORKER_BYTES

_WORKER_PER_UNIT = 800 * MEBIBYTE
_CLICKHOUSE_PER_UNIT = 600 * MEBIBYTE
_WORKER_SHARE, _CLICKHOUSE_SHARE = 0.35, 0.3  # of the machine; the rest is for files, the oracle and the runner


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes: heaps of the coordinator and of each worker, and what ClickHouse's statements may take together."""

    coordinator: int = COORDINATOR_BYTES
    worker: int = WORKER_BYTES
    clickhouse: int = CLICKHOUSE_BYTES


def memory_for(scale_factor: float, workers: int = 1, physical: int | None = None) -> Memory:
    """What a scale factor needs, or as much of it as the machine has to give.

    Up to scale factor 1 it is the same for all. Beyond, statements of both engines that do not fit spill or fail.

    Args:
        scale_factor: of the data that will be loaded.
        workers: how many share the data.
        physical: memory of the machine, in bytes; this one's without it.
    """
    if scale_factor <= 1:
        return Memory()
    whole = physical or psutil.virtual_memory().total
    return Memory(
        coordinator=GIBIBYTE,
        worker=_between(WORKER_BYTES, _WORKER_PER_UNIT * scale_factor / workers, whole * _WORKER_SHARE / workers),
        clickhouse=_between(CLICKHOUSE_BYTES, _CLICKHOUSE_PER_UNIT * scale_factor, whole * _CLICKHOUSE_SHARE),
    )


def _between(least: int, wanted: float, most: float) -> int:
    return max(least, int(min(wanted, most)) // MEBIBYTE * MEBIBYTE)

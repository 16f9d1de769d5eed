"""Every experiment of many runs as CSV (RFC 4180): what a table of them is computed from, for other programs."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from runner.history.recoveries import measured_together, runs_with_experiments
from runner.report.units import printable
from runner.results import Environment, Experiment, Verdict

Cell = str | int | float | None
DECIMALS = 3
"""Of seconds: clients are watched by the millisecond at best."""


def write_experiments(directories: Iterable[Path], stream: TextIO) -> list[str]:
    """Write a heading and a line for each experiment, run by run; what was not measured is empty.

    Times are in seconds, those of the recovery from the confirmed injection on. ``rto_censored`` 1 means: not recovered
    within ``rto_seconds``. ``ready_gap_seconds``: Kubernetes' ready again minus clients served again.

    Returns:
        A line about each document that could not be read.

    Raises:
        HistoryError: no such directory, too many runs, or no experiment in any; nothing is written.
    """
    unread: list[str] = []
    rows = [row(one, run.environment) for run in runs_with_experiments(directories, unread) for one in run.experiments]
    table = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return unread


def row(one: Experiment, environment: Environment) -> dict[str, Cell]:
    """One experiment's cells by their headings."""
    compared = one.kubernetes.compared if one.kubernetes else None
    kept = one.durability
    return {
        "experiment": printable(measured_together(one)),
        "started_at": datetime.fromtimestamp(one.started_at, UTC).isoformat(timespec="seconds"),
        "seed": environment.seed,
        "scale_factor": environment.scale_factor,
        "transport": environment.transport,
        "deadline_seconds": _seconds(one.probe_deadline_seconds),
        "verdict": one.verdict.value,
        "confirmed": int(one.injection.confirmed),
        "held_seconds": _seconds(one.held_seconds),
        "detection_seconds": _seconds(one.detection_seconds),
        "unavailable_seconds": _seconds(one.unavailable_seconds),
        "rto_seconds": _seconds(one.rto_seconds),
        "rto_uncertainty_seconds": _seconds(one.rto_uncertainty_seconds),
        "rto_censored": None if one.rto_seconds is None else int(one.rto_censored),
        "full_capacity_seconds": _seconds(one.full_capacity_seconds),
        "ready_gap_seconds": _seconds(compared.ready_gap_seconds) if compared else None,
        "right": one.answers.ok,
        "failed": one.answers.failed,
        "wrong": one.answers.wrong,
        "unknown": one.answers.unknown,
        "inserts_acknowledged": kept.acknowledged if kept else None,
        "inserts_broken": kept.broken if kept else None,
        "inserts_interrupted_seconds": _seconds(kept.interrupted_seconds) if kept else None,
        "skipped_because": printable(one.reason) if one.verdict is Verdict.SKIPPED else "",
    }


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(value, DECIMALS)

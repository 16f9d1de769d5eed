"""The calibration's figures: a document that reports take in, and a table for people."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from benchmarks.calibration.measures import EdgeMeasure, RateMeasure, StallMeasure
from benchmarks.calibration.peer import PeerMeasure
from targets.base import TargetError
from targets.cache import cache_directory, write_atomically

FILE = "calibration.json"
LARGEST_ERROR = 0.05
"""Of the corrected percentile under the stall, relative to the truth."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class StallFigures(_Model):
    """The 99th percentile under a stall in the middle of a run; latencies in seconds, rates per second."""

    rate_per_second: float
    duration_seconds: float
    stall_seconds: float
    truth_p99: float
    corrected_p99: float
    uncorrected_p99: float
    offered: int
    answered: int
    lag_p99: float

    @property
    def error(self) -> float:
        """Of the corrected percentile, relative to the truth."""
        return self.corrected_p99 / self.truth_p99 - 1


class EdgeFigures(_Model):
    """How far the edges of outages were off, in seconds: the largest error of each side."""

    outages: int
    probe_period: float
    worst_begin: float | None
    worst_end: float | None
    covered: int

    @property
    def met(self) -> bool:
        """Both within one period of the probe; the outages that the RTO covers are reported beside them."""
        return all(edge is not None and abs(edge) <= self.probe_period for edge in (self.worst_begin, self.worst_end))


class GeneratorFigures(_Model):
    """The highest rate one process keeps with p99 scheduling lag <= 2 ms, and what it does flat out.

    ``flat_out_per_second``: answers per second when far more is offered. ``per_core``: per processor second then.
    """

    rate_per_second: float
    lag_p99: float
    flat_out_per_second: float
    per_core: float


class LocustFigures(_Model):
    """Locust on the same endpoint in the same run: under the stall, and flat out."""

    version: str
    users: int
    stall_offered_per_second: float
    stall_achieved_per_second: float
    stall_p99: float
    flat_out_per_second: float
    per_core: float


class Calibration(_Model):
    """Everything, with when and where it was measured (seconds since the epoch; no names of hosts)."""

    measured_at: float
    machine: str
    stall: StallFigures
    edges: EdgeFigures
    generator: GeneratorFigures
    locust: LocustFigures | None = None
    locust_reason: str = ""

    @property
    def met(self) -> bool:
        """Whether what is measured is as close to the truth as is promised."""
        return abs(self.stall.error) <= LARGEST_ERROR and self.edges.met

    def to_json(self) -> str:
        """The document as it is written."""
        return self.model_dump_json(indent=1) + "\n"

    def rows(self) -> list[tuple[str, str, str, str]]:
        """(what, truth, measured here, Locust), for people."""
        stall, locust = self.stall, self.locust
        begin, end = (_milliseconds(edge) for edge in (self.edges.worst_begin, self.edges.worst_end))
        asked = f"{stall.rate_per_second:g}/s, stall of {stall.stall_seconds:.2f} s in {stall.duration_seconds:g} s"
        return [
            (
                f"p99 of latency at {asked}",
                f"{stall.truth_p99:.3f} s",
                f"{stall.corrected_p99:.3f} s ({stall.error:+.1%})",
                f"{locust.stall_p99:.3f} s ({locust.stall_p99 / stall.truth_p99 - 1:+.1%})" if locust else "",
            ),
            (
                "requests of that run",
                f"{stall.rate_per_second * stall.duration_seconds:.0f}",
                f"{stall.answered} of {stall.offered} offered",
                f"{locust.stall_achieved_per_second * stall.duration_seconds:.0f}" if locust else "",
            ),
            (
                f"edges of {self.edges.outages} outages, largest error (begin, end)",
                f"within {_milliseconds(self.edges.probe_period)}, the probe's period",
                f"{begin}, {end}",
                "",
            ),
            (
                "outages whose length lies within the RTO's uncertainty",
                f"{self.edges.outages}",
                f"{self.edges.covered}",
                "",
            ),
            (
                "highest rate of one process with p99 lag of at most 2 ms",
                "",
                f"{self.generator.rate_per_second:,.0f}/s",
                "",
            ),
            (
                "one process flat out, 20 clients",
                "",
                f"{self.generator.flat_out_per_second:,.0f}/s",
                f"{locust.flat_out_per_second:,.0f}/s" if locust else "",
            ),
            (
                "answers per processor second, flat out",
                "",
                f"{self.generator.per_core:,.0f}",
                f"{locust.per_core:,.0f}" if locust else "",
            ),
        ]

    @classmethod
    def of(
        cls,
        stall: StallMeasure,
        edges: EdgeMeasure,
        rate: RateMeasure,
        locust: LocustFigures | str,
        *,
        measured_at: float,
    ) -> Self:
        """From the measures; ``locust`` is why there is none where it is a text."""
        return cls(
            measured_at=measured_at,
            machine=machine(),
            stall=StallFigures(
                rate_per_second=stall.rate,
                duration_seconds=stall.duration,
                stall_seconds=stall.stall,
                truth_p99=stall.truth,
                corrected_p99=stall.corrected,
                uncorrected_p99=stall.uncorrected,
                offered=stall.offered,
                answered=stall.answered,
                lag_p99=stall.lag_p99,
            ),
            edges=EdgeFigures(
                outages=len(edges.begins),
                probe_period=edges.period,
                worst_begin=_worst(edges.begins),
                worst_end=_worst(edges.ends),
                covered=edges.covered,
            ),
            generator=GeneratorFigures(
                rate_per_second=rate.rate,
                lag_p99=rate.lag_p99,
                flat_out_per_second=rate.flat_out,
                per_core=rate.per_core,
            ),
            locust=None if isinstance(locust, str) else locust,
            locust_reason=locust if isinstance(locust, str) else "",
        )


def locust_figures(stalled: PeerMeasure, fastest: PeerMeasure) -> LocustFigures:
    """From Locust's two runs: under the stall, and as fast as it can."""
    return LocustFigures(
        version=stalled.version,
        users=stalled.users,
        stall_offered_per_second=stalled.offered,
        stall_achieved_per_second=stalled.achieved,
        stall_p99=stalled.p99,
        flat_out_per_second=fastest.achieved,
        per_core=fastest.per_core,
    )


def machine() -> str:
    """What the figures hold for: processor, cores, kernel, Python."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, {python}"


def kept_file() -> Path:
    """Where the last calibration of this machine is kept."""
    return cache_directory() / FILE


def keep(calibration: Calibration) -> Path:
    """Keep it for the reports of later runs on this machine."""
    file = kept_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, calibration.to_json())
    return file


def kept() -> Calibration | None:
    """The last calibration of a machine like this one; ``None`` without one."""
    try:
        found = Calibration.model_validate_json(kept_file().read_text(encoding="utf-8"))
    except (OSError, TargetError, ValidationError):
        return None
    return found if found.machine == machine() else None


def _worst(edges: tuple[float, ...]) -> float | None:
    """``None`` where an outage was not seen at all."""
    worst = max(edges, key=abs)
    return worst if abs(worst) < float("inf") else None


def _milliseconds(seconds: float | None) -> str:
    return "not seen" if seconds is None else f"{seconds * 1e3:.0f} ms"

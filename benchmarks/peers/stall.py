"""Load: Locust and this project's generator on the calibration's scripted endpoint."""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.peers.environments import PeerError, environment, run
from benchmarks.peers.model import Cell, Row

CALIBRATION = "benchmarks.calibration"
PINNED = Path("requirements-calibrate.txt")
LOCUST = "locust==2.47.0"
ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 900


def compare_stall(seconds: float, environments: Path) -> list[Row]:
    """p99 under a stall, and answers per second of processor time."""
    if importlib.util.find_spec(CALIBRATION) is None:
        missing = Cell(skipped="there is no calibration to run")
        return [Row("p99 of latency under a stall", missing, "Locust", missing)]
    python, reason = None, ""
    try:
        pinned = ["-r", str(ROOT / PINNED)] if (ROOT / PINNED).is_file() else [LOCUST]
        python = environment(environments / "locust", pinned)
    except PeerError as error:
        reason = str(error)
    try:
        return rows(_calibrate(python, seconds), reason)
    except (PeerError, OSError, ValueError, KeyError) as error:
        missing = Cell(skipped=str(error))
        return [Row("p99 of latency under a stall", missing, "Locust", missing)]


def _calibrate(python: Path | None, seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="peers-") as directory:
        command = [sys.executable, "-m", CALIBRATION, "--output", directory, "--no-keep", "--seconds", f"{seconds:g}"]
        command += ["--locust", str(python)] if python else []
        file = Path(directory) / "calibration.json"
        try:
            run(command, "calibration", LIMIT_SECONDS, cwd=ROOT)
        except PeerError:
            if not file.is_file():  # figures that miss their promise are figures
                raise
        found: dict[str, Any] = json.loads(file.read_text())
        return found


def rows(figures: dict[str, Any], reason: str = "") -> list[Row]:
    """From the calibration's document."""
    stall, generator, locust = figures["stall"], figures["generator"], figures["locust"]
    truth = stall["truth_p99"]
    skipped = Cell(skipped=reason or figures["locust_reason"] or "not measured")
    asked = (
        f"{stall['rate_per_second']:g}/s, a stall of {stall['stall_seconds']:g} s in {stall['duration_seconds']:g} s"
    )
    peer = f"Locust {locust['version']}" if locust else "Locust"

    def p99(value: float) -> Cell:
        return Cell(f"{value:.3f} s ({value / truth - 1:+.1%})", {"seconds": value})

    def per_core(value: float) -> Cell:
        return Cell(f"{value:,.0f}", {"per_core": value})

    return [
        Row(
            f"p99 of latency at {asked}",
            p99(stall["corrected_p99"]),
            peer,
            p99(locust["stall_p99"]) if locust else skipped,
            truth=f"{truth:.3f} s",
        ),
        Row(
            "answers per second of processor time",
            per_core(generator["per_core"]),
            peer,
            per_core(locust["per_core"]) if locust else skipped,
        ),
    ]

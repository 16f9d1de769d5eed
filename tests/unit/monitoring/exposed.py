"""Metrics that are known to be shown: names recorded from the programs themselves, one a line."""

from __future__ import annotations

from pathlib import Path

DIRECTORY = Path(__file__).with_name("exposed_metrics")
SHOWN = {
    line
    for file in sorted(DIRECTORY.glob("*.txt"))
    for line in file.read_text().splitlines()
    if line and not line.startswith("#")
}

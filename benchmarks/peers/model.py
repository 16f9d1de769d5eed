"""The table of peers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

SKIPPED = "SKIPPED"


@dataclass(frozen=True, slots=True)
class Cell:
    """What one tool came to; ``skipped`` says why there is nothing."""

    text: str = ""
    values: dict[str, float] = field(default_factory=dict)
    skipped: str = ""

    @property
    def shown(self) -> str:
        """For the table."""
        return f"{SKIPPED}: {self.skipped}" if self.skipped else self.text


@dataclass(frozen=True, slots=True)
class Row:
    """One piece of work, done by this project and by one peer; ``truth`` is known without any tool, or empty."""

    work: str
    ours: Cell
    peer: str
    theirs: Cell
    truth: str = ""


def to_json(rows: Sequence[Row], machine: str) -> str:
    """For ``peers.json``."""
    return json.dumps({"machine": machine, "rows": [asdict(row) for row in rows]}, indent=1) + "\n"


def to_markdown(rows: Sequence[Row], machine: str) -> str:
    """For ``peers.md``."""
    lines = ["| work | truth | here | peer | there |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        cells = (row.work, row.truth or "–", row.ours.shown, row.peer, row.theirs.shown)
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join([*lines, "", machine, ""])

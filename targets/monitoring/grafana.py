"""Grafana's annotations (grafana.com/docs, "Annotations HTTP API"): windows that every dashboard may show."""

from __future__ import annotations

from collections.abc import Sequence

from targets.monitoring.http import Part

TAGS = ("query-engine-reliability", "injection")
"""What the stack's dashboards select annotations by."""


class Grafana:
    """Asks one Grafana; every method raises ``MonitoringError``. Moments in seconds since the epoch.

    Args:
        part: where it answers.
    """

    def __init__(self, part: Part) -> None:
        self._part = part

    def annotate(self, text: str, tags: Sequence[str], *, starts: float, ends: float) -> int:
        """Mark a window on all dashboards; returns its identity."""
        path = "/api/annotations"
        body = {"time": _milliseconds(starts), "timeEnd": _milliseconds(ends), "tags": [*TAGS, *tags], "text": text}
        answer = self._part.ask("POST", path, body=body)
        with self._part.reading(path):
            return int(answer["id"])

    def move_end(self, identity: int, ends: float) -> None:
        """Let a window end at another moment."""
        self._part.ask("PATCH", f"/api/annotations/{identity}", body={"timeEnd": _milliseconds(ends)})

    def remove(self, identity: int) -> None:
        """Take a window away."""
        self._part.ask("DELETE", f"/api/annotations/{identity}")


def _milliseconds(moment: float) -> int:
    return round(moment * 1000)

"""Alertmanager's HTTP API, version 2 (github.com/prometheus/alertmanager, api/v2/openapi.yaml)."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from targets.monitoring.http import Part

CREATED_BY = "query-engine-reliability"


@dataclass(frozen=True, slots=True)
class Received:
    """An alert that Alertmanager has; ``suppressed``: silenced or inhibited, so that nobody is told."""

    name: str
    labels: Mapping[str, str]
    suppressed: bool


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence that is not over."""

    id: str
    created_by: str
    comment: str


class Alertmanager:
    """Asks one Alertmanager; every method raises ``MonitoringError``.

    Args:
        part: where it answers.
    """

    def __init__(self, part: Part) -> None:
        self._part = part

    def alerts(self) -> list[Received]:
        """All alerts that it holds for active, silenced and inhibited ones included."""
        path = "/api/v2/alerts"
        answer = self._part.ask("GET", path)
        with self._part.reading(path):
            return [_received(one["labels"], one["status"]["state"]) for one in answer]

    def receivers(self) -> list[str]:
        """Names of the receivers that its configuration has."""
        path = "/api/v2/receivers"
        answer = self._part.ask("GET", path)
        with self._part.reading(path):
            return [str(one["name"]) for one in answer]

    def post(self, labels: Mapping[str, str], annotations: Mapping[str, str]) -> None:
        """Send an alert as Prometheus would; it begins now, and ends by itself after Alertmanager's resolve timeout."""
        self._part.ask("POST", "/api/v2/alerts", body=[{"labels": dict(labels), "annotations": dict(annotations)}])

    def silence(self, namespaces: Sequence[str], *, starts: float, ends: float, stack: str, replacing: str = "") -> str:
        """Have nobody told of alerts on these namespaces; it ends by itself.

        Args:
            namespaces: values of the label ``namespace``.
            starts: seconds since the epoch.
            ends: seconds since the epoch.
            stack: whose runner wants it, for people and for ``end_silences``.
            replacing: identity of an earlier silence that is to last until ``ends``.

        Returns:
            Its identity.
        """
        path = "/api/v2/silences"
        matcher = {"name": "namespace", "value": "|".join(namespaces), "isRegex": True, "isEqual": True}
        body: dict[str, object] = {
            "matchers": [matcher],
            "startsAt": _written(starts),
            "endsAt": _written(ends),
            "createdBy": CREATED_BY,
            "comment": comment(stack),
        }
        if replacing:
            body["id"] = replacing
        answer = self._part.ask("POST", path, body=body)
        with self._part.reading(path):
            return str(answer["silenceID"])

    def silences(self) -> list[Silence]:
        """Those that are active or yet to come."""
        path = "/api/v2/silences"
        answer = self._part.ask("GET", path)
        with self._part.reading(path):
            return [
                Silence(str(one["id"]), str(one["createdBy"]), str(one["comment"]))
                for one in answer
                if one["status"]["state"] != "expired"
            ]

    def end_silences(self, stack: str) -> int:
        """End all that runners made for a stack; returns how many."""
        mine = [one for one in self.silences() if (one.created_by, one.comment) == (CREATED_BY, comment(stack))]
        for one in mine:
            self.unsilence(one.id)
        return len(mine)

    def unsilence(self, identity: str) -> None:
        """End a silence now."""
        self._part.ask("DELETE", f"/api/v2/silence/{identity}")


def comment(stack: str) -> str:
    """What tells runners' silences for a stack from everybody else's."""
    return f"planned reliability run on {stack}"


def _received(labels: Mapping[str, object], state: str) -> Received:
    kept = {str(name): str(value) for name, value in labels.items()}
    return Received(kept.pop("alertname", ""), kept, state == "suppressed")


def _written(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat(timespec="milliseconds")

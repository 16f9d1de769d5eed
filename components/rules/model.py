"""What a rule is: typed, with a unit or with what it means to people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from components.site import PART_OF

Severity = Literal["critical", "warning"]
# Often enough that an outage of half a minute is seen; every rule is a few series.
INTERVAL = "15s"


@dataclass(frozen=True, slots=True)
class Recording:
    """A series that Prometheus computes and keeps.

    Attributes:
        name: ``level:metric:operations``, as Prometheus' own naming advice has it.
        expression: PromQL.
        unit: of the value, for people.
        meaning: one sentence for people.
        labels: what every sample gets on top.
    """

    name: str
    expression: str
    unit: str
    meaning: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def document(self, _runbook: str) -> dict[str, object]:
        """The rule as Prometheus reads it."""
        labels = {"labels": dict(self.labels)} if self.labels else {}
        return {"record": self.name, "expr": self.expression, **labels}


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that a person should act on.

    Attributes:
        name: in CamelCase; lower-cased it is the anchor of its paragraph in the runbook.
        expression: PromQL; the alert is pending while it has a sample.
        hold: how long it must be pending before it fires (Prometheus' ``for``).
        severity: ``critical`` wants somebody now, ``warning`` somebody today.
        summary: one sentence; ``{{ $labels.NAME }}`` stands for a label.
        description: what it may come from.
        labels: what the alert gets on top of its sample's.
    """

    name: str
    expression: str
    hold: str
    severity: Severity
    summary: str
    description: str
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_labels(self) -> dict[str, str]:
        """The labels that every alert of this rule carries."""
        return {"severity": self.severity, "part_of": PART_OF, **self.labels}

    def annotations(self, runbook: str) -> dict[str, str]:
        """What goes with the alert to people; ``runbook`` is the runbook's address."""
        return {
            "summary": self.summary,
            "description": self.description,
            "runbook_url": f"{runbook}#{self.name.lower()}",
        }

    def document(self, runbook: str) -> dict[str, object]:
        """The rule as Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.expression,
            "for": self.hold,
            "labels": self.all_labels,
            "annotations": self.annotations(runbook),
        }


Rule = Recording | Alert


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated one after another, so that later ones may read what earlier ones recorded."""

    name: str
    rules: tuple[Rule, ...]

    def document(self, runbook: str) -> dict[str, object]:
        """The group as Prometheus reads it."""
        return {
            "name": f"query-engines.{self.name}",
            "interval": INTERVAL,
            "rules": [rule.document(runbook) for rule in self.rules],
        }

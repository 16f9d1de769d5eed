"""What a rule must make of series: typed, and written out as promtool reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.rules import Alert, groups
from components.settings import Settings
from components.site import Site

# Samples kept for long enough that no window is left out.
SITE = Site("qer-t", Settings(prometheus_retention="4d"))
RUNBOOK = SITE.settings.runbook_url
TRINO, CLICKHOUSE = SITE.namespace("trino"), SITE.namespace("clickhouse")
ALERTS = {rule.name: rule for group in groups(SITE) for rule in group.rules if isinstance(rule, Alert)}
RECORDED = sorted(
    {rule.name for group in groups(SITE) for rule in group.rules if not isinstance(rule, Alert)},
)

Series = Mapping[str, str]
# With no label beside the rule's own.
ONE_ALERT: Sequence[Mapping[str, str]] = ({},)


def series(name: str, **labels: str) -> str:
    """A series as PromQL writes it."""
    return name + "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"


def coordinator(name: str, **labels: str) -> str:
    """A series that Trino's coordinator shows."""
    return series(name, namespace=TRINO, job="trino", instance="c:8443", **labels)


def worker(name: str, number: int) -> str:
    """A series of one worker."""
    return series(name, namespace=TRINO, job="trino-workers", instance=f"w{number}:8443")


def server(name: str) -> str:
    """A series that ClickHouse shows."""
    return series(name, namespace=CLICKHOUSE, job="clickhouse", instance="s:9363")


NODES = "trino_metadata_name_DiscoveryNodeManager_ActiveNodeCount"
# For as long as any case lasts.
WELL: Series = {coordinator("up"): "1x2500", coordinator(NODES): "3x2500", server("up"): "1x2500"}


@dataclass(frozen=True, slots=True)
class AlertCase:
    """Series, a time, and the alerts of one rule that fire then: labels of each, beside the rule's own."""

    rule: str
    says: str
    series: Series
    at: str
    fires: Sequence[Mapping[str, str]] = ()
    step: str = "15s"

    def document(self) -> dict[str, object]:
        """As promtool reads it."""
        alert = ALERTS[self.rule]
        expected = [
            {
                "exp_labels": {**labels, **alert.all_labels},
                "exp_annotations": {key: _filled(text, labels) for key, text in alert.annotations(RUNBOOK).items()},
            }
            for labels in self.fires
        ]
        question = {"alertname": self.rule, "eval_time": self.at, "exp_alerts": expected}
        return {**_inputs(self.says, self.series, self.step), "alert_rule_test": [question]}


@dataclass(frozen=True, slots=True)
class RecordedCase:
    """Series, a time, and what one rule has recorded then for one engine, rounded; ``None``: nothing."""

    rule: str
    says: str
    series: Series
    at: str
    engine: str
    value: float | None
    step: str = "15s"
    to: float = 0.0001

    def document(self) -> dict[str, object]:
        """As promtool reads it."""
        labels = {"engine": self.engine, "namespace": SITE.namespace(self.engine)}
        wanted = [] if self.value is None else [{"labels": series("", **labels), "value": self.value}]
        question = {
            "expr": f"round({series(self.rule, **labels)}, {self.to})",
            "eval_time": self.at,
            "exp_samples": wanted,
        }
        return {**_inputs(self.says, self.series, self.step), "promql_expr_test": [question]}


Case = AlertCase | RecordedCase


def _inputs(says: str, given: Series, step: str) -> dict[str, object]:
    return {
        "name": says,
        "interval": step,
        "input_series": [{"series": name, "values": values} for name, values in given.items()],
    }


def _filled(text: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: labels[found[1]], text)

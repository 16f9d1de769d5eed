"""Checks of a stack's monitoring: does it see the engines, would it alert, can people look at it?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests

from faults.observer import wait_until
from runner.checks.registry import CheckFailed, expect, fail
from runner.results import CheckResult, Evidence, Verdict
from targets.base import MonitoringAccess, MonitoringEndpoint, Target
from targets.contract import Outputs

ENGINE = "monitoring"
REQUEST_SECONDS = 10.0
# A monitoring that has just been installed has not scraped, nor read its rules, yet.
SETTLE_SECONDS = 120.0
POLL_SECONDS = 2.0


@dataclass
class Monitoring:
    """What a check is given: the parts, the outputs document, and where evidence goes."""

    outputs: Outputs
    parts: Mapping[str, MonitoringEndpoint]
    evidence: list[Evidence] = field(default_factory=list)

    def ask(self, part: str, path: str, query: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - JSON
        """GET a path of one part; its answer as JSON, or as text where it is not.

        Raises:
            requests.RequestException: no answer, or one of an error.
        """
        endpoint = self.parts[part]
        login = (endpoint.user, endpoint.password or "") if endpoint.user else None
        with requests.Session() as http:
            http.trust_env = False
            response = http.get(endpoint.url + path, params=query, auth=login, timeout=REQUEST_SECONDS)
        response.raise_for_status()
        is_json = response.headers.get("Content-Type", "").startswith("application/json")
        return response.json() if is_json else response.text

    def query(self, expression: str) -> Any:  # noqa: ANN401 - JSON
        """Samples of an instant query, as Prometheus' HTTP API gives them: one ``metric`` and ``value`` each."""
        return self.ask("prometheus", "/api/v1/query", {"query": expression})["data"]["result"]

    def first(self, expression: str) -> float | None:
        """The value of an instant query's first sample, which becomes evidence; ``None`` when there is none."""
        found = self.query(expression)
        self.record(expression, found[0]["value"][1] if found else "nothing")
        return float(found[0]["value"][1]) if found else None

    def record(self, sent: str, received: str) -> None:
        """Keep one exchange, the last one for each question."""
        self.evidence[:] = [one for one in self.evidence if one.sent != sent]
        self.evidence.append(Evidence(sent=sent, received=received))


@dataclass(frozen=True, slots=True)
class MonitoringCheck:
    """One check of the catalogue; it applies where all the parts that it needs are there."""

    name: str
    description: str
    needs: tuple[str, ...]
    function: Callable[[Monitoring], None]


_catalogue: list[MonitoringCheck] = []


def check(description: str, *needs: str) -> Callable[[Callable[[Monitoring], None]], Callable[[Monitoring], None]]:
    """Enter a function into the catalogue, with the parts that it needs."""

    def enter(function: Callable[[Monitoring], None]) -> Callable[[Monitoring], None]:
        _catalogue.append(MonitoringCheck(function.__name__, description, needs, function))
        return function

    return enter


def catalogue() -> Sequence[MonitoringCheck]:
    """All checks, in the order they run in."""
    return tuple(_catalogue)


def results(target: Target, *, settle_seconds: float = SETTLE_SECONDS) -> Iterator[CheckResult]:
    """Run the checks whose parts the target has; none on a target without monitoring.

    Args:
        target: an opened target.
        settle_seconds: how long a check is repeated until it passes.
    """
    access = target.means(MonitoringAccess)
    parts = {part.part: part for part in access.monitoring_parts()} if access else {}
    for entry in _catalogue:
        if parts and set(entry.needs) <= set(parts):
            yield run(entry, Monitoring(target.outputs, parts), settle_seconds)


def run(entry: MonitoringCheck, monitoring: Monitoring, settle_seconds: float) -> CheckResult:
    """Run one check until it passes or the time is over."""
    began, reason = time.monotonic(), ""

    def passed() -> bool:
        nonlocal reason
        reason = _attempt(entry, monitoring)
        return not reason

    wait_until(passed, settle_seconds, POLL_SECONDS)
    return CheckResult(
        name=f"{ENGINE}/{entry.name}",
        engine=ENGINE,
        description=entry.description,
        status=Verdict.FAIL if reason else Verdict.PASS,
        seconds=time.monotonic() - began,
        evidence=tuple(monitoring.evidence),
        reason=reason,
    )


def _attempt(entry: MonitoringCheck, monitoring: Monitoring) -> str:
    try:
        entry.function(monitoring)
    except CheckFailed as failed:
        return str(failed)
    except requests.RequestException as error:
        return f"no answer over HTTP: {type(error).__name__}"
    except (ValueError, LookupError, TypeError) as error:  # an answer of another form than the check can read
        return f"the answer is not of the form expected: {type(error).__name__}: {error}"
    return ""


@check("Prometheus scrapes both engines, every node of theirs", "prometheus")
def engines_scraped(monitoring: Monitoring) -> None:
    """Each workload has as many healthy targets as the outputs document says replicas."""
    targets = monitoring.ask("prometheus", "/api/v1/targets", {"state": "active"})["data"]["activeTargets"]
    for engine in monitoring.outputs.engines:
        mine = [one for one in targets if one["labels"].get("namespace") == engine.namespace]
        healthy = [one for one in mine if one["health"] == "up"]
        wanted = sum(workload.replicas for workload in engine.workloads)
        monitoring.record(f"active targets in {engine.namespace}", _described(mine))
        expect(len(healthy) >= wanted, f"{engine.kind}: {len(healthy)} of {wanted} targets are up: {_described(mine)}")


@check("Prometheus knows the engines' own alerting rules, and none of them is broken", "prometheus")
def rules_loaded(monitoring: Monitoring) -> None:
    """Rules that belong to this stack's engines, by the namespaces in their expressions."""
    groups = monitoring.ask("prometheus", "/api/v1/rules", {"type": "alert"})["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    for engine in monitoring.outputs.engines:
        mine = [rule for rule in rules if engine.namespace in rule["query"]]
        monitoring.record(f"alerting rules on {engine.namespace}", ", ".join(rule["name"] for rule in mine) or "none")
        expect(bool(mine), f"no alerting rule is about {engine.namespace}")
    broken = [rule["name"] for rule in rules if rule["health"] == "err"]
    expect(not broken, f"rules that fail: {', '.join(broken)}")


@check("Prometheus holds samples of both engines", "prometheus")
def samples_kept(monitoring: Monitoring) -> None:
    """A query over what was scraped answers for each engine's namespace."""
    for engine in monitoring.outputs.engines:
        query = f'sum(up{{namespace="{engine.namespace}"}})'
        expect((monitoring.first(query) or 0) > 0, f"{query} gave nothing")


@check("Prometheus sends its alerts to an Alertmanager that is ready", "prometheus", "alertmanager")
def alertmanager_connected(monitoring: Monitoring) -> None:
    """Both sides: Alertmanager says that it is ready, Prometheus lists it as active."""
    monitoring.ask("alertmanager", "/-/ready")
    active = monitoring.ask("prometheus", "/api/v1/alertmanagers")["data"]["activeAlertmanagers"]
    monitoring.record("GET /api/v1/alertmanagers", ", ".join(one["url"] for one in active) or "none")
    expect(bool(active), "Prometheus knows no Alertmanager")


@check("Container metrics are there: kubelets are scraped", "prometheus")
def containers_measured(monitoring: Monitoring) -> None:
    """Memory of the engines' containers, which reports and alerts are about."""
    for engine in monitoring.outputs.engines:
        query = f'count(container_memory_working_set_bytes{{namespace="{engine.namespace}",container!=""}})'
        expect(monitoring.first(query) is not None, f"{query} gave nothing")


@check("Objects of the cluster are measured", "prometheus", "kube-state-metrics")
def objects_measured(monitoring: Monitoring) -> None:
    """kube-state-metrics reports the engines' workloads."""
    query = "count(kube_pod_info) by (namespace)"
    there = {one["metric"]["namespace"] for one in monitoring.query(query)}
    monitoring.record(query, ", ".join(sorted(there)))
    missing = [engine.namespace for engine in monitoring.outputs.engines if engine.namespace not in there]
    expect(not missing, f"no pods are reported in {', '.join(missing)}")


@check("Nodes are measured", "prometheus", "node-exporter")
def nodes_measured(monitoring: Monitoring) -> None:
    """node-exporter on every node that the cluster has."""
    expect(monitoring.first("count(node_uname_info)") is not None, "no node-exporter is scraped")


@check("Grafana is healthy, takes the password, and has Prometheus as a data source", "grafana")
def grafana_ready(monitoring: Monitoring) -> None:
    """With the login of the outputs document."""
    health: Mapping[str, Any] = monitoring.ask("grafana", "/api/health")
    expect(health.get("database") == "ok", f"Grafana's database: {health.get('database')}")
    sources: Sequence[Mapping[str, Any]] = monitoring.ask("grafana", "/api/datasources")
    monitoring.record("GET /api/datasources", ", ".join(str(one.get("type")) for one in sources))
    if not any(one.get("type") == "prometheus" for one in sources):
        fail("Grafana has no Prometheus data source")


def _described(targets: Sequence[Mapping[str, Any]]) -> str:
    return (
        "; ".join(f"{one['labels'].get('job')}: {one['health']} {one['lastError']}".strip() for one in targets)
        or "none"
    )

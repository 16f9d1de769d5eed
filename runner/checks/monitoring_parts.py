"""Checks of the monitoring's own parts: does each one work, and is each one watched itself?"""

from __future__ import annotations

from runner.checks.monitoring import Monitoring, check
from runner.checks.registry import expect

_SHOWN = 5
# There to be scraped; whether the others are is somebody's choice.
_EXPORTERS = frozenset({"kube-state-metrics", "node-exporter"})


@check("Prometheus is healthy, ready, and evaluates its rules", "prometheus")
def prometheus_healthy(monitoring: Monitoring) -> None:
    """Its own word, and that every group of rules has been evaluated without an error."""
    for path in ("/-/healthy", "/-/ready"):
        monitoring.record(f"GET {path}", str(monitoring.ask("prometheus", path)).strip())
    groups = monitoring.ask("prometheus", "/api/v1/rules")["data"]["groups"]
    broken = [
        f"{rule['name']}: {rule.get('lastError', '')}"
        for group in groups
        for rule in group["rules"]
        if rule["health"] == "err"
    ]
    rules = sum(len(group["rules"]) for group in groups)
    monitoring.record("rules", f"{rules} in {len(groups)} groups, {len(broken)} with an error")
    expect(not broken, f"{len(broken)} of {rules} rules fail: {'; '.join(broken[:_SHOWN])}")


@check("Alertmanager is healthy, and has a configuration that it could read", "alertmanager")
def alertmanager_healthy(monitoring: Monitoring) -> None:
    """Its own word, and its receivers."""
    monitoring.record("GET /-/healthy", str(monitoring.ask("alertmanager", "/-/healthy")).strip())
    receivers = [str(one["name"]) for one in monitoring.ask("alertmanager", "/api/v2/receivers")]
    monitoring.record("receivers", ", ".join(receivers) or "none")
    expect(bool(receivers), "Alertmanager has no receiver")


@check("kube-state-metrics answers, and shows the engines' pods", "kube-state-metrics")
def kube_state_metrics_healthy(monitoring: Monitoring) -> None:
    """Asked itself, not by way of Prometheus."""
    text = str(monitoring.ask("kube-state-metrics", "/metrics"))
    for engine in monitoring.outputs.engines:
        mine = sum(
            line.startswith("kube_pod_info{") and f'namespace="{engine.namespace}"' in line
            for line in text.splitlines()
        )
        monitoring.record(f"kube_pod_info of {engine.namespace}", f"{mine} pods")
        expect(mine > 0, f"kube-state-metrics shows no pod of {engine.namespace}")


@check("node-exporter answers with measures of its node", "node-exporter")
def node_exporter_healthy(monitoring: Monitoring) -> None:
    """Asked itself, one node's by way of its Service."""
    lines = str(monitoring.ask("node-exporter", "/metrics")).splitlines()
    found = [line for line in lines if line.startswith("node_memory_MemAvailable_bytes")]
    monitoring.record("node_memory_MemAvailable_bytes", found[0].rpartition(" ")[2] if found else "nothing")
    expect(bool(found), "node-exporter shows no memory of its node")


@check("Prometheus scrapes the other parts of the monitoring", "prometheus")
def parts_scraped(monitoring: Monitoring) -> None:
    """Every target in the monitoring's namespaces is up, and each exporter has one at least."""
    targets = monitoring.ask("prometheus", "/api/v1/targets", {"state": "active"})["data"]["activeTargets"]
    parts = [part for part in monitoring.outputs.monitoring if part.part in monitoring.parts]
    namespaces = {part.namespace for part in parts}
    mine = [one for one in targets if one["labels"].get("namespace") in namespaces]
    down = [f"{one['labels'].get('job')} {one['lastError']}".strip() for one in mine if one["health"] != "up"]
    monitoring.record("targets up / expected", f"{len(mine) - len(down)} / {len(mine)}")
    expect(not down, f"{len(down)} of {len(mine)} targets are not up: {'; '.join(down[:_SHOWN])}")
    seen = {one["labels"].get("service") for one in mine}
    missing = [part.part for part in parts if part.part in _EXPORTERS and part.service not in seen]
    expect(not missing, f"not scraped: {', '.join(missing)}")


@check("Every node has a node-exporter", "prometheus", "node-exporter", "kube-state-metrics")
def every_node_measured(monitoring: Monitoring) -> None:
    """As many as the cluster has nodes."""
    nodes, measured = monitoring.first("count(kube_node_info)"), monitoring.first("count(node_uname_info)")
    expect(nodes is not None and nodes == measured, f"{measured or 0:g} of {nodes or 0:g} nodes are measured")

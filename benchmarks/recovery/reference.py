"""The reference: a stack's Trino once more, with the settings that the official Helm chart gives it.

Image, resources, heap size, users, certificate and catalogs stay those of the stack, so that only what the chart
decides differs: probes, collector and compiler, how workers end, where pods go and how long they stay on a lost node.

Source of the values: chart ``trino`` 1.42.2 (github.com/trinodb/charts), ``templates/deployment-*.yaml`` and
``templates/configmap-*.yaml``; the 300 s are Kubernetes' own default (DefaultTolerationSeconds admission plugin).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from targets.contract import Outputs, SecretRef, Workload
from targets.kubernetes.means import STACK_LABEL

Manifest = Mapping[str, Any]

SUFFIX = "reference"
COORDINATOR, WORKER = "coordinator", "worker"
_LOST_NODE_SECONDS = 300
_HEALTH_CHECK = {"exec": {"command": ["/usr/lib/trino/bin/health-check"]}}
_THRESHOLD = {"timeoutSeconds": 5, "periodSeconds": 10, "failureThreshold": 6, "successThreshold": 1}
PROBES: dict[str, dict[str, Any]] = {
    "livenessProbe": {
        "httpGet": {"path": "/v1/info", "port": "http"},
        "initialDelaySeconds": 30,
        **_THRESHOLD,
    },
    "readinessProbe": {**_HEALTH_CHECK, "initialDelaySeconds": 10, **_THRESHOLD},
    "startupProbe": {
        **_HEALTH_CHECK,
        "initialDelaySeconds": 10,
        "periodSeconds": 2,
        "timeoutSeconds": 2,
        "failureThreshold": 60,
        "successThreshold": 1,
    },
}
_CHART_JVM = ("-XX:+UseG1GC", "-XX:G1HeapRegionSize=32M", "-XX:+ExplicitGCInvokesConcurrent")
_OUR_JVM = (
    "-Xms",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel",
    "-XX:MetaspaceSize",
    "-Dsun.net.inetaddr.ttl",
    *_CHART_JVM,
)
# What the chart leaves at Trino's own defaults.
_OUR_PROPERTIES = (
    "exchange.max-error-duration",
    "failure-detector.warmup-interval",
    "query.remote-task.max-error-duration",
    "query-manager.required-workers",
    "query-manager.required-workers-max-wait",
    "shutdown.grace-period",
)
_SERVERS_OWN = (
    "clusterIP",
    "clusterIPs",
    "ipFamilies",
    "ipFamilyPolicy",
    "internalTrafficPolicy",
    "healthCheckNodePort",
    "externalTrafficPolicy",
)


class Reference:
    """Makes the reference's manifests out of a stack's.

    Args:
        outputs: of the stack; its Trino must be there.

    Raises:
        ValueError: the stack has no Trino.
    """

    def __init__(self, outputs: Outputs) -> None:
        engines = [engine for engine in outputs.engines if engine.kind == "trino"]
        if not engines:
            raise ValueError("the stack has no Trino to make a reference of")
        self._engine, self._stack = engines[0], outputs
        self.instance = f"{outputs.stack}-{SUFFIX}"
        self.namespace = self.instance

    def outputs(self) -> Outputs:
        """The reference's own document; the runner and its faults see a stack like any other."""

        def moved(reference: SecretRef | None) -> SecretRef | None:
            return None if reference is None else reference.model_copy(update={"namespace": self.namespace})

        workloads = tuple(
            Workload(**{**one.model_dump(), "labels": self._labels(one.labels)}) for one in self._engine.workloads
        )
        engine = self._engine.model_copy(
            update={
                "namespace": self.namespace,
                "password": moved(self._engine.password),
                "ca": moved(self._engine.ca),
                "workloads": workloads,
                "node_port": None,
            }
        )
        return self._stack.model_copy(
            update={
                "stack": self.instance,
                "namespaces": (self.namespace,),
                "engines": (engine,),
                "monitoring": (),
                "faults_namespace": None,
                "runner_namespace": self.namespace,
            }
        )

    def namespace_manifest(self) -> dict[str, Any]:
        """Its namespace, held to the same Pod Security level as the stack's."""
        labels = {
            STACK_LABEL: self.instance,
            "app.kubernetes.io/part-of": "query-engine-reliability",
            "pod-security.kubernetes.io/enforce": "restricted",
        }
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace, "labels": labels}}

    def copies(self, found: Sequence[Manifest]) -> list[dict[str, Any]]:
        """Secrets, ConfigMaps, Services and Deployments of the stack's Trino, as the chart would have them."""
        return [self._copy(one) for one in found]

    def _copy(self, found: Manifest) -> dict[str, Any]:
        made = copy.deepcopy(dict(found))
        metadata = made["metadata"]
        made["metadata"] = {
            "name": metadata["name"],
            "namespace": self.namespace,
            "labels": self._labels(metadata.get("labels") or {}),
        }
        made.pop("status", None)
        change = {"ConfigMap": self._config_map, "Service": self._service, "Deployment": self._deployment}
        if made["kind"] in change:
            change[made["kind"]](made)
        return made

    def _labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        return {**labels, STACK_LABEL: self.instance}

    def _config_map(self, made: dict[str, Any]) -> None:
        here, there = f".{self._engine.namespace}.svc", f".{self.namespace}.svc"
        made["data"] = {name: text.replace(here, there) for name, text in made["data"].items()}
        if "jvm.config" in made["data"]:
            made["data"]["jvm.config"] = jvm_config(made["data"]["jvm.config"])
        if "config.properties" in made["data"]:
            made["data"]["config.properties"] = without(made["data"]["config.properties"], _OUR_PROPERTIES)

    def _service(self, made: dict[str, Any]) -> None:
        headless = made["spec"].get("clusterIP") == "None"
        for name in _SERVERS_OWN:
            made["spec"].pop(name, None)
        if headless:
            made["spec"]["clusterIP"] = "None"
        made["spec"]["type"] = "ClusterIP"
        for port in made["spec"]["ports"]:
            port.pop("nodePort", None)
        made["spec"]["selector"] = self._labels(made["spec"]["selector"])

    def _deployment(self, made: dict[str, Any]) -> None:
        spec, template = made["spec"], made["spec"]["template"]
        spec.pop("strategy", None)
        spec["selector"]["matchLabels"] = self._labels(spec["selector"]["matchLabels"])
        template["metadata"]["labels"] = self._labels(template["metadata"]["labels"])
        pod = template["spec"]
        pod.pop("topologySpreadConstraints", None)
        pod["terminationGracePeriodSeconds"] = 30
        pod["tolerations"] = [
            {
                "key": f"node.kubernetes.io/{condition}",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": _LOST_NODE_SECONDS,
            }
            for condition in ("not-ready", "unreachable")
        ]
        for container in pod["containers"]:
            container.pop("lifecycle", None)
            container.update(copy.deepcopy(PROBES))
        coordinator = self._coordinator()
        if coordinator is not None and made["metadata"]["name"] == coordinator.name:
            pod["affinity"] = {"podAntiAffinity": self._apart_from(coordinator)}

    def _coordinator(self) -> Workload | None:
        return next((one for one in self._engine.workloads if one.role == COORDINATOR), None)

    def _apart_from(self, coordinator: Workload) -> dict[str, Any]:
        """Not on that one's node if there is another: a lost node must not cost both sides their only coordinator."""
        term = {
            "topologyKey": "kubernetes.io/hostname",
            "namespaces": [self._engine.namespace],
            "labelSelector": {"matchLabels": dict(coordinator.labels)},
        }
        return {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": term}]}


def jvm_config(text: str) -> str:
    """The chart's collector and compiler with the same heap."""
    kept = [line for line in text.splitlines() if not line.startswith(_OUR_JVM)]
    return "\n".join([*kept[:1], *_CHART_JVM, *kept[1:]]) + "\n"


def without(text: str, names: Sequence[str]) -> str:
    """A Java properties file without some of its keys."""
    return "".join(f"{line}\n" for line in text.splitlines() if line.partition("=")[0] not in names)

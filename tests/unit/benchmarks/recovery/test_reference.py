"""A stack's Trino with the official chart's settings, and nothing else changed."""

from typing import Any

import pytest

from benchmarks.recovery.reference import PROBES, Reference, jvm_config, without
from targets.contract import EngineOutput, Outputs, SecretRef, Workload

INSTANCE = "app.kubernetes.io/instance"


def outputs(kind: str = "trino") -> Outputs:
    namespace = "qer-x-trino"
    engine = EngineOutput(
        kind=kind,
        title="Trino",
        version="476",
        namespace=namespace,
        service="trino",
        port=8443,
        scheme="https",
        user="qer",
        password=SecretRef(namespace=namespace, name="trino-credentials", key="password"),
        workloads=(
            Workload(role="worker", kind="Deployment", name="trino-worker", replicas=2, labels={INSTANCE: "qer-x"}),
        ),
    )
    return Outputs(target="kubernetes", stack="qer-x", namespaces=(namespace, "qer-x-runner"), engines=(engine,))


def copied(manifest: dict[str, Any]) -> dict[str, Any]:
    (made,) = Reference(outputs()).copies([manifest])
    return made


def deployment() -> dict[str, Any]:
    container = {
        "name": "trino",
        "lifecycle": {"preStop": {}},
        "readinessProbe": {"old": 1},
        "resources": {"limits": 1},
    }
    pod = {
        "containers": [container],
        "tolerations": [{"tolerationSeconds": 10}],
        "topologySpreadConstraints": [{}],
        "terminationGracePeriodSeconds": 145,
        "securityContext": {"runAsUser": 1000},
    }
    labels = {INSTANCE: "qer-x", "app.kubernetes.io/name": "trino"}
    return {
        "kind": "Deployment",
        "metadata": {"name": "trino-worker", "namespace": "qer-x-trino", "uid": "u", "labels": dict(labels)},
        "spec": {
            "replicas": 2,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": dict(labels)},
            "template": {"metadata": {"labels": dict(labels), "annotations": {"sum": "1"}}, "spec": pod},
        },
        "status": {"replicas": 2},
    }


def test_a_deployment_gets_the_charts_probes_and_kubernetes_own_tolerations() -> None:
    original = deployment()
    made = copied(original)
    pod = made["spec"]["template"]["spec"]
    assert {name: pod["containers"][0][name] for name in PROBES} == PROBES
    assert "lifecycle" not in pod["containers"][0]
    assert pod["containers"][0]["resources"] == {"limits": 1}
    assert [one["tolerationSeconds"] for one in pod["tolerations"]] == [300, 300]
    assert pod["terminationGracePeriodSeconds"] == 30
    assert "topologySpreadConstraints" not in pod
    assert "status" not in made and "uid" not in made["metadata"] and "strategy" not in made["spec"]
    assert pod["securityContext"] == {"runAsUser": 1000}
    assert original == deployment(), "the stack's own manifest is left as it is"


def test_the_coordinator_keeps_away_from_the_stacks_own() -> None:
    labels = {INSTANCE: "qer-x", "app.kubernetes.io/component": "coordinator"}
    both = outputs()
    (engine,) = both.engines
    coordinator = Workload(role="coordinator", kind="Deployment", name="trino-coordinator", replicas=1, labels=labels)
    engine = engine.model_copy(update={"workloads": (coordinator, *engine.workloads)})
    reference = Reference(both.model_copy(update={"engines": (engine,)}))
    manifest = deployment()
    (worker,) = reference.copies([manifest])
    manifest["metadata"]["name"] = "trino-coordinator"
    (made,) = reference.copies([manifest])
    assert "affinity" not in worker["spec"]["template"]["spec"]
    (rule,) = made["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"][
        "preferredDuringSchedulingIgnoredDuringExecution"
    ]
    assert rule["podAffinityTerm"]["labelSelector"] == {"matchLabels": labels}
    assert rule["podAffinityTerm"]["namespaces"] == ["qer-x-trino"]


def test_every_label_and_namespace_is_the_references_own() -> None:
    made = copied(deployment())
    assert made["metadata"]["namespace"] == "qer-x-reference"
    for labels in (
        made["metadata"]["labels"],
        made["spec"]["selector"]["matchLabels"],
        made["spec"]["template"]["metadata"]["labels"],
    ):
        assert labels[INSTANCE] == "qer-x-reference"


def test_a_service_gets_an_address_of_its_own_and_stays_headless() -> None:
    def service(address: str) -> dict[str, Any]:
        spec = {"clusterIP": address, "clusterIPs": [address], "selector": {INSTANCE: "qer-x"}, "ports": [{"port": 1}]}
        return {"kind": "Service", "metadata": {"name": "trino"}, "spec": spec}

    assert "clusterIP" not in copied(service("10.0.0.7"))["spec"]
    assert copied(service("None"))["spec"]["clusterIP"] == "None"
    assert copied(service("10.0.0.7"))["spec"]["selector"] == {INSTANCE: "qer-x-reference"}


def test_configuration_points_into_the_references_namespace_without_our_tuning() -> None:
    text = (
        "discovery.uri=http://trino-discovery.qer-x-trino.svc:8080\nexchange.max-error-duration=10s\ncoordinator=true\n"
    )
    made = copied({"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"config.properties": text}})
    assert made["data"]["config.properties"] == (
        "discovery.uri=http://trino-discovery.qer-x-reference.svc:8080\ncoordinator=true\n"
    )


def test_a_secret_is_copied_as_it_is() -> None:
    secret = {"kind": "Secret", "metadata": {"name": "s"}, "type": "Opaque", "data": {"a": "Yg=="}}
    assert copied(secret)["data"] == {"a": "Yg=="}


def test_jvm_options_are_the_charts_with_the_same_heap() -> None:
    ours = "-server\n-Xms640M\n-Xmx640M\n-XX:+UseSerialGC\n-XX:TieredStopAtLevel=1\n-Dsun.net.inetaddr.ttl=5\n-Da=b\n"
    lines = jvm_config(ours).splitlines()
    assert lines[0] == "-server"
    assert "-XX:+UseG1GC" in lines and "-Xmx640M" in lines and "-Da=b" in lines
    assert not [line for line in lines if "Serial" in line or "Tiered" in line or "ttl" in line]


def test_properties_without_some() -> None:
    assert without("a=1\nb.c=2\n", ["a"]) == "b.c=2\n"


def test_the_document_names_the_references_objects_only() -> None:
    document = Reference(outputs()).outputs()
    assert (document.stack, document.namespaces) == ("qer-x-reference", ("qer-x-reference",))
    (engine,) = document.engines
    assert engine.namespace == "qer-x-reference"
    assert engine.password is not None and engine.password.namespace == "qer-x-reference"
    assert engine.workloads[0].labels == {INSTANCE: "qer-x-reference"}


def test_a_stack_without_trino() -> None:
    with pytest.raises(ValueError, match="no Trino"):
        Reference(outputs("clickhouse"))

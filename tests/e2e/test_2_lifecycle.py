"""The life of a stack: up, no change, checked by the runner, changed, rotated, upgraded, beside another, gone."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from engines import Engine, EngineError, ErrorClass
from targets.contract import Outputs
from targets.kubernetes import KubernetesTarget
from targets.kubernetes.forward import is_ready
from tests.e2e.conftest import eventually
from tests.e2e.pulumi_stack import ROOT, PulumiStack, kubectl, objects, run

READY_SECONDS = 240
CLIENT = "nicolaka/netshoot:v0.13"
LINEITEMS = 6001215  # of scale factor 1, TPC-H specification 4.2.5
RUNNING_SECONDS = 120
BUSY_SECONDS = 75
HUNG_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Measured:
    """Prints figures as they come, for the record."""

    def __call__(self, what: str, figure: object) -> None:
        sys.stderr.write(f"\nmeasured: {what}: {figure}\n")


measured = Measured()


def pods(stack: PulumiStack, part: str) -> dict[str, str]:
    """Name to UID of the pods that are not ending."""
    found = objects("pods", stack.namespace(part))
    return {
        one["metadata"]["name"]: one["metadata"]["uid"] for one in found if "deletionTimestamp" not in one["metadata"]
    }


def all_ready(stack: PulumiStack) -> bool:
    found = [pod for part in ("trino", "clickhouse", "monitoring") for pod in objects("pods", stack.namespace(part))]
    staying = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
    # The operator makes this one by itself, after the release is there.
    names = " ".join(pod["metadata"]["name"] for pod in staying)
    return "prometheus-" in names and all(is_ready(pod) for pod in staying)


def check(stack: PulumiStack, directory: Path) -> dict[str, str]:
    """The runner's functionality checks through the outputs: name to status."""
    eventually(lambda: all_ready(stack), READY_SECONDS, "all pods Ready")
    document = directory / f"{stack.name}.json"
    document.write_text(json.dumps(stack.outputs()))
    report = directory / f"report-{stack.name}"
    command = (sys.executable, "-m", "runner", "check", "--target", str(document), "--output", str(report))
    done = run(*command, cwd=ROOT, timeout=400)
    results: dict[str, Any] = json.loads((report / "results.json").read_text())
    assert done.status == 0, [one for one in results["checks"] if one["status"] == "FAIL"] or done.text
    return {one["name"]: one["status"] for one in results["checks"]}


def target(stack: PulumiStack) -> KubernetesTarget:
    return KubernetesTarget(Outputs.model_validate(stack.outputs()))


def test_preview(stack: PulumiStack) -> None:
    changes = stack.changes()
    measured("resources", len(changes))
    assert all(change.startswith("create ") for change in changes)


def test_up_until_all_is_ready(stack: PulumiStack) -> None:
    began = time.monotonic()
    stack.must_up()
    measured("seconds of pulumi up", round(time.monotonic() - began, 1))
    eventually(lambda: all_ready(stack), READY_SECONDS, "all pods Ready")
    measured("seconds from pulumi up to all Ready", round(time.monotonic() - began, 1))


def test_second_preview_shows_no_change(stack: PulumiStack) -> None:
    began = time.monotonic()
    assert stack.no_changes()
    measured("seconds of a preview without change", round(time.monotonic() - began, 1))


def test_the_outputs_hold_no_password(stack: PulumiStack) -> None:
    text = stack.pulumi("stack", "output", "--json").text
    shown = json.loads(text[text.index("{") :])
    assert shown["passwords"] == "[secret]"
    secrets = json.loads(stack.pulumi("stack", "output", "passwords", "--json", "--show-secrets").text)
    assert all(password not in text for password in secrets.values())


def test_the_runner_passes_with_both_engines_and_monitoring(stack: PulumiStack, tmp_path: Path) -> None:
    statuses = check(stack, tmp_path)
    assert {name.split("/")[0] for name in statuses} == {"trino", "clickhouse", "monitoring"}
    assert statuses["trino/queueing"] == "PASS"
    assert statuses["monitoring/engines_scraped"] == "PASS"


def test_the_runners_account_may_break_the_stack_and_nothing_else(stack: PulumiStack) -> None:
    account = f"--as=system:serviceaccount:{stack.namespace('runner')}:runner"

    def may(verb: str, what: str, namespace: str) -> bool:
        return run("kubectl", "auth", "can-i", verb, what, "-n", namespace, account).status == 0

    trino = stack.namespace("trino")
    assert may("delete", "pods", trino)
    assert may("patch", "deployments", trino)
    assert may("get", "secrets/trino-credentials", trino)
    assert not may("get", "secrets/trino-internal", trino)
    assert not may("list", "secrets", trino)
    assert not may("delete", "pods", "kube-system")
    assert not may("patch", "nodes", "default")
    assert not may("delete", "namespaces", "default")


def reaches(namespace: str, url: str) -> bool:
    """Whether a pod of that namespace gets any answer."""
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {
        "name": "c",
        "image": CLIENT,
        "command": ["curl", "--silent", "--insecure", "--output", "/dev/null", "--max-time", "4", url],
        "securityContext": security,
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "client", "namespace": namespace},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }
    subprocess.run(["kubectl", "create", "-f", "-"], input=json.dumps(pod), text=True, check=True, capture_output=True)
    try:
        phases = ("Succeeded", "Failed")

        def phase() -> str:
            return kubectl("get", "pod", "client", "-n", namespace, "-o", "jsonpath={.status.phase}")

        eventually(lambda: phase() in phases, RUNNING_SECONDS, "the client ends")
        return phase() == "Succeeded"
    finally:
        kubectl("delete", "pod", "client", "-n", namespace, "--grace-period=0", "--force")


@pytest.mark.parametrize(("part", "port", "scheme"), [("trino", 8443, "https"), ("clickhouse", 8123, "http")])
def test_only_the_runners_namespace_reaches_an_engine(stack: PulumiStack, part: str, port: int, scheme: str) -> None:
    # By pod address: what a pod sends to its own node need not be filtered, so ask several times from elsewhere.
    url = f"{scheme}://{part}.{stack.namespace(part)}.svc:{port}/"
    assert reaches(stack.namespace("runner"), url)


def test_strangers_are_kept_out(stack: PulumiStack) -> None:
    kubectl("create", "namespace", "stranger")
    try:
        nodes = {pod["spec"]["nodeName"] for pod in objects("pods", stack.namespace("clickhouse"))}
        if len(json.loads(kubectl("get", "nodes", "-o", "json"))["items"]) == len(nodes):
            pytest.skip("one node: its own traffic may pass unfiltered")
        kubectl("cordon", *nodes)
        try:
            assert not reaches("stranger", f"http://clickhouse.{stack.namespace('clickhouse')}.svc:8123/ping")
        finally:
            kubectl("uncordon", *nodes)
    finally:
        kubectl("delete", "namespace", "stranger")


def test_one_setting_touches_what_it_should_and_rolls_only_those_pods(stack: PulumiStack) -> None:
    trino, clickhouse = pods(stack, "trino"), pods(stack, "clickhouse")
    stack.settings["trinoQueryConcurrency"] = 30
    changes = stack.changes()
    measured("objects touched by one setting", changes)
    assert sorted(changes) == [
        f"update kubernetes:apps/v1:Deployment {stack.prefix}-trino-coordinator",
        f"update kubernetes:core/v1:ConfigMap {stack.prefix}-trino-coordinator-config",
        # It alerts when more than that wait.
        f"update kubernetes:monitoring.coreos.com/v1:PrometheusRule {stack.prefix}-query-engines-prometheusrule",
    ]
    stack.must_up()
    gone = set(trino.items()) - set(pods(stack, "trino").items())
    assert {name.rsplit("-", 2)[0] for name, _ in gone} == {"trino-coordinator"}
    assert pods(stack, "clickhouse") == clickhouse
    assert stack.no_changes()


def test_a_stopped_worker_finishes_its_query(stack: PulumiStack) -> None:
    """Graceful shutdown with credentials: the only worker is deleted while it scans."""
    with target(stack) as opened:
        (engine,) = [one for one in opened.engines() if one.endpoint.kind == "trino"]
        # A coordinator that has just been started refuses statements until it knows a worker.
        eventually(lambda: answers(engine, engine.probe.sql), RUNNING_SECONDS, "a worker is known")
        running = engine.start("SELECT count(*) FROM tpch.sf1.lineitem", deadline=180)
        eventually(lambda: running.state() == "RUNNING", RUNNING_SECONDS, "the query runs")
        kubectl(
            "delete", "pod", "-n", stack.namespace("trino"), "-l", "app.kubernetes.io/component=worker", "--wait=false"
        )
        assert running.wait(180).rows == ((LINEITEMS,),)
    deployment = ("-n", stack.namespace("trino"), "rollout", "status", "deployment/trino-worker", "--timeout=180s")
    kubectl(*deployment)


def coordinator(stack: PulumiStack) -> dict[str, Any]:
    selector = "app.kubernetes.io/component=coordinator"
    (found,) = objects("pods", stack.namespace("trino"), selector)
    return found


def restarts(stack: PulumiStack) -> int:
    return int(coordinator(stack)["status"]["containerStatuses"][0]["restartCount"])


def test_a_busy_coordinator_is_left_alone(stack: PulumiStack) -> None:
    """Twice as many queries as may run, for longer than a hung one would be left."""
    before = restarts(stack)
    with target(stack) as opened:
        (engine,) = [one for one in opened.engines() if one.endpoint.kind == "trino"]
        sql = "SELECT count(*) FROM tpch.sf1.lineitem a, tpch.sf1.orders b WHERE a.comment = b.comment"
        running = [engine.start(sql, deadline=BUSY_SECONDS) for _ in range(60)]
        ends = time.monotonic() + BUSY_SECONDS
        eventually(lambda: time.monotonic() > ends or restarts(stack) > before, BUSY_SECONDS + 30, "the load is over")
        for one in running:
            one.cancel()
    assert restarts(stack) == before


def test_a_hung_coordinator_is_restarted(stack: PulumiStack, sandbox: Path | None) -> None:
    if sandbox is None:
        pytest.skip("no way to stop a container's processes from outside")
    pod, before = coordinator(stack), restarts(stack)
    container = pod["status"]["containerStatuses"][0]["containerID"].rpartition("/")[2]
    script = (
        f"for p in /proc/[0-9]*; do grep -qs {container} $p/cgroup && grep -qs TrinoServer $p/cmdline "
        "&& kill -STOP ${p#/proc/}; done; true"
    )
    done = run(str(sandbox), "node", "exec", pod["spec"]["nodeName"], "sh", "-c", script)
    assert done.status == 0, done.text
    began = time.monotonic()
    eventually(lambda: restarts(stack) > before, HUNG_SECONDS, "the kubelet restarts the hung coordinator")
    measured("seconds until a hung coordinator was restarted", round(time.monotonic() - began, 1))
    kubectl(
        "wait",
        "--for=condition=Available",
        "deployment/trino-coordinator",
        "-n",
        stack.namespace("trino"),
        "--timeout=180s",
    )


def answers(engine: Engine, sql: str = "SELECT 1") -> bool:
    """Whether a statement is answered; a refused password is an error of the test."""
    try:
        with engine.connect() as session:
            return bool(session.execute(sql, deadline=30).rows)
    except EngineError as error:
        if error.error_class is ErrorClass.UNAUTHORIZED:
            raise
        return False


def test_password_rotation(stack: PulumiStack) -> None:
    with target(stack) as opened:
        old = {engine.endpoint.kind: engine.endpoint.password for engine in opened.engines()}
    stack.settings["credentialsRotation"] = "2"
    stack.must_up()
    eventually(lambda: all_ready(stack), READY_SECONDS, "all pods Ready")
    with target(stack) as opened:
        for engine in opened.engines():
            kind = engine.endpoint.kind
            assert engine.endpoint.password != old[kind]
            eventually(lambda: answers(engine), RUNNING_SECONDS, f"{kind} takes the new password")  # noqa: B023 - at once
            stale = type(engine)(replace(engine.endpoint, password=old[kind]))
            with stale.connect() as session, pytest.raises(EngineError) as refused:
                session.execute("SELECT 1", deadline=30)
            assert refused.value.error_class is ErrorClass.UNAUTHORIZED
    assert stack.no_changes()


def test_an_upgrade_of_clickhouse_keeps_its_data(stack: PulumiStack, sandbox: Path | None) -> None:
    def ask(sql: str) -> object:
        with target(stack) as opened:
            (engine,) = [one for one in opened.engines() if one.endpoint.kind == "clickhouse"]
            with engine.connect() as session:
                return session.execute(sql, deadline=60).rows

    ask("CREATE TABLE qer.kept (id UInt32) ENGINE = MergeTree ORDER BY id")
    ask("INSERT INTO qer.kept SELECT number FROM numbers(1000)")
    before = pods(stack, "clickhouse")
    stack.settings["clickhouseTag"] = another_image(sandbox)
    changes = stack.changes()
    assert changes == [f"update kubernetes:apps/v1:StatefulSet {stack.prefix}-clickhouse"]
    stack.must_up()
    assert pods(stack, "clickhouse") != before
    assert ask("SELECT count(), sum(id) FROM qer.kept") == ((1000, 499500),)


def another_image(sandbox: Path | None) -> str:
    """A later ClickHouse; on the throwaway cluster the one there is under another tag."""
    if sandbox is None:
        return "25.9"
    image = "docker.io/clickhouse/clickhouse-server"
    for node in json.loads(kubectl("get", "nodes", "-o", "json"))["items"]:
        tag = ("ctr", "-n", "k8s.io", "images", "tag", "--force", f"{image}:25.8", f"{image}:25.8-next")
        done = run(str(sandbox), "node", "exec", node["metadata"]["name"], *tag)
        assert done.status == 0, done.text
    return "25.8-next"


def test_an_upgrade_of_monitoring_is_one_release(stack: PulumiStack) -> None:
    stack.settings["prometheusRetention"] = "7h"
    assert stack.changes() == [f"update kubernetes:helm.sh/v3:Release {stack.prefix}-monitoring"]
    stack.must_up()
    assert stack.no_changes()


def assert_the_autoscaler_keeps_its_number(stack: PulumiStack) -> None:
    """An update leaves alone what the autoscaler has decided; its own bounds make it decide here."""
    namespace, scaler = stack.namespace("trino"), "horizontalpodautoscaler/trino-workers"

    def workers() -> int:
        return int(kubectl("get", "deployment/trino-worker", "-n", namespace, "-o", "jsonpath={.spec.replicas}"))

    stack.settings["trinoMinWorkers"] = 2
    assert sorted(stack.changes()) == [
        f"update kubernetes:autoscaling/v2:HorizontalPodAutoscaler {stack.prefix}-trino-workers",
        # It alerts when there are fewer.
        f"update kubernetes:monitoring.coreos.com/v1:PrometheusRule {stack.prefix}-query-engines-prometheusrule",
    ]
    stack.must_up()
    eventually(lambda: workers() == 2, RUNNING_SECONDS, f"{scaler} scales to two workers")
    assert stack.no_changes()
    stack.settings["trinoQueryQueue"] = 100
    stack.must_up()
    assert workers() == 2
    kubectl("rollout", "status", "deployment/trino-worker", "-n", namespace, f"--timeout={READY_SECONDS}s")


def test_two_stacks_in_one_cluster_do_not_collide(
    stack: PulumiStack, new_stack: Callable[[str], PulumiStack], tmp_path: Path
) -> None:
    second = new_stack("two")
    second.settings |= {"monitoringCrds": "existing", "nodeExporterPort": 9101}
    second.settings |= {"trinoAutoscaling": True, "trinoMinWorkers": 1, "trinoMaxWorkers": 2}
    second.must_up()
    eventually(lambda: all_ready(second), READY_SECONDS, "all pods of the second stack Ready")
    assert stack.no_changes()
    assert_the_autoscaler_keeps_its_number(second)
    assert check(second, tmp_path)
    second.destroy()
    assert stack.no_changes()
    assert check(stack, tmp_path)


def test_destroy_leaves_nothing(stack: PulumiStack, before: set[str], everything: Callable[[], set[str]]) -> None:
    began = time.monotonic()
    stack.destroy()
    measured("seconds of pulumi destroy", round(time.monotonic() - began, 1))
    # Volumes are taken away by their provisioner, after their claims.
    eventually(lambda: not [one for one in everything() - before if "qer-e2e" in one], 60, "all objects are gone")
    left = sorted(one for one in everything() - before if not one.startswith(("Pod kube-system", "Lease")))
    measured("left after destroy", left)
    assert left == []

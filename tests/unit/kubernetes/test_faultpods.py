"""The life of fault pods, against an API that a test scripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from targets.base import MeansError
from targets.contract import EngineOutput, Outputs
from targets.kubernetes.faultpod_manifest import manifest, parse, view
from targets.kubernetes.faultpod_means import FaultPods, FaultScript
from targets.kubernetes.faultpods import KubernetesFaultPods
from targets.kubernetes.means import KEY_LABEL, ObjectRef, PodView

NAMESPACE, KEY, TARGET_UID = "qer-x-faults", "0123456789ab", "aaaa-bbbb"
WORKER = PodView(
    "worker-1", "qer-x-trino", TARGET_UID, "worker", "node1", "10.0.0.1", container_id="containerd://c0ffee"
)
SCRIPT = FaultScript("cut", "true", "echo matched 1", "")


def outputs(faults_namespace: str | None = NAMESPACE, image: str | None = "registry:5000/shot:1") -> Outputs:
    engine = EngineOutput(
        kind="trino",
        title="Trino",
        version="1",
        namespace="qer-x-trino",
        service="trino",
        port=1,
        scheme="https",
        user="u",
    )
    return Outputs(
        target="kubernetes",
        stack="qer-x",
        namespaces=("qer-x-trino", NAMESPACE),
        engines=(engine,),
        faults_namespace=faults_namespace,
        faults_image=image,
    )


Manifest = dict[str, Any]


class FakeControl:
    """Pods by name. ``behave`` is called with each pod that is created and makes it live; ``exec`` follows ``said``."""

    def __init__(self, behave: Callable[[Manifest], None] = lambda _: None) -> None:
        self.pods: dict[str, Manifest] = {}
        self.targets: dict[str, str] = {WORKER.name: TARGET_UID}
        self.behave = behave
        self.said: dict[str, str] = {}
        self.commands: list[tuple[str, Sequence[str]]] = []
        self.deleted: list[tuple[str, int | None]] = []
        self.made: list[Manifest] = []
        self.refused: set[str] = set()
        self.end = "clean"

    def require(self, verb: str, resource: str, namespace: str | None, *, group: str = "") -> None:
        if resource in self.refused:
            raise MeansError(f"no right to {verb} {resource}")

    def create(self, made: Mapping[str, Any]) -> ObjectRef:
        pod = {**made, "metadata": {**made["metadata"], "uid": f"uid-{len(self.made)}"}, "status": {"phase": "Pending"}}
        self.made.append(pod)
        self.pods[pod["metadata"]["name"]] = pod
        self.behave(pod)
        return ObjectRef("Pod", pod["metadata"]["name"], NAMESPACE)

    def exists(self, ref: ObjectRef) -> bool:
        return ref.name in (self.pods if ref.namespace == NAMESPACE else self.targets)

    def read(self, ref: ObjectRef) -> Mapping[str, Any]:
        if ref.namespace != NAMESPACE:
            return {"metadata": {"uid": self.targets[ref.name]}}
        if ref.name not in self.pods:
            raise MeansError(f"{ref} does not exist")
        return self.pods[ref.name]

    def find(self, kind: str, namespace: str, labels: Mapping[str, str]) -> Sequence[ObjectRef]:
        found = [pod["metadata"] for pod in self.pods.values()]
        return [
            ObjectRef("Pod", one["name"], NAMESPACE)
            for one in found
            if all(one["labels"].get(name) == value for name, value in labels.items())
        ]

    def delete(self, ref: ObjectRef, *, grace: int | None = None, uid: str | None = None) -> None:
        assert uid in {None, self.pods[ref.name]["metadata"]["uid"]}
        self.deleted.append((ref.name, grace))
        del self.pods[ref.name]

    def exec(self, pod: ObjectRef, command: Sequence[str], *, container: str = "", timeout: float = 15.0) -> str:
        self.commands.append((pod.name, command))
        if command[0] == "cat":
            if pod.name not in self.said:
                raise MeansError("no such file")
            return self.said[pod.name]
        if "touch" in command[-1]:
            finish(self.pods[pod.name], "clean")
            return self.end
        return ""


def run(pod: Manifest) -> None:
    pod["status"] = {"phase": "Running", "containerStatuses": [{"state": {"running": {}}}]}


def finish(pod: Manifest, words: str = "", phase: str = "Succeeded") -> None:
    pod["status"] = {"phase": phase, "containerStatuses": [{"state": {"terminated": {"message": words}}}]}


@pytest.fixture
def control() -> FakeControl:
    made = FakeControl()

    def behave(pod: Manifest) -> None:
        run(pod)
        made.said[pod["metadata"]["name"]] = "active\ncounter matched 3\nprobe in vain\n"

    made.behave = behave
    return made


def fault_pods(control: FakeControl, document: Outputs | None = None) -> KubernetesFaultPods:
    return KubernetesFaultPods(control, document or outputs(), pause=0.0)  # type: ignore[arg-type]


def environment(pod: Manifest) -> dict[str, str]:
    return {one["name"]: one["value"] for one in pod["spec"]["containers"][0]["env"]}


def test_it_is_the_means(control: FakeControl) -> None:
    assert isinstance(fault_pods(control), FaultPods)


def test_a_fault_pod_is_privileged_beside_its_target_and_ends_by_itself(control: FakeControl) -> None:
    pods = fault_pods(control)
    struck = pods.strike(KEY, WORKER, SCRIPT, ttl=33.2)
    (made,) = control.made
    spec = made["spec"]
    assert spec["nodeName"] == "node1" and spec["hostPID"] is True and spec["restartPolicy"] == "OnFailure"
    assert spec["activeDeadlineSeconds"] > 34 and spec["automountServiceAccountToken"] is False
    assert spec["containers"][0]["image"] == "registry:5000/shot:1"
    assert set(spec["containers"][0]["resources"]["limits"]) == {"cpu", "memory"}
    assert made["metadata"]["namespace"] == NAMESPACE and made["metadata"]["labels"][KEY_LABEL] == KEY
    assert environment(made) | {"ACTION": "strike", "CONTAINER": "c0ffee", "TTL": "34", "TABLE": f"qer_{KEY}"} == (
        environment(made)
    )
    assert struck.active and struck.target == WORKER.ref and struck.target_uid == TARGET_UID
    assert pods.report(KEY) == parse(["active\ncounter matched 3\nprobe in vain\n"])
    assert pods.report(KEY).counters == {"matched": 3} and pods.report(KEY).probes == ("in vain",)


def test_reports_are_not_asked_for_at_every_turn(control: FakeControl) -> None:
    pods = fault_pods(control)
    pods.strike(KEY, WORKER, SCRIPT, ttl=9)
    before = len(control.commands)
    for _ in range(5):
        pods.report(KEY)
    assert len(control.commands) == before + 1


@pytest.mark.parametrize("heard", ["clean", ""])
def test_an_end_is_proven_by_the_last_words_before_the_pod_is_removed(control: FakeControl, heard: str) -> None:
    pods = fault_pods(control)
    pods.strike(KEY, WORKER, SCRIPT, ttl=9)
    assert pods.clean(KEY, [WORKER]) == ""
    control.end = heard
    pods.end(KEY)
    assert control.commands[-1][1][-1].startswith("touch /run/qer/end;")
    assert [pod.last_words for pod in pods.find(KEY)] == ([] if heard else ["clean"])
    pods.end(KEY)
    pods.end(KEY)
    assert not pods.find(KEY)
    assert "no rule of it in worker-1" in pods.clean(KEY, [WORKER])
    assert len(control.made) == 1  # nobody had to look


def test_a_fault_pod_that_vanished_is_made_up_for_by_a_sweep(control: FakeControl) -> None:
    pods = fault_pods(control)
    pods.strike(KEY, WORKER, SCRIPT, ttl=9)
    control.pods.clear()
    control.behave = lambda pod: finish(pod, "clean")
    assert pods.clean(KEY, [WORKER])
    sweep = control.made[-1]
    assert environment(sweep)["ACTION"] == "sweep" and environment(sweep)["POD_UID"] == TARGET_UID
    assert not control.pods


def test_what_a_sweep_leaves_is_no_proof(control: FakeControl) -> None:
    control.behave = lambda pod: finish(pod, "left: nftables table")
    with pytest.raises(MeansError, match="could not sweep: nftables table"):
        fault_pods(control).clean(KEY, [WORKER])
    assert not control.pods


def test_a_pod_that_was_killed_without_last_words_stays_until_a_sweep_has_proven_it(control: FakeControl) -> None:
    pods = fault_pods(control)
    pods.strike(KEY, WORKER, SCRIPT, ttl=9)
    (name,) = control.pods
    finish(control.pods[name], "", "Failed")
    control.behave = lambda pod: finish(pod, "clean")
    pods.end(KEY)
    assert environment(control.made[-1])["ACTION"] == "sweep"
    assert not control.pods and pods.clean(KEY, [WORKER])


def test_rules_go_with_their_pod(control: FakeControl) -> None:
    pods = fault_pods(control)
    pods.strike(KEY, WORKER, SCRIPT, ttl=9)
    control.targets[WORKER.name] = "a namesake"
    pods.end(KEY)
    assert not control.pods and len(control.made) == 1
    assert pods.clean(KEY, [WORKER])


def test_a_failed_injection_says_why_and_leaves_no_pod(control: FakeControl) -> None:
    control.behave = lambda pod: finish(pod, "failed: Error: Specified qdisc kind is unknown.")
    with pytest.raises(MeansError, match=r"could not inject: Error: Specified qdisc kind is unknown\.$"):
        fault_pods(control).strike(KEY, WORKER, SCRIPT, ttl=9)
    assert not control.pods


def test_an_image_that_cannot_be_had_names_the_setting(control: FakeControl) -> None:
    def behave(pod: Manifest) -> None:
        waiting = {"state": {"waiting": {"reason": "ImagePullBackOff"}}, "image": "shot:1"}
        pod["status"] = {"phase": "Pending", "containerStatuses": [waiting]}

    control.behave = behave
    with pytest.raises(MeansError, match=r"image shot:1 .*ImagePullBackOff.*set faultsImage"):
        fault_pods(control).strike(KEY, WORKER, SCRIPT, ttl=9)
    assert not control.pods


def test_an_injection_that_is_over_at_once_counts(control: FakeControl) -> None:
    control.behave = lambda pod: finish(pod, "clean")
    assert fault_pods(control).strike(KEY, WORKER, FaultScript("kill", "true"), ttl=9).last_words == "clean"


def test_a_look_returns_what_was_printed_and_its_pod_goes(control: FakeControl) -> None:
    control.behave = lambda pod: finish(pod, "nftables\ntbf")
    pods = fault_pods(control)
    assert pods.features("node1") == {"nftables", "tbf"}
    assert pods.features("node1") == {"nftables", "tbf"}
    assert len(control.made) == 1 and not control.pods
    assert environment(control.made[0])["ACTION"] == "look"


def test_looks_of_a_killed_runner_are_tidied_away(control: FakeControl) -> None:
    old = manifest(name="old", key="look-1", namespace=NAMESPACE, image="i", node="node1", ttl=60, environment={})
    control.create(old)
    pods = fault_pods(control)
    pods.strike(KEY, WORKER, SCRIPT, ttl=9)
    pods.tidy()
    assert [pod.key for pod in pods.find(KEY)] == [KEY] and "old" not in control.pods
    fault_pods(control, outputs(None)).tidy()


def test_no_namespace_names_the_setting(control: FakeControl) -> None:
    pods = fault_pods(control, outputs(None))
    with pytest.raises(MeansError, match="pulumi config set faultsNetwork true"):
        pods.require()


def test_a_missing_right_is_found_beforehand(control: FakeControl) -> None:
    control.refused = {"pods/exec"}
    with pytest.raises(MeansError, match="no right to get pods/exec"):
        fault_pods(control).require()


def test_a_document_without_an_image_gets_the_default(control: FakeControl) -> None:
    fault_pods(control, outputs(image=None)).strike(KEY, WORKER, SCRIPT, ttl=9)
    assert control.made[0]["spec"]["containers"][0]["image"] == "nicolaka/netshoot:v0.13"


def test_a_pod_without_a_container_cannot_be_struck(control: FakeControl) -> None:
    with pytest.raises(MeansError, match="no running container"):
        fault_pods(control).strike(KEY, PodView("w", "qer-x-trino", "u", "worker"), SCRIPT, ttl=9)
    assert not control.made


def test_a_view_of_a_restarting_pod_is_not_active() -> None:
    pod: Manifest = manifest(name="p", key=KEY, namespace=NAMESPACE, image="i", node="n", ttl=1, environment={})
    pod["metadata"]["uid"] = "u"
    run(pod)
    assert view(pod).active
    finish(pod, "clean", "Running")
    assert not view(pod).active and view(pod).last_words == "clean"

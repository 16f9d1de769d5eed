"""What is recorded on objects, put back and handed back; the lock; the switch's requests."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from targets.base import MeansError, StoreError
from targets.kubernetes.annotations import PREFIX, AnnotationStore
from targets.kubernetes.control import ClusterControl
from targets.kubernetes.fields import applied, handed_back, owners
from targets.kubernetes.lease import StackLease
from targets.kubernetes.means import FIELD_MANAGER, KEY_LABEL, ObjectRef, Revert
from targets.kubernetes.resources import path
from targets.kubernetes.switch import ClusterSwitches, requests
from tests.unit.kubernetes.api import OUTPUTS, RUNNER, STACK, TRINO, FakeApi

SERVICE = ObjectRef("Service", "trino", TRINO)
WORKERS = ObjectRef("Deployment", "trino-worker", TRINO)
LEASE = ObjectRef("Lease", "fault-injection", RUNNER)


@pytest.fixture
def api() -> FakeApi:
    api = FakeApi()
    api.add(SERVICE, spec={"selector": {"a": "b"}})
    api.add(WORKERS, spec={"replicas": 2})
    return api


@pytest.fixture
def control(api: FakeApi) -> ClusterControl:
    return ClusterControl(OUTPUTS, api)


def lease(api: FakeApi, duration: float = 30.0) -> StackLease:
    return StackLease(api, RUNNER, STACK, duration=duration, pause=0.01)


def store(api: FakeApi) -> AnnotationStore:
    return AnnotationStore(OUTPUTS, ClusterControl(OUTPUTS, api), lease(api))


def test_a_record_goes_round_through_another_store(api: FakeApi) -> None:
    before = json.dumps(api.get(SERVICE)["metadata"]["managedFields"])
    mine = store(api)
    with mine.exclusive():
        mine.put("k1", str(SERVICE), '{"id": "k1"}')
        (kept,) = store(api).all()
        assert (kept.key, json.loads(kept.text)) == ("k1", {"id": "k1"})
        assert kept.place == f"annotation {PREFIX}k1 of {SERVICE}"
        store(api).remove("k1", str(SERVICE))
        store(api).remove("k1", str(SERVICE))
    assert store(api).all() == []
    assert "annotations" not in api.get(SERVICE)["metadata"]
    assert json.dumps(api.get(SERVICE)["metadata"]["managedFields"]) == before


@pytest.mark.parametrize("subject", ["trino", "", str(WORKERS), f"Pod/{TRINO}/w-1"])
def test_records_about_workloads_are_kept_on_the_service(api: FakeApi, subject: str) -> None:
    mine = store(api)
    with mine.exclusive():
        mine.put("k1", subject, "{}")
    assert PREFIX + "k1" in api.get(SERVICE)["metadata"]["annotations"]
    assert "annotations" not in api.get(WORKERS)["metadata"]


def test_records_of_another_stack_on_a_node_are_not_ours(api: FakeApi) -> None:
    node = api.node("node1")
    theirs = json.dumps({"stack": "qer-two", "entry": {}})
    ours = json.dumps({"stack": STACK, "entry": {}})
    api.get(node)["metadata"]["annotations"] = {PREFIX + "a": theirs, PREFIX + "b": ours, "other": "x"}
    assert [kept.key for kept in store(api).all()] == ["b"]
    api.denied.add(("list", "nodes"))
    assert store(api).all() == []


def test_an_odd_annotation_is_named(api: FakeApi) -> None:
    api.get(SERVICE)["metadata"]["annotations"] = {PREFIX + "x": "nonsense"}
    with pytest.raises(StoreError, match=f"annotation {PREFIX}x of {SERVICE} is not a ledger entry"):
        store(api).all()


def test_nothing_is_recorded_without_the_lock_or_the_api(api: FakeApi) -> None:
    mine = store(api)
    with pytest.raises(StoreError, match="not held; nothing was injected"):
        mine.put("k1", "trino", "{}")
    with mine.exclusive():
        api.gone = True
        with pytest.raises(StoreError, match=r"does not answer.*; nothing was injected"):
            mine.put("k1", "trino", "{}")
        api.gone = False


def test_a_second_runner_is_refused_by_the_name_of_the_first(api: FakeApi) -> None:
    with lease(api).held():
        holder = api.get(LEASE)["spec"]["holderIdentity"]
        with pytest.raises(StoreError) as caught, lease(api).held():
            pytest.fail("held twice")
    assert holder in str(caught.value)
    assert str(LEASE) in str(caught.value)
    assert path(LEASE) not in api.objects, "no lock is left"


def test_a_patient_runner_does_not_wait_for_one_that_is_alive(api: FakeApi) -> None:
    def renew(method: str, where: str) -> None:
        spec = api.get(LEASE)["spec"]
        spec["renewTime"] = f"2026-01-01T00:00:00.{len(api.log):06d}Z"

    with lease(api).held():
        api.on_call = renew
        began = time.monotonic()
        with pytest.raises(StoreError, match="another runner"), lease(api).held(patience=30):
            pytest.fail("held twice")
    assert time.monotonic() - began < 15


def test_the_lock_of_a_dead_runner_is_taken_over_once_it_expired(api: FakeApi) -> None:
    dead = lease(api)
    dead._identity = "dead"
    api._create(path(LEASE).rpartition("/")[0], dead._manifest(transitions=0))

    def pass_time(method: str, where: str) -> None:
        api.time += datetime.timedelta(seconds=5)

    api.on_call = pass_time
    heir = lease(api)
    with heir.held(patience=20):
        spec = api.get(LEASE)["spec"]
        assert spec["holderIdentity"] != "dead"
        assert spec["leaseTransitions"] == 1
        heir.confirm()
    assert path(LEASE) not in api.objects


def test_it_is_renewed_and_what_was_taken_is_lost(api: FakeApi) -> None:
    mine = lease(api, duration=0.3)
    renewed = threading.Event()
    api.on_call = lambda method, where: renewed.set() if method == "PUT" else None
    with mine.held():
        assert renewed.wait(10)
        mine.confirm()
        api.get(LEASE)["spec"]["holderIdentity"] = "thief"
        ends = time.monotonic() + 10
        while mine._renewed > 0:
            assert time.monotonic() < ends
            threading.Event().wait(0.01)
        with pytest.raises(StoreError, match="another runner took it"):
            mine.confirm()
    assert api.get(LEASE)["spec"]["holderIdentity"] == "thief", "what is not ours stays"


def test_without_the_right_to_lock_nothing_is_injected(api: FakeApi) -> None:
    api.denied.add(("create", "leases"))
    rule = r'resources: \["leases"\], verbs: \["create"\].*nothing was injected'
    with pytest.raises(StoreError, match=rule), lease(api).held():
        pytest.fail("held")


def change(api: FakeApi, control: ClusterControl) -> Revert:
    found = control.read(WORKERS)
    revert = Revert(WORKERS, {"spec": {"replicas": 2}}, tuple(owners(found)))
    control.patch(WORKERS, {"spec": {"replicas": 0}})
    return Revert.from_json(json.loads(json.dumps(revert.to_json())))


def test_put_back_restores_value_and_owner_and_bears_repetition(api: FakeApi, control: ClusterControl) -> None:
    before = api.get(WORKERS)["metadata"]["managedFields"].copy()
    revert = change(api, control)
    assert not control.is_back(revert)
    assert FIELD_MANAGER in {one["manager"] for one in api.get(WORKERS)["metadata"]["managedFields"]}
    control.put_back(revert)
    assert control.is_back(revert)
    assert api.get(WORKERS)["spec"] == {"replicas": 2}
    assert api.get(WORKERS)["metadata"]["managedFields"] == before
    writes = len(api.changes())
    control.put_back(revert)
    assert len(api.changes()) == writes, "what is back already is not written again"


def test_what_somebody_else_changed_since_is_left_alone(api: FakeApi, control: ClusterControl) -> None:
    revert = Revert(WORKERS, {"spec": {"replicas": 2}}, ())
    api.get(WORKERS)["spec"]["replicas"] = 5
    control.put_back(revert)
    assert api.get(WORKERS)["spec"]["replicas"] == 5


def test_a_namesake_of_what_was_changed_is_left_alone(api: FakeApi, control: ClusterControl) -> None:
    control.patch(WORKERS, {"spec": {"replicas": 0}})
    revert = Revert(WORKERS, {"spec": {"replicas": 2}}, (), uid="of one that is gone")
    control.put_back(revert)
    assert api.get(WORKERS)["spec"]["replicas"] == 0
    assert control.is_back(revert), "there is nothing left of it to put back"


def test_handing_back_is_tried_again_when_the_object_changes_meanwhile(api: FakeApi, control: ClusterControl) -> None:
    revert = change(api, control)
    disturbed: list[str] = []

    def disturb(method: str, where: str) -> None:
        if method == "PATCH" and where == path(WORKERS) and len(disturbed) < 2:
            disturbed.append(where)
            api.get(WORKERS)["metadata"]["resourceVersion"] += "x"

    api.on_call = disturb
    control.put_back(revert)
    assert control.is_back(revert)


def test_objects_that_exist_for_the_fault_only_are_deleted(api: FakeApi, control: ClusterControl) -> None:
    ref = control.create({"kind": "NetworkPolicy", "metadata": {"name": "cut", "namespace": TRINO}})
    revert = Revert(ref, None)
    assert not control.is_back(revert)
    control.put_back(revert)
    control.put_back(revert)
    assert control.is_back(revert)


def owner(manager: str, fields: str, subresource: str = "") -> dict[str, Any]:
    return {
        "manager": manager,
        "operation": "Update",
        "apiVersion": "v1",
        "subresource": subresource,
        "fieldsV1": fields,
    }


def test_owners_of_the_status_and_newcomers_stay() -> None:
    recorded = [owner("pulumi", "all"), owner("scaler", "replicas"), owner("controller", "old", "status")]
    now = [
        owner("pulumi", "some"),
        owner(FIELD_MANAGER, "replicas"),
        owner("controller", "new", "status"),
        owner("newcomer", "label"),
    ]
    assert handed_back(recorded, now) == [
        owner("pulumi", "all"),
        owner("controller", "new", "status"),
        owner("newcomer", "label"),
        owner("scaler", "replicas"),
    ]


def test_whether_a_patch_would_change_anything() -> None:
    found = {"spec": {"replicas": 2, "ports": [{"port": 1}]}}
    assert applied(found, {"spec": {"replicas": 2, "gone": None, "ports": [{"port": 1}]}, "metadata": {"x": None}})
    assert not applied(found, {"spec": {"replicas": None}})
    assert not applied(found, {"spec": {"ports": []}})


def test_a_switch_sends_changes_first_and_hands_back_last() -> None:
    sent = requests(
        [
            Revert(WORKERS, {"spec": {"replicas": 2}}, ({"manager": "pulumi"},)),
            Revert(ObjectRef("NetworkPolicy", "cut", TRINO), None),
            Revert(SERVICE, {"metadata": {"annotations": {PREFIX + "k": None}}}),
        ]
    )
    assert sent[0::4] == ["PATCH", "DELETE", "PATCH", "PATCH"]
    assert [one.partition("?")[0] for one in sent[1::4]] == [
        path(WORKERS),
        path(ObjectRef("NetworkPolicy", "cut", TRINO)),
        path(SERVICE),
        path(WORKERS),
    ]
    assert all("?" in one for one in sent[1::4]), "the script adds to the query"
    assert json.loads(sent[-1]) == [
        {"op": "replace", "path": "/metadata/managedFields", "value": [{"manager": "pulumi"}]}
    ]


def test_a_switch_leaves_a_namesake_alone() -> None:
    pod = ObjectRef("Pod", "s-1", TRINO)
    revert = Revert(pod, {"spec": {"containers": []}}, ({"manager": "kubelet"},), "resize", "u1")
    change, owners = (sent[1:] for sent in (requests([revert])[:4], requests([revert])[4:]))
    assert change[0].partition("?")[0] == f"{path(pod)}/resize"
    assert json.loads(change[2])["metadata"] == {"uid": "u1"}
    assert owners[0].partition("?")[0] == path(pod)
    assert Revert.from_json(revert.to_json()) == revert


def switches(api: FakeApi, control: ClusterControl) -> ClusterSwitches:
    return ClusterSwitches(OUTPUTS, control, lambda subject: SERVICE, pause=0.01)


def answer_with(api: FakeApi, status: dict[str, Any]) -> None:
    def start(method: str, where: str) -> None:
        if method == "GET" and "/pods/" in where and where in api.objects:
            api.objects[where]["status"] = status

    api.on_call = start


def test_a_switch_counts_once_it_is_ready_and_goes_when_disarmed(api: FakeApi, control: ClusterControl) -> None:
    answer_with(api, {"conditions": [{"type": "Ready", "status": "True"}]})
    switch = switches(api, control)
    ref = switch.arm("k1", [Revert(WORKERS, {"spec": {"replicas": 2}})], ttl=30, avoid_node="node1")
    pod = api.get(ref)
    assert pod["metadata"]["namespace"] == RUNNER
    assert pod["metadata"]["labels"][KEY_LABEL] == "k1"
    assert pod["spec"]["serviceAccountName"] == "runner"
    assert pod["spec"]["activeDeadlineSeconds"] > 30
    assert "node1" in json.dumps(pod["spec"]["affinity"])
    assert PREFIX + "k1" in pod["spec"]["containers"][0]["command"][-1], "the record goes with the revert"
    assert switch.armed("k1")
    switch.disarm("k1")
    switch.disarm("k1")
    assert not switch.armed("k1")


def test_a_switch_that_cannot_do_its_work_is_none(api: FakeApi, control: ClusterControl) -> None:
    refused = "PATCH /apis/apps/v1/x: status 403 forbidden"
    answer_with(api, {"containerStatuses": [{"state": {"terminated": {"message": refused, "exitCode": 1}}}]})
    switch = switches(api, control)
    with pytest.raises(MeansError, match="cannot be armed: PATCH /apis/apps/v1/x: status 403"):
        switch.arm("k1", [Revert(WORKERS, {"spec": {"replicas": 2}})], ttl=30)
    assert not switch.armed("k1"), "nothing of it is left"


def test_a_missing_image_is_said_at_once(api: FakeApi, control: ClusterControl) -> None:
    waiting = {"image": "nowhere:1", "state": {"waiting": {"reason": "ErrImagePull"}}}
    answer_with(api, {"containerStatuses": [waiting]})
    with pytest.raises(MeansError, match="ErrImagePull for image nowhere:1; see faultsImage"):
        switches(api, control).arm("k1", [], ttl=30)


SCRIPT = Path(__file__).parents[3] / "targets" / "kubernetes" / "switch.sh"
CURL = """#!/bin/sh
while [ $# -gt 0 ]; do
    case "$1" in --output) output=$2 ;; --request) method=$2 ;; esac
    shift
done
[ "$method" = GET ] && printf 404 && exit
printf '%s' "$ANSWER" >"$output"
printf 409
"""


def test_the_switchs_script_is_a_posix_shells() -> None:
    assert subprocess.run(["sh", "-n", str(SCRIPT)], check=False).returncode == 0


@pytest.mark.parametrize(
    ("answer", "armed"),
    [
        ("pods s-1: Precondition failed: UID in precondition: u1, UID in object meta: u2", True),
        ("the object has been modified", False),
    ],
)
def test_a_switchs_script_takes_a_namesake_for_gone(tmp_path: Path, answer: str, armed: bool) -> None:
    curl = tmp_path / "curl"
    curl.write_text(CURL)
    curl.chmod(0o755)
    (tmp_path / "token").write_text("t")
    script = SCRIPT.read_text().replace("/tmp/", f"{tmp_path}/").replace("/access/", f"{tmp_path}/")  # noqa: S108 - of the pod
    known = {"TTL": "0", "RETRY": "0", "ATTEMPTS": "3", "NAMESPACE": "n", "POD": "p", "ANSWER": answer}
    known |= {
        "KUBERNETES_SERVICE_HOST": "h",
        "KUBERNETES_SERVICE_PORT": "1",
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
    }
    sent = ["PATCH", "/api?x=y", "application/merge-patch+json", "{}"]
    done = subprocess.run(
        ["sh", "-c", script, "switch", *sent], env=known, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode == 0) is armed
    assert (tmp_path / "armed").exists() is armed

"""An API server in memory: objects with identities and owners of fields, selectors, rights, and a cut connection."""

from __future__ import annotations

import copy
import datetime
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from targets.contract import Outputs
from targets.kubernetes.calls import JSON, JSON_PATCH, MERGE_PATCH, CallError, NoAnswer
from targets.kubernetes.means import PART_OF, PART_OF_LABEL, STACK_LABEL, ObjectRef
from targets.kubernetes.resources import path

STACK = "qer-one"
TRINO, CLICKHOUSE, RUNNER, FAULTS = (f"{STACK}-{part}" for part in ("trino", "clickhouse", "runner", "faults"))
Manifest = dict[str, Any]

OUTPUTS = Outputs.model_validate(
    {
        "target": "kubernetes",
        "stack": STACK,
        "namespaces": [TRINO, CLICKHOUSE, RUNNER, FAULTS],
        "runnerNamespace": RUNNER,
        "runnerServiceAccount": "runner",
        "faultsNamespace": FAULTS,
        "engines": [
            {
                "kind": "trino",
                "title": "Trino",
                "version": "476",
                "namespace": TRINO,
                "service": "trino",
                "port": 8443,
                "scheme": "https",
                "user": "qer",
                "workloads": [
                    {
                        "role": role,
                        "kind": "Deployment",
                        "name": f"trino-{role}",
                        "replicas": replicas,
                        "labels": {STACK_LABEL: STACK, "app.kubernetes.io/component": role},
                    }
                    for role, replicas in (("coordinator", 1), ("worker", 2))
                ],
            }
        ],
    }
)


def labels(role: str = "", stack: str = STACK) -> dict[str, str]:
    found = {STACK_LABEL: stack, PART_OF_LABEL: PART_OF}
    return found | {"app.kubernetes.io/component": role} if role else found


class FakeApi:
    """Implements ``Calls``."""

    def __init__(self) -> None:
        self.objects: dict[str, Manifest] = {}
        self.log: list[tuple[str, str]] = []
        self.denied: set[tuple[str, str]] = set()  # verb and resource, for reviews and for requests
        self.reviews = 0
        self.gone = False
        self.budget = True
        self.time = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        self.on_call: Callable[[str, str], None] = lambda method, where: None
        self.answers: dict[tuple[str, ...], tuple[int, str, str]] = {}
        self._versions = itertools.count(1)

    def add(self, ref: ObjectRef, **manifest: Any) -> Manifest:
        """Put an object there, as if somebody had applied it."""
        metadata = {
            "name": ref.name,
            "uid": f"uid-{next(self._versions)}",
            "resourceVersion": str(next(self._versions)),
            "labels": labels(),
            "managedFields": [
                {"manager": "pulumi", "operation": "Apply", "apiVersion": "v1", "fieldsV1": {"f:spec": {}}}
            ],
            **({"namespace": ref.namespace} if ref.namespace else {}),
            **manifest.pop("metadata", {}),
        }
        made = {"kind": ref.kind, "metadata": metadata, **manifest}
        self.objects[path(ref)] = made
        return made

    def pod(self, name: str, role: str, *, node: str = "node1", ready: bool = True, stack: str = STACK) -> ObjectRef:
        """Put a pod there."""
        ref = ObjectRef("Pod", name, f"{stack}-trino")
        self.add(
            ref,
            metadata={"labels": labels(role, stack)},
            spec={"nodeName": node, "containers": [{"name": "trino"}]},
            status={"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": str(ready)}]},
        )
        return ref

    def node(self, name: str, *, ready: bool = True, **spec: Any) -> ObjectRef:
        """Put a node there."""
        ref = ObjectRef("Node", name)
        self.add(
            ref, metadata={"labels": {}}, spec=spec, status={"conditions": [{"type": "Ready", "status": str(ready)}]}
        )
        return ref

    def get(self, ref: ObjectRef) -> Manifest:
        """The object itself."""
        return self.objects[path(ref)]

    def changes(self) -> list[tuple[str, str]]:
        """Requests other than looking."""
        return [one for one in self.log if one[0] != "GET" and "selfsubjectaccessreviews" not in one[1]]

    def now(self) -> datetime.datetime:
        return self.time

    def exec(self, pod: ObjectRef, container: str, command: Sequence[str], timeout: float) -> tuple[int, str, str]:
        return self.answers[tuple(command)]

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        content: str = JSON,
        params: Mapping[str, str] | None = None,
    ) -> Manifest:
        if self.gone:
            raise NoAnswer("the cluster's API does not answer (connection refused)")
        self.on_call(method, path)
        self.log.append((method, path))
        body = json.loads(json.dumps(body))
        if method == "POST":
            return self._post(path, body)
        if method == "GET" and path not in self.objects:
            return self._list(path, (params or {}).get("labelSelector", ""))
        if path not in self.objects:
            raise CallError("not found", 404)
        found = self.objects[path]
        if method == "DELETE":
            return self._delete(path, found, body)
        if method == "PATCH":
            self._patch(found, body, content, (params or {}).get("fieldManager", "unknown"))
        elif method == "PUT":
            self._replace(path, found, body)
        return copy.deepcopy(self.objects[path])

    def _post(self, path: str, body: Manifest) -> Manifest:
        if path.endswith("/selfsubjectaccessreviews"):
            return self._review(body["spec"]["resourceAttributes"])
        if path.endswith("/eviction"):
            return self._evict(path.removesuffix("/eviction"), body)
        return self._create(path, body)

    def _review(self, asked: Manifest) -> Manifest:
        self.reviews += 1
        resource = "/".join(asked[name] for name in ("resource", "subresource") if name in asked)
        return {"status": {"allowed": (asked["verb"], resource) not in self.denied}}

    def _list(self, where: str, selector: str) -> Manifest:
        plural = where.rpartition("/")[2]
        if ("list", plural) in self.denied:
            raise CallError(f'{plural} is forbidden: User "runner" cannot list resource "{plural}"', 403)
        if where.rpartition("/")[0].count("/") > 4 and plural not in {one.split("/")[-2] for one in self.objects}:
            raise CallError("not found", 404)
        prefix, _, _ = where.rpartition("/")
        wanted = dict(one.split("=") for one in selector.split(",") if one)
        items = [
            copy.deepcopy(one)
            for key, one in self.objects.items()
            if key.split("/")[-2] == plural
            and (key.startswith(f"{where}/") or "/namespaces/" not in prefix)
            and wanted.items() <= (one["metadata"].get("labels") or {}).items()
        ]
        return {"items": items}

    def _create(self, where: str, body: Manifest) -> Manifest:
        key = f"{where}/{body['metadata']['name']}"
        if key in self.objects:
            raise CallError("already exists", 409)
        metadata = {"uid": f"uid-{next(self._versions)}", "resourceVersion": str(next(self._versions))}
        self.objects[key] = {**body, "metadata": {**body["metadata"], **metadata}}
        return copy.deepcopy(self.objects[key])

    def _delete(self, where: str, found: Manifest, options: Manifest | None) -> Manifest:
        for name, value in (options or {}).get("preconditions", {}).items():
            if found["metadata"][name] != value:
                raise CallError("precondition failed", 409)
        del self.objects[where]
        return {}

    def _evict(self, where: str, body: Manifest) -> Manifest:
        if not self.budget:
            raise CallError("Cannot evict pod as it would violate the pod's disruption budget.", 429)
        if "dryRun" not in body.get("deleteOptions", {}):
            del self.objects[where]
        return {}

    def _patch(self, found: Manifest, body: Any, content: str, manager: str) -> None:
        if content == JSON_PATCH:
            for operation in body:
                parent, _, last = operation["path"].removeprefix("/").partition("/")
                if operation["op"] == "test" and found[parent][last] != operation["value"]:
                    raise CallError("test failed", 422)
                if operation["op"] == "replace":
                    found[parent][last] = [one for one in operation["value"] if one]
        else:
            assert content == MERGE_PATCH
            if body.get("metadata", {}).get("uid", found["metadata"]["uid"]) != found["metadata"]["uid"]:
                raise CallError("another object", 409)
            _merge(found, body)
            owners = found["metadata"].setdefault("managedFields", [])
            annotations = found["metadata"].get("annotations") or {}
            owned = {name for name in body if name != "metadata"} | set(annotations)
            owners[:] = [one for one in owners if one["manager"] != manager]
            if owned:
                owners.append({"manager": manager, "operation": "Update", "apiVersion": "v1"})
        found["metadata"]["resourceVersion"] = str(next(self._versions))

    def _replace(self, where: str, found: Manifest, body: Manifest) -> None:
        if body["metadata"].get("resourceVersion", "") != found["metadata"]["resourceVersion"]:
            raise CallError("the object has been modified", 409)
        body["metadata"]["resourceVersion"] = str(next(self._versions))
        self.objects[where] = {**body, "metadata": {**found["metadata"], **body["metadata"]}}


def _merge(document: Manifest, patch: Manifest) -> None:
    for name, value in patch.items():
        if value is None:
            document.pop(name, None)
        elif isinstance(value, dict):
            _merge(document.setdefault(name, {}), value)
            if not document[name]:
                del document[name]
        else:
            document[name] = value

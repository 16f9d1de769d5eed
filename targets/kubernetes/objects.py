"""Objects of the API by reference: read, listed, changed, without any judgement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from targets.kubernetes.calls import JSON, JSON_PATCH, MERGE_PATCH, CallError, Calls
from targets.kubernetes.means import FIELD_MANAGER, MergePatch, ObjectRef
from targets.kubernetes.resources import path, resource
from targets.kubernetes.rights import Right
from targets.kubernetes.selectors import label_query

_VERBS = {"GET": "get", "PATCH": "patch", "POST": "create", "PUT": "update", "DELETE": "delete"}

Manifest = dict[str, Any]


class Objects:
    """Requests about one object each; a refusal names the object, a missing right the rule to add.

    Args:
        calls: to the API.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def read(self, ref: ObjectRef) -> Manifest:
        """The object.

        Raises:
            CallError: also when it does not exist.
        """
        return self._send("GET", ref)

    def found(self, ref: ObjectRef) -> Manifest | None:
        """The object, or ``None`` when it does not exist."""
        try:
            return self.read(ref)
        except CallError as error:
            if error.status == 404:
                return None
            raise

    def list(self, kind: str, namespace: str | None, labels: Mapping[str, str]) -> list[Manifest]:
        """Objects with these labels, in all namespaces without one."""
        where, params = resource(kind).path(namespace), label_query(labels)
        return list(self._send("GET", ObjectRef(kind, "", namespace), at=where, verb="list", params=params)["items"])

    def create(self, ref: ObjectRef, manifest: Mapping[str, Any], subresource: str = "") -> Manifest:
        """Make the object, or act on it by a subresource."""
        where = path(ref, subresource) if subresource else resource(ref.kind).path(ref.namespace)
        return self._send("POST", ref, subresource, at=where, body=manifest, params={"fieldManager": FIELD_MANAGER})

    def replace(self, ref: ObjectRef, manifest: Mapping[str, Any]) -> Manifest:
        """Replace the object; with a ``resourceVersion`` in it only that very version."""
        return self._send("PUT", ref, body=manifest, params={"fieldManager": FIELD_MANAGER})

    def merge(self, ref: ObjectRef, patch: MergePatch, *, uid: str = "", subresource: str = "") -> Manifest:
        """Apply a merge patch; with ``uid`` only to that very object, not to a namesake that took its place."""
        body = {**patch, "metadata": {**patch.get("metadata", {}), "uid": uid}} if uid else patch
        params = {"fieldManager": FIELD_MANAGER}
        return self._send("PATCH", ref, subresource, body=body, content=MERGE_PATCH, params=params)

    def edit(self, ref: ObjectRef, operations: Sequence[Mapping[str, Any]]) -> Manifest:
        """Apply a JSON patch (RFC 6902)."""
        params = {"fieldManager": FIELD_MANAGER}
        return self._send("PATCH", ref, body=list(operations), content=JSON_PATCH, params=params)

    def delete(self, ref: ObjectRef, *, uid: str, grace: int | None = None, version: str = "") -> None:
        """Delete that very object, with ``version`` only in that very state; harmless when it is gone."""
        preconditions = {"uid": uid, **({"resourceVersion": version} if version else {})}
        options: Manifest = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        try:
            self._send("DELETE", ref, body=options)
        except CallError as error:
            if error.status not in {404, 409}:  # gone meanwhile, or another one is in its place
                raise

    def _send(
        self,
        method: str,
        ref: ObjectRef,
        subresource: str = "",
        *,
        at: str = "",
        verb: str = "",
        body: object = None,
        content: str = JSON,
        params: Mapping[str, str] | None = None,
    ) -> Manifest:
        where = at or path(ref, subresource)
        try:
            return self._calls.call(method, where, body=body, content=content, params=params)
        except CallError as error:
            if error.status is None:
                raise
            # Admission (Pod Security, quotas) forbids as well, but says other words than the authorizer.
            if error.status == 403 and " cannot " in str(error):
                found = resource(ref.kind)
                what = f"{found.plural}/{subresource}" if subresource else found.plural
                raise Right(verb or _VERBS[method], what, ref.namespace, found.group).missing() from None
            raise CallError(f"{ref}: {error}", error.status) from None

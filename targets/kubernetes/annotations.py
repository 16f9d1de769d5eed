"""Records of reverts as annotations, so that any machine with the outputs document can revert.

They are kept on Services and Nodes only. A record about a workload or a pod goes to its engine's Service: the API's
own controllers copy annotations of a Deployment to its ReplicaSets, and never take them away there.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

from targets.base import Kept, MeansError, StoreError
from targets.contract import Outputs
from targets.kubernetes.control import ClusterControl
from targets.kubernetes.lease import StackLease
from targets.kubernetes.means import STACK_LABEL, ObjectRef

PREFIX = "query-engine-reliability/revert-"
_KINDS = frozenset({"Service", "Node"})


class AnnotationStore:
    """Implements ``EntryStore``.

    Args:
        outputs: the stack's whole document.
        control: of that stack.
        lease: against other runners.
    """

    def __init__(self, outputs: Outputs, control: ClusterControl, lease: StackLease) -> None:
        self._outputs, self._control, self._lease = outputs, control, lease

    def put(self, key: str, subject: str, text: str) -> None:
        """See ``EntryStore.put``."""
        self._lease.confirm()
        with _store_errors("cannot record the revert", "nothing was injected"):
            value = json.dumps({"stack": self._outputs.stack, "entry": json.loads(text)})
            self._control.patch(self.place(subject), {"metadata": {"annotations": {PREFIX + key: value}}})

    def remove(self, key: str, subject: str) -> None:
        """See ``EntryStore.remove``."""
        with _store_errors("cannot remove the record of a revert", "use recover"):
            ref, objects = self.place(subject), self._control.objects
            found = objects.found(ref)
            # Not through the guard, which may have come to refuse a node: the record shows that the object is ours.
            if found is not None and PREFIX + key in (found["metadata"].get("annotations") or {}):
                gone = {"metadata": {"annotations": {PREFIX + key: None}}}
                objects.merge(ref, gone, uid=found["metadata"]["uid"])

    def all(self) -> Sequence[Kept]:
        """See ``EntryStore.all``."""
        with _store_errors("cannot read the records of reverts", "try again"):
            return [kept for ref, annotations in self._annotated() for kept in self._kept(ref, annotations)]

    def exclusive(self, *, patience: float = 0.0) -> AbstractContextManager[None]:
        """See ``EntryStore.exclusive``: a Lease in the runner's namespace."""
        return self._lease.held(patience=patience)

    def place(self, subject: str) -> ObjectRef:
        """The object that a record about ``subject`` (an object, an engine's kind or nothing) is kept on."""
        engines = {engine.kind: engine for engine in self._outputs.engines}
        if subject in engines:
            return self._control.service(subject)
        if "/" not in subject:
            return self._control.service(next(iter(engines)))
        ref = ObjectRef.parse(subject)
        if ref.kind in _KINDS:
            return ref
        beside = [kind for kind, engine in engines.items() if engine.namespace == ref.namespace]
        return self._control.service((beside or list(engines))[0])

    def _annotated(self) -> Iterator[tuple[ObjectRef, dict[str, str]]]:
        objects, labels = self._control.objects, {STACK_LABEL: self._outputs.stack}
        for namespace in dict.fromkeys(engine.namespace for engine in self._outputs.engines):
            for found in objects.list("Service", namespace, labels):
                metadata = found["metadata"]
                yield ObjectRef("Service", metadata["name"], namespace), metadata.get("annotations") or {}
        if self._control.allowed("list", "nodes", None):
            for found in objects.list("Node", None, {}):
                yield ObjectRef("Node", found["metadata"]["name"]), found["metadata"].get("annotations") or {}

    def _kept(self, ref: ObjectRef, annotations: dict[str, str]) -> Iterator[Kept]:
        for name, value in annotations.items():
            if name.startswith(PREFIX):
                place = f"annotation {name} of {ref}"
                try:
                    record = json.loads(value)
                    if record["stack"] == self._outputs.stack:
                        yield Kept(name.removeprefix(PREFIX), json.dumps(record["entry"]), place)
                except (ValueError, TypeError, KeyError) as error:
                    raise StoreError(f"{place} is not a ledger entry ({error}); look at it, then delete it") from error


@contextlib.contextmanager
def _store_errors(what: str, remedy: str) -> Iterator[None]:
    try:
        yield
    except MeansError as error:
        raise StoreError(f"{what}: {error}; {remedy}") from error

"""A Lease in the cluster, so that two runners never inject faults into one stack at once, wherever they are."""

from __future__ import annotations

import contextlib
import datetime
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

from targets.base import MeansError, StoreError
from targets.kubernetes.calls import CallError, Calls
from targets.kubernetes.means import PART_OF, PART_OF_LABEL, STACK_LABEL, ObjectRef
from targets.kubernetes.objects import Manifest, Objects
from targets.kubernetes.rights import Right, Rights

NAME = "fault-injection"
DURATION = 30.0
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"  # MicroTime of the API


class StackLease:
    """The lock of one stack; renewed by a thread while it is held, free ``duration`` seconds after its holder died.

    All times are the API server's, so that the clocks of the machines do not matter.

    Args:
        calls: to the API.
        namespace: of the Lease.
        stack: whose lock it is.
        duration: seconds without renewal after which others may take it.
        pause: seconds between two looks while waiting.
    """

    def __init__(
        self, calls: Calls, namespace: str, stack: str, *, duration: float = DURATION, pause: float = 1.0
    ) -> None:
        self._calls, self._objects, self._stack = calls, Objects(calls), stack
        self._rights = Rights(calls)
        self.ref = ObjectRef("Lease", NAME, namespace)
        self._duration, self._pause = duration, pause
        self._identity = ""
        self._renewed = 0.0
        self._stopping = threading.Event()

    @contextlib.contextmanager
    def held(self, *, patience: float = 0.0) -> Iterator[None]:
        """Hold the lock.

        Args:
            patience: seconds to wait for a holder that may be dead; one that renews is alive, and is not waited for.

        Raises:
            StoreError: somebody else holds it; the message names the holder.
        """
        try:
            for verb in ("get", "create", "update", "delete"):
                self._rights.require(Right(verb, "leases", self.ref.namespace, "coordination.k8s.io"))
            self._acquire(patience)
        except MeansError as error:
            raise StoreError(f"{error}; nothing was injected") from None
        self._stopping.clear()
        renewer = threading.Thread(target=self._renew_for_ever, name="lease", daemon=True)
        renewer.start()
        try:
            yield
        finally:
            self._stopping.set()
            renewer.join()
            with contextlib.suppress(MeansError):  # it expires by itself
                self._release()
            self._identity = ""

    def confirm(self) -> None:
        """Make sure that the lock is ours still.

        Raises:
            StoreError: it is not, or it could not be renewed for so long that somebody may have taken it.
        """
        if not self._identity:
            raise StoreError(f"the lock {self.ref} is not held; nothing was injected")
        if time.monotonic() - self._renewed >= self._duration:
            raise StoreError(
                f"the lock {self.ref} could not be renewed for {self._duration:g} s, or another runner took it; "
                "nothing was injected"
            )

    def _acquire(self, patience: float) -> None:
        self._identity = f"{socket.gethostname()} pid {os.getpid()} {os.urandom(3).hex()}"
        ends, seen = time.monotonic() + patience, ""
        while not self._try():
            spec = (self._objects.found(self.ref) or {}).get("spec", {})
            renewed = str(spec.get("renewTime", ""))
            if time.monotonic() >= ends or (seen and renewed not in {seen, ""}):
                raise StoreError(_taken(str(spec.get("holderIdentity", "another runner")), self.ref, self._age(spec)))
            seen = renewed or seen
            time.sleep(self._pause)

    def _try(self) -> bool:
        """Take the lock if it is free or expired."""
        found = self._objects.found(self.ref)
        try:
            if found is None:
                self._objects.create(self.ref, self._manifest(transitions=0))
            elif self._age(found["spec"]) > float(found["spec"].get("leaseDurationSeconds", self._duration)):
                version = found["metadata"]["resourceVersion"]
                turn = int(found["spec"].get("leaseTransitions", 0)) + 1
                self._objects.replace(self.ref, self._manifest(transitions=turn, version=version))
            else:
                return False
        except CallError as error:
            if error.status == 409:  # somebody was quicker
                return False
            raise
        self._renewed = time.monotonic()
        return True

    def _age(self, spec: Manifest) -> float:
        """Seconds since the last renewal; endless without one."""
        try:
            renewed = datetime.datetime.fromisoformat(str(spec["renewTime"]))
        except (KeyError, ValueError):
            return float("inf")
        return (self._calls.now() - renewed).total_seconds()

    def _manifest(self, *, transitions: int, version: str = "") -> dict[str, Any]:
        now = self._calls.now().astimezone(datetime.UTC).strftime(_TIME)
        metadata: dict[str, Any] = {
            "name": self.ref.name,
            "namespace": self.ref.namespace,
            "labels": {STACK_LABEL: self._stack, PART_OF_LABEL: PART_OF},
        }
        if version:
            metadata["resourceVersion"] = version
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": max(1, round(self._duration)),
                "acquireTime": now,
                "renewTime": now,
                "leaseTransitions": transitions,
            },
        }

    def _renew_for_ever(self) -> None:
        while not self._stopping.wait(self._duration / 3):
            with contextlib.suppress(MeansError):  # tried again; ``confirm`` tells when it has been too long
                self._renew()

    def _renew(self) -> None:
        began = time.monotonic()
        found = self._objects.read(self.ref)
        if found["spec"].get("holderIdentity") != self._identity:
            self._renewed = float("-inf")  # taken over: lost for good
            return
        found["spec"]["renewTime"] = self._calls.now().astimezone(datetime.UTC).strftime(_TIME)
        self._objects.replace(self.ref, found)
        self._renewed = began

    def _release(self) -> None:
        found = self._objects.found(self.ref)
        if found is not None and found["spec"].get("holderIdentity") == self._identity:
            metadata = found["metadata"]
            self._objects.delete(self.ref, uid=metadata["uid"], version=metadata["resourceVersion"])


def _taken(holder: str, ref: ObjectRef, age: float) -> str:
    return (
        f"another runner ({holder}) injects faults into this stack now; it renewed the lock {ref} {age:.0f} s ago: "
        "wait until it is done"
    )

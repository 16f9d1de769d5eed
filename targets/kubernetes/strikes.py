"""Everything that a fault may use on one stack, over one connection to its cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from engines import Engine
from targets.base import EntryStore, StoreError
from targets.contract import Outputs
from targets.kubernetes.annotations import AnnotationStore
from targets.kubernetes.calls import Calls
from targets.kubernetes.capacity import StackCapacity
from targets.kubernetes.control import ClusterControl
from targets.kubernetes.faultpods import KubernetesFaultPods
from targets.kubernetes.lease import StackLease
from targets.kubernetes.receiver import ClusterReceiver
from targets.kubernetes.switch import ClusterSwitches

M = TypeVar("M")


class StrikeMeans:
    """The means of one stack.

    Args:
        outputs: the stack's whole document: engines that are not in use are to be guarded and recovered as well.
        calls: to the API.
        engines: adapters for the engines in use.
    """

    def __init__(self, outputs: Outputs, calls: Calls, engines: Callable[[], Sequence[Engine]]) -> None:
        self._outputs = outputs
        self._lease = StackLease(calls, outputs.runner_namespace or "", outputs.stack)
        control = ClusterControl(outputs, calls)
        self._store = AnnotationStore(outputs, control, self._lease)
        self._means: tuple[object, ...] = (
            control,
            ClusterSwitches(outputs, control, self._store.place),
            KubernetesFaultPods(control, outputs),
            StackCapacity(outputs, control, engines),
            ClusterReceiver(outputs, control),
        )

    def find(self, protocol: type[M]) -> M | None:
        """What implements a protocol."""
        return next((one for one in self._means if isinstance(one, protocol)), None)

    @property
    def store(self) -> EntryStore:
        """Records on the stack's own objects.

        Raises:
            StoreError: the stack has no place for the lock.
        """
        if self._outputs.runner_namespace is None:
            raise StoreError("the outputs document names no runnerNamespace, where the lock is kept; run pulumi up")
        return self._store

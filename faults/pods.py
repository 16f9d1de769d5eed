"""Pods taken away: told to end, ended at once, evicted. Their controllers make others."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import asdict
from typing import ClassVar

from typing_extensions import override

from faults.base import Fault, Kind, NotPossible
from faults.privileged import stack_control
from targets.base import MeansError, Target
from targets.kubernetes.means import PodView, StackControl

WORKER, WORKERS = "worker", "workers"


def pod_components(target: Target, engine: str) -> list[str]:
    """The engine's roles, and ``workers`` (all of them) where there are several.

    Raises:
        NotPossible: the target is no stack on Kubernetes.
    """
    control = stack_control(target)
    roles = list(control.roles(engine))
    if WORKER in roles and len(control.pods(engine, WORKER)) > 1:
        roles.append(WORKERS)
    return roles


def role_of(component: str) -> str:
    """The role behind a component."""
    return WORKER if component == WORKERS else component


class _PodFault(Fault):
    """Takes one pod of a role away (the first ready one by name), or all of them."""

    kind: ClassVar[Kind] = Kind.POD
    momentary: ClassVar[bool] = True
    means: ClassVar[type | None] = StackControl

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._struck: tuple[PodView, ...] = ()

    @classmethod
    @override
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        return pod_components(target, engine)

    @abstractmethod
    def strike(self, pod: PodView) -> None:
        """Take it away."""

    @override
    def preflight(self) -> None:
        self.control.require("delete", "pods", self.control.service(self.engine).namespace)
        self.choose()

    def choose(self) -> Sequence[PodView]:
        """The pods to strike.

        Raises:
            NotPossible: none is ready.
        """
        ready = [pod for pod in self.control.pods(self.engine, role_of(self.component)) if pod.ready]
        if not ready:
            raise NotPossible(f"no pod of {self.engine} {role_of(self.component)} is ready")
        return ready if self.component == WORKERS else ready[:1]

    @override
    def plan(self) -> str:
        return "\n".join(f"pod/{pod.name}: {self.summary}" for pod in self.choose())

    @override
    def remember(self) -> str:
        self._struck = tuple(self.choose())
        return json.dumps([asdict(pod) for pod in self._struck])

    @override
    def recall(self, original: str) -> None:
        try:
            self._struck = tuple(PodView(**one) for one in json.loads(original))
        except (ValueError, TypeError) as error:
            raise MeansError(f"{self.name}: the record of what was struck cannot be read ({error})") from error

    @override
    def inject(self) -> None:
        for pod in self._struck:
            self.strike(pod)

    @override
    def proof(self) -> str:
        now = {pod.uid: pod for pod in self.control.pods(self.engine, role_of(self.component))}
        staying = [pod for pod in self._struck if pod.uid in now and not now[pod.uid].ending]
        if not self._struck or staying:
            return ""
        return "; ".join(
            f"pod {pod.name} ({pod.uid}) {'is ending' if pod.uid in now else 'is gone'}" for pod in self._struck
        )

    @override
    def revert(self) -> None:
        """Nothing to undo: the controller makes other pods."""

    @override
    def revert_proof(self) -> str:
        role, struck = role_of(self.component), {pod.uid for pod in self._struck}
        wanted = int(self.control.read(self.control.workload(self.engine, role))["spec"].get("replicas", 1))
        # A runner killed before it struck leaves the very pods that it had chosen.
        ready = [pod for pod in self.control.pods(self.engine, role) if pod.ready]
        if len(ready) < wanted:
            return ""
        fresh = [pod for pod in ready if pod.uid not in struck]
        return f"{len(ready)} of {wanted} pods are ready, new ones: {', '.join(p.name for p in fresh) or 'none'}"

    @property
    def control(self) -> StackControl:
        """The target's means to change its objects."""
        return stack_control(self.target)


class Delete(_PodFault):
    """Deleted as ``kubectl delete pod`` does it: the pod may finish what it does within its grace period."""

    name: ClassVar[str] = "delete"
    summary: ClassVar[str] = "pod deleted with its grace period"

    @override
    def strike(self, pod: PodView) -> None:
        self.control.delete(pod.ref, uid=pod.uid)


class DeleteNow(_PodFault):
    """Deleted with a grace period of 0: no goodbye, and the API forgets it before the node has ended it."""

    name: ClassVar[str] = "delete-now"
    summary: ClassVar[str] = "pod deleted by force, without a grace period"

    @override
    def strike(self, pod: PodView) -> None:
        self.control.delete(pod.ref, uid=pod.uid, grace=0)


class Evict(_PodFault):
    """Evicted through the API that respects PodDisruptionBudgets, as a drain does it."""

    name: ClassVar[str] = "evict"
    summary: ClassVar[str] = "pod evicted, as far as its PodDisruptionBudget permits"

    @classmethod
    @override
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        return stack_control(target).roles(engine)  # one pod at a time is what the budgets allow

    @override
    def preflight(self) -> None:
        self.control.require("create", "pods/eviction", self.control.service(self.engine).namespace)
        for pod in self.choose():
            self.control.evict(pod.ref, dry_run=True)

    @override
    def strike(self, pod: PodView) -> None:
        self.control.evict(pod.ref)

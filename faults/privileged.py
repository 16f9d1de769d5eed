"""What faults by fault pods have in common: whom they strike, what the nodes must have, proof by counters."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar

from typing_extensions import override

from faults.base import Fault, Kind, NotPossible
from targets.base import MeansError, Target
from targets.contract import EngineOutput
from targets.kubernetes.faultpod_means import FaultPods, FaultScript
from targets.kubernetes.means import PodView, StackControl

NFTABLES, TBF, NETEM = "nftables", "tbf", "netem"


def stack_control(target: Target) -> StackControl:
    """The target's means to look at its objects.

    Raises:
        NotPossible: it is no stack on Kubernetes.
    """
    control = target.means(StackControl)
    if control is None:
        raise NotPossible("the target is no stack on Kubernetes")
    return control


def fault_pods(target: Target) -> FaultPods:
    """The target's means to start fault pods.

    Raises:
        NotPossible: it has none.
    """
    pods = target.means(FaultPods)
    if pods is None:
        raise NotPossible("the target can start no privileged fault pods")
    return pods


def engine_output(target: Target, engine: str) -> EngineOutput:
    """The engine's part of the outputs document."""
    return next(one for one in target.outputs.engines if one.kind == engine)


def running(control: StackControl, engine: str, role: str) -> list[PodView]:
    """Pods of a role that stay and whose container runs, by name.

    Raises:
        NotPossible: there is none.
    """
    pods = [pod for pod in control.pods(engine, role) if pod.started_at and pod.node and not pod.ending]
    if not pods:
        raise NotPossible(f"no pod of {engine}'s {role} runs")
    return pods


def container_ports(manifest: Mapping[str, Any], container: str) -> dict[str, int]:
    """Name, or number as text, to number of a container's TCP ports."""
    found = next(one for one in manifest["spec"]["containers"] if one["name"] == container)
    ports = [port for port in found.get("ports") or [] if port.get("protocol", "TCP") == "TCP"]
    return {str(port.get("name", port["containerPort"])): int(port["containerPort"]) for port in ports}


class PrivilegedFault(Fault):
    """Strikes one or more pods, each by a fault pod on its node.

    Attributes:
        needs: what the struck pods' nodes must have; empty: nothing.
    """

    kind: ClassVar[Kind] = Kind.NETWORK
    means: ClassVar[type | None] = FaultPods
    needs: ClassVar[str] = NFTABLES

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._struck: tuple[PodView, ...] = ()
        self._probes = 0

    @classmethod
    @override
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        return stack_control(target).roles(engine)

    @abstractmethod
    def script(self, pod: PodView) -> FaultScript:
        """What to do to one of the pods."""

    @property
    def role(self) -> str:
        """Role whose pods are struck."""
        return self.component

    @property
    def ttl(self) -> float:
        """Seconds after which it ends by itself."""
        return self.tuning.ttl

    @override
    def preflight(self) -> None:
        self.pods.require()
        for pod in self.choose():
            self.script(pod)
            if self.needs and self.needs not in self.pods.features(pod.node):
                raise NotPossible(
                    f"{self.needs} is missing on node {pod.node}, in its kernel or in the fault pods' image"
                )

    def choose(self) -> Sequence[PodView]:
        """The pods to strike: the first of the role.

        Raises:
            NotPossible: there is none.
        """
        return running(self.control, self.engine, self.role)[:1]

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
        scripts = [self.script(pod) for pod in self._struck]
        self._probes = sum(bool(script.probe) for script in scripts)
        for pod, script in zip(self._struck, scripts, strict=True):
            self.pods.strike(self.key, pod, script, ttl=self.ttl)

    @override
    def proof(self) -> str:
        report = self.pods.report(self.key)
        if not self._struck or report.pods < len(self._struck) or len(report.probes) < self._probes:
            return ""
        if not any(report.counters.values()):
            return ""
        counted = ", ".join(f"{name} {value} packets" for name, value in report.counters.items())
        where = ", ".join(pod.name for pod in self._struck)
        return "; ".join([f"in {where}: {counted}", *report.probes])

    @override
    def revert(self) -> None:
        self.pods.end(self.key)

    @override
    def revert_proof(self) -> str:
        return self.pods.clean(self.key, self._struck)

    @property
    def control(self) -> StackControl:
        """See ``stack_control``."""
        return stack_control(self.target)

    @property
    def pods(self) -> FaultPods:
        """See ``fault_pods``."""
        return fault_pods(self.target)

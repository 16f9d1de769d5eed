"""The endpoint vanishes while the engine is healthy: its readiness probe fails, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from typing_extensions import override

from faults import rules
from faults.base import Kind, NotPossible
from faults.observer import wait_until
from faults.privileged import PrivilegedFault, container_ports
from faults.rules import Rules, firewall
from targets.base import Target
from targets.kubernetes.faultpod_means import FaultScript
from targets.kubernetes.means import PodView

_MARGIN = 10.0
_NETWORK_PROBES = ("httpGet", "tcpSocket", "grpc")


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe of a container.

    Attributes:
        port: that the kubelet connects to; ``None`` for a command in the container.
        period: seconds between two tries.
        failures: in a row that count.
    """

    port: int | None
    period: int
    failures: int

    @property
    def latest(self) -> float:
        """Seconds from the moment it begins to fail at once to the moment it must have counted."""
        return float(self.period * (self.failures + 1))

    @property
    def earliest(self) -> float:
        """Seconds within which it cannot have counted."""
        return float(self.period * (self.failures - 1))


def probe(container: Mapping[str, Any], kind: str, ports: Mapping[str, int]) -> Probe | None:
    """A container's ``livenessProbe`` or ``readinessProbe`` with Kubernetes' defaults."""
    found = container.get(kind)
    if not found:
        return None
    action = next((found[name] for name in _NETWORK_PROBES if name in found), None)
    port = None if action is None else ports.get(str(action["port"]), action["port"])
    return Probe(port, int(found.get("periodSeconds", 10)), int(found.get("failureThreshold", 3)))


class NotReady(PrivilegedFault):
    """The readiness probe is refused: by the network, or by a command in the container, whichever it is."""

    name: ClassVar[str] = "not-ready"
    kind: ClassVar[Kind] = Kind.SERVICE
    summary: ClassVar[str] = "readiness probe refused: the endpoint vanishes while the engine is healthy"

    @classmethod
    @override
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        return super().components(target, engine)[:1]

    @property
    @override
    def ttl(self) -> float:
        """Long enough for the probe to fail as often as it must."""
        return self._patience() + self.tuning.hold + _MARGIN

    @override
    def preflight(self) -> None:
        super().preflight()
        pod = self.choose()[0]
        readiness, liveness = self._probe(pod, "readinessProbe"), self._probe(pod, "livenessProbe")
        if readiness is None:
            raise NotPossible(f"{pod.ref} has no readiness probe")
        if liveness is not None and liveness.port is not None and liveness.port == readiness.port:
            most = liveness.earliest - readiness.latest
            if most < self.tuning.hold:
                raise NotPossible(
                    f"after {liveness.earliest:g} s the liveness probe, at the same port {liveness.port}, would "
                    f"restart {pod.name}: hold it for at most {max(0.0, most):g} s"
                )

    @override
    def script(self, pod: PodView) -> FaultScript:
        readiness = self._probe(pod, "readinessProbe")
        if readiness is None:
            raise NotPossible(f"{pod.ref} has no readiness probe")
        if readiness.port is not None:
            found = Rules(rules.RESET, incoming=rules.of_kubelet(readiness.port))
        else:
            ports = container_ports(self.control.read(pod.ref), pod.container).values()
            found = Rules(rules.RESET, outgoing=rules.of_container(list(ports)))
        return firewall(self.name, found)

    @override
    def inject(self) -> None:
        super().inject()
        # Not an instant: the injection is what the probes make of it.
        wait_until(lambda: not self._endpoints(), self._patience(), interval=0.2)

    @override
    def proof(self) -> str:
        counted = super().proof()
        if not counted or self._endpoints():
            return ""
        return f"{self.control.service(self.engine)} has no endpoint; {counted}"

    def _endpoints(self) -> Sequence[str]:
        struck = {pod.ip for pod in self._struck}
        found = self.control.endpoints(self.control.service(self.engine))
        return [one for one in found if one.rpartition(":")[0] in struck]

    def _patience(self) -> float:
        pods = self._struck or self.choose()
        readiness = self._probe(pods[0], "readinessProbe")
        return readiness.latest + _MARGIN if readiness else _MARGIN

    def _probe(self, pod: PodView, kind: str) -> Probe | None:
        manifest = self.control.read(pod.ref)
        container = next(one for one in manifest["spec"]["containers"] if one["name"] == pod.container)
        return probe(container, kind, container_ports(manifest, pod.container))

"""Faults on the connections between clients and one engine, through the target's fault proxy."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from faults.base import Fault, Kind, NotPossible
from targets.base import Disturbance, NetworkControl, Target


class _ConnectionFault(Fault):
    """Disturbs the engine's proxy; the proxy's own counters prove that connections met the disturbance."""

    kind: ClassVar[Kind] = Kind.NETWORK
    means: ClassVar[type | None] = NetworkControl

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._affected_before = 0

    @classmethod
    @override
    def components(cls, target: Target, engine: str) -> Sequence[str]:
        _control(target).proxy(engine)
        return ["clients"]

    @override
    def preflight(self) -> None:
        status = _control(self.target).proxy(self.engine)
        if status.active is not None:
            raise NotPossible(f"its connections are already disturbed ({status.active.kind}); run: runner recover")

    def value(self) -> float:
        """Strength of the disturbance, in the unit of its kind."""
        return 0.0

    @override
    def inject(self) -> None:
        control = _control(self.target)
        self._affected_before = control.proxy(self.engine).affected.get(self.name, 0)
        control.disturb(self.engine, Disturbance(self.name, ttl=self.tuning.ttl, value=self.value()))

    @override
    def proof(self) -> str:
        status = _control(self.target).proxy(self.engine)
        affected = status.affected.get(self.name, 0) - self._affected_before
        if status.active is None or status.active.kind != self.name or affected <= 0:
            return ""
        return f"proxy on port {status.port} applies {self.name}: {affected} connections or chunks affected"

    @override
    def revert(self) -> None:
        _control(self.target).restore(self.engine)

    @override
    def revert_proof(self) -> str:
        status = _control(self.target).proxy(self.engine)
        return f"proxy on port {status.port} forwards" if status.active is None and status.listening else ""


class Latency(_ConnectionFault):
    """Every byte arrives late."""

    name: ClassVar[str] = "latency"
    summary: ClassVar[str] = "delay added to each direction between clients and engine"

    @override
    def value(self) -> float:
        return self.tuning.latency


class Bandwidth(_ConnectionFault):
    """Few bytes per second get through."""

    name: ClassVar[str] = "bandwidth"
    summary: ClassVar[str] = "throughput limited in each direction between clients and engine"

    @override
    def value(self) -> float:
        return self.tuning.bandwidth


class Blackhole(_ConnectionFault):
    """Connections stay open, nothing arrives."""

    name: ClassVar[str] = "blackhole"
    summary: ClassVar[str] = "packets between clients and engine vanish, connections stay open"


class Reset(_ConnectionFault):
    """Every connection is torn down."""

    name: ClassVar[str] = "reset"
    summary: ClassVar[str] = "connections to the engine are reset (TCP RST), new ones too"


class Refused(_ConnectionFault):
    """Nothing listens where the service should be."""

    name: ClassVar[str] = "refused"
    kind: ClassVar[Kind] = Kind.SERVICE
    summary: ClassVar[str] = "the service's port refuses connections, as a Service without endpoints does"

    @override
    def proof(self) -> str:
        """The proxy cannot count what never reaches it, so a connection of our own is the proof."""
        port = _control(self.target).proxy(self.engine).port
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            return f"a new connection to port {port} was refused"
        except OSError:  # reset or timed out: disturbed, but not by this fault
            return ""
        return ""


def _control(target: Target) -> NetworkControl:
    control = target.means(NetworkControl)
    if control is None:
        raise NotPossible("connections to this target do not pass a fault proxy of ours")
    return control

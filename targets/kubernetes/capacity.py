"""Whether an engine runs with everything that it should have: as Kubernetes sees it, and as the engine does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engines import Engine
from targets.contract import Outputs
from targets.kubernetes.means import StackControl

_HEALTH_SECONDS = 2.0


class StackCapacity:
    """Implements ``Capacity``.

    Args:
        outputs: the stack's document.
        control: of that stack.
        engines: adapters for the engines in use.
    """

    def __init__(self, outputs: Outputs, control: StackControl, engines: Callable[[], Sequence[Engine]]) -> None:
        self._workloads = {engine.kind: engine.workloads for engine in outputs.engines}
        self._control, self._engines = control, engines

    def full_capacity(self, engine: str) -> bool:
        """See ``Capacity.full_capacity``: every wanted pod is ready, and the engine itself counts as many nodes."""
        wanted = 0
        for workload in self._workloads.get(engine, ()):
            manifest = self._control.read(self._control.workload(engine, workload.role))
            # An autoscaler may want more than the document has; less is a fault that has scaled it away.
            replicas = max(int(manifest["spec"].get("replicas", 1)), workload.replicas)
            ready = [pod for pod in self._control.pods(engine, workload.role) if pod.ready]
            if len(ready) < replicas:
                return False
            wanted += replicas
        return all(self._counts(one, wanted) for one in self._engines() if one.endpoint.kind == engine)

    @staticmethod
    def _counts(engine: Engine, wanted: int) -> bool:
        health = engine.health(timeout=_HEALTH_SECONDS)
        return health.live and not health.starting and (health.active_nodes is None or health.active_nodes >= wanted)

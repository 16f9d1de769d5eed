"""A target over the outputs document of a stack."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

from engines import Engine, engine_class
from targets.base import EntryStore, M, MonitoringEndpoint, Target, TargetError
from targets.contract import EngineOutput, MonitoringOutput, Outputs, SecretRef
from targets.document import only_engines
from targets.embedded.paths import target_directory
from targets.endpoints import described
from targets.endpoints import secret as local_secret
from targets.kubernetes.availability import ClusterAvailability
from targets.kubernetes.calls import ClusterCalls
from targets.kubernetes.cluster import Cluster
from targets.kubernetes.strikes import StrikeMeans
from targets.kubernetes.transport import AUTO, Address, ServicePort, Transport, choose, inside
from targets.kubernetes.watch import ClusterSource


class KubernetesTarget(Target):
    """Engines and monitoring of a stack, reached through one :mod:`transport <targets.kubernetes.transport>`.

    An engine whose document names a ``host`` is reached there directly.

    Args:
        outputs: the stack's document.
        engines: kinds in use; all of the document's without it.
        transport: one of ``targets.kubernetes.transport.CHOICES``.
        further: means that this machine has beside those of the cluster.

    Raises:
        BadOutputs: an engine is not in the document, or of a kind that nothing here speaks to.
    """

    def __init__(
        self,
        outputs: Outputs,
        engines: tuple[str, ...] | None = None,
        *,
        transport: str = AUTO,
        further: Sequence[object] = (),
    ) -> None:
        self.outputs = only_engines(outputs, engines)
        # A pod has no kubeconfig, so the context that the stack was made in means nothing there.
        context = None if inside() else outputs.kube_context
        self._cluster = Cluster(context)
        # Apart from the clients' connections: a fault that has those hang must not keep its own revert waiting.
        self._control = Cluster(context)
        watched = ClusterAvailability(outputs, self._control, ClusterSource(self._control))
        self._wanted, self._further = transport, (*further, watched)
        self._transport: Transport | None = None
        self._files: tempfile.TemporaryDirectory[str] | None = None
        self._engines: list[Engine] = []
        self._monitoring: dict[str, MonitoringEndpoint] = {}
        self._strikes = StrikeMeans(outputs, ClusterCalls(self._control), self.engines)

    @property
    def name(self) -> str:
        """See ``Target.name``."""
        return self.outputs.stack

    @property
    def transport(self) -> str:
        """See ``Target.transport``."""
        if all(engine.host for engine in self.outputs.engines):
            return "direct"
        return self._transport.name if self._transport is not None else self._wanted

    @property
    def state_directory(self) -> Path:
        """See ``Target.state_directory``: one for each stack and context."""
        return target_directory("kubernetes", f"{self.outputs.kube_context}/{self.outputs.stack}")

    def open(self) -> None:
        """Connect to the cluster, read the Secrets, open a way to every Service."""
        self._files = tempfile.TemporaryDirectory(prefix="qer-")  # mode 0700
        self._cluster.open()
        self._control.open()
        served = {output.kind: _service(output) for output in self.outputs.engines if output.host is None}
        self._transport = choose(self._wanted, self._cluster, served)
        self._engines = [self._adapter(output) for output in self.outputs.engines]
        self._monitoring = {output.part: self._part(output) for output in self.outputs.monitoring}

    def close(self) -> None:
        """Close the transport; what runs in the cluster goes on."""
        if self._transport is not None:
            with contextlib.suppress(TimeoutError):  # tunnels to an API that is gone end with the connection below
                self._transport.close()
            self._transport = None
        self._cluster.close()
        self._control.close()
        if self._files is not None:
            self._files.cleanup()
            self._files = None

    def engines(self) -> Sequence[Engine]:
        """See ``Target.engines``."""
        return list(self._engines)

    def store(self) -> EntryStore:
        """See ``Target.store``: on the stack's own objects, so that any machine can revert."""
        return self._strikes.store

    def means(self, protocol: type[M]) -> M | None:
        """See ``Target.means``."""
        mine = next((one for one in self._further if isinstance(one, protocol)), None)
        return mine or super().means(protocol) or self._strikes.find(protocol)

    def monitoring_parts(self) -> Sequence[MonitoringEndpoint]:
        """See ``MonitoringAccess``."""
        return list(self._monitoring.values())

    def _adapter(self, output: EngineOutput) -> Engine:
        address = Address(output.host, output.port) if output.host else self._address(_service(output))
        password = self._secret(output.password, f"{output.kind} password")
        endpoint = described(output, address.host, address.port, password, self._ca_file(output))
        return engine_class(output.kind)(endpoint)

    def _part(self, output: MonitoringOutput) -> MonitoringEndpoint:
        address = self._address(ServicePort(output.namespace, output.service, output.port))
        return MonitoringEndpoint(
            part=output.part,
            url=f"{output.scheme}://{address.host}:{address.port}",
            user=output.user,
            password=self._secret(output.password, f"{output.part} password"),
        )

    def _address(self, service: ServicePort) -> Address:
        if self._transport is None:
            raise TargetError("the target is not open")
        return self._transport.address(service)

    def _secret(self, reference: SecretRef | None, what: str) -> str | None:
        if reference is None:
            return None
        return local_secret(reference, what) if reference.name is None else self._cluster.secret(reference, what)

    def _ca_file(self, output: EngineOutput) -> Path | None:
        text = self._secret(output.ca, f"{output.kind} CA certificate")
        if text is None:
            return None
        if self._files is None:
            raise TargetError("the target is not open")
        path = Path(self._files.name) / f"{output.kind}-ca.crt"
        path.write_text(text, encoding="utf-8")
        return path


def _service(output: EngineOutput) -> ServicePort:
    return ServicePort(output.namespace, output.service, output.port, output.node_port)

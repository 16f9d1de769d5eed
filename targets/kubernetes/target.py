"""A target over the outputs document of a stack."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

from engines import Endpoint, Engine, engine_class
from targets.base import MonitoringEndpoint, Target, TargetError
from targets.contract import EngineOutput, MonitoringOutput, Outputs, SecretRef
from targets.document import only_engines
from targets.embedded.paths import state_directory, state_errors
from targets.endpoints import secret as local_secret
from targets.kubernetes.cluster import Cluster
from targets.kubernetes.forward import PortForward


class KubernetesTarget(Target):
    """Engines and monitoring of a stack, each through a port-forward that chooses a ready pod for every connection.

    An engine whose document names a ``host`` is reached there directly.

    Args:
        outputs: the stack's document.
        engines: kinds in use; all of the document's without it.

    Raises:
        BadOutputs: an engine is not in the document, or of a kind that nothing here speaks to.
    """

    def __init__(self, outputs: Outputs, engines: tuple[str, ...] | None = None) -> None:
        self.outputs = only_engines(outputs, engines)
        self._cluster = Cluster(outputs.kube_context)
        self._forwards: list[PortForward] = []
        self._files: tempfile.TemporaryDirectory[str] | None = None
        self._engines: list[Engine] = []
        self._monitoring: dict[str, MonitoringEndpoint] = {}

    @property
    def name(self) -> str:
        """See ``Target.name``."""
        return self.outputs.stack

    @property
    def transport(self) -> str:
        """See ``Target.transport``."""
        return "direct" if all(engine.host for engine in self.outputs.engines) else "port-forward"

    @property
    def state_directory(self) -> Path:
        """See ``Target.state_directory``: one for each stack and context."""
        key = hashlib.sha256(f"{self.outputs.kube_context}/{self.outputs.stack}".encode()).hexdigest()[:12]
        path = state_directory() / "targets" / f"kubernetes-{key}"
        with state_errors(path):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    def open(self) -> None:
        """Connect to the cluster, read the Secrets, forward a port to every Service."""
        self._files = tempfile.TemporaryDirectory(prefix="qer-")  # mode 0700
        self._cluster.open()
        self._engines = [self._adapter(output) for output in self.outputs.engines]
        self._monitoring = {output.part: self._part(output) for output in self.outputs.monitoring}

    def close(self) -> None:
        """End the port-forwards; what runs in the cluster goes on."""
        while self._forwards:
            self._forwards.pop().stop()
        self._cluster.close()
        if self._files is not None:
            self._files.cleanup()
            self._files = None

    def engines(self) -> Sequence[Engine]:
        """See ``Target.engines``."""
        return list(self._engines)

    def monitoring_parts(self) -> Sequence[MonitoringEndpoint]:
        """See ``MonitoringAccess``."""
        return list(self._monitoring.values())

    def _adapter(self, output: EngineOutput) -> Engine:
        host, port = output.host or "127.0.0.1", output.port
        if output.host is None:
            port = self._forward(output.namespace, output.service, output.port)
        endpoint = Endpoint(
            kind=output.kind,
            host=host,
            port=port,
            scheme=output.scheme,
            user=output.user,
            password=self._secret(output.password, f"{output.kind} password"),
            ca_file=self._ca_file(output),
            catalogs=output.catalogs,
            data_directory=Path(output.data_directory) if output.data_directory else None,
            expected_nodes=sum(workload.replicas for workload in output.workloads) or 1,
        )
        return engine_class(output.kind)(endpoint)

    def _part(self, output: MonitoringOutput) -> MonitoringEndpoint:
        port = self._forward(output.namespace, output.service, output.port)
        return MonitoringEndpoint(
            part=output.part,
            url=f"{output.scheme}://127.0.0.1:{port}",
            user=output.user,
            password=self._secret(output.password, f"{output.part} password"),
        )

    def _forward(self, namespace: str, service: str, port: int) -> int:
        forward = PortForward(self._cluster, namespace, service, port)
        local = forward.start()
        self._forwards.append(forward)
        return local

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

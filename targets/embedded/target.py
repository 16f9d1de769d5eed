"""The embedded target: what the rest of the runner sees."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engines import Engine
from targets.base import Disturbance, MeansError, ProcessInfo, ProxyStatus, Target
from targets.contract import Outputs
from targets.embedded import instance as instances
from targets.embedded.config import EmbeddedConfig
from targets.embedded.instance import Instance
from targets.embedded.messages import (
    CapacityRequest,
    DisturbRequest,
    FreezeRequest,
    KillRequest,
    Message,
    RestoreRequest,
    Status,
    ThawRequest,
)
from targets.embedded.plan import OUTPUTS_FILE
from targets.endpoints import adapter


class EmbeddedMeans:
    """Process and network faults on an embedded instance, through its supervisor."""

    def __init__(self, instance: Instance | None = None) -> None:
        self._held = instance

    @property
    def _instance(self) -> Instance:
        if self._held is None:
            raise MeansError("the embedded target is not open")
        return self._held

    def processes(self, engine: str) -> Sequence[ProcessInfo]:
        """See ``ProcessControl.processes``."""
        return [info for info in self._instance.status().processes if info.engine == engine]

    def kill(self, name: str) -> ProcessInfo:
        """See ``ProcessControl.kill``."""
        return self._process(KillRequest(name=name))

    def freeze(self, name: str, *, ttl: float) -> ProcessInfo:
        """See ``ProcessControl.freeze``."""
        return self._process(FreezeRequest(name=name, ttl=ttl))

    def thaw(self, name: str) -> ProcessInfo:
        """See ``ProcessControl.thaw``."""
        return self._process(ThawRequest(name=name))

    def _process(self, request: Message) -> ProcessInfo:
        process = self._instance.ask(request).process
        if process is None:
            raise MeansError("the supervisor named no process")
        return process

    def proxy(self, engine: str) -> ProxyStatus:
        """See ``NetworkControl.proxy``."""
        for proxy in self._instance.status().proxies:
            if proxy.engine == engine:
                return proxy
        raise MeansError(f"no proxy for {engine}")

    def disturb(self, engine: str, disturbance: Disturbance) -> ProxyStatus:
        """See ``NetworkControl.disturb``."""
        return self._network(DisturbRequest(engine=engine, disturbance=disturbance))

    def restore(self, engine: str) -> ProxyStatus:
        """See ``NetworkControl.restore``."""
        return self._network(RestoreRequest(engine=engine))

    def _network(self, request: Message) -> ProxyStatus:
        proxy = self._instance.ask(request).proxy
        if proxy is None:
            raise MeansError("the supervisor named no proxy")
        return proxy

    def full_capacity(self, engine: str) -> bool:
        """See ``Capacity.full_capacity``."""
        return bool(self._instance.ask(CapacityRequest(engine=engine)).full_capacity)


class EmbeddedTarget(EmbeddedMeans, Target):
    """Real engines as local processes, each behind a local proxy.

    Uses an instance kept by ``up`` when one fits and nobody else uses it, and leaves it running; otherwise starts
    its own, which ends with ``close`` and with this process, however that ends.
    """

    def __init__(self, config: EmbeddedConfig | None = None) -> None:
        super().__init__()
        self.config = config or EmbeddedConfig()

    @property
    def name(self) -> str:
        """See ``Target.name``."""
        return "embedded"

    @property
    def transport(self) -> str:
        """See ``Target.transport``."""
        return "local TCP proxy"

    @property
    def state_directory(self) -> Path:
        """See ``Target.state_directory``."""
        return self._instance.run.directory

    def open(self) -> None:
        """Start or find an instance; see ``Target.open``."""
        self._held = instances.attach(self.config) or instances.start(self.config)
        text = (self.state_directory / OUTPUTS_FILE).read_text(encoding="utf-8")
        document = Outputs.model_validate_json(text)
        wanted = tuple(engine for engine in document.engines if engine.kind in self.config.engines)
        self.outputs = document.model_copy(update={"engines": wanted})

    def close(self) -> None:
        """End the instance, or leave it when it is a kept one."""
        if self._held is not None:
            self._held.release()
            self._held = None

    def engines(self) -> Sequence[Engine]:
        """See ``Target.engines``."""
        return [adapter(output) for output in self.outputs.engines]

    def status(self) -> Status:
        """What the supervisor knows: processes, proxies, peak memory."""
        return self._instance.status()

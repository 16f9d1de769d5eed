"""A local port whose every connection goes to a pod that the Service selects *now*.

``kubectl port-forward`` ends with the pod it once chose. Here each connection asks the API again for the Service, its
ready pods and their port, as a client inside the cluster would be sent to a ready one, and has a tunnel of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Mapping
from typing import Any

import httpx_ws
from typing_extensions import override

from targets.kubernetes.cluster import Cluster
from targets.kubernetes.listener import Client, LocalPort, NoEndpoint, until_first
from targets.kubernetes.selectors import label_query

Manifest = Mapping[str, Any]

_DATA = b"\x00"  # channel of the first port's data; 1 is the one of its errors
_CONNECT_SECONDS = 15.0


class PortForward(LocalPort):
    """Forwards a port of this machine's loopback interface to a Service. A context manager.

    Args:
        cluster: connected.
        namespace: of the Service.
        service: its name.
        port: one of its ports.
    """

    def __init__(self, cluster: Cluster, namespace: str, service: str, port: int) -> None:
        super().__init__(cluster)
        self._namespace, self._service, self._port = namespace, service, port
        self._resolving: asyncio.Task[tuple[str, int]] | None = None

    @override
    async def _tunnel(self, client: Client) -> None:
        async with contextlib.AsyncExitStack() as opened:
            async with client.patience(_CONNECT_SECONDS):
                pod, port = await self._endpoint()
                socket = await opened.enter_async_context(
                    self._cluster.api.open_websocket(
                        version="v1",
                        url=f"pods/{pod}/portforward",
                        namespace=self._namespace,
                        params={"ports": str(port)},
                    )
                )
            await until_first(
                asyncio.create_task(_upwards(client, socket)), asyncio.create_task(_downwards(socket, client.writer))
            )

    async def _endpoint(self) -> tuple[str, int]:
        """A pod and its port as of now; connections that come while the API is being asked share its answer."""
        if self._resolving is None or self._resolving.done():
            self._resolving = asyncio.create_task(self._resolve())
            # Nobody may be left to see its failure.
            self._resolving.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._resolving)

    @override
    async def _shut(self) -> None:
        await super()._shut()
        if self._resolving is not None:
            self._resolving.cancel()
            await asyncio.gather(self._resolving, return_exceptions=True)

    async def _resolve(self) -> tuple[str, int]:
        # As plain JSON: the client's own objects take several times the processor time of the two requests.
        service = await self._get(f"services/{self._service}")
        selector: Mapping[str, str] = service["spec"].get("selector") or {}
        if not selector:
            raise NoEndpoint
        listed = await self._get("pods", **label_query(selector))
        pods = [pod for pod in listed["items"] if is_ready(pod)]
        if not pods:
            raise NoEndpoint
        pod = random.choice(pods)  # noqa: S311 - as a Service spreads its connections
        return pod["metadata"]["name"], container_port(service, pod, self._port)

    async def _get(self, path: str, **parameters: str) -> Manifest:
        async with self._cluster.api.call_api(
            "GET", version="v1", namespace=self._namespace, url=path, params=parameters
        ) as response:
            manifest: Manifest = response.json()
        return manifest


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether a Service sends connections to this pod."""
    conditions = pod.get("status", {}).get("conditions") or []
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def container_port(service: Mapping[str, Any], pod: Mapping[str, Any], port: int) -> int:
    """The pod's port behind a port of the Service.

    Raises:
        NoEndpoint: the Service has no such port, or names one that the pod has not.
    """
    target = next((one.get("targetPort", port) for one in service["spec"]["ports"] if one["port"] == port), None)
    if isinstance(target, int):
        return target
    named = [
        one["containerPort"]
        for container in pod["spec"]["containers"]
        for one in container.get("ports") or []
        if one.get("name") == target
    ]
    if target is None or not named:
        raise NoEndpoint
    return int(named[0])


async def _upwards(client: Client, socket: httpx_ws.AsyncWebSocketSession) -> None:
    while data := await client.receive():
        await socket.send_bytes(_DATA + data)


async def _downwards(socket: httpx_ws.AsyncWebSocketSession, writer: asyncio.StreamWriter) -> None:
    announced: set[int] = set()
    with contextlib.suppress(httpx_ws.WebSocketDisconnect):  # the pod's side has closed
        while True:
            message = await socket.receive_bytes()
            channel = message[0]
            if channel not in announced:  # the first frame of each channel only repeats the port
                announced.add(channel)
            elif channel != _DATA[0]:
                raise ConnectionResetError
            else:
                writer.write(message[1:])
                await writer.drain()

"""Which pod and which port a forwarded connection goes to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from typing_extensions import override

from targets.kubernetes.cluster import Cluster
from targets.kubernetes.forward import PortForward, container_port, is_ready
from targets.kubernetes.listener import NoEndpoint

POD: dict[str, Any] = {
    "metadata": {"name": "p"},
    "spec": {"containers": [{"name": "a"}, {"name": "b", "ports": [{"name": "https", "containerPort": 8443}]}]},
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}


def service(**port: object) -> dict[str, Any]:
    return {"spec": {"ports": [{"port": 443, **port}]}}


@pytest.mark.parametrize(
    ("port", "expected"), [({"targetPort": "https"}, 8443), ({"targetPort": 9000}, 9000), ({}, 443)]
)
def test_the_services_port_leads_to_the_pods(port: dict[str, object], expected: int) -> None:
    assert container_port(service(**port), POD, 443) == expected


@pytest.mark.parametrize(("port", "asked"), [({"targetPort": "http"}, 443), ({"targetPort": "https"}, 80)])
def test_a_port_that_leads_nowhere_is_no_endpoint(port: dict[str, object], asked: int) -> None:
    with pytest.raises(NoEndpoint):
        container_port(service(**port), POD, asked)


def test_only_ready_pods_that_stay_get_connections() -> None:
    assert is_ready(POD)
    assert not is_ready({**POD, "status": {"conditions": [{"type": "Ready", "status": "False"}]}})
    assert not is_ready({**POD, "status": {}})
    assert not is_ready({**POD, "metadata": {"name": "p", "deletionTimestamp": "2026-01-01T00:00:00Z"}})


class Slow(PortForward):
    """Counts how often the API is asked, which takes a while."""

    def __init__(self) -> None:
        super().__init__(Cluster(), "n", "s", 443)
        self.asked = 0
        self.answered = asyncio.Event()

    @override
    async def _resolve(self) -> tuple[Any, int]:
        self.asked += 1
        await self.answered.wait()
        return self.asked, 443


def test_connections_that_come_together_share_one_answer_and_later_ones_ask_again() -> None:
    async def connect() -> None:
        forward = Slow()
        together = [asyncio.create_task(forward._endpoint()) for _ in range(10)]
        await asyncio.sleep(0)
        given_up = together.pop()
        given_up.cancel()
        forward.answered.set()
        assert [port for _, port in await asyncio.gather(*together)] == [443] * 9
        assert forward.asked == 1
        await forward._endpoint()
        assert forward.asked == 2
        assert given_up.cancelled()

    asyncio.run(connect())

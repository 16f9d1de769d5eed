"""The control socket: typed requests and replies between real processes' ends of it."""

import asyncio
import json
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from targets.base import MeansError
from targets.embedded.control import ControlServer, ask
from targets.embedded.messages import CapacityRequest, FreezeRequest, KillRequest, Reply, Request, StatusRequest


async def _echo(request: Request) -> Reply:
    if isinstance(request, KillRequest):
        raise MeansError(f"no process {request.name}")
    if isinstance(request, CapacityRequest):
        return Reply(full_capacity=False, detail=request.engine)
    return Reply(detail=request.op)


@contextmanager
def _server(path: Path) -> Iterator[Callable[[], None]]:
    """A server in a thread of its own; yields what stops it."""
    ready, loops = threading.Event(), list[tuple[asyncio.AbstractEventLoop, asyncio.Event]]()

    async def serve() -> None:
        server, ended = ControlServer(path, _echo), asyncio.Event()
        await server.start()
        loops.append((asyncio.get_running_loop(), ended))
        ready.set()
        await ended.wait()
        await server.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(10)

    def stop() -> None:
        if thread.is_alive():
            loop, ended = loops[0]
            loop.call_soon_threadsafe(ended.set)
            thread.join(10)

    try:
        yield stop
    finally:
        stop()


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    with _server(tmp_path / "control.sock"):
        yield tmp_path / "control.sock"


def _raw(path: Path, line: bytes) -> dict[str, object]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(path))
        connection.sendall(line)
        answer: dict[str, object] = json.loads(connection.makefile().readline())
        return answer


def test_requests_are_answered(path: Path) -> None:
    assert ask(path, StatusRequest()).detail == "status"
    reply = ask(path, CapacityRequest(engine="trino"))
    assert (reply.full_capacity, reply.detail) == (False, "trino")


def test_the_socket_is_its_owners_only(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_refusal_arrives_as_the_error_it_was(path: Path) -> None:
    with pytest.raises(MeansError, match=r"^no process x$"):
        ask(path, KillRequest(name="x"))


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense\n",
        b'{"op": "explode"}\n',
        b'{"op": "freeze", "name": "x", "ttl": -1}\n',
        b'{"op": "status", "more": 1}\n',
    ],
)
def test_what_is_no_request_is_refused_and_the_server_goes_on(path: Path, line: bytes) -> None:
    assert str(_raw(path, line)["error"]).startswith("not a request")
    assert ask(path, StatusRequest()).detail == "status"


def test_a_client_that_leaves_does_no_harm(path: Path) -> None:
    for _ in range(3):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
    assert ask(path, FreezeRequest(name="x", ttl=1)).detail == "freeze"


def test_many_at_once(path: Path) -> None:
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(path, StatusRequest()).detail)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert answers == ["status"] * 20


def test_a_deep_directory_is_no_obstacle(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    with _server(deep / "control.sock"):
        assert ask(deep / "control.sock", StatusRequest()).detail == "status"


def test_a_supervisor_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(MeansError, match="does not answer"):
        ask(tmp_path / "control.sock", StatusRequest())
    with _server(tmp_path / "control.sock") as stop:
        stop()
        with pytest.raises(MeansError, match="does not answer"):
            ask(tmp_path / "control.sock", StatusRequest())

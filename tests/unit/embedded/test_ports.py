"""Reserved ports: ours while we live, also when nothing listens on them; free afterwards."""

import socket
import sys
from pathlib import Path

import pytest

from targets.base import TargetError
from targets.embedded import ports
from targets.embedded.ports import HIGHEST, HOST, LOWEST, PortPool


def _listens(port: int) -> bool:
    """Whether an engine (which sets SO_REUSEADDR, as Java and asyncio do) can listen there."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen()
        except OSError:
            return False
        with socket.create_connection((HOST, port), timeout=5):
            return True


def _bindable(port: int) -> bool:
    """Whether another program can take it the ordinary way."""
    with socket.socket() as other:
        try:
            other.bind((HOST, port))
        except OSError:
            return False
        return True


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Three candidates, tried in this order."""
    candidates = [port for port in range(LOWEST, HIGHEST) if _bindable(port)][:3]
    monkeypatch.setattr(ports, "_candidates", lambda: iter(candidates))
    return candidates


def test_ports_are_outside_the_ephemeral_range_and_distinct(tmp_path: Path) -> None:
    pool = PortPool(tmp_path)
    taken = [pool.take() for _ in range(20)]
    pool.close()
    assert len(set(taken)) == 20
    assert all(LOWEST <= port <= HIGHEST for port in taken)
    if sys.platform == "linux":
        low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
        assert max(taken) < max(low, HIGHEST + 1)


def test_an_engine_listens_there_again_and_again(tmp_path: Path) -> None:
    pool = PortPool(tmp_path)
    port = pool.take()
    assert [_listens(port) for _ in range(3)] == [True] * 3
    pool.close()


def test_clients_are_refused_while_nothing_listens(tmp_path: Path) -> None:
    pool = PortPool(tmp_path)
    port = pool.take()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port), timeout=5)
    pool.close()


@pytest.mark.skipif(sys.platform != "linux", reason="held by the kernel on Linux only")
def test_another_program_cannot_take_it_meanwhile(tmp_path: Path) -> None:
    pool = PortPool(tmp_path)
    port = pool.take()
    assert not _bindable(port)
    pool.close()
    assert _bindable(port)


def test_two_runs_do_not_get_the_same_port(tmp_path: Path, few: list[int]) -> None:
    first, second = PortPool(tmp_path), PortPool(tmp_path)
    assert [first.take(), second.take()] == few[:2]
    first.close()
    third = PortPool(tmp_path)
    assert third.take() == few[0]
    second.close()
    third.close()


def test_a_port_in_use_is_passed_over(tmp_path: Path, few: list[int]) -> None:
    with socket.socket() as other:
        other.bind((HOST, few[0]))
        other.listen()
        pool = PortPool(tmp_path)
        assert pool.take() == few[1]
        pool.close()


def test_running_out_of_ports_is_one_clear_line(tmp_path: Path, few: list[int]) -> None:
    pool = PortPool(tmp_path)
    for _ in few:
        pool.take()
    with pytest.raises(TargetError, match="no free port"):
        pool.take()
    pool.close()

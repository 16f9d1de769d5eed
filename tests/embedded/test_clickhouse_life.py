"""The server's life: what it survives, how it ends, what it refuses to start with."""
# ruff: noqa: S608 - the statements are put together from constants

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.embedded.clickhouse_process import HEAVY, PASSWORD, PATIENCE, ServerProcess, is_alive, running, until

pytestmark = pytest.mark.embedded

CREATE = "CREATE TABLE keys (writer UInt32, number UInt64) ENGINE = MergeTree ORDER BY (writer, number)"


class Writer(threading.Thread):
    """Inserts batches of keys nobody else has until an insert fails; remembers which were acknowledged."""

    def __init__(self, server: ServerProcess, writer: int) -> None:
        super().__init__()
        self._server = server
        self._writer = writer
        self.acknowledged: set[int] = set()
        self.attempted: set[int] = set()

    def run(self) -> None:
        for batch in range(100_000):
            keys = range(batch * 100, batch * 100 + 100)
            self.attempted.update(keys)
            lines = "".join(f"{self._writer},{key}\n" for key in keys)
            try:
                reply = self._server.ask(f"INSERT INTO keys FORMAT CSV\n{lines}")
            except OSError:
                return
            if reply.status != 200:
                return
            self.acknowledged.update(keys)


def test_acknowledged_inserts_survive_kill_9_exactly_once(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        assert server.ask(CREATE).status == 200
        writers = [Writer(server, number) for number in range(3)]
        for _ in range(2):
            for writer in writers:
                writer.start()
            before = [len(writer.acknowledged) for writer in writers]
            until(lambda: all(len(w.acknowledged) >= n + 500 for w, n in zip(writers, before, strict=True)))  # noqa: B023
            server.kill()
            for writer in writers:
                writer.join(PATIENCE)
            server.start()
            for number, writer in enumerate(writers):
                found = server.ask(f"SELECT number FROM keys WHERE writer = {number}").body.split()
                keys = {int(key) for key in found}
                assert len(found) == len(keys), "a key is there twice"
                assert writer.acknowledged <= keys, "an acknowledged key is missing"
                assert keys <= writer.attempted, "a key is there that nobody wrote"
            assert server.ask("TRUNCATE TABLE keys").status == 200
            writers = [Writer(server, number) for number in range(3)]


def test_data_and_uploads_after_an_orderly_end(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        assert server.ask(CREATE).status == 200
        assert server.ask("INSERT INTO keys VALUES (1, 2)").status == 200
        left_behind = tmp_path / "data" / "uploads" / "left-behind"
        left_behind.write_bytes(b"x")
        assert server.terminate() == 0
        server.start()
        assert server.ask("SELECT * FROM keys").body == b"1\t2\n"
        assert not left_behind.exists()
        assert server.terminate() == 0


def test_sigterm_lets_a_statement_finish_and_accepts_no_more(tmp_path: Path) -> None:
    with running(tmp_path, "--grace-seconds", "60") as server, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(server.ask, "SELECT sum(sleepEachRow(0.2)) FROM numbers(8) SETTINGS max_block_size = 1")
        until(lambda: server.ask("SELECT count() - 1 FROM system.processes").body == b"1\n")
        server.process.send_signal(signal.SIGTERM)
        until(lambda: not _accepts(server.port))
        assert slow.result(PATIENCE).body == b"0\n"
        assert server.process.wait(PATIENCE) == 0


def test_a_statement_without_end_does_not_keep_the_server(tmp_path: Path) -> None:
    with running(tmp_path, "--grace-seconds", "0.2") as server, ThreadPoolExecutor(1) as pool:
        endless = pool.submit(server.ask, HEAVY)
        until(lambda: server.ask("SELECT count() - 1 FROM system.processes").body == b"1\n")
        assert server.terminate() == 0
        assert endless.result(PATIENCE).code == "394"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("stopped", [False, True])
def test_the_server_ends_with_its_parent(tmp_path: Path, stopped: bool) -> None:
    server = ServerProcess(tmp_path)
    starter = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([*sys.argv[1:], '--parent-pid', str(os.getpid())])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    command = [sys.executable, "-c", starter, *server.command()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        server.wait_listening()
        if stopped:
            os.kill(pid, signal.SIGSTOP)
        parent.kill()
    until(lambda: not is_alive(pid))


def test_the_password_is_nowhere_to_be_seen(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        server.ask("SELECT 1", headers={}, user="tester", password=PASSWORD)
        server.ask("SELEC", headers={}, user="tester", password=PASSWORD)
        if sys.platform == "linux":
            assert PASSWORD.encode() not in Path(f"/proc/{server.process.pid}/cmdline").read_bytes()
            assert PASSWORD.encode() not in Path(f"/proc/{server.process.pid}/environ").read_bytes()
        assert server.terminate() == 0
        assert PASSWORD not in server.log.read_text(encoding="utf-8")


def _refusal(server: ServerProcess, *more: str) -> str:
    done = subprocess.run([*server.command(), *more], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 3
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_what_it_does_not_start_with(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "server")
    assert "cannot read the password file" in _refusal(server, "--password-file", str(tmp_path / "none"))
    empty = tmp_path / "empty"
    empty.write_text("\n", encoding="utf-8")
    assert "is empty" in _refusal(server, "--password-file", str(empty))
    assert "cannot use the data directory" in _refusal(server, "--data", str(empty))
    assert "holds *" in _refusal(server, "--data", str(tmp_path / "a*"))
    assert "cannot write the log" in _refusal(server, "--log", str(tmp_path / "none" / "log"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "in use" in _refusal(server, "--port", str(taken.getsockname()[1]))


@pytest.mark.parametrize(
    ("option", "value"),
    [("--port", "70000"), ("--port", "x"), ("--max-memory-mib", "1"), ("--grace-seconds", "-1"), ("--nothing", "1")],
)
def test_senseless_options(tmp_path: Path, option: str, value: str) -> None:
    command = [*ServerProcess(tmp_path).command(), option, value]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 2
    assert option in done.stderr.splitlines()[-1]


def test_one_server_per_directory(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        upload = tmp_path / "data" / "uploads" / "in-use"
        upload.write_bytes(b"x")
        assert "another server uses the data directory" in _refusal(server, "--port", "0")
        assert upload.exists()
        assert server.ask("SELECT 1").body == b"1\n"


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def test_a_frozen_server_continues(tmp_path: Path) -> None:
    with running(tmp_path) as server, ThreadPoolExecutor(1) as pool:
        os.kill(server.process.pid, signal.SIGSTOP)
        waiting = pool.submit(server.ask, "SELECT 1")
        time.sleep(0.5)
        assert not waiting.done()
        os.kill(server.process.pid, signal.SIGCONT)
        assert waiting.result(PATIENCE).body == b"1\n"

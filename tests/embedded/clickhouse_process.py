"""The ClickHouse server as a process, for tests: started, asked, killed."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import clickhouse_connect
from clickhouse_connect.driver.client import Client

USER, PASSWORD = "tester", "p4ss:wörd"
PATIENCE = 60.0
HEAVY = "SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 1"


def until(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Wait for a condition, bounded."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.02)


@dataclass
class Reply:
    """Answer to a plain HTTP request."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str | None:
        return self.headers.get("X-ClickHouse-Exception-Code")


@dataclass
class ServerProcess:
    """One server on ``directory``; the port is taken at the first start and kept."""

    directory: Path
    options: tuple[str, ...] = ()
    port: int = 0
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    def command(self) -> list[str]:
        self.directory.mkdir(exist_ok=True)
        password_file = self.directory / "password"
        password_file.write_text(PASSWORD + "\n", encoding="utf-8")
        password_file.chmod(0o600)
        return [
            *(sys.executable, "-m", "targets.embedded.clickhouse_server"),
            *("--data", str(self.directory / "data"), "--port", str(self.port), "--log", str(self.log)),
            *("--user", USER, "--password-file", str(password_file), *self.options),
        ]

    def start(self) -> ServerProcess:
        known = self.log.stat().st_size if self.log.exists() else 0
        self.process = subprocess.Popen(self.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait_listening(known)
        return self

    def wait_listening(self, known: int = 0) -> None:
        def listening() -> bool:
            text = self.log.read_bytes()[known:].decode() if self.log.exists() else ""
            if "listening on 127.0.0.1:" not in text:
                return False
            self.port = int(text.split("listening on 127.0.0.1:")[1].split(",")[0])
            return True

        until(listening)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    @contextlib.contextmanager
    def client(self, **options: object) -> Iterator[Client]:
        settings: dict[str, object] = {"username": USER, "password": PASSWORD, "query_retries": 0, **options}
        client = clickhouse_connect.get_client(host="127.0.0.1", port=self.port, **settings)  # type: ignore[arg-type]
        with contextlib.closing(client):
            yield client

    def connection(self) -> contextlib.closing[http.client.HTTPConnection]:
        return contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE))

    def ask(
        self,
        sql: str | bytes = b"",
        *,
        method: str = "POST",
        path: str = "/",
        headers: Mapping[str, str] | None = None,
        parameters: Mapping[str, str] | None = None,
        **more: str,
    ) -> Reply:
        """One request by plain HTTP, with the right credentials unless ``headers`` are given."""
        body = sql.encode() if isinstance(sql, str) else sql
        values = {**(parameters or {}), **more}
        target = f"{path}?{urlencode(values)}" if values else path
        with self.connection() as connection:
            connection.request(method, target, body or None, dict(basic() if headers is None else headers))
            response = connection.getresponse()
            return Reply(response.status, dict(response.headers.items()), response.read())


def basic(user: str = USER, password: str = PASSWORD) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        os.kill(pid, 0)
        return True


@contextlib.contextmanager
def running(directory: Path, *options: str) -> Iterator[ServerProcess]:
    server = ServerProcess(directory, options).start()
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()

"""The receiver of test alerts: its script run for real by a shell, and its pod on an API in memory."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import kubernetes_validate
import pytest

from faults.observer import wait_until
from targets.base import AlertReceiver, MeansError
from targets.contract import RECEIVER, RECEIVER_PORT
from targets.kubernetes.control import ClusterControl
from targets.kubernetes.means import ObjectRef
from targets.kubernetes.receiver import ClusterReceiver, manifest
from tests.unit.kubernetes.api import OUTPUTS, RUNNER, FakeApi, Manifest

SCRIPT = Path(__file__).parents[3] / "targets" / "kubernetes" / "receiver.sh"
SHELLS = [shell for shell in ("dash", "bash") if shutil.which(shell)]
# As far as the script goes: a connection's two directions become standard input and output of a command.
SOCAT = """#!{python}
import socket, subprocess, sys
port = int(sys.argv[1].split(":")[1].split(",")[0])
with socket.create_server(("127.0.0.1", port)) as server:
    while True:
        connection, _ = server.accept()
        with connection:
            subprocess.run(sys.argv[2].removeprefix("EXEC:").split(), stdin=connection, stdout=connection, check=False)
"""
MARKER = "abc123"


class Running:
    """The script, started."""

    def __init__(self, shell: str, directory: Path, ttl: int) -> None:
        bin_ = directory / "bin"
        bin_.mkdir()
        (bin_ / "socat").write_text(SOCAT.format(python=sys.executable))
        (bin_ / "socat").chmod(0o755)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.report = directory / "report"
        environment = {
            "PATH": f"{bin_}:{os.environ['PATH']}",
            "MARKER": MARKER,
            "PORT": str(self.port),
            "TTL": str(ttl),
            "DIRECTORY": str(directory),
            "REPORT": str(self.report),
        }
        self.process = subprocess.Popen([shell, "-c", SCRIPT.read_text()], env=environment)

    def listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def post(self, body: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("POST", "/", body=body.encode(), headers={"Content-Type": "application/json"})
        status = connection.getresponse().status
        connection.close()
        return status


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def running(shell: str, tmp_path: Path) -> Iterator[Running]:
    made = Running(shell, tmp_path, ttl=60)
    assert wait_until(made.listens, 30, 0.05)
    yield made
    made.process.terminate()
    made.process.wait(timeout=20)


def test_it_answers_everybody_and_ends_with_the_message_that_bears_its_marker(running: Running) -> None:
    assert running.post('{"alerts": "of somebody else"}') == 200
    assert running.process.poll() is None
    body = f'{{"alerts": [{{"test": "{MARKER}", "name": "ünicode $(touch x) `y`"}}]}}'
    assert running.post(body) == 200
    assert running.process.wait(timeout=30) == 0
    assert running.report.read_text() == body


def test_a_long_message_is_cut_to_what_a_pod_may_say(running: Running) -> None:
    running.post(MARKER + "x" * 50_000)
    assert running.process.wait(timeout=30) == 0
    assert len(running.report.read_text()) == 3000


def test_it_ends_by_itself(shell: str, tmp_path: Path) -> None:
    made = Running(shell, tmp_path, ttl=1)
    assert made.process.wait(timeout=30) == 1
    assert made.report.read_text() == "nothing came in 1 s\n"
    assert not made.listens()


def test_a_port_that_is_taken_is_said(shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Running(shell, tmp_path, ttl=1)
    made.process.kill()
    made.process.wait(timeout=20)
    (tmp_path / "bin" / "socat").write_text("#!/bin/sh\nexit 1\n")
    environment = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "MARKER": "m", "PORT": "1", "TTL": "60"}
    places = {"DIRECTORY": str(tmp_path), "REPORT": str(tmp_path / "report")}
    done = subprocess.run([shell, "-c", SCRIPT.read_text()], env=environment | places, timeout=30, check=False)
    assert done.returncode == 1
    assert (tmp_path / "report").read_text() == "cannot listen on port 1\n"


REF = ObjectRef("Pod", f"{RECEIVER}-{MARKER}", RUNNER)


def ready(pod: Manifest) -> None:
    pod["status"] = {"conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [{"state": {}}]}


def ended(pod: Manifest, code: int, message: str) -> None:
    pod["status"] = {"containerStatuses": [{"state": {"terminated": {"exitCode": code, "message": message}}}]}


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def receiver(api: FakeApi) -> ClusterReceiver:
    return ClusterReceiver(OUTPUTS, ClusterControl(OUTPUTS, api), pause=0.01)


def becomes_ready(api: FakeApi) -> None:
    def look(method: str, where: str) -> None:
        if method == "GET" and where.endswith(REF.name):
            ready(api.get(REF))
            api.on_call = lambda *_: None

    api.on_call = look


def test_the_message_is_that_of_the_pods_end_and_the_pod_goes(api: FakeApi, receiver: ClusterReceiver) -> None:
    becomes_ready(api)
    assert isinstance(receiver, AlertReceiver)
    with receiver.receiving(MARKER) as receiving:
        assert receiving.message() == ""
        ended(api.get(REF), 0, '{"alerts": 1}')
        assert receiving.message() == '{"alerts": 1}'
    assert api.objects == {}


def test_one_that_gives_up_says_why(api: FakeApi, receiver: ClusterReceiver) -> None:
    becomes_ready(api)
    with receiver.receiving(MARKER) as receiving:
        ended(api.get(REF), 1, "nothing came in 300 s")
        with pytest.raises(MeansError, match="nothing came in 300 s"):
            receiving.message()


def test_one_that_cannot_start_leaves_nothing(api: FakeApi, receiver: ClusterReceiver) -> None:
    def look(method: str, where: str) -> None:
        if method == "GET" and where.endswith(REF.name):
            ended(api.get(REF), 1, "cannot listen on port 9095")

    api.on_call = look
    with pytest.raises(MeansError, match="cannot listen on port 9095"), receiver.receiving(MARKER):
        pytest.fail("it does not listen")
    assert api.objects == {}


def test_without_a_right_nothing_is_made(api: FakeApi, receiver: ClusterReceiver) -> None:
    api.denied.add(("create", "pods"))
    with pytest.raises(MeansError, match="pods"), receiver.receiving(MARKER):
        pytest.fail("it may not be made")
    assert api.changes() == []


def test_without_a_namespace_for_it_the_document_is_named(api: FakeApi) -> None:
    outputs = OUTPUTS.model_copy(update={"runner_namespace": None})
    receiver = ClusterReceiver(outputs, ClusterControl(outputs, api))
    with pytest.raises(MeansError, match="outputs document"), receiver.receiving(MARKER):
        pytest.fail("there is no place for it")


def test_the_pod_is_valid_and_found_by_the_service() -> None:
    made = manifest(OUTPUTS, RUNNER, MARKER)
    kubernetes_validate.validate(made, "1.34", strict=True)
    assert made["metadata"]["labels"]["app.kubernetes.io/name"] == RECEIVER
    assert made["spec"]["containers"][0]["ports"][0]["containerPort"] == RECEIVER_PORT
    assert made["spec"]["automountServiceAccountToken"] is False

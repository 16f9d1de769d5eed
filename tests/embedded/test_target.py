"""The embedded target on real engines: what it says, how faults act, and that nothing secret shows."""

import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from targets.base import Capacity, Disturbance, MeansError, NetworkControl, ProcessControl, ProcessInfo, ProcessState
from targets.document import ExternalTarget, load_outputs
from targets.embedded.plan import OUTPUTS_FILE
from targets.embedded.target import EmbeddedTarget

pytestmark = pytest.mark.embedded

LIMIT = 240.0
SIX_GIBIBYTES = 6 * 1024**3


def _until(condition: Callable[[], bool], what: str) -> None:
    give_up = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < give_up, what
        time.sleep(0.1)


def _find(target: EmbeddedTarget, name: str) -> ProcessInfo:
    return next(info for info in target.status().processes if info.name == name)


def _all_processes(target: EmbeddedTarget) -> list[psutil.Process]:
    status = target.status()
    return [psutil.Process(pid) for pid in (status.pid, *(info.pid for info in status.processes)) if pid]


def test_engines_answer_through_their_proxies(embedded: EmbeddedTarget) -> None:
    for engine in embedded.engines():
        before = embedded.proxy(engine.kind).bytes_down
        with engine.connect() as session:
            assert session.execute(engine.probe.sql, deadline=30).rows == engine.probe.expected
        assert embedded.proxy(engine.kind).bytes_down > before
        assert engine.endpoint.port == embedded.proxy(engine.kind).port


def test_every_means_is_there(embedded: EmbeddedTarget) -> None:
    assert all(embedded.means(protocol) is embedded for protocol in (ProcessControl, NetworkControl, Capacity))
    assert [info.role for info in embedded.processes("trino")] == ["coordinator", "worker"]
    assert [info.role for info in embedded.processes("clickhouse")] == ["server"]


def test_the_document_is_private_and_holds_no_secret(embedded: EmbeddedTarget) -> None:
    document = embedded.state_directory / OUTPUTS_FILE
    outputs = load_outputs(document)
    text = document.read_text()
    for engine, output in zip(embedded.engines(), outputs.engines, strict=True):
        assert engine.endpoint.password
        assert engine.endpoint.password not in text
        assert output.password is not None
        assert stat.S_IMODE(Path(output.password.file or "").stat().st_mode) == 0o600
    assert stat.S_IMODE(embedded.state_directory.stat().st_mode) == 0o700


def test_no_secret_is_in_any_command_line_or_environment(embedded: EmbeddedTarget) -> None:
    secrets = [engine.endpoint.password or "" for engine in embedded.engines()]
    for process in _all_processes(embedded):
        shown = " ".join(process.cmdline()) + repr(process.environ())
        assert not [secret for secret in secrets if secret in shown]


def test_nothing_listens_beyond_loopback(embedded: EmbeddedTarget) -> None:
    addresses = {
        connection.laddr.ip
        for process in _all_processes(embedded)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses
    assert {address.removeprefix("::ffff:") for address in addresses} == {"127.0.0.1"}


@pytest.mark.parametrize("name", ["clickhouse-server", "trino-worker-1", "trino-coordinator"])
def test_a_killed_process_is_started_again_and_regains_its_place(embedded: EmbeddedTarget, name: str) -> None:
    engine = name.partition("-")[0]
    before = _find(embedded, name)
    assert embedded.kill(name).pid == before.pid
    assert not psutil.pid_exists(before.pid or 0)
    assert not embedded.full_capacity(engine)
    _until(lambda: embedded.full_capacity(engine), f"{engine} did not come back")
    after = _find(embedded, name)
    assert after.restarts == before.restarts + 1
    assert (after.pid, after.state) != (before.pid, before.state)
    assert after.state is ProcessState.RUNNING


def test_a_frozen_worker_costs_capacity_until_it_is_thawed(embedded: EmbeddedTarget) -> None:
    frozen = embedded.freeze("trino-worker-1", ttl=60)
    assert frozen.state is ProcessState.FROZEN
    assert psutil.Process(frozen.pid).status() == psutil.STATUS_STOPPED
    assert not embedded.full_capacity("trino")
    assert embedded.thaw("trino-worker-1").state is ProcessState.RUNNING
    _until(lambda: embedded.full_capacity("trino"), "the worker did not come back")
    assert _find(embedded, "trino-worker-1").pid == frozen.pid


def test_a_refusing_proxy_hides_an_engine_that_works(embedded: EmbeddedTarget) -> None:
    port = embedded.proxy("clickhouse").port
    embedded.disturb("clickhouse", Disturbance("refused", ttl=60))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    assert embedded.full_capacity("clickhouse")
    assert embedded.restore("clickhouse").active is None
    socket.create_connection(("127.0.0.1", port), timeout=5).close()


def test_what_makes_no_sense_is_refused(embedded: EmbeddedTarget) -> None:
    with pytest.raises(MeansError, match="no process nobody"):
        embedded.kill("nobody")
    with pytest.raises(MeansError, match="no engine druid"):
        embedded.disturb("druid", Disturbance("reset", ttl=1))


def test_memory_stays_within_six_gibibytes(embedded: EmbeddedTarget) -> None:
    assert 0 < embedded.status().peak_rss_bytes < SIX_GIBIBYTES


def test_its_document_is_in_use_for_others(embedded: EmbeddedTarget) -> None:
    outputs = load_outputs(embedded.state_directory / OUTPUTS_FILE)
    with pytest.raises(Exception, match="in use by another run"), ExternalTarget(outputs):
        pytest.fail("opened")

"""Nodes broken and mended by commands: in any case mended, one at a time, nothing of them shown."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from targets.base import MeansError
from targets.kubernetes import nodecommands, nodewatch
from targets.kubernetes.node_means import NodeAction, NodeCommands
from targets.kubernetes.nodecommands import RECORD, ShellNodeCommands


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def commands(tmp_path: Path, log: Path) -> ShellNodeCommands:
    action = NodeAction("loss", f"echo stop {{node}} >> {log}", f"echo start {{node}} >> {log}")
    return ShellNodeCommands([action, NodeAction("network", "", "true")], tmp_path / "state")


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def test_a_node_is_broken_and_mended(commands: ShellNodeCommands, log: Path) -> None:
    assert isinstance(commands, NodeCommands)
    commands.begin("loss", "node2", ttl=60)
    assert lines(log) == ["stop node2"]
    broken = commands.broken()
    assert broken is not None
    assert (broken.action, broken.node) == ("loss", "node2")
    commands.end("loss", "node2")
    commands.end("loss", "node2")
    assert lines(log) == ["stop node2", "start node2", "start node2"]
    assert commands.broken() is None


def test_the_watchdog_mends_when_nobody_else_does(commands: ShellNodeCommands, log: Path) -> None:
    commands.begin("loss", "node2", ttl=0.3)
    eventually(lambda: lines(log) == ["stop node2", "start node2"])
    eventually(lambda: commands.broken() is None)


def test_the_watchdog_tries_again_until_the_node_is_mended(tmp_path: Path) -> None:
    record, tries = tmp_path / RECORD, tmp_path / "tries"
    end = f"echo x >> {tries}; test $(wc -l < {tries}) -ge 3"
    record.write_text(json.dumps({"action": "loss", "node": "n", "end": end, "due": 0}))
    assert nodewatch.watch(record, pause=0.01) == 0
    assert tries.read_text() == "x\n" * 3
    assert not record.exists()


def test_a_watchdog_leaves_alone_what_is_not_its_own(tmp_path: Path) -> None:
    record = tmp_path / RECORD
    assert nodewatch.watch(record) == 0
    record.write_text(json.dumps({"action": "loss", "node": "n", "end": "false", "due": 0}))
    assert nodewatch.watch(record, pause=0.001) == 1
    assert record.exists()


def test_only_one_node_is_broken_at_a_time(commands: ShellNodeCommands, log: Path) -> None:
    commands.begin("loss", "node2", ttl=60)
    with pytest.raises(MeansError, match=r"node2 \(loss\) is broken already.*use recover first"):
        commands.begin("loss", "node1", ttl=60)
    assert lines(log) == ["stop node2"]
    commands.end("loss", "node2")


def test_a_node_that_everybody_forgot_is_mended_before_another_is_broken(
    commands: ShellNodeCommands, log: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    old = {"action": "loss", "node": "node1", "end": f"echo start node1 >> {log}", "due": time.time() - 7200}
    (state / RECORD).write_text(json.dumps(old))
    commands.begin("loss", "node2", ttl=60)
    assert lines(log) == ["start node1", "stop node2"]
    commands.end("loss", "node2")


def test_a_command_that_fails_is_one_line_and_its_half_is_undone(tmp_path: Path, log: Path) -> None:
    action = NodeAction("loss", "printf 'no\\nsuch node'; exit 3", f"echo start {{node}} >> {log}")
    commands = ShellNodeCommands([action], tmp_path)
    with pytest.raises(MeansError, match="command that breaks node2 exited with status 3: no such node"):
        commands.begin("loss", "node2", ttl=60)
    assert lines(log) == ["start node2"]
    assert commands.broken() is None


def test_a_command_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodecommands, "COMMAND_SECONDS", 0.2)
    commands = ShellNodeCommands([NodeAction("loss", "exec sleep 30", "true")], tmp_path)
    with pytest.raises(MeansError, match=r"did not end within 0\.2 s"):
        commands.begin("loss", "node2", ttl=60)


def test_a_node_is_mended_by_the_recorded_command_where_none_is_configured(
    commands: ShellNodeCommands, log: Path, tmp_path: Path
) -> None:
    commands.begin("loss", "node2", ttl=60)
    ShellNodeCommands([], tmp_path / "state").end("loss", "node2")
    assert lines(log) == ["stop node2", "start node2"]
    with pytest.raises(MeansError, match="no command that mends node2"):
        ShellNodeCommands([], tmp_path / "state").end("loss", "node2")


@pytest.mark.parametrize("action", ["kubelet", "network"])
def test_what_is_not_configured_is_refused(commands: ShellNodeCommands, action: str) -> None:
    with pytest.raises(MeansError, match=f"no commands for {action}"):
        commands.begin(action, "node2", ttl=60)


def test_a_nodes_name_is_one_word_of_the_command(tmp_path: Path, log: Path) -> None:
    commands = ShellNodeCommands([NodeAction("loss", f"printf '%s|' {{node}} >> {log}", "true")], tmp_path)
    commands.begin("loss", "a b; touch evil", ttl=60)
    assert log.read_text() == "a b; touch evil|"
    commands.end("loss", "a b; touch evil")


def test_the_record_is_for_its_user_only(commands: ShellNodeCommands, tmp_path: Path) -> None:
    commands.begin("loss", "node2", ttl=60)
    assert (tmp_path / "state" / RECORD).stat().st_mode & 0o077 == 0
    commands.end("loss", "node2")


def test_commands_are_on_no_command_line_of_ours(commands: ShellNodeCommands, tmp_path: Path, log: Path) -> None:
    commands.begin("loss", "node2", ttl=60)

    def watchdogs() -> list[str]:
        found = []
        for entry in Path("/proc").iterdir():
            try:
                line = (entry / "cmdline").read_text()
            except (OSError, UnicodeDecodeError):
                continue
            if str(tmp_path) in line and "nodewatch" in line:
                found.append(line)
        return found

    eventually(lambda: len(watchdogs()) == 1)
    assert str(log) not in watchdogs()[0]
    commands.end("loss", "node2")
    eventually(lambda: not watchdogs())

"""Starting engines anew, on local processes and on pods, and dropping what the page cache holds of their files."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from benchmarks.tpch import pagecache
from benchmarks.tpch.restarts import Pace, refusal, restart
from targets.base import Capacity, MeansError, ProcessControl, ProcessInfo, ProcessState, Target
from targets.kubernetes.means import PodView, StackControl

PAGE = 4096


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def pace(self) -> Pace:
        return Pace(lambda: self.now, self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


class Processes:
    """Killed processes come back one look later each, with another pid."""

    def __init__(self, comes_back: bool = True, capacity_after: int = 2) -> None:
        self.killed: list[str] = []
        self._comes_back, self._left = comes_back, capacity_after
        names = ("trino-coordinator", "trino-worker-1")
        self._infos = {
            name: ProcessInfo(name, "trino", "", pid, float(pid), ProcessState.RUNNING, 0)
            for pid, name in enumerate(names, 1)
        }
        self._pids = itertools.count(100)

    def processes(self, engine: str) -> Sequence[ProcessInfo]:
        assert engine == "trino"
        now = list(self._infos.values())
        for info in now:
            if info.state is ProcessState.DEAD and self._comes_back:
                self._infos[info.name] = replace(info, pid=next(self._pids), state=ProcessState.STARTING)
            elif info.state is ProcessState.STARTING:
                self._infos[info.name] = replace(info, state=ProcessState.RUNNING)
        return now

    def kill(self, name: str) -> ProcessInfo:
        before = self._infos[name]
        self._infos[name] = replace(before, pid=None, started=None, state=ProcessState.DEAD)
        self.killed.append(name)
        return before

    def full_capacity(self, engine: str) -> bool:
        self._left -= 1
        if self._left == 1:
            raise MeansError("it is starting")
        return self._left < 0


class Pods:
    """Deleted pods are ending for one look, then others are there that are ready another look later."""

    def __init__(self, allowed: bool = True) -> None:
        self.deleted: list[str] = []
        self._allowed = allowed
        self._pods = {
            role: [PodView(f"{role}-0", "trino", uid=f"{role}-old", role=role, ready=True)]
            for role in ("coordinator", "worker")
        }

    def roles(self, engine: str) -> Sequence[str]:
        return list(self._pods)

    def pods(self, engine: str, role: str) -> Sequence[PodView]:
        now = self._pods[role]
        if now[0].ending:
            self._pods[role] = [PodView(f"{role}-1", "trino", uid=f"{role}-new", role=role)]
        elif not now[0].ready:
            self._pods[role] = [replace(now[0], ready=True)]
        return now

    def require(self, verb: str, resource: str, namespace: str) -> None:
        if not self._allowed:
            raise MeansError(f"may not {verb} {resource} in {namespace}: add a rule")

    def delete(self, ref: object, *, uid: str) -> None:
        self.deleted.append(uid)
        for role, pods in self._pods.items():
            self._pods[role] = [replace(pod, ending=True) if pod.uid == uid else pod for pod in pods]


class FakeTarget:
    name = "fake"

    def __init__(self, means: Mapping[type, object], directory: Path) -> None:
        self._means, self.state_directory = means, directory

    def means(self, protocol: type) -> Any:
        return self._means.get(protocol)


def target(directory: Path, means: Mapping[type, object]) -> Target:
    return cast("Target", FakeTarget(means, directory))


@pytest.fixture(autouse=True)
def only_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tests drop nothing of the system's cache."""
    monkeypatch.setattr(pagecache, "_drop_everything", lambda _: False)


def test_every_process_is_killed_and_awaited_with_its_capacity(tmp_path: Path) -> None:
    (tmp_path / "part.bin").write_bytes(b"x" * 3 * PAGE)
    control, clock = Processes(), Clock()
    found = restart(
        target(tmp_path, {ProcessControl: control, Capacity: control}), "trino", [tmp_path / "none"], clock.pace()
    )
    assert control.killed == ["trino-coordinator", "trino-worker-1"]
    assert found.seconds == clock.now > 0.5
    assert found.method == "killed and started again: trino-coordinator, trino-worker-1"
    assert "page cache of 1 of 1 data files dropped" in found.caches


def test_an_engine_that_does_not_come_back_is_not_waited_for_without_end(tmp_path: Path) -> None:
    control = Processes(comes_back=False)
    with pytest.raises(MeansError, match="trino did not have its full capacity within 180 s after its restart"):
        restart(target(tmp_path, {ProcessControl: control, Capacity: control}), "trino", [], Clock().pace())


def test_pods_are_deleted_and_others_awaited(tmp_path: Path) -> None:
    control, clock = Pods(), Clock()
    found = restart(target(tmp_path, {StackControl: control}), "trino", [], clock.pace())
    assert control.deleted == ["coordinator-old", "worker-old"]
    assert found.seconds == clock.now > 0
    assert found.method == "pods deleted and made anew: coordinator-0, worker-0"
    assert "page cache not dropped" in found.caches


def test_without_the_right_no_pod_is_touched(tmp_path: Path) -> None:
    control = Pods(allowed=False)
    with pytest.raises(MeansError, match="may not delete pods in trino: add a rule"):
        restart(target(tmp_path, {StackControl: control}), "trino", [], Clock().pace())
    assert control.deleted == []


def test_a_target_without_means_says_so(tmp_path: Path) -> None:
    assert refusal(target(tmp_path, {})) == "the target fake has no means to start its engines anew"
    assert refusal(target(tmp_path, {StackControl: Pods()})) == ""
    with pytest.raises(MeansError, match="the target fake has no means"):
        restart(target(tmp_path, {}), "trino", [])


def test_data_files_are_regular_files_of_a_page_or_more(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    large, small, link = tmp_path / "a" / "large", tmp_path / "small", tmp_path / "link"
    large.write_bytes(b"x" * PAGE)
    small.write_bytes(b"x")
    link.symlink_to(large)
    assert pagecache.data_files(tmp_path) == (large,)


def test_where_everything_can_be_dropped_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    switch = tmp_path / "drop_caches"
    switch.touch()
    assert pagecache.drop((), everything=switch) == "the system's page cache dropped"
    assert switch.read_text() == "3\n"
    assert "posix_fadvise" in pagecache.drop((), everything=tmp_path)


def test_dropped_pages_are_found_gone_where_the_file_system_tells(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_bytes(b"x" * 256 * PAGE)
    with file.open("rb") as stream:
        stream.read()
    before = pagecache.resident_share([file])
    if before is None:
        pytest.skip("this file system does not tell what it has cached")
    assert before > 0.9
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
    message = pagecache.drop([file])
    after = pagecache.resident_share([file])
    assert after is not None
    told = re.search(r"(\d+)% of sampled pages still cached", message)
    # Both look at samples, and the system may have read a page again between the two.
    assert told is not None and abs(int(told[1]) / 100 - after) <= 0.1


def test_a_file_that_is_gone_meanwhile_is_left_out(tmp_path: Path) -> None:
    assert pagecache.resident_share([tmp_path / "gone"]) is None
    assert "0 of 1 data files" in pagecache.drop([tmp_path / "gone"])

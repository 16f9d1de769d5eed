"""The Trino distribution: verified, fetched again once when cut or wrong, and nothing half-done left behind."""

import errno
import shutil
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from targets.base import TargetError
from targets.embedded import archive as archives
from targets.embedded.config import Listener
from targets.embedded.distribution import Distribution, ensure
from tests.unit.embedded import maven

CONTENT = maven.archive()
DISTRIBUTION = maven.pinned(CONTENT)
WRONG = CONTENT[:-1] + b"?"
CUT = CONTENT[: len(CONTENT) // 2]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    path = tmp_path / "cache"
    path.mkdir()
    return path


def _ensure(
    cache: Path,
    repository: maven.Repository | str,
    *,
    distribution: Distribution = DISTRIBUTION,
    listener: Listener | None = None,
    plugins: tuple[str, ...] = ("tpch",),
) -> Path:
    return ensure(
        cache,
        listener or Listener(),
        distribution,
        plugins=plugins,
        repository=repository if isinstance(repository, str) else repository.url,
        local_repository=cache.parent / "m2",
    )


def _files(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def _left_over(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if not path.name.endswith(".lock"))


def test_keeps_the_libraries_and_the_wanted_plugins_only(cache: Path) -> None:
    with maven.repository(CONTENT, promised=len(CONTENT)) as repository:
        home = _ensure(cache, repository)
    files = _files(home)
    assert sorted(files) == [
        "lib/core.jar",
        "plugin/tpch/core.jar",
        "plugin/tpch/hdfs/native.jar",
        "plugin/tpch/shared.jar",
    ]
    assert files["plugin/tpch/shared.jar"] == b"shared by two plugins"
    assert files["plugin/tpch/core.jar"] == files["lib/core.jar"] != b""
    assert _left_over(cache) == [home.name]  # neither the archive nor a temporary directory


def test_second_time_nothing_is_fetched(cache: Path) -> None:
    with maven.repository(CONTENT, promised=len(CONTENT)) as repository:
        assert _ensure(cache, repository) == _ensure(cache, repository)
        assert repository.fetched == 1


def test_other_plugins_are_another_directory(cache: Path) -> None:
    with maven.repository(CONTENT, promised=len(CONTENT)) as repository:
        first = _ensure(cache, repository)
        second = _ensure(cache, repository, plugins=("tpch", "unwanted"))
    assert first != second
    assert (second / "plugin/unwanted/own.jar").is_file()
    assert (first / "plugin/tpch/shared.jar").is_file()


def test_progress_is_told_in_phases_and_bytes(cache: Path) -> None:
    phases: list[str] = []
    transfers: list[tuple[str, int, int]] = []
    listener = Listener(phases.append, lambda *told: transfers.append(told))
    with maven.repository(CONTENT, promised=len(CONTENT)) as repository:
        _ensure(cache, repository, listener=listener)
    assert [phase.split()[0] for phase in phases] == ["fetching", "unpacking"]
    assert ("trino-server-9.tar.gz", len(CONTENT), len(CONTENT)) in transfers
    label, done, total = transfers[-1]
    assert label == archives.LABEL
    assert done == total > 0


@pytest.mark.parametrize("bad", [CUT, WRONG], ids=["cut", "altered"])
def test_a_bad_copy_is_fetched_again_once(cache: Path, bad: bytes) -> None:
    phases: list[str] = []
    with maven.repository(bad, CONTENT, promised=len(CONTENT)) as repository:
        home = _ensure(cache, repository, listener=Listener(phases.append))
        assert repository.fetched == 2
    assert _files(home)["lib/core.jar"]
    assert any("again" in phase for phase in phases)


@pytest.mark.parametrize("bad", [CUT, WRONG], ids=["cut", "altered"])
def test_two_bad_copies_are_one_clear_line_and_leave_nothing(cache: Path, bad: bytes) -> None:
    with (
        maven.repository(bad, promised=len(CONTENT)) as repository,
        pytest.raises(TargetError, match=r"cut or altered 2 times.*--engine clickhouse") as caught,
    ):
        _ensure(cache, repository)
    assert "\n" not in str(caught.value)
    assert repository.url not in str(caught.value)
    assert _left_over(cache) == []


def test_no_network_names_the_remedies(cache: Path) -> None:
    with maven.repository(CONTENT, promised=len(CONTENT)) as repository:
        gone = repository.url
    with pytest.raises(TargetError, match=r"check the network.*QER_MAVEN_REPOSITORY.*--engine clickhouse"):
        _ensure(cache, gone)
    assert _left_over(cache) == []


def test_what_a_killed_run_left_is_swept_and_not_taken_for_whole(cache: Path) -> None:
    partial = cache / "partial-abc" / "home" / "lib"
    partial.mkdir(parents=True)
    (partial / "core.jar").write_bytes(b"half")
    with maven.repository(CONTENT, promised=len(CONTENT)) as repository:
        home = _ensure(cache, repository)
    assert _files(home)["lib/core.jar"] != b"half"
    assert _left_over(cache) == [home.name]


def test_two_runs_side_by_side_fetch_once(cache: Path) -> None:
    with maven.repository(CONTENT, promised=len(CONTENT)) as repository, ThreadPoolExecutor(2) as pool:
        homes = list(pool.map(lambda _: _ensure(cache, repository), range(2)))
        assert repository.fetched == 1
    assert homes[0] == homes[1]


def _local(cache: Path, content: bytes) -> Path:
    directory = cache.parent / "m2/io/example/trino-server/9"
    directory.mkdir(parents=True)
    path = directory / "trino-server-9.tar.gz"
    path.write_bytes(content)
    return path


def test_a_verified_archive_of_the_local_repository_is_used_and_left_there(cache: Path) -> None:
    own = _local(cache, CONTENT)
    with maven.repository(CONTENT, promised=len(CONTENT)) as repository:
        _ensure(cache, repository)
        assert repository.fetched == 0
    assert own.read_bytes() == CONTENT


def test_a_bad_archive_of_the_local_repository_is_neither_used_nor_touched(cache: Path) -> None:
    own = _local(cache, WRONG)
    with maven.repository(CONTENT, promised=len(CONTENT)) as repository:
        _ensure(cache, repository)
        assert repository.fetched == 1
    assert own.read_bytes() == WRONG


def test_a_plugin_that_is_not_there_is_named(cache: Path) -> None:
    with (
        maven.repository(CONTENT, promised=len(CONTENT)) as repository,
        pytest.raises(TargetError, match="has no plugin/hive"),
    ):
        _ensure(cache, repository, plugins=("tpch", "hive"))
    assert _left_over(cache) == []


def test_too_little_space_is_said_before_anything_is_fetched(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 10))
    with (
        maven.repository(CONTENT, promised=len(CONTENT)) as repository,
        pytest.raises(TargetError, match=r"QER_CACHE_DIR.*--engine clickhouse"),
    ):
        _ensure(cache, repository)
    assert repository.fetched == 0


def test_a_disk_that_fills_up_meanwhile_is_one_clear_line(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with (
        maven.repository(CONTENT, promised=len(CONTENT)) as repository,
        pytest.raises(TargetError, match=r"disk is full.*--engine clickhouse"),
    ):
        _ensure(cache, repository)
    assert _left_over(cache) == []

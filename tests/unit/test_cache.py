"""The cache directory: where it is, what is said when it cannot be used, and the lock two runs share."""

import errno
import os
import shutil
import subprocess
import sys
import threading
from collections import namedtuple
from pathlib import Path

import pytest

from targets.base import TargetError
from targets.cache import cache_directory, cache_errors, cache_lock, megabytes, require_space


def test_variable_names_the_directory_and_it_is_created(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = tmp_path / "a" / "b"
    monkeypatch.setenv("QER_CACHE_DIR", str(wanted))
    assert cache_directory() == wanted
    assert wanted.is_dir()
    assert list(wanted.iterdir()) == []


@pytest.mark.parametrize("value", ["", "  "])
def test_blank_variable_means_the_platforms_own_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("QER_CACHE_DIR", value)
    directory = cache_directory()
    assert directory.name == "query-engine-reliability"
    assert directory.is_relative_to(tmp_path)


def test_home_is_expanded_and_relative_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("QER_CACHE_DIR", "~/mine")
    assert cache_directory() == tmp_path / "mine"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QER_CACHE_DIR", "here")
    assert cache_directory() == tmp_path / "here"


def test_a_file_in_its_place_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("x")
    monkeypatch.setenv("QER_CACHE_DIR", str(blocker))
    with pytest.raises(TargetError) as caught:
        cache_directory()
    assert str(blocker) in str(caught.value)
    assert "QER_CACHE_DIR" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EROFS, "read-only file system"), (errno.ENOSPC, "disk is full"), (errno.EDQUOT, "full")],
)
def test_read_only_and_full_are_told_apart(tmp_path: Path, number: int, words: str) -> None:
    with pytest.raises(TargetError, match=words), cache_errors(tmp_path):
        raise OSError(number, os.strerror(number))


def test_a_full_disk_is_noticed_when_the_directory_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    monkeypatch.setenv("QER_CACHE_DIR", str(tmp_path))
    with Path("/dev/full").open("wb") as full:
        monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: full)
        with pytest.raises(TargetError, match="the disk is full"):
            cache_directory()


def test_space_is_checked_before_a_long_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 10, 5_000_000))
    require_space(tmp_path, 5_000_000, "a download")
    with pytest.raises(TargetError, match=r"a download needs about 345 MB, only 5 MB are free.*QER_CACHE_DIR"):
        require_space(tmp_path, 345_000_000, "a download")


def test_sizes_read_well() -> None:
    assert [megabytes(size) for size in (0, 345_678_901, 1_240_000_000)] == ["0 MB", "346 MB", "1.2 GB"]


def test_lock_admits_one_holder_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    told: list[str] = []
    first = cache_lock(path, timeout=1)
    second = cache_lock(path, timeout=0, waiting=lambda: told.append("waiting"))
    with first, pytest.raises(TargetError, match="another run holds this lock"), second:
        pytest.fail("two holders")
    assert told == ["waiting"]
    with cache_lock(path, timeout=0):
        pass


def test_the_waiting_run_goes_on_when_the_first_ends(tmp_path: Path) -> None:
    path, waiting, order = tmp_path / "lock", threading.Event(), list[str]()

    def second() -> None:
        with cache_lock(path, timeout=30, waiting=waiting.set):
            order.append("second")

    thread = threading.Thread(target=second)
    with cache_lock(path, timeout=1):
        thread.start()
        assert waiting.wait(10)
        order.append("first")
    thread.join(30)
    assert order == ["first", "second"]


def test_a_child_that_inherits_the_lock_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    wait = "import sys; sys.stdin.read()"
    with cache_lock(path, timeout=1) as descriptor:
        child = subprocess.Popen([sys.executable, "-c", wait], stdin=subprocess.PIPE, pass_fds=[descriptor])
    try:
        with pytest.raises(TargetError), cache_lock(path, timeout=0):
            pytest.fail("the child still holds it")
    finally:
        child.communicate(timeout=30)
    with cache_lock(path, timeout=0):
        pass

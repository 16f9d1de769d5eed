from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from benchmarks.tpch import peers_generation
from benchmarks.tpch.peers_generation import MAKERS, compare_generation, main
from targets.base import TargetError


def test_every_maker_is_measured_on_the_same_tables(tmp_path: Path) -> None:
    made = compare_generation(0.001, tmp_path)
    assert [one.maker for one in made] == list(MAKERS)
    for one in made:
        assert one.seconds > 0 and one.cpu_seconds > 0
        assert one.peak_bytes > 10_000_000
    small, large = sorted(one.file_bytes for one in made)
    assert 0 < large < 3 * small
    assert list(tmp_path.iterdir()) == []


def test_a_maker_that_fails_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(peers_generation, "MAKERS", {"nobody": ""})
    assert main(["--scale-factor", "0.001", str(tmp_path)]) == 3
    assert "nobody: exit code 2 at scale factor 0.001" in capfd.readouterr().err.splitlines()[-1]


def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--scale-factor", "-1"]) == 2
    assert capsys.readouterr().err == (
        "scale factor -1: expected a number like 0.01, 0.1, 1 or 10, from 0.001 upwards\n"
    )


def test_space_is_checked_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 10, 1000))
    with pytest.raises(TargetError, match=r"comparing generators needs about 21.8 GB"):
        compare_generation(10, tmp_path)

"""The README's pictures: made from results, small, and there."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from runner.browser import Chromium
from runner.browser.pictures import SCALE, WIDTH, take_pictures
from runner.report import ReportError
from tests.unit.report.sample import empty_results, sample_results

ROOT = Path(__file__).parents[2]
MOST_BYTES = 200_000


def size(picture: bytes) -> tuple[int, int]:
    assert picture.startswith(b"\x89PNG\r\n")
    return struct.unpack(">II", picture[16:24])


def test_the_head_and_a_timeline_are_drawn_light_and_dark(chromium: Chromium, tmp_path: Path) -> None:
    made = {path.name: path.read_bytes() for path in take_pictures(sample_results(), tmp_path / "new" / "images")}
    assert set(made) == {f"{name}-{theme}.png" for name in ("report", "timeline") for theme in ("light", "dark")}
    for name, picture in made.items():
        width, height = size(picture)
        assert width == WIDTH * SCALE
        assert 300 < height < 2000
        assert 10_000 < len(picture) < MOST_BYTES, name
    assert size(made["report-light.png"]) == size(made["report-dark.png"])
    assert made["report-light.png"] != made["report-dark.png"]


def test_the_experiment_can_be_chosen(chromium: Chromium, tmp_path: Path) -> None:
    usual = take_pictures(sample_results(), tmp_path / "a")
    chosen = take_pictures(sample_results(), tmp_path / "b", "clickhouse/server/kill")
    assert usual[1].read_bytes() != chosen[1].read_bytes()


@pytest.mark.parametrize("name", ["", "trino/nobody/knows"])
def test_without_a_timeline_it_is_one_line(name: str, tmp_path: Path) -> None:
    results = sample_results() if name else empty_results()
    with pytest.raises(ReportError, match=f"no timeline of {name or 'any experiment'}"):
        take_pictures(results, tmp_path, name)


def test_bad_input_ends_with_exit_code_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "runner.browser", str(tmp_path)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 2
    assert "no such file" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_readme_shows_pictures_that_are_there_and_small() -> None:
    text = (ROOT / "README.md").read_text()
    shown = set(re.findall(r'(?:src|srcset)="([^"]+)"', text))
    assert shown == {f"docs/images/{path.name}" for path in (ROOT / "docs" / "images").iterdir()}
    for name in shown:
        picture = (ROOT / name).read_bytes()
        assert size(picture)[0] == WIDTH * SCALE
        assert len(picture) < MOST_BYTES
    assert len(re.findall(r"<img [^>]*alt=\"[^\"]{40,}\"", text)) == 2

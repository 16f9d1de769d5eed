"""The data set in the cache: whole or not there, whatever happened to the run that made it."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections import namedtuple
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from benchmarks.tpch import data as module
from benchmarks.tpch import generator as calls
from benchmarks.tpch.data import TABLES, DatasetError, dataset, identity, scale_factor, verify
from benchmarks.tpch.model import Step
from engines import Dataset
from targets.base import TargetError

COPY = """\
import pathlib, shutil, sys
out = pathlib.Path(sys.argv[sys.argv.index("--output-dir") + 1])
with open({log!r}, "a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
{before}
for table in {tables!r}:
    shutil.copy(pathlib.Path({source!r}) / table / (table + ".parquet"), out)
{after}
"""


pytestmark = pytest.mark.timeout(120)  # of pipes that nobody opens


class Generator:
    """A stand-in for tpchgen-cli that copies files made before; it notes each call in ``log``."""

    def __init__(self, directory: Path, source: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
        self.program = directory / "tpchgen-cli"
        self.log = directory / "log"
        self.source = source
        self.log.touch()
        self.behave()
        monkeypatch.setattr(calls, "_program", lambda: str(self.program))

    def behave(self, before: str = "", after: str = "") -> None:
        values = {"log": str(self.log), "source": str(self.source.directory), "tables": TABLES}
        text = COPY.format(before=before, after=after, **values)
        self.program.write_text(f"#!{sys.executable}\n{text}")
        self.program.chmod(self.program.stat().st_mode | stat.S_IXUSR)

    @property
    def calls(self) -> int:
        return len(self.log.read_text().splitlines())


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "cache"
    monkeypatch.setenv("QER_CACHE_DIR", str(directory))
    return directory


@pytest.fixture
def generator(tmp_path: Path, cache: Path, small: Dataset, monkeypatch: pytest.MonkeyPatch) -> Generator:
    assert not cache.exists()
    return Generator(tmp_path, small, monkeypatch)


def left_in(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "tpch").iterdir())


def test_generated_once_then_kept(generator: Generator, cache: Path, small: Dataset) -> None:
    steps: list[Step] = []
    made = dataset(0.01, steps.append)
    assert made.rows == small.rows
    assert made.directory == cache / "tpch" / "sf0_01"
    assert [step.subject for step in steps[-8:]] == list(TABLES)
    assert steps[-1].detail == f"{small.rows['lineitem']:,} rows"
    assert dataset(0.01) == made
    assert generator.calls == 1
    assert "-s 0.01 " in generator.log.read_text()
    assert left_in(cache) == [".sf0_01.lock", "sf0_01"]


@pytest.mark.parametrize("table", ["lineitem", "region"])
@pytest.mark.parametrize("damage", ["cut", "gone", "empty", "text", "rows"])
def test_a_damaged_file_is_never_taken_for_whole(generator: Generator, cache: Path, table: str, damage: str) -> None:
    file = dataset(0.01).file(table)
    whole = file.read_bytes()
    match damage:
        case "cut":
            file.write_bytes(whole[: len(whole) // 2])
        case "gone":
            file.unlink()
        case "empty":
            file.write_bytes(b"")
        case "text":
            file.write_text("not Parquet")
        case "rows":
            pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), file)
    with pytest.raises(DatasetError, match=table) as caught:
        verify(cache / "tpch" / "sf0_01", 0.01)
    assert "\n" not in str(caught.value)
    assert dataset(0.01).file(table).read_bytes() == whole
    assert generator.calls == 2
    assert left_in(cache) == [".sf0_01.lock", "sf0_01"]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("sys.exit('no space left')", "", "no space left"),
        ("sys.exit(3)", "", "exit code 3"),
        ("", "(out / 'lineitem.parquet').unlink()", "wrote no lineitem.parquet"),
        ("", "(out / 'nation.parquet').write_text('x')", "nation.parquet: not a whole Parquet file"),
        ("", "shutil.copy(out / 'nation.parquet', out / 'region.parquet')", "25 rows, but scale factor 0.01 has 5"),
    ],
)
def test_what_the_generator_does_wrong_leaves_nothing(
    generator: Generator, cache: Path, before: str, after: str, message: str
) -> None:
    generator.behave(before, after)
    with pytest.raises(DatasetError, match=message) as caught:
        dataset(0.01)
    assert "\n" not in str(caught.value)
    assert left_in(cache) == [".sf0_01.lock"]


def test_a_generator_that_hangs_is_ended(generator: Generator, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator.behave(before="import threading; threading.Event().wait(60)")
    monkeypatch.setattr(calls, "time_limit", lambda _: 1.0)
    with pytest.raises(DatasetError, match="not done after 1 s"):
        dataset(0.01)
    assert left_in(cache) == [".sf0_01.lock"]


def test_two_runs_side_by_side_generate_once(generator: Generator, cache: Path, tmp_path: Path) -> None:
    proceed = tmp_path / "proceed"
    os.mkfifo(proceed)
    generator.behave(before=f"open({str(proceed)!r}).read()")
    found: list[Dataset] = []

    def progress(step: Step) -> None:
        if step.detail == "another run is generating it":
            proceed.write_text("")

    threads = [threading.Thread(target=lambda: found.append(dataset(0.01, progress))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found[0] == found[1]
    assert generator.calls == 1
    assert left_in(cache) == [".sf0_01.lock", "sf0_01"]


def test_a_run_that_is_killed_leaves_nothing_taken_for_whole(generator: Generator, cache: Path, tmp_path: Path) -> None:
    """The run is killed while its generator is at work; the generator lives on, and nobody disturbs it meanwhile."""
    reached, proceed = tmp_path / "reached", tmp_path / "proceed"
    for pipe in (reached, proceed):
        os.mkfifo(pipe)
    generator.behave(before=f"open({str(reached)!r}, 'w').close(); open({str(proceed)!r}).read()")
    program = (
        "from benchmarks.tpch import data, generator\n"
        f"generator._program = lambda: {str(generator.program)!r}\ndata.dataset(0.01)\n"
    )
    run = subprocess.Popen([sys.executable, "-c", program], cwd=Path(module.__file__).parents[2])
    try:
        reached.read_text()  # blocks until the generator is there
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait(30)
    assert [name for name in left_in(cache) if not name.startswith(".")] == []
    generator.behave()
    steps: list[Step] = []
    second = threading.Thread(target=dataset, args=(0.01, steps.append))
    second.start()
    while not steps and second.is_alive():
        second.join(0.05)
    assert steps[0].detail == "another run is generating it"
    proceed.write_text("")  # the orphan goes on, finishes and gives its lock back
    second.join(60)
    assert generator.calls == 2
    assert verify(cache / "tpch" / "sf0_01", 0.01).rows["region"] == 5
    assert left_in(cache) == [".sf0_01.lock", "sf0_01"]


def test_space_is_checked_before_anything_is_written(
    generator: Generator, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 10, 1_000_000))
    with pytest.raises(TargetError, match=r"TPC-H data at scale factor 100 needs about 40.0 GB, only 1 MB are free"):
        dataset(100)
    assert generator.calls == 0
    assert left_in(cache) == [".sf100.lock"]


def test_a_missing_generator_is_one_line(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(DatasetError, match="tpchgen-cli is not installed; run make setup"):
        dataset(0.01)
    assert left_in(cache) == [".sf0_01.lock"]


@pytest.mark.parametrize(
    "text", ["0", "-1", "abc", "", "nan", "inf", "-inf", "1e-9", "0.0001", "1e9", "0.12345678", "1,5", "1_0x"]
)
def test_bad_scale_factors_are_one_line(text: str) -> None:
    with pytest.raises(ValueError, match="scale factor") as caught:
        scale_factor(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"), [("1", 1.0), (" 0.01 ", 0.01), ("0.001", 0.001), (10, 10.0), ("1e2", 100.0)]
)
def test_good_scale_factors(text: str | float, value: float) -> None:
    assert scale_factor(text) == value


def test_bad_scale_factor_touches_nothing(cache: Path) -> None:
    with pytest.raises(ValueError, match="scale factor 0"):
        dataset(0)
    assert not cache.exists()


def test_row_counts_of_another_scale_factor_are_refused(small: Dataset) -> None:
    with pytest.raises(DatasetError, match=r"supplier.parquet: 100 rows, but scale factor 0.02 has 200"):
        verify(small.directory, 0.02)


def test_identity_tells_data_apart(small: Dataset, tmp_path: Path) -> None:
    other = Dataset(small.scale_factor, tmp_path / "other", small.rows)
    shutil.copytree(small.directory, other.directory)
    assert identity(other) == identity(small)
    table = pyarrow.parquet.read_table(other.file("supplier"))
    pyarrow.parquet.write_table(table.slice(1), other.file("supplier"))
    assert identity(other) != identity(small)
    other.file("supplier").unlink()
    with pytest.raises(DatasetError, match="supplier"):
        identity(other)


@pytest.mark.usefixtures("cache")
def test_the_real_generator() -> None:
    made = dataset(0.001)
    assert (made.rows["orders"], made.rows["supplier"], made.rows["nation"]) == (1500, 10, 25)
    assert verify(made.directory, 0.001) == made

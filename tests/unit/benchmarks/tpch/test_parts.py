"""Data sets in several parts: the same rows as in one file, and a generation that goes on where it ended."""

from __future__ import annotations

import copy
import json
import shutil
from collections import namedtuple
from pathlib import Path

import duckdb
import pyarrow.parquet
import pytest

from benchmarks.tpch import layout, staging
from benchmarks.tpch.data import TABLES, DatasetError, dataset, identity, verify
from benchmarks.tpch.generator import Written
from benchmarks.tpch.layout import Piece, part_counts, pieces
from benchmarks.tpch.model import Step
from benchmarks.tpch.oracle import DuckDbOracle
from benchmarks.tpch.refresh import refresh_set
from engines import Dataset
from targets.base import TargetError

WHOLE = "region nation supplier customer part partsupp"
ALL = [
    WHOLE,
    "orders 1/2",
    "orders 2/2",
    "lineitem 1/5",
    "lineitem 2/5",
    "lineitem 3/5",
    "lineitem 4/5",
    "lineitem 5/5",
]

pytestmark = pytest.mark.timeout(300)


class Slicer:
    """Stands in for the generator: cuts the parts out of a data set made before. ``made`` notes each call."""

    def __init__(self, source: Dataset) -> None:
        self._tables = {table: pyarrow.parquet.read_table(source.file(table)) for table in TABLES}
        self.made: list[str] = []
        self.failing = ""
        self.longer = 0  # by how many parts the rows are spread further than asked for

    def __call__(self, piece: Piece, factor: float, output: Path, lock: int, written: Written) -> None:
        name = " ".join(piece.tables) + (f" {piece.part}/{piece.parts}" if piece.parts > 1 else "")
        if name == self.failing:
            raise DatasetError("no space left on device; run again")
        self.made.append(name)
        parts = piece.parts + self.longer if piece.parts > 1 else 1
        for table, file in zip(piece.tables, piece.files, strict=True):
            rows = self._tables[table]
            first, last = rows.num_rows * (piece.part - 1) // parts, rows.num_rows * piece.part // parts
            (output / file).parent.mkdir(exist_ok=True)
            pyarrow.parquet.write_table(rows.slice(first, last - first), output / file)
        written(1000)


@pytest.fixture(scope="module")
def tables(small: Dataset) -> Slicer:
    return Slicer(small)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QER_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tpch"


@pytest.fixture
def slicer(cache: Path, tables: Slicer, monkeypatch: pytest.MonkeyPatch) -> Slicer:
    fresh = copy.copy(tables)
    fresh.made = []
    monkeypatch.setattr(staging, "generate", fresh)
    monkeypatch.setattr(layout, "FILE_BYTES", 500_000)
    return fresh


@pytest.fixture
def interrupted(slicer: Slicer, cache: Path) -> Path:
    """What a run left that failed in the sixth of eight pieces."""
    slicer.failing = ALL[5]
    with pytest.raises(DatasetError, match=r"no space left on device; run again \(5 of 8 pieces are kept\)"):
        dataset(0.01)
    assert sorted(path.name for path in cache.iterdir()) == [".sf0_01-partial", ".sf0_01.lock"]
    slicer.failing, slicer.made = "", []
    return cache / ".sf0_01-partial"


@pytest.mark.parametrize("factor", [0.001, 0.1, 1])
def test_small_data_sets_are_made_by_one_call(factor: float) -> None:
    assert [piece.tables for piece in pieces(part_counts(factor))] == [TABLES]


@pytest.mark.parametrize("factor", [1.5, 10, 100, 1000])
def test_no_part_is_large(factor: float) -> None:
    plan = pieces(part_counts(factor))
    assert all(piece.bytes(factor) <= layout.FILE_BYTES for piece in plan if piece.parts > 1)
    files = [name for piece in plan for name in piece.files.values()]
    assert len(files) == len(set(files)) == sum(part_counts(factor).values())


def test_every_piece_is_made_once(slicer: Slicer, cache: Path, small: Dataset) -> None:
    steps: list[Step] = []
    data = dataset(0.01, steps.append)
    assert slicer.made == ALL
    assert data.rows == small.rows
    assert {table: len(parts) for table, parts in data.parts.items()} == {"orders": 2, "lineitem": 5}
    assert sum(data.parts["lineitem"]) == data.rows["lineitem"]
    assert [(step.done, step.total) for step in steps if step.subject == "sf0_01" and step.done == 7] == [(7, 8)]
    assert dataset(0.01) == data == verify(cache / "sf0_01", 0.01)
    assert slicer.made == ALL
    assert sorted(path.name for path in cache.iterdir()) == [".sf0_01.lock", "sf0_01"]


def test_an_interrupted_generation_goes_on(interrupted: Path, slicer: Slicer, small: Dataset) -> None:
    data = dataset(0.01)
    assert slicer.made == ALL[5:]
    assert data.rows == small.rows
    assert not interrupted.exists()


@pytest.mark.parametrize("damage", ["cut", "gone", "exchanged", "stray"])
def test_only_whole_pieces_are_kept(interrupted: Path, slicer: Slicer, damage: str) -> None:
    file, other = (interrupted / "lineitem" / f"lineitem.{part}.parquet" for part in (2, 1))
    match damage:
        case "cut":
            file.write_bytes(file.read_bytes()[:1000])
        case "gone":
            file.unlink()
        case "exchanged":
            shutil.copy(other, file)
        case "stray":
            shutil.copy(other, interrupted / "lineitem" / "lineitem.3.parquet")
    dataset(0.01)
    assert slicer.made == (ALL[5:] if damage == "stray" else ALL[4:])


@pytest.mark.parametrize(
    ("key", "value"), [("generator", "tpchgen-cli 0"), ("counts", {"lineitem": 1}), ("scale_factor", 1), ("format", 2)]
)
def test_what_was_made_otherwise_is_not_mixed_in(interrupted: Path, slicer: Slicer, key: str, value: object) -> None:
    manifest = interrupted / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {key: value}))
    dataset(0.01)
    assert slicer.made == ALL


def test_parts_that_do_not_add_up_are_all_thrown_away(slicer: Slicer, cache: Path) -> None:
    slicer.longer = 3
    with pytest.raises(DatasetError, match=r"rows, but scale factor 0.01 has 15000"):
        dataset(0.01)
    assert [path.name for path in cache.iterdir()] == [".sf0_01.lock"]


def test_space_is_checked_for_what_is_missing(interrupted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 10, 1000))
    with pytest.raises(TargetError, match=r"TPC-H data at scale factor 0.01 needs about 2[0-9] MB, only 0 MB are free"):
        dataset(0.01)
    assert (interrupted / "lineitem" / "lineitem.2.parquet").exists()


@pytest.mark.parametrize("damage", ["cut", "gone", "exchanged", "stray", "manifest"])
def test_a_damaged_part_is_never_taken_for_whole(slicer: Slicer, cache: Path, damage: str) -> None:
    data = dataset(0.01)
    file, other = data.files("lineitem")[1:3]
    match damage:
        case "cut":
            file.write_bytes(file.read_bytes()[:1000])
        case "gone":
            file.unlink()
        case "exchanged":
            shutil.copy(other, file)
        case "stray":
            shutil.copy(other, file.with_name("lineitem.6.parquet"))
        case "manifest":
            (data.directory / "manifest.json").write_text("{}")
    with pytest.raises(DatasetError, match=r"lineitem|manifest") as caught:
        verify(data.directory, 0.01)
    assert "\n" not in str(caught.value)
    assert dataset(0.01) == data


def test_a_data_set_without_a_manifest_is_as_good(small: Dataset, cache: Path) -> None:
    shutil.copytree(small.directory, cache / "sf0_01")
    data = dataset(0.01)
    assert (data.rows, data.parts, data.identities) == (small.rows, {}, small.identities)
    assert identity(data) == identity(small)


def test_answers_and_refresh_sets_over_parts(slicer: Slicer, small: Dataset) -> None:
    data = dataset(0.01)
    for number in (1, 5, 18):
        assert DuckDbOracle(data).expected(number).rows == DuckDbOracle(small).expected(number).rows
    assert refresh_set(data, 2).inserted == refresh_set(small, 2).inserted


@pytest.mark.usefixtures("cache")
def test_the_real_generators_parts_hold_the_rows_of_one_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(layout, "FILE_BYTES", 1_200_000)
    parted = dataset(0.01)
    monkeypatch.undo()
    monkeypatch.setenv("QER_CACHE_DIR", str(tmp_path / "other"))
    whole = dataset(0.01)
    assert (len(parted.files("lineitem")), len(whole.files("lineitem"))) == (2, 1)
    files = [str(file) for file in parted.files("lineitem")]
    with duckdb.connect() as connection:
        connection.read_parquet(files).create_view("parted")
        connection.read_parquet(str(whole.file("lineitem"))).create_view("whole")
        for one, other in (("parted", "whole"), ("whole", "parted")):
            assert connection.execute(f"FROM {one} EXCEPT ALL FROM {other}").fetchall() == []
    assert pyarrow.parquet.read_schema(files[1]) == pyarrow.parquet.read_schema(whole.file("lineitem"))

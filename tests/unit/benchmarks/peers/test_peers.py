"""The table of peers: what is measured, and what could not be and why."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from benchmarks.peers.duck import DuckEngine
from benchmarks.peers.environments import PeerError, run
from benchmarks.peers.generation import measured
from benchmarks.peers.model import Cell, Row, to_json, to_markdown
from benchmarks.peers.overhead import Timed, _added, _noticed
from benchmarks.peers.stall import rows
from engines import EngineError, engine_kinds


def figures(locust: dict[str, Any] | None, reason: str = "") -> dict[str, Any]:
    """As the calibration writes them."""
    return {
        "stall": {
            "truth_p99": 1.25,
            "corrected_p99": 1.26,
            "rate_per_second": 500.0,
            "stall_seconds": 1.4,
            "duration_seconds": 15.0,
        },
        "generator": {"per_core": 9000.0},
        "locust": locust,
        "locust_reason": reason,
    }


def test_the_stall_is_told_beside_the_truth() -> None:
    latency, rate = rows(figures({"version": "2.47.0", "stall_p99": 0.009, "per_core": 2500.0}))
    assert (latency.truth, latency.ours.shown) == ("1.250 s", "1.260 s (+0.8%)")
    assert latency.theirs.shown == "0.009 s (-99.3%)"
    assert (rate.ours.shown, rate.theirs.shown) == ("9,000", "2,500")


def test_without_locust_its_column_says_why() -> None:
    for row in rows(figures(None, "the registry is away")):
        assert row.theirs.shown == "SKIPPED: the registry is away"
        assert not row.ours.skipped


def test_the_table_is_written_for_people_and_for_programs() -> None:
    table = [Row("work | hard", Cell("1 s", {"seconds": 1.0}), "Peer", Cell(skipped="not here"), truth="0.9 s")]
    assert "| work / hard | 0.9 s | 1 s | Peer | SKIPPED: not here |" in to_markdown(table, "machine")
    document = json.loads(to_json(table, "machine"))
    assert document["rows"][0]["ours"]["values"] == {"seconds": 1.0}


def test_what_fails_is_told_by_the_line_that_names_the_error() -> None:
    code = "import sys; print('ValueError: it broke\\n(see the manual)', file=sys.stderr); sys.exit(1)"
    with pytest.raises(PeerError, match=r"^tool: ValueError: it broke$"):
        run([sys.executable, "-c", code], "tool", 60)
    with pytest.raises(PeerError, match="tool: No such file"):
        run(["/nowhere/python"], "tool", 60)
    with pytest.raises(PeerError, match=r"no end within 0\.2 s"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], "tool", 0.2)


def test_a_generator_is_measured_with_its_memory_and_files() -> None:
    code = "import sys; b = b'x' * 200_000_000; open(sys.argv[2] + '/a.parquet', 'wb').write(b[:1000])"
    seconds, memory, size = measured(code, 1.0)
    assert seconds > 0 and size == 1000
    assert memory > 200_000_000
    with pytest.raises(PeerError, match="out of paper"):
        measured("raise SystemExit('out of paper')", 1.0)


def test_added_time_is_the_median_over_queries_of_the_median_over_repeats() -> None:
    found = {number: [Timed(1.0, 1.002, 1.0 + extra) for extra in (0.01, 0.02, 9.0)] for number in range(1, 4)}
    cell = _added(found)
    assert cell.values == {"wall_seconds": pytest.approx(0.02), "reported_seconds": pytest.approx(0.002)}
    assert _added("no network").shown == "SKIPPED: no network"


def test_only_answers_that_changed_count_as_noticed() -> None:
    found = {1: [Timed(1, 1, 1, noticed=True)], 2: [Timed(1, 1, 1)], 3: [Timed(1, 1, 1, noticed=True)]}
    assert _noticed(found, [1, 2]).shown == "1 of 2"


def test_the_engine_for_comparing_runs_queries_and_is_no_engine_of_the_product(tmp_path: Path) -> None:
    file = tmp_path / "x.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 42 AS answer")
    with DuckEngine(file).connect() as session:
        answer = session.execute("SELECT answer FROM t", deadline=5)
        assert (answer.columns, answer.rows) == (("answer",), ((42,),))
        with pytest.raises(EngineError, match="nowhere"):
            session.execute("SELECT * FROM nowhere", deadline=5)
    assert "duckdb" not in engine_kinds()

"""The calibration itself, in short: its figures are ratios to a known truth, never times of this machine."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.calibration import __main__ as program
from benchmarks.calibration import document, measures
from benchmarks.calibration.document import Calibration, LocustFigures, kept, locust_figures, machine
from benchmarks.calibration.endpoint import HOST, scripted_endpoint
from benchmarks.calibration.measures import (
    EdgeMeasure,
    RateMeasure,
    StallMeasure,
    measure_edges,
    measure_rate,
    measure_stall,
)
from benchmarks.calibration.peer import PeerError, PeerMeasure, locust_version
from benchmarks.calibration.script import Script, Window
from engines import EngineError, engine_class

STALL = StallMeasure(
    rate=500,
    duration=15,
    truth=1.25,
    corrected=1.26,
    uncorrected=1.2,
    offered=7500,
    answered=7500,
    stall=1.4,
    lag_p99=0.001,
)
EDGES = EdgeMeasure(period=0.05, begins=(0.01, 0.04), ends=(-0.002, 0.03), covered=2)
RATE = RateMeasure(rate=8000, lag_p99=0.0018, tried=((8000, 0.0018),), flat_out=9000, per_core=12_000)
PEER = PeerMeasure(version="2.47.0", users=20, offered=500, achieved=455, p99=0.009, per_core=2500)


def figures(**changes: object) -> Calibration:
    made = Calibration.of(STALL, EDGES, RATE, locust_figures(PEER, PEER), measured_at=1.7e9)
    return made.model_copy(update=changes)


def test_the_endpoint_answers_as_the_probe_expects() -> None:
    with scripted_endpoint() as served:
        engine = engine_class("clickhouse")(served.endpoint)
        served.play(Script())
        with engine.connect() as session:
            for _ in range(3):
                assert session.execute(engine.probe.sql, deadline=10).rows == engine.probe.expected
        assert served.log().requests == 3
        served.play(Script(outages=(Window(0.0, 30.0),)))
        with engine.connect() as session, contextlib.suppress(EngineError):  # the one that meets the outage
            for _ in range(100):  # the first request begins the script, and the outage with it
                session.execute(engine.probe.sql, deadline=10)
        assert served.log().outages
        with pytest.raises(OSError, match="refused"), socket.create_connection((HOST, served.port)):
            pass


def test_the_corrected_percentile_is_within_5_percent_of_the_truth() -> None:
    with scripted_endpoint() as served:
        found = measure_stall(served, rate=200, duration=4.0, stall=1.4)
    assert found.answered == found.offered == 800
    assert abs(found.error) < 0.05
    assert found.truth == pytest.approx(1.4 - 8 / 200, abs=0.006)


def test_the_edges_of_an_outage_are_within_one_period_of_the_probe() -> None:
    with scripted_endpoint() as served:
        found = measure_edges(served, outages=3)
    # A machine that stands still while an outage begins delays one edge; that it does so for every one is a defect.
    within = [max(abs(begin), abs(end)) <= found.period for begin, end in zip(found.begins, found.ends, strict=True)]
    assert any(within), found
    assert found.covered >= 1, found


def test_a_rate_is_found_and_not_beyond_what_was_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "TRIES", 1)
    monkeypatch.setattr(measures, "MOST_RATES", 3)
    with scripted_endpoint() as served:
        found = measure_rate(served, start=50, highest=100, seconds=0.5)
    assert 0 <= found.rate <= 100
    assert found.per_core >= found.flat_out > 0, "a process has no more than one core to itself"
    assert 1 <= len(found.tried) <= 3


@pytest.mark.parametrize(
    ("changes", "met"),
    [
        ({}, True),
        ({"corrected": 1.32}, False),
        ({"corrected": 1.18}, False),
    ],
)
def test_what_is_promised_is_checked(changes: dict[str, float], met: bool) -> None:
    stall = figures().stall.model_copy(update={f"{name}_p99": value for name, value in changes.items()})
    assert figures(stall=stall).met is met


def test_an_edge_beyond_a_period_or_not_seen_is_not_met() -> None:
    unseen = EdgeMeasure(period=0.05, begins=(float("inf"),), ends=(float("inf"),), covered=0)
    for edges in (EdgeMeasure(period=0.05, begins=(0.06,), ends=(0.0,), covered=1), unseen):
        assert not Calibration.of(STALL, edges, RATE, "not installed", measured_at=1.0).met
    assert Calibration.of(STALL, unseen, RATE, "not installed", measured_at=1.0).edges.worst_begin is None


def test_figures_are_kept_for_machines_like_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QER_CACHE_DIR", str(tmp_path))
    assert kept() is None
    document.keep(figures())
    assert kept() == figures()
    document.keep(figures(machine="another"))
    assert kept() is None
    document.kept_file().write_text("{")
    assert kept() is None


def test_the_table_says_what_locust_says() -> None:
    rows = {row[0]: row[1:] for row in figures().rows()}
    stalled = next(cells for what, cells in rows.items() if what.startswith("p99"))
    assert stalled == ("1.250 s", "1.260 s (+0.8%)", "0.009 s (-99.3%)")
    assert rows["requests of that run"] == ("7500", "7500 of 7500 offered", "6825")
    assert all(row[3] == "" for row in figures(locust=None).rows())
    assert isinstance(figures().locust, LocustFigures)
    assert machine() in program.markdown(figures())


def test_no_locust_is_a_skip_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(PeerError, match="No such file"):
        locust_version(tmp_path / "python")
    with pytest.raises(PeerError, match="no Locust in the environment"):
        locust_version(Path(sys.executable))


def test_the_program_writes_its_figures_and_says_whether_they_are_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    off = figures(
        stall=figures().stall.model_copy(update={"corrected_p99": 2.0}), locust=None, locust_reason="none here"
    )
    for found, code in ((figures(), 0), (off, 1)):
        monkeypatch.setattr(program, "calibrate", lambda *_, found=found: found)
        ended = CliRunner().invoke(program.main, ["--output", str(tmp_path), "--no-keep"])
        assert ended.exit_code == code, ended.output
        assert json.loads((tmp_path / "calibration.json").read_text())["stall"]["offered"] == 7500
    assert "Locust: SKIPPED, none here" in ended.output
    assert "| what |" in (tmp_path / "calibration.md").read_text()


@pytest.mark.parametrize("arguments", [["--seconds", "1"], ["--outages", "0"], ["--seconds", "nan"]])
def test_bad_input_ends_with_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(program.main, arguments).exit_code == 2

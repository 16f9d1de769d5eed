"""``python -m runner recoveries``: every fault over many runs, with what was measured told apart from what was not."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from runner.cli import main
from runner.history.recoveries import fault_line, read_recoveries, spread
from runner.history.runs import HistoryError
from runner.report.files import write_reports
from runner.report.recoveries import COLUMNS, ON_TERMINALS, cells, shown
from runner.results import AlertsView, Answers, Durability, Experiment, Results, Verdict
from tests.unit.comparison.documents import elsewhere, recovered, results
from tests.unit.report.sample import HOSTILE


def experiment(seconds: float, **changes: object) -> Experiment:
    return recovered(seconds).model_copy(update={"rto_uncertainty_seconds": 0.5, **changes})


def run(*experiments: Experiment) -> Results:
    return results(experiments=experiments)


def skipped(reason: str) -> Experiment:
    one = experiment(1.0)
    injection = one.injection.model_copy(update={"confirmed": False})
    return one.model_copy(update={"verdict": Verdict.SKIPPED, "reason": reason, "injection": injection})


def test_times_are_those_of_confirmed_injections_alone() -> None:
    unproven = experiment(500.0)
    unproven = unproven.model_copy(update={"injection": unproven.injection.model_copy(update={"confirmed": False})})
    line = fault_line("x", [experiment(4.0), experiment(2.0), experiment(9.0), unproven, skipped("no netem")])
    assert (line.runs, line.confirmed, line.skipped, line.reason) == (4, 3, 1, "no netem")
    assert line.rto is not None
    assert (line.rto.middle, line.rto.low, line.rto.high, line.rto.count) == (4.0, 2.0, 9.0, 3)
    assert line.rto_uncertainty == pytest.approx(0.5)


def test_answers_and_broken_inserts_add_up_and_unread_ones_are_not_none_broken() -> None:
    kept = Durability(acknowledged=5, refused=0, unknown=0, lost=1, duplicated=0, unexpected=0)
    unread = Durability(acknowledged=5, refused=0, unknown=0, reason="the engine did not come back")
    both = [
        experiment(1.0, answers=Answers(ok=3, failed=2), durability=kept),
        experiment(1.0, answers=Answers(ok=4, unknown=1), durability=unread),
    ]
    line = fault_line("x", both)
    assert line.answers == Answers(ok=7, failed=2, unknown=1)
    assert line.broken == 1
    assert fault_line("x", both[1:]).broken is None


def test_what_was_not_recovered_is_never_averaged() -> None:
    late, soon, later = experiment(60.0, rto_censored=True), experiment(2.0), experiment(4.0)
    one = fault_line("x", [late, soon, later])
    assert shown(one.rto, uncertainty=0.5) == "4.0 ± 0.5 (2.0–60.0), 1 of 3 not within the limit"
    half = fault_line("x", [late, soon])
    assert shown(half.rto, uncertainty=0.5) == "at least 2.0, 1 of 2 not within the limit"
    assert shown(fault_line("x", [late]).rto) == "at least 60.0, 1 of 1 not within the limit"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([], "–"),
        ([None], "–"),
        ([3.0], "3.0"),
        ([3.0, 3.04], "3.0"),
        ([1.0, 2.0, 9.0], "2.0 (1.0–9.0)"),
        ([-0.5, 0.5], "0.0 (−0.5 to 0.5)"),
        ([-0.01], "0.0"),
    ],
)
def test_a_spread_in_words(values: list[float | None], text: str) -> None:
    assert shown(spread(values)) == text


def test_a_fault_held_until_its_alert_is_a_line_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = experiment(75.0, alerts=AlertsView(prolonged_seconds=72.0))
    short = experiment(3.0, alerts=AlertsView(prolonged_seconds=0.0))
    write_reports(run(long), tmp_path / "a")
    write_reports(run(short), tmp_path / "b")
    write_reports(run(experiment(5.0)), tmp_path / "c")
    found = read_recoveries([tmp_path])
    assert {line.name: line.runs for line in found.lines} == {
        short.name: 2,
        f"{short.name}, until its alert": 1,
    }
    assert main(["recoveries", str(tmp_path), "--csv"]) == 0
    told = [one["experiment"] for one in csv.DictReader(io.StringIO(capsys.readouterr().out))]
    assert sorted(told) == [short.name, short.name, f"{short.name}, until its alert"]


def test_a_fault_that_struck_more_is_a_line_of_its_own(tmp_path: Path) -> None:
    alone, both = experiment(30.0), experiment(70.0, along=("coordinator", "worker"))
    write_reports(run(alone), tmp_path / "a")
    write_reports(run(both), tmp_path / "b")
    names = [line.name for line in read_recoveries([tmp_path]).lines]
    assert names == [alone.name, f"{alone.name}, coordinator and worker with it"]
    assert "struck with it: coordinator, worker" in (tmp_path / "b" / "report.html").read_text()
    assert "struck with it" not in (tmp_path / "a" / "report.html").read_text()
    assert "coordinator and worker with it" in (tmp_path / "b" / "report.md").read_text()


def test_unlike_runs_in_one_table_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_reports(run(experiment(5.0, probe_deadline_seconds=2.0)), tmp_path / "a")
    patient = experiment(6.0, probe_deadline_seconds=30.0)
    write_reports(elsewhere(run(patient), cpus=64, transport="node-port"), tmp_path / "b")
    assert main(["recoveries", str(tmp_path)]) == 0
    output = capsys.readouterr().out
    assert "Runs of different machines are in one table" in output
    assert "64 processors" in output
    assert "Runs of different transports are in one table: " in output and "; node-port" in output
    assert f"Runs of different deadlines on {patient.engine} are in one table: 2 s; 30 s" in output
    assert "5.5 ± 0.5 (5.0–6.0)" in output


def test_a_run_named_twice_counts_once(tmp_path: Path) -> None:
    write_reports(run(experiment(5.0)), tmp_path / "a")
    (line,) = read_recoveries([tmp_path, tmp_path / "a"]).lines
    assert line.runs == 1


def test_the_markdown_has_every_fault_and_escapes_what_was_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    many = [experiment(5.0, name=f"trino/worker/fault-{number}", fault=f"fault-{number}") for number in range(60)]
    write_reports(run(*many, skipped(HOSTILE).model_copy(update={"name": "trino/never"})), tmp_path / "a")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "results.json").write_text("{")
    assert main(["recoveries", str(tmp_path), "--markdown"]) == 0
    said = capsys.readouterr()
    rows = [line for line in said.out.splitlines() if line.startswith("| trino")]
    assert len(rows) == 60
    assert "1 of 1" in rows[0]
    assert "SKIPPED trino/never" in said.out
    assert "\\<script" in said.out
    assert "<script" not in said.out.replace("\\<", "")
    assert "left out" in said.err and "not JSON" in said.err


def test_the_csv_has_every_experiment_by_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = Durability(acknowledged=5, refused=0, unknown=0, lost=1, duplicated=0, unexpected=0)
    first = experiment(5.00049, durability=kept, answers=Answers(ok=3, failed=2, wrong=1), window=(2.0, 5.25))
    late = experiment(60.0, rto_censored=True, along=("coordinator",), detection_seconds=None)
    write_reports(run(first, skipped('no netem, "here"')), tmp_path / "a")
    write_reports(run(late), tmp_path / "b")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "results.json").write_text("{")
    assert main(["recoveries", str(tmp_path), "--csv"]) == 0
    said = capsys.readouterr()
    one, never, last = csv.DictReader(io.StringIO(said.out))
    times = {name: one[name] for name in ("held_seconds", "rto_seconds", "rto_uncertainty_seconds", "rto_censored")}
    assert times == {
        "held_seconds": "3.25",
        "rto_seconds": "5.0",
        "rto_uncertainty_seconds": "0.5",
        "rto_censored": "0",
    }
    counts = [one[name] for name in ("right", "failed", "wrong", "unknown", "inserts_broken")]
    assert counts == ["3", "2", "1", "0", "1"]
    assert (never["confirmed"], never["skipped_because"]) == ("0", 'no netem, "here"')
    assert (last["experiment"], last["rto_censored"], last["detection_seconds"]) == (late.full_name, "1", "")
    assert last["started_at"].endswith("+00:00")
    assert "left out" in said.err and "not JSON" in said.err


def test_two_formats_at_once_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recoveries", str(tmp_path), "--csv", "--markdown"]) == 2
    assert "choose one" in capsys.readouterr().err


@pytest.mark.parametrize("format_", [[], ["--markdown"], ["--csv"]])
@pytest.mark.parametrize("empty", [True, False])
def test_nothing_to_tell_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], empty: bool, format_: list[str]
) -> None:
    where = tmp_path if empty else tmp_path / "missing"
    assert main(["recoveries", str(where), *format_]) == 2
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert str(where) in line
    assert said.out == ""
    with pytest.raises(HistoryError):
        read_recoveries([where])


def test_cells_are_as_many_as_columns() -> None:
    assert len(cells(fault_line("x", [experiment(1.0)]))) == len(COLUMNS) > max(ON_TERMINALS)

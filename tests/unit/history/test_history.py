"""``python -m runner history``: runs in their order, what cannot be read named, trends of what is comparable."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.cli import main
from runner.history.runs import HistoryError, read_history, run_line
from runner.report.files import write_reports
from runner.report.history import render_history
from runner.results import Results, Verdict
from tests.unit.comparison.documents import benchmark, elsewhere, load, query_result, recovered, results
from tests.unit.report.page import Node, parse
from tests.unit.report.sample import HOSTILE, sample_results


def run(day: int, seconds: float, rto: float, **changes: object) -> Results:
    """A small run on some day."""
    made = results(
        benchmarks=(
            benchmark(
                "trino",
                query_result("trino", 1, [seconds] * 3),
                query_result("trino", 2, [4 * seconds] * 3),
                query_result("trino", 3, [0.001], valid=False),
            ),
        ),
        loads=(load([0.1] * 200),),
        experiments=(recovered(rto, censored=rto > 50),),
        verdict=Verdict.FAIL if rto > 50 else Verdict.PASS,
    )
    return elsewhere(made, started_at=1_790_000_000.0 + 86_400 * day, **changes)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Three runs, written in another order than they were made, and two files that are none."""
    for name, made in (("c", run(3, 1.5, 60.0)), ("a/deep", run(1, 1.0, 5.0)), ("b", run(2, 1.2, 6.0, cpus=8))):
        write_reports(made, tmp_path / name)
    for name, text in (("broken", "{"), ("old", '{"schemaVersion": "0"}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(text)
    return tmp_path


def page(directory: Path) -> Node:
    return parse(render_history(*read_history(directory)))


def test_runs_come_in_the_order_of_time_and_the_rest_is_named(directory: Path) -> None:
    runs, unread = read_history(directory)
    assert [str(line.file.parent.relative_to(directory)) for line in runs] == ["a/deep", "b", "c"]
    assert len(unread) == 2
    assert "not JSON" in unread[0] and "schemaVersion" in unread[1]


def test_a_line_holds_what_can_be_followed() -> None:
    line = run_line(run(1, 1.0, 5.0), Path("x"))
    assert line.geometric_means == {"trino": pytest.approx(2.0)}  # of the right answers alone
    assert line.queries == {"trino": 2}
    assert line.p99 == {"clickhouse at 50/s": pytest.approx(0.1)}
    assert [recovery.seconds for recovery in line.recoveries.values()] == [5.0]
    assert line.passed["TPC-H answers"] == (2, 3)


def test_the_terminal_shows_one_line_for_each_run(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", str(directory)]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if "UTC" in line]
    assert len(rows) == 3
    assert "PASS" in rows[0] and "2.00 s" in rows[0]
    assert "FAIL" in rows[2] and "> 60.0 s" in rows[2]
    assert sum(line.startswith("left out: ") for line in lines) == 2
    assert (directory / "history.html").is_file()


def test_the_page_draws_each_measure_and_joins_only_what_is_comparable(directory: Path) -> None:
    document = page(directory)
    figures = document.all("svg", "trend")
    assert [
        figure.one("title").text if not figure.all("circle") else figure.children[0].text for figure in figures
    ] == [
        "trino",
        "clickhouse at 50/s",
        run(1, 1.0, 1.0).experiments[0].name,
    ]
    assert len(figures[0].all("circle", "trend-dot")) == 3
    assert not figures[0].all("path", "trend-line")  # the run between was on another machine
    assert len(figures[2].all("path", "trend-dot")) == 1  # a cross for what did not recover
    assert "2 runs:" in document.by_id("runs").text


def test_the_latest_run_comes_first_in_the_table(directory: Path) -> None:
    rows = [row.text for row in page(directory).by_id("runs").all("tr")[1:]]
    assert "✕ FAIL" in rows[0] and "✓ PASS" in rows[2]
    assert "TPC-H answers 2/3" in rows[0]


def test_runs_of_one_setting_are_joined(tmp_path: Path) -> None:
    for day in (1, 2, 3):
        write_reports(run(day, 1.0 + day, 5.0), tmp_path / str(day))
    figure = page(tmp_path).all("svg", "trend")[0]
    assert figure.one("path", "trend-line").attributes["d"].count("M") == 2


def test_one_run_is_a_history_too(tmp_path: Path) -> None:
    write_reports(sample_results(), tmp_path)
    html = render_history(*read_history(tmp_path))
    assert "<script>alert" not in html
    document = parse(html)
    assert document.all("svg", "trend")
    assert HOSTILE[:10] not in document.by_id("runs").text
    ids = [node.attributes["id"] for node in document.walk() if "id" in node.attributes]
    assert len(ids) == len(set(ids))


def test_bad_input_is_one_line_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "results.json").write_text("{")
    cases = {"missing": "no such directory", "empty": "no run in it; name a directory", "broken": "not JSON"}
    for name, words in cases.items():
        assert main(["history", str(tmp_path / name)]) == 2
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1
    with pytest.raises(HistoryError):
        read_history(tmp_path / "broken" / "results.json")

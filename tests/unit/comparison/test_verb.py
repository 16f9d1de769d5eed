"""``python -m runner compare``: what it says, writes and ends with."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest

from benchmarks.regression import Change
from runner.cli import main
from runner.comparison.compare import compare
from runner.comparison.model import Comparison
from runner.report.comparison_page import render_comparison
from runner.report.figures.forest import ForestRow, forest_figure
from runner.report.files import write_reports
from runner.results import Results, Verdict
from tests.unit.comparison.documents import benchmark, elsewhere, load, measured, query_result, recovered, results, side
from tests.unit.report.page import Node, parse
from tests.unit.report.sample import HOSTILE

PLANTED = ("clickhouse", 5)


@functools.cache
def runs() -> tuple[Results, Results]:
    """Alike but for one query."""
    return measured(1, engines=("clickhouse",)), measured(2, engines=("clickhouse",), slower={PLANTED: 1.4})


@functools.cache
def comparison() -> Comparison:
    extra = {"loads": (load([0.1] * 100),), "experiments": (recovered(3.0, name=HOSTILE),)}
    base, new = (run.model_copy(update=extra) for run in runs())
    return compare(side(base), side(elsewhere(new, cpus=4)), allow={"hardware"})


@functools.cache
def page() -> Node:
    return parse(render_comparison(comparison()))


def write(directory: Path, run: Results) -> Path:
    return write_reports(run, directory)[0]


def test_something_worse_is_exit_code_1_and_both_documents_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, new = (write(tmp_path / name, run) for name, run in zip(("base", "new"), runs(), strict=True))
    assert main(["compare", str(base), str(new.parent), "--output", str(tmp_path / "out")]) == 1
    told = capsys.readouterr().out
    assert "✕ WORSE  Worse: ClickHouse (chDB) Q5 1.4" in told
    assert next(line for line in told.splitlines() if line.startswith("Q5 ")).rstrip().endswith("✕ worse")
    document = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert document["change"] == "worse"
    assert document["counts"]["worse"] == 1
    assert "<html" in (tmp_path / "out" / "comparison.html").read_text()


def test_the_other_way_round_it_is_better_and_exit_code_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, new = (write(tmp_path / name, run) for name, run in zip(("base", "new"), runs(), strict=True))
    assert main(["compare", str(new), str(base), "--output", str(tmp_path / "out"), "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["change"] == "better"
    assert "BETTER" in captured.err


def test_nothing_to_tell_is_exit_code_3(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / str(s), results(benchmarks=(benchmark("trino", query_result("trino", 1, [s])),)))
        for s in (1.0, 1.3)
    ]
    assert main(["compare", *map(str, paths), "--output", str(tmp_path / "out")]) == 3


def test_a_wide_margin_lets_it_pass(tmp_path: Path) -> None:
    base, new = (write(tmp_path / name, run) for name, run in zip(("base", "new"), runs(), strict=True))
    assert main(["compare", str(base), str(new), "--output", str(tmp_path / "out"), "--margin", "1"]) == 0


def test_several_runs_of_a_side_stand_in_one_directory(tmp_path: Path) -> None:
    for index, run in enumerate(runs()):
        write(tmp_path / "all" / str(index), run)
    base = write(tmp_path / "base", runs()[0])
    assert main(["compare", str(base), str(tmp_path / "all"), "--output", str(tmp_path / "out")]) in {0, 1, 3}
    document = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert document["engines"][0]["restarts"] == [1, 2]
    assert len(document["new"]["files"]) == 2


def bad_inputs(tmp_path: Path) -> dict[str, list[str]]:
    good = str(write(tmp_path / "good", runs()[0]))
    other = str(write(tmp_path / "other", elsewhere(runs()[0], cpus=8)))
    checks = str(write(tmp_path / "checks", results(verdict=Verdict.PASS)))
    (tmp_path / "broken.json").write_text('{"schemaVersion": "1"')
    (tmp_path / "foreign.json").write_text('{"a": 1}')
    (tmp_path / "empty").mkdir()
    return {
        "no such file": [good, str(tmp_path / "missing.json")],
        "not JSON": [str(tmp_path / "broken.json"), good],
        "not a results document": [good, str(tmp_path / "foreign.json")],
        "no results.json in it": [good, str(tmp_path / "empty")],
        "processors 2 against 8; if that is meant, say --allow hardware": [good, other],
        "no measurement in common": [good, checks],
        "unknown difference 'weather'": [good, other, "--allow", "hardware,weather"],
        "a margin must be a number greater than 0": [good, good, "--margin", "0"],
        "a margin must be a number": [good, good, "--margin", "nan"],
        "choose another directory": [good, good, "--output", good],
        "Missing argument": [good],
    }


def test_bad_input_is_one_line_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, arguments in bad_inputs(tmp_path).items():
        output = [] if "--output" in arguments else ["--output", str(tmp_path / "out")]
        assert main(["compare", *arguments, *output]) == 2, words
        error = capsys.readouterr().err
        assert words.lower() in error.lower(), error
        assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_the_page_has_both_sides_and_a_figure_for_each_engine() -> None:
    text = page().by_id("comparison").text
    assert "Worse" in page().one("h1").text
    assert "2 processors" in text and "4 processors" in text
    assert "Differs, and was allowed to: processors 2 against 4" in text
    figure = page().by_id("compared-clickhouse").one("svg", "forest")
    assert len(figure.all("g", "forest-row")) == 23  # all together, and each query
    assert figure.one("desc").text.startswith("all: 1.0")


def test_a_row_shows_its_ratio_within_its_interval_and_says_the_verdict() -> None:
    rows = page().by_id("compared-clickhouse").one("svg", "forest").all("g", "forest-row")
    row = next(row for row in rows if row.one("title").text.startswith("Q5:"))
    low, high = (float(row.all("line", "spread")[0].attributes[name].rstrip("%")) for name in ("x1", "x2"))
    at = float(row.one("circle").attributes["cx"].rstrip("%"))
    assert 50 < low < at < high <= 100
    assert row.one("text", "outcome").text.endswith("worse")


def test_what_goes_beyond_the_axis_has_no_end_there() -> None:
    rows = [ForestRow("a", 1.0, 0.01, 100.0, Change.CANNOT_TELL), ForestRow("b", 1.1, 1.0, 1.2, Change.SAME)]
    drawn = parse(str(forest_figure("f", "title", rows, 0.1))).all("g", "forest-row")
    assert [len(row.all("line", "spread")) for row in drawn] == [1, 3]


def test_a_ratio_without_an_interval_is_a_dot_alone() -> None:
    row = parse(str(forest_figure("f", "t", [ForestRow("a", 2.0, None, None, Change.CANNOT_TELL)], 0.1)))
    assert row.all("circle") and not row.all("line", "spread")


def test_the_page_loads_nothing_and_runs_no_foreign_text() -> None:
    html = render_comparison(comparison())
    assert "<script>alert" not in html
    assert HOSTILE[:20] in page().text
    policy = next(n for n in page().all("meta") if n.attributes.get("http-equiv") == "Content-Security-Policy")
    assert policy.attributes["content"].startswith("default-src 'none'")
    ids = [node.attributes["id"] for node in page().walk() if "id" in node.attributes]
    assert len(ids) == len(set(ids))


def test_the_document_reads_back() -> None:
    document = json.loads(comparison().to_json())
    del document["change"], document["counts"]
    assert Comparison.model_validate(document) == comparison()


def test_a_report_shows_what_has_changed_since_an_earlier_run(tmp_path: Path) -> None:
    base, new = (write(tmp_path / name, run) for name, run in zip(("base", "new"), runs(), strict=True))
    assert main(["report", str(new), "--output", str(tmp_path / "out"), "--baseline", str(base)]) == 0
    document = parse((tmp_path / "out" / "report.html").read_text())
    assert "Compared with an earlier run" in document.by_id("comparison").text
    assert document.by_id("compared-clickhouse").all("svg", "forest")
    assert "#comparison" in [node.attributes.get("href") for node in document.all("a")]
    assert len(document.all("h1")) == 1


def test_a_report_is_not_compared_with_what_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, new = write(tmp_path / "base", elsewhere(runs()[0], cpus=8)), write(tmp_path / "new", runs()[1])
    arguments = ["report", str(new), "--output", str(tmp_path / "out"), "--baseline", str(base)]
    assert main(arguments) == 2
    assert "--allow hardware" in capsys.readouterr().err
    assert main([*arguments, "--allow", "hardware"]) == 0

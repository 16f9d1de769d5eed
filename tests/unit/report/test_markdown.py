"""The Markdown report: short, complete, literal."""

from __future__ import annotations

import re

from runner.report.markdown import escaped, render_markdown
from runner.results import Verdict
from tests.unit.report.sample import checks, empty_results, heavy_results, sample_results


def test_the_verdict_and_its_reason_come_first() -> None:
    lines = render_markdown(sample_results()).splitlines()
    assert lines[0] == "# ❌ FAIL: query engine reliability"
    assert "2 checks failed" in lines[2]


def test_it_has_every_part_and_says_what_did_not_pass() -> None:
    text = render_markdown(sample_results())
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [
        "Objectives",
        "Functionality, what did not pass",
        "TPC-H",
        "Load",
        "Experiments",
    ]
    assert "| ❌ FAIL | Trino | trino.cancel | the query was still RUNNING 5 s after the cancellation |" in text
    assert "Derived from TPC-H; not comparable to published TPC-H results." in text
    assert "- ClickHouse (chDB) Q7: row 3, column revenue" in text
    assert "> 33.0" in text


def test_every_table_is_rectangular() -> None:
    for block in render_markdown(sample_results()).split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        widths = {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
        assert len(widths) <= 1, rows[0]


def test_hostile_text_is_literal_and_on_one_line() -> None:
    assert escaped("a|b\n<script>`x`</script>\x1b") == r"a\|b \<script\>\`x\`\</script\>" + "\ufffd"
    text = render_markdown(sample_results())
    assert not re.search(r"(?<!\\)<(?!/?(details|summary)>)", text)


def test_long_text_is_cut() -> None:
    assert len(escaped("x" * 1000)) == 120
    assert escaped("x" * 1000).endswith("…")


def test_it_fits_into_a_pull_request() -> None:
    assert len(render_markdown(sample_results())) < 10_000
    many = render_markdown(heavy_results(experiments=400, samples=10))
    assert len(many) < 65_000  # GitHub's limit is 65,536
    assert "360 more rows in results.json." in many


def test_parts_that_were_not_run_are_left_out() -> None:
    text = render_markdown(empty_results(checks=checks()[:1], verdict=Verdict.PASS))
    assert "## " not in text
    assert "1 of 1 passed" in text
    assert "1 of 1 check passed." in text

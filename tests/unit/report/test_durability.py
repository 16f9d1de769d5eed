"""Inserts in words, and the same words in every report."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from runner.report.durability import broken_promises, durability, inserts
from runner.report.html import render_html
from runner.report.junit import render_junit
from runner.report.markdown import render_markdown
from runner.results import Durability
from tests.unit.report.inserts import with_durability
from tests.unit.report.page import parse
from tests.unit.report.sample import empty_results, sample_results

FINE: dict[str, Any] = {"lost": 0, "duplicated": 0, "unknown_written": 0, "refused_but_written": 0, "unexpected": 0}
LINE = "1,412 acknowledged, 6 refused, 3 unknown (2 written), none lost, none duplicated"


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        ({"acknowledged": 1412}, "1,412 acknowledged, none lost, none duplicated"),
        ({"unknown": 3, "unknown_written": 2}, "0 acknowledged, 3 unknown (2 written), none lost, none duplicated"),
        ({"unknown": 3}, "0 acknowledged, 3 unknown (none written), none lost, none duplicated"),
        ({"refused": 4}, "0 acknowledged, 4 refused, none lost, none duplicated"),
        (
            {"refused": 4, "interrupted_seconds": 4.1},
            "0 acknowledged, 4 refused, none acknowledged for 4.10\N{NO-BREAK SPACE}s, none lost, none duplicated",
        ),
        (
            {"refused": 4, "refused_but_written": 1},
            "0 acknowledged, 4 refused (1 written all the same), none lost, none duplicated",
        ),
        (
            {"acknowledged": 9, "lost": 2, "duplicated": 1, "unexpected": 5},
            "9 acknowledged, 2 lost, 1 duplicated, 5 there that nobody sent",
        ),
    ],
)
def test_a_line_says_what_became_of_them(counts: dict[str, Any], line: str) -> None:
    assert inserts(Durability(**{"acknowledged": 0, "refused": 0, "unknown": 0, **FINE, **counts})) == line


def test_what_was_not_measured_is_no_number() -> None:
    told = Durability(acknowledged=9, refused=0, unknown=3, reason="no answer")
    assert inserts(told) == "9 acknowledged, 3 unknown; lost and duplicated not measured: no answer"
    assert broken_promises(told) == ""
    assert told.broken is None


def test_the_run_adds_up_what_was_measured_and_counts_what_was_not() -> None:
    total = durability(with_durability(sample_results(), lost=2))
    assert (total.sum.acknowledged, total.sum.lost, total.sum.broken) == (4 * 1412, 2, 2)
    assert (total.measured, total.unmeasured) == (4, 1)
    none = durability(empty_results())
    assert (none.measured, none.unmeasured) == (0, 0)


def test_markdown_folds_what_is_fine_and_shows_the_rest() -> None:
    hurt = with_durability(sample_results(), lost=2)
    text = render_markdown(hurt)
    shown = [line for line in text.splitlines() if ", inserts: " in line]
    assert len(shown) == 5
    assert shown[0].startswith("- clickhouse/server/kill, inserts: 1,412 acknowledged") and "2 lost" in shown[0]
    assert "not measured" in shown[1]
    assert text.index("3 experiments: each acknowledged") > text.index(shown[1])
    assert f"- clickhouse/clients/reset, inserts: {LINE}" in shown


def test_html_has_the_line_and_the_sum() -> None:
    page = parse(render_html(with_durability(sample_results(), lost=2)))
    tiles = [tile.text for tile in page.by_id("verdict").one("dl", "tiles").all("div")]
    assert "Inserts lost or duplicated 2 5,648 acknowledged; not measured in 1 experiment" in tiles
    facts = [fact.text for fact in page.by_id("experiments").all("div") if fact.text.startswith("Inserts ")]
    assert facts[-1] == f"Inserts {LINE}"
    assert len(facts) == 5


def test_html_without_inserts_speaks_of_none() -> None:
    assert "Inserts" not in render_html(empty_results())


def test_junit_has_the_line() -> None:
    document = ET.fromstring(render_junit(sample_results()))  # noqa: S314 - our own document
    assert f"inserts: {LINE}" in (document.findtext(".//testcase[@name='clickhouse/server/kill']/system-out") or "")

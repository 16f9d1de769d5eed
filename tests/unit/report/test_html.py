"""The page: what it says, that it loads nothing, that nothing escapes into it."""

from __future__ import annotations

import functools
import re

import pytest

from runner.report.html import EVIDENCE_LIMIT, render_html
from runner.results import CheckResult, Evidence, Results, Verdict
from tests.unit.report.page import Node, parse
from tests.unit.report.sample import HOSTILE, checks, empty_results, heavy_results, sample_results

LOADING = {"src", "href", "srcset", "action", "data", "poster", "xlink:href", "formaction", "background"}


@functools.cache
def html() -> str:
    return render_html(sample_results())


@functools.cache
def page() -> Node:
    return parse(html())


def test_the_parts_stand_in_the_order_of_interest() -> None:
    sections = [node.attributes["id"] for node in page().all("section")]
    assert sections == ["verdict", "tested", "functionality", "tpch", "load", "experiments", "environment"]


def test_the_verdict_comes_first_with_its_reason_and_counts() -> None:
    verdict = page().by_id("verdict")
    assert "FAIL" in verdict.one("h1").text
    assert "2 checks failed (trino.cancel, clickhouse.types_round_trip)" in verdict.one("p", "why").text
    tiles = [tile.text for tile in verdict.one("dl", "tiles").all("div")]
    assert tiles[0] == "Functionality 25 of 30 passed 2 failed, 1 inconclusive, 2 skipped"
    assert tiles[1] == "TPC-H answers 43 of 44 valid 1 failed"


def test_missed_objectives_are_in_view_and_met_ones_folded() -> None:
    verdict = page().by_id("verdict")
    folded = [row.text for row in verdict.one("details").all("tr")][1:]
    rows = [row.text for row in verdict.all("tr")]
    in_view = [row for row in rows if row.startswith(("✕", "?"))]
    assert len(folded) == 16
    assert not [row for row in folded if row.startswith(("✕", "?"))]
    assert [row.split()[1] for row in in_view] == ["FAIL", "FAIL", "INCONCLUSIVE"]
    assert "✕ FAIL RTO clickhouse/server/freeze ≤ 15 s > 33.00 s" in in_view


def test_the_page_loads_nothing() -> None:
    for node in page().walk():
        assert node.tag not in {"img", "iframe", "object", "embed", "audio", "video", "base", "use", "image"}
        for name, value in node.attributes.items():
            if name in LOADING:
                assert value.startswith(("#", "data:,")), (node.tag, name, value)
    styles = " ".join(node.text for node in page().all("style"))
    scripts = " ".join(node.text for node in page().all("script"))
    assert "url(" not in styles
    assert "@import" not in styles
    for word in ("fetch", "XMLHttpRequest", "import(", "WebSocket", "http"):
        assert word not in scripts
    policy = next(n for n in page().all("meta") if n.attributes.get("http-equiv") == "Content-Security-Policy")
    assert policy.attributes["content"].startswith("default-src 'none'")


def test_hostile_text_is_shown_and_never_run() -> None:
    assert "<script>alert" not in html()
    assert "onerror=alert(1)>" not in html()
    assert len(page().all("script")) == 1
    assert HOSTILE in page().by_id("functionality").text
    assert HOSTILE in page().by_id("experiments").text
    assert not [name for node in page().walk() for name in node.attributes if name.startswith("on")]


def test_control_characters_do_not_reach_the_page() -> None:
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", html())


def test_ids_are_unique_and_links_lead_somewhere() -> None:
    ids = [node.attributes["id"] for node in page().walk() if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    for node in page().walk():
        if node.attributes.get("href", "").startswith("#"):
            assert node.attributes["href"][1:] in ids
        for key in node.attributes.get("aria-labelledby", "").split():
            assert key in ids


def test_every_check_shows_its_status_and_evidence() -> None:
    section = page().by_id("functionality")
    rows = [row for table in section.all("table") for row in table.one("tbody").children]
    assert len(rows) == 30
    for row, check in zip(rows, checks(), strict=True):
        assert check.status.value in row.text
        assert check.name in row.text
        assert check.description in row.text
        assert len(row.all("div", "exchange")) == len(check.evidence)


def test_long_evidence_is_cut_and_says_so() -> None:
    check = CheckResult(
        name="x",
        engine="trino",
        description="d",
        status=Verdict.PASS,
        seconds=1,
        evidence=(Evidence(sent="s", received="r" * 100_000),),
    )
    text = render_html(empty_results(checks=(check,), verdict=Verdict.PASS))
    assert "r" * EVIDENCE_LIMIT in text
    assert "r" * (EVIDENCE_LIMIT + 1) not in text
    assert "96,000 more characters in results.json" in text


def test_every_figure_has_a_title_a_description_and_a_unique_name() -> None:
    figures = page().all("svg", "chart")
    assert len(figures) == 1 + 2 + 1 + 14  # TPC-H, load, RTO, timelines
    for figure in figures:
        assert figure.attributes["role"] == "img"
        assert figure.children[0].tag == "title"
        assert figure.children[1].tag == "desc"
        assert figure.children[1].text


def test_every_experiment_is_either_drawn_or_explained() -> None:
    section = page().by_id("experiments")
    drawn = {article.one("h3").text for article in section.all("article") if article.all("svg", "timeline")}
    for item in sample_results().experiments:
        if item.verdict is Verdict.SKIPPED:
            assert item.reason in section.text
        else:
            assert item.name in drawn


def test_the_overview_has_a_row_per_experiment_with_all_measures() -> None:
    table = page().by_id("experiments").one("table", "pinned")
    rows = [row for row in table.all("tr") if row.all("td")]
    assert len(rows) == 14
    assert [cell.text for cell in rows[0].children] == [
        "kill", "✓ PASS", "pod", "coordinator", "132 ms", "21.5 s", "21.64 ± 0.25 s", "31.8 s",
        *(str(n) for n in _answers(0)), *_latencies(0), "TrinoDown +29.4 s; unexpected: ClickHouseDown",
    ]  # fmt: skip
    assert "bad" in next(row for row in rows if "> 33.0 s" in row.text).children[6].classes


def _answers(index: int) -> tuple[int, int, int, int]:
    answers = sample_results().experiments[index].answers
    return answers.ok, answers.failed, answers.wrong, answers.unknown


def _latencies(index: int) -> list[str]:
    item = sample_results().experiments[index]
    phases = (item.latency_before, item.latency_during, item.latency_after)
    return [f"{(phase.p95 or 0) * 1000:.0f} ms" for phase in phases]


def test_tpch_shows_validity_and_what_was_wrong() -> None:
    section = page().by_id("tpch")
    assert "22/22" in section.text
    assert "21/22" in section.text
    assert "Q7: row 3, column revenue" in section.text
    assert "Not comparable to published TPC-H results" in section.text


def test_failure_is_told_in_words_and_signs_not_by_colour_alone() -> None:
    for badge in page().all("span", "badge"):
        sign, word = badge.text.split()
        assert {"PASS": "✓", "FAIL": "✕", "INCONCLUSIVE": "?", "SKIPPED": "–"}[word] == sign


@pytest.mark.parametrize("all_fail", [False, True])
def test_twenty_long_experiments_stay_below_three_megabytes(all_fail: bool) -> None:
    text = render_html(heavy_results(experiments=20, samples=6000, all_fail=all_fail))
    assert len(text.encode()) < 3_000_000
    assert text.count('class="chart timeline"') == 20


def test_a_run_of_checks_alone_has_no_empty_figures() -> None:
    document = parse(render_html(empty_results(checks=checks(), verdict=Verdict.FAIL)))
    assert not document.all("svg", "chart")
    for part, words in (("tpch", "No benchmark"), ("load", "No load run"), ("experiments", "No experiment")):
        assert words in document.by_id(part).one("p", "empty").text


def test_a_run_in_which_everything_was_skipped_says_so() -> None:
    skipped = tuple(e for e in sample_results().experiments if e.verdict is Verdict.SKIPPED)
    document = parse(render_html(empty_results(experiments=skipped)))
    assert "SKIPPED" in document.one("h1").text
    assert "Nothing was measured" in document.one("p", "why").text
    assert "No experiment was carried out; the reasons are below." in document.text


def test_the_runs_own_summary_is_preferred() -> None:
    results: Results = empty_results(summary="The disk was full.")
    assert parse(render_html(results)).one("p", "why").text == "The disk was full."

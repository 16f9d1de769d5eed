"""Every page in a real browser: on a phone, in the dark, by keyboard, to a screen reader, on paper."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.browser import Page
from tests.browser.conftest import PHONE, Ask
from tests.browser.pages import PAGES

Show = Callable[..., Ask]
NAMED = {"image", "img", "link", "button", "region", "navigation", "DisclosureTriangle"}
PAPER = {"width": 716, "height": 1045, "medium": "print"}
"""A4 at 96 dots per inch within margins of 0.4 inches: what is wider is shrunk by the browser, or cut off."""
LEGIBLE = 7.0  # pixels: 5.3 points
PAGES_PRINTED = {"report": 40, "comparison": 8, "history": 5}

every_page = pytest.mark.parametrize("name", list(PAGES))


@every_page
def test_it_loads_without_a_complaint_and_asks_for_nothing_else(
    name: str, show: Show, page: Page, files: dict[str, Path]
) -> None:
    show(name)
    assert page.problems == []
    assert page.requests == [files[name].resolve().as_uri()]


@every_page
@pytest.mark.parametrize("unfold", [False, True])
def test_it_fits_a_phone(name: str, unfold: bool, show: Show) -> None:
    ask = show(name, unfold=unfold, **PHONE)
    assert ask("outside") == []


@every_page
@pytest.mark.parametrize("screen", [{}, PHONE], ids=["desk", "phone"])
def test_labels_of_figures_do_not_lie_on_each_other(name: str, screen: dict[str, object], show: Show) -> None:
    ask = show(name, **screen)
    assert ask("outside") == []
    assert ask("overlaps") == []


@every_page
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_that_is_written_can_be_read(name: str, dark: bool, show: Show) -> None:
    assert show(name, dark=dark)("contrast") == []


@every_page
@pytest.mark.parametrize("screen", [{}, PHONE], ids=["desk", "phone"])
def test_the_keyboard_reaches_everything_and_shows_where_it_is(
    name: str, screen: dict[str, object], show: Show, page: Page
) -> None:
    ask = show(name, unfold=False, **screen)
    everything = ask("mark")
    reached, wrong = [], []
    for _ in range(len(everything) + 1):
        page.press("Tab")
        found = ask("focused")
        if found is None:  # round the corner
            break
        reached.append(found["number"])
        wrong += found["wrong"]
    assert wrong == []
    assert reached == list(range(len(everything))), [everything[n] for n in set(range(len(everything))) - set(reached)]


def test_keys_open_what_is_folded_and_change_the_theme(show: Show, page: Page) -> None:
    show("report", unfold=False)
    page.evaluate("document.querySelector('details > summary').focus()")
    for key, is_open in (("Enter", True), (" ", False)):
        page.press(key)
        assert page.evaluate("document.querySelector('details').open") is is_open
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.evaluate("document.getElementById('theme').focus()")
    page.press("Enter")
    assert page.evaluate(ground) != light
    assert page.evaluate("document.getElementById('theme').textContent") == "Light theme"
    page.press(" ")
    assert page.evaluate(ground) == light


@every_page
def test_a_screen_reader_is_told_what_everything_is(name: str, show: Show, page: Page) -> None:
    ask = show(name)
    nodes = [node for node in page.accessible() if node["role"]["value"] in NAMED]
    assert [node["role"]["value"] for node in nodes if not node["name"]["value"].strip()] == []
    figures = page.evaluate("document.querySelectorAll('svg.chart').length")
    assert sum(node["role"]["value"] in {"image", "img"} for node in nodes) == figures > 0
    for question in ("untitled", "headless", "jumps"):
        assert ask(question) == [], question


@every_page
def test_on_paper_all_of_it_is_there_and_large_enough(name: str, show: Show) -> None:
    ask = show(name, unfold=False, **PAPER)
    for question in ("outside", "clipped", "folded", "overlaps"):
        assert ask(question) == [], question
    assert ask("smallest") >= LEGIBLE


@every_page
def test_it_prints_on_a_reasonable_number_of_pages(name: str, show: Show, page: Page) -> None:
    show(name, unfold=False)
    assert 1 <= printed(page.pdf()) <= PAGES_PRINTED[name]


def test_what_is_folded_is_printed(show: Show, page: Page) -> None:
    show("report", unfold=False)
    before = printed(page.pdf())
    page.evaluate(
        "document.querySelector('details').insertAdjacentHTML('beforeend', '<div style=\"height: 60cm\">more</div>')"
    )
    assert printed(page.pdf()) >= before + 2


@every_page
def test_paper_is_white_whatever_the_screen_was(name: str, show: Show, page: Page) -> None:
    ask = show(name, dark=True, **PAPER)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert ask("contrast") == []


def test_a_mark_that_the_caption_calls_open_is_open(show: Show, page: Page) -> None:
    show("report")
    fill = "getComputedStyle(document.querySelector('svg.rto .dot.none')).fill"
    assert page.evaluate(fill) == "rgb(255, 255, 255)"


def printed(document: bytes) -> int:
    """Pages of a PDF: the count of the root of its tree of pages."""
    return max(int(number) for number in re.findall(rb"/Type\s*/Pages\b[^>]*?/Count\s+(\d+)", document))

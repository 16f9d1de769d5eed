"""The questions themselves: each finds what is wrong with a page that is wrong in every way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from faults.observer import wait_until
from runner.browser import BrowserError, Chromium, Page
from tests.browser.conftest import PHONE, Ask

Show = Callable[..., Ask]

FOUND = {
    "contrast": ["Hardly to be read", "dark on dark"],
    "outside": ["the page is", "Wider than a phone"],
    "overlaps": ["“dark on dark” on “over it”"],
    "untitled": ["Untitled"],
    "headless": ["Untitled"],
    "jumps": ["Skipped a level"],
    "clipped": ["This does not fit"],
}


@pytest.mark.parametrize("question", list(FOUND))
def test_what_is_wrong_is_found(question: str, show: Show) -> None:
    complaints = show("wrong", **PHONE)(question)
    for words in FOUND[question]:
        assert any(words in complaint for complaint in complaints), (words, complaints)


def test_what_is_folded_is_found(show: Show) -> None:
    assert any("Not on paper" in one for one in show("wrong", unfold=False)("folded"))


def test_a_missing_ring_and_an_unreachable_link_are_found(show: Show, page: Page) -> None:
    ask = show("wrong", unfold=False)
    everything = ask("mark")
    page.press("Tab")
    assert ask("focused") == {"number": 0, "wrong": [f"no ring around {everything[0]}"]}
    page.press("Tab")
    assert ask("focused")["number"] == 2
    assert "never reached" in everything[1]


def test_errors_of_the_console_exceptions_and_requests_are_found(show: Show, page: Page) -> None:
    show("wrong")
    problems = " ".join(page.problems)
    for words in ("error: said so", "TypeError", "ERR_FILE_NOT_FOUND"):
        assert words in problems
    assert [address.rpartition("/")[2] for address in page.requests] == ["wrong.html", "missing.png"]


def test_a_page_starts_with_a_clean_sheet(show: Show, page: Page) -> None:
    show("wrong")
    show("history")
    assert page.problems == []


def test_a_figure_without_a_name_is_found(show: Show, page: Page) -> None:
    show("wrong")
    (figure,) = (node for node in page.accessible() if node["role"]["value"] == "image" and not node["name"]["value"])
    assert figure


def test_what_cannot_be_done_is_one_line(page: Page, tmp_path: Path) -> None:
    with pytest.raises(BrowserError, match=r"cannot open .*missing\.html: net::ERR_FILE_NOT_FOUND"):
        page.open(tmp_path / "missing.html")
    with pytest.raises(BrowserError, match="the script failed: ReferenceError"):
        page.evaluate("nobody.knows")
    with pytest.raises(BrowserError, match="refuses Emulation"):
        page.emulate(width=-5, height=1)


def test_a_browser_that_does_not_start_is_one_line() -> None:
    with pytest.raises(BrowserError, match="/bin/false does not start"), Chromium("/bin/false"):
        pass


@pytest.mark.usefixtures("chromium")  # SKIPPED where there is none
def test_a_browser_that_is_gone_is_one_line() -> None:
    with Chromium() as browser:
        page = browser.page()
        assert browser._connection is not None and browser._process is not None
        browser._connection.call("Browser.close")
        browser._process.wait(60)
        with pytest.raises(BrowserError, match="has ended"):
            page.evaluate("1")


def test_the_browser_ends_with_a_process_that_is_killed(chromium: Chromium) -> None:
    script = (
        "import sys; from runner.browser import Chromium\n"
        "with Chromium() as browser: print(browser._process.pid, flush=True); sys.stdin.read()"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
    ) as lone:
        assert lone.stdout is not None
        browser = psutil.Process(int(lone.stdout.readline()))
        os.kill(lone.pid, signal.SIGKILL)
        lone.wait(60)
    assert wait_until(lambda: ended(browser), 60)


def ended(process: psutil.Process) -> bool:
    """Not there any more, or only its exit status, which nobody has asked for yet."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True

"""A headless Chromium for all tests here; where there is none they are SKIPPED."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.browser import EXECUTABLES, Chromium, Page, find
from tests.browser.pages import PAGES, WRONG

ASK = Path(__file__).with_name("ask.js").read_text(encoding="utf-8")
PHONE: dict[str, Any] = {"width": 390, "height": 844, "mobile": True}
DESK: dict[str, Any] = {"width": 1280, "height": 900}

Ask = Callable[[str], Any]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """One browser for all; ended with the tests."""
    if find() is None:
        pytest.skip(f"no Chromium here: none of {', '.join(EXECUTABLES)} is on the PATH")
    with Chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages as files."""
    directory = tmp_path_factory.mktemp("pages")
    made = {}
    for name, render in (*PAGES.items(), ("wrong", lambda: WRONG)):
        made[name] = directory / f"{name}.html"
        made[name].write_text(render(), encoding="utf-8")
    return made


@pytest.fixture
def page(chromium: Chromium) -> Iterator[Page]:
    """A tab of its own, as large as a desk's screen."""
    with chromium.page() as tab:
        tab.emulate(**DESK)
        yield tab


@pytest.fixture
def show(page: Page, files: dict[str, Path]) -> Callable[..., Ask]:
    """Open one of the pages on a screen (see ``Page.emulate``); ask it by the names of ``ask.js``."""

    def opened(name: str, *, unfold: bool = True, **screen: Any) -> Ask:
        page.emulate(**{**DESK, **screen})
        page.open(files[name])
        page.evaluate(f"{ASK};0")
        if unfold:
            page.evaluate("ask.open()")
        return lambda question: page.evaluate(f"ask.{question}()")

    return opened

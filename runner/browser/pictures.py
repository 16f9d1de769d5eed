"""Pictures of a report for people who have not run anything yet: its head and one timeline, light and dark."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from runner.browser.chromium import Chromium
from runner.browser.page import Box, Page
from runner.report.files import ReportError, write_atomically
from runner.report.html import render_html
from runner.results import Experiment, Results

WIDTH = 1000  # pixels
SCALE = 1.5  # of the screen: sharp on most, and still small
_MARGIN = 16.0
THEMES = {"light": False, "dark": True}


def take_pictures(results: Results, directory: Path, experiment: str = "") -> list[Path]:
    """Write ``report-light.png``, ``timeline-light.png`` and the same in dark into a directory.

    Args:
        results: the run.
        directory: made when missing.
        experiment: name of that whose timeline is shown; empty: the one with the longest outage that it recovered from.

    Raises:
        BrowserError: there is no browser, or it fails.
        ReportError: there is no such experiment, or the directory is not writable.
    """
    number = results.experiments.index(_chosen(results, experiment)) + 1
    written = []
    with TemporaryDirectory(prefix="qer-pictures-") as scratch, Chromium() as browser:
        file = Path(scratch, "report.html")
        file.write_text(render_html(results), encoding="utf-8")
        for theme, dark in THEMES.items():
            with browser.page() as page:
                page.emulate(width=WIDTH, height=800, scale=SCALE, dark=dark)
                page.open(file)
                for name, box in (("report", _head(page)), ("timeline", _timeline(page, number))):
                    written.append(_write(directory / f"{name}-{theme}.png", page.picture(box)))
    return written


def _chosen(results: Results, name: str) -> Experiment:
    drawn = [one for one in results.experiments if one.samples and (one.name == name or not name)]
    recovered = [one for one in drawn if one.rto_seconds and not one.rto_censored] or drawn
    if not recovered:
        raise ReportError(
            f"no timeline of {name or 'any experiment'} in these results; run `python -m runner all` first"
        )
    return max(recovered, key=lambda one: one.rto_seconds or 0.0)


def _head(page: Page) -> Box:
    """From the top to the end of the verdict."""
    last = page.box("#verdict")
    return Box(0, 0, WIDTH, last.y + last.height + _MARGIN)


def _timeline(page: Page, number: int) -> Box:
    """One experiment without what is folded in it."""
    whole, folded = page.box(f"#experiment-{number}"), page.box(f"#experiment-{number} details")
    return Box(0, whole.y, WIDTH, folded.y - whole.y)


def _write(path: Path, picture: bytes) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_atomically(path, picture)
    except OSError as error:
        raise ReportError(f"cannot write {path}: {error.strerror or error}") from error

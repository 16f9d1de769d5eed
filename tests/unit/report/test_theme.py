"""Both themes are readable: WCAG 2.2 contrast of what is written (4.5) and of what is drawn (3)."""

from __future__ import annotations

import re

import pytest

from runner.report.html import TEMPLATES

WRITTEN = ("text", "muted", "link", "pass", "fail", "inconclusive", "skipped")
DRAWN = ("probe", "fail", "wrong", "inconclusive", "s1", "s2", "s3", "s4")


def colours(theme: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", (TEMPLATES / f"{theme}.css").read_text()))


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_contrast_on_page_and_panel(theme: str) -> None:
    palette = colours(theme)
    for name in WRITTEN:
        for ground in ("page", "panel"):
            assert contrast(palette[name], palette[ground]) >= 4.5, (name, ground)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_marks_have_contrast_on_page_and_band(theme: str) -> None:
    palette = colours(theme)
    for name in DRAWN:
        for ground in ("page", "band"):
            assert contrast(palette[name], palette[ground]) >= 3, (name, ground)


def test_the_themes_define_the_same_colours() -> None:
    assert colours("light").keys() == colours("dark").keys()


def test_every_colour_in_use_is_defined() -> None:
    used = {name for file in TEMPLATES.iterdir() for name in re.findall(r"var\(--([a-z0-9-]+)\)", file.read_text())}
    assert used <= colours("light").keys()

"""Numbers for people."""

from __future__ import annotations

import pytest

from runner.report import units


def spaced(text: str) -> str:
    return text.replace(units.NBSP, " ")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "–"),
        (0, "0 ms"),
        (0.00042, "0.42 ms"),
        (0.0045, "4.5 ms"),
        (0.00996, "10 ms"),
        (0.0449, "45 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (8.214, "8.21 s"),
        (12.34, "12.3 s"),
        (99.96, "100 s"),
        (599.4, "599 s"),
        (599.6, "10 min 00 s"),
        (725, "12 min 05 s"),
        (7260, "2 h 01 min"),
        (-0.5, "−500 ms"),
    ],
)
def test_a_duration_has_three_digits_and_a_unit_that_fits(seconds: float | None, shown: str) -> None:
    assert spaced(units.duration(seconds)) == shown


@pytest.mark.parametrize(
    ("seconds", "uncertainty", "censored", "shown"),
    [
        (None, None, False, "–"),
        (8.214, 0.3, False, "8.21 ± 0.30 s"),
        (15.39, 2.4, False, "15.4 ± 2.4 s"),
        (150.0, 12.0, False, "150 ± 12 s"),
        (0.3214, 0.0523, False, "321 ± 52 ms"),
        (0.0321, 0.0052, False, "32.1 ± 5.2 ms"),
        (0.0, 0.25, False, "0 ± 250 ms"),
        (8.214, None, False, "8.21 s"),
        (60.0, 0.0, True, "> 60.0 s"),
    ],
)
def test_a_value_has_the_digits_that_its_uncertainty_allows(
    seconds: float | None, uncertainty: float | None, censored: bool, shown: str
) -> None:
    assert spaced(units.with_uncertainty(seconds, uncertainty, censored=censored)) == shown


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [(None, "–"), (1.0, "100 %"), (0.99996, "99.99 %"), (0.9941, "99.41 %"), (0.5, "50 %"), (0.0, "0 %")],
)
def test_a_percentage_is_never_rounded_up(fraction: float | None, shown: str) -> None:
    assert spaced(units.percent(fraction)) == shown


def test_counts_rates_sizes_and_moments() -> None:
    assert units.count(1234567) == "1,234,567"
    assert units.count(None) == "–"
    assert units.rate(7.954) == "7.95/s"
    assert units.ratio(3.41) == "3.41×"
    assert spaced(units.size(24 * 2**30)) == "24 GiB"
    assert spaced(units.size(3 * 2**40)) == "3 TiB"
    assert units.moment(0) == "1970-01-01 00:00:00 UTC"
    assert units.plural(1, "check") == "1 check"
    assert units.plural(2, "query", "queries") == "2 queries"


def test_control_characters_are_replaced_and_line_ends_kept() -> None:
    assert units.printable("a\x00b\x1b[31m\tc\n\ud7ff😀") == "a\ufffdb\ufffd[31m\tc\n\ud7ff😀"

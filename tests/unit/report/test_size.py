"""How large a page becomes: less than the document it shows, in proportion to the experiments, not to the probes."""

from __future__ import annotations

import functools

import pytest

from runner.report.html import render_html
from runner.results import Results
from tests.unit.report.full import full_results
from tests.unit.report.sample import heavy_results

ONCE = 16  # experiments of the full document, 14 of them carried out


@functools.cache
def repeated(times: int) -> Results:
    """The full document with its experiments over and over."""
    full = full_results()
    return full.model_copy(update={"experiments": full.experiments * times})


@functools.cache
def size(times: int) -> int:
    return len(render_html(repeated(times)).encode())


def test_eighty_experiments_take_less_than_their_document() -> None:
    document = repeated(5)
    assert len(document.experiments) == 5 * ONCE == 80
    assert size(5) < 0.75 * len(document.to_json().encode())
    assert size(5) < 1_500_000


def test_each_further_experiment_takes_as_much_as_the_one_before() -> None:
    first, second = size(3) - size(1), size(5) - size(3)
    assert second == pytest.approx(first, rel=0.05)
    assert second / (2 * ONCE) < 15_000


def test_ten_times_the_probes_do_not_take_ten_times_the_page() -> None:
    pages, documents = [], []
    for samples in (600, 6_000, 60_000):
        results = heavy_results(experiments=1, samples=samples)
        pages.append(len(render_html(results).encode()))
        documents.append(len(results.to_json()))
    assert documents[2] > 50 * documents[0]
    assert pages[1] < 2 * pages[0]
    assert pages[2] < 1.1 * pages[1]

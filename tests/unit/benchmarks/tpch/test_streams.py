"""Orders of the streams and their number."""

from __future__ import annotations

import pytest

from benchmarks.tpch.streams import MOST_STREAMS, ORDERED_SETS, order, stream_count

ALL = range(1, 23)


def test_each_stream_is_a_permutation_of_its_own() -> None:
    assert len(ORDERED_SETS) == 41
    assert all(sorted(permutation) == list(ALL) for permutation in ORDERED_SETS)
    assert len(set(ORDERED_SETS)) == 41


def test_the_orders_are_the_specifications() -> None:
    assert order(0, ALL) == (14, 2, 9, 20, 6, 17, 18, 8, 21, 13, 3, 22, 16, 4, 11, 15, 1, 10, 19, 5, 7, 12)
    assert order(1, ALL) == (21, 3, 18, 5, 11, 7, 6, 20, 17, 12, 16, 15, 13, 10, 2, 8, 14, 19, 9, 22, 1, 4)
    assert order(40, ALL)[:3] == (13, 15, 17)


def test_a_selection_keeps_the_order() -> None:
    assert order(0, (1, 6, 14)) == (14, 6, 1)


@pytest.mark.parametrize("stream", [-1, MOST_STREAMS + 1])
def test_there_are_no_other_streams(stream: int) -> None:
    with pytest.raises(ValueError, match="streams 0 to 40"):
        order(stream, ALL)


def test_nor_other_queries() -> None:
    with pytest.raises(ValueError, match="TPC-H query 23"):
        order(0, (1, 23))


@pytest.mark.parametrize(
    ("factor", "streams"),
    [
        (0.01, 2),
        (1, 2),
        (9.9, 2),
        (10, 3),
        (30, 4),
        (99, 4),
        (100, 5),
        (300, 6),
        (1000, 7),
        (30_000, 10),
        (100_000, 11),
    ],
)
def test_streams_by_scale_factor(factor: float, streams: int) -> None:
    assert stream_count(factor) == streams

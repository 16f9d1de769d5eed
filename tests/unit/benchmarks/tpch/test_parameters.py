"""Substitution values within the specification's domains, and in the places where they belong."""

from __future__ import annotations

import datetime
import re

import pytest

from benchmarks.tpch import domains, parameters
from benchmarks.tpch.parameters import VALIDATION, drawn, substituted
from benchmarks.tpch.queries import QUERY_NUMBERS, QueriesUnavailable, query, shape

NATIONS, TYPES = domains.NATIONS, domains.TYPES
YEARS = [f"{year}-01-01" for year in range(1993, 1998)]


def words(*lists: tuple[str, ...]) -> set[str]:
    first, *rest = lists
    return set(first) if not rest else {f"{word} {more}" for word in first for more in words(*rest)}


def months(first: str, last: str) -> set[str]:
    days = [datetime.date(year, month, 1).isoformat() for year in range(1993, 1999) for month in range(1, 13)]
    return {day for day in days if first <= day <= last}


def numbers(low: int, high: int) -> set[str]:
    return {str(number) for number in range(low, high + 1)}


# Clauses 2.4.1.3 to 2.4.22.3, every value that is possible.
DOMAINS: dict[int, dict[str, set[str]]] = {
    1: {"DELTA": numbers(60, 120)},
    2: {"SIZE": numbers(1, 50), "TYPE": set(TYPES[2]), "REGION": set(domains.REGIONS)},
    3: {"SEGMENT": set(domains.SEGMENTS), "DATE": {f"1995-03-{day:02}" for day in range(1, 32)}},
    4: {"DATE": months("1993-01-01", "1997-10-01")},
    5: {"REGION": set(domains.REGIONS), "DATE": set(YEARS)},
    6: {"DATE": set(YEARS), "DISCOUNT": {f"0.0{n}" for n in range(2, 10)}, "QUANTITY": {"24", "25"}},
    7: {"NATION1": set(NATIONS), "NATION2": set(NATIONS)},
    8: {"NATION": set(NATIONS), "REGION": set(domains.REGIONS), "TYPE": words(*TYPES)},
    9: {"COLOR": set(domains.COLORS)},
    10: {"DATE": months("1993-02-01", "1995-01-01")},
    11: {"NATION": set(NATIONS), "FRACTION": {"0.0010000000"}},
    12: {"SHIPMODE1": set(domains.SHIP_MODES), "SHIPMODE2": set(domains.SHIP_MODES), "DATE": set(YEARS)},
    13: {"WORD1": set(domains.WORDS[0]), "WORD2": set(domains.WORDS[1])},
    14: {"DATE": months("1993-01-01", "1997-12-01")},
    15: {"DATE": months("1993-01-01", "1997-10-01")},
    16: {"BRAND": {f"Brand#{m}{n}" for m in range(1, 6) for n in range(1, 6)}, "TYPE": words(*TYPES[:2])}
    | {f"SIZE{place}": numbers(1, 50) for place in range(1, 9)},
    17: {
        "BRAND": {f"Brand#{m}{n}" for m in range(1, 6) for n in range(1, 6)},
        "CONTAINER": words(*domains.CONTAINERS),
    },
    18: {"QUANTITY": numbers(312, 315)},
    19: {f"BRAND{n}": {f"Brand#{a}{b}" for a in range(1, 6) for b in range(1, 6)} for n in (1, 2, 3)}
    | {"QUANTITY1": numbers(1, 10), "QUANTITY2": numbers(10, 20), "QUANTITY3": numbers(20, 30)},
    20: {"COLOR": set(domains.COLORS), "DATE": set(YEARS), "NATION": set(NATIONS)},
    21: {"NATION": set(NATIONS)},
    22: {f"I{place}": numbers(10, 34) for place in range(1, 8)},
}


def test_the_lists_have_as_many_words_as_the_specification_gives() -> None:
    assert (len(domains.COLORS), len(set(domains.COLORS)), len(NATIONS), len(domains.REGIONS)) == (92, 92, 25, 5)
    assert (len(words(*TYPES)), len(words(*domains.CONTAINERS)), len(domains.SHIP_MODES)) == (150, 40, 7)
    assert {region: list(NATIONS.values()).count(region) for region in domains.REGIONS} == dict.fromkeys(
        domains.REGIONS, 5
    )


@pytest.mark.parametrize("number", QUERY_NUMBERS)
def test_values_are_of_their_domain_and_reach_all_of_it(number: int) -> None:
    draws = [drawn(number, 1, seed, 0.1) for seed in range(1500)]
    for name, domain in DOMAINS[number].items():
        seen = {draw[name] for draw in draws}
        assert seen <= domain, name
        assert len(seen) >= 0.9 * len(domain), name  # both ends are possible, and everything between
    assert {tuple(draw) for draw in draws} == {tuple(DOMAINS[number])}
    assert set(VALIDATION[number]) == set(DOMAINS[number])


def test_the_ends_of_small_domains_are_drawn() -> None:
    draws = [drawn(4, 0, seed, 1) for seed in range(3000)]
    assert {"1993-01-01", "1997-10-01"} <= {draw["DATE"] for draw in draws}
    assert {"1993-02-01", "1995-01-01"} <= {drawn(10, 0, seed, 1)["DATE"] for seed in range(1000)}


@pytest.mark.parametrize(
    ("number", "prefix", "count"), [(7, "NATION", 2), (12, "SHIPMODE", 2), (16, "SIZE", 8), (22, "I", 7)]
)
def test_values_that_must_differ_do(number: int, prefix: str, count: int) -> None:
    for seed in range(300):
        values = [value for name, value in drawn(number, 2, seed, 1).items() if re.fullmatch(rf"{prefix}\d", name)]
        assert len(set(values)) == len(values) == count


def test_the_region_of_query_8_is_that_of_its_nation() -> None:
    for seed in range(300):
        values = drawn(8, 0, seed, 1)
        assert NATIONS[values["NATION"]] == values["REGION"]


@pytest.mark.parametrize(("factor", "fraction"), [(0.01, "0.0100000000"), (1, "0.0001000000"), (300, "0.0000003333")])
def test_the_fraction_of_query_11_depends_on_the_scale_factor(factor: float, fraction: str) -> None:
    assert drawn(11, 0, 1, factor)["FRACTION"] == fraction


def test_values_depend_on_seed_stream_and_query_alone() -> None:
    assert drawn(16, 3, 7, 1) == drawn(16, 3, 7, 1)
    assert len({str(drawn(16, stream, seed, 1)) for stream in range(3) for seed in range(3)}) == 9


@pytest.mark.parametrize("number", QUERY_NUMBERS)
def test_validation_values_give_the_official_text(number: int) -> None:
    assert substituted(number, VALIDATION[number]) == query(number)


@pytest.mark.parametrize("number", QUERY_NUMBERS)
def test_other_values_take_the_place_of_every_validation_value(number: int) -> None:
    for seed in range(20):
        values = drawn(number, 1, seed, 10)
        text = substituted(number, values).sql
        assert shape(text).order == shape(query(number).sql).order
        for name, value in values.items():
            if name in {"DELTA", "DISCOUNT"}:
                continue  # what stands in the text is computed from them
            assert value in text, name
            official = VALIDATION[number][name]
            if name != "DATE" and len(official) > 2 and official not in values.values():
                assert official not in text, name


@pytest.mark.parametrize(
    ("number", "values", "text"),
    [
        (1, {"DELTA": "60"}, "l_shipdate <= CAST('1998-10-02' AS date)"),
        (4, {"DATE": "1996-11-01"}, "o_orderdate < CAST('1997-02-01' AS date)"),
        (6, {"DATE": "1997-01-01", "DISCOUNT": "0.09", "QUANTITY": "25"}, "BETWEEN 0.08\n    AND 0.10"),
        (14, {"DATE": "1997-12-01"}, "l_shipdate < CAST('1998-01-01' AS date)"),
    ],
)
def test_what_a_text_holds_may_be_computed_from_the_value(number: int, values: dict[str, str], text: str) -> None:
    assert text in substituted(number, values).sql


def test_a_value_is_not_replaced_twice() -> None:
    text = substituted(7, {"NATION1": "GERMANY", "NATION2": "FRANCE"}).sql
    assert text.index("n1.n_name = 'GERMANY'") < text.index("n2.n_name = 'FRANCE'")
    quantities = {"QUANTITY1": "10", "QUANTITY2": "20", "QUANTITY3": "30"}
    text = substituted(19, {**VALIDATION[19], **quantities}).sql
    assert re.findall(r"l_quantity >= (\d+)", text) == ["10", "20", "30"]
    assert re.findall(r"l_quantity <= (\d+) \+ 10", text) == ["10", "20", "30"]


@pytest.mark.parametrize("change", [("= 15", "= 16"), ("'EUROPE'", "'ASIA'")])
def test_a_text_without_a_validation_value_is_refused(change: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    other = type(query(2))(2, query(2).sql.replace(*change, 1))
    monkeypatch.setattr(parameters, "query", lambda _: other)
    with pytest.raises(QueriesUnavailable, match=r"the text of TPC-H query 2 has .* times instead of [12]"):
        substituted(2, VALIDATION[2])


def test_names_of_another_query_and_numbers_of_none_are_refused() -> None:
    with pytest.raises(ValueError, match="TPC-H query 2 has the parameters SIZE, TYPE, REGION"):
        substituted(2, {"SIZE": "1"})
    with pytest.raises(ValueError, match="TPC-H query 23"):
        drawn(23, 0, 0, 1)

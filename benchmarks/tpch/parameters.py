"""What the specification substitutes in each query: validation values, or values drawn from their domains.

Domains and validation values: TPC-H specification 3.0.1, clauses 2.4.1.3 to 2.4.22.3 and 2.4.1.4 to 2.4.22.4; lists of
words: clause 4.2.2.13. The texts come with the validation values in place (see ``queries``); where these stand is
written down here, with how often, and a text in which it is otherwise is refused.
"""

from __future__ import annotations

import datetime
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from benchmarks.tpch import domains
from benchmarks.tpch.queries import QUERY_NUMBERS, QueriesUnavailable, query
from engines import TpchQuery

Parameters = Mapping[str, str]
"""Values by the specification's own names: ``{"SIZE": "15", "TYPE": "BRASS", "REGION": "EUROPE"}``."""


@dataclass(frozen=True, slots=True)
class Question:
    """One query with the values that its text holds; none are named where they are the validation values."""

    query: TpchQuery
    values: Parameters = field(default_factory=dict)


class Substitution(StrEnum):
    """Where the values come from."""

    VALIDATION = "validation"
    SEEDED = "seeded"


VALIDATION: Mapping[int, Parameters] = {
    1: {"DELTA": "90"},
    2: {"SIZE": "15", "TYPE": "BRASS", "REGION": "EUROPE"},
    3: {"SEGMENT": "BUILDING", "DATE": "1995-03-15"},
    4: {"DATE": "1993-07-01"},
    5: {"REGION": "ASIA", "DATE": "1994-01-01"},
    6: {"DATE": "1994-01-01", "DISCOUNT": "0.06", "QUANTITY": "24"},
    7: {"NATION1": "FRANCE", "NATION2": "GERMANY"},
    8: {"NATION": "BRAZIL", "REGION": "AMERICA", "TYPE": "ECONOMY ANODIZED STEEL"},
    9: {"COLOR": "green"},
    10: {"DATE": "1993-10-01"},
    11: {"NATION": "GERMANY", "FRACTION": "0.0001000000"},
    12: {"SHIPMODE1": "MAIL", "SHIPMODE2": "SHIP", "DATE": "1994-01-01"},
    13: {"WORD1": "special", "WORD2": "requests"},
    14: {"DATE": "1995-09-01"},
    15: {"DATE": "1996-01-01"},
    16: {"BRAND": "Brand#45", "TYPE": "MEDIUM POLISHED"}
    | {f"SIZE{place}": size for place, size in enumerate(("49", "14", "23", "45", "19", "3", "36", "9"), 1)},
    17: {"BRAND": "Brand#23", "CONTAINER": "MED BOX"},
    18: {"QUANTITY": "300"},
    19: {"BRAND1": "Brand#12", "BRAND2": "Brand#23", "BRAND3": "Brand#34"}
    | {"QUANTITY1": "1", "QUANTITY2": "10", "QUANTITY3": "20"},
    20: {"COLOR": "forest", "DATE": "1994-01-01", "NATION": "CANADA"},
    21: {"NATION": "SAUDI ARABIA"},
    22: {f"I{place}": code for place, code in enumerate(("13", "31", "23", "29", "30", "18", "17"), 1)},
}
"""The values that the official answers belong to, by query. Query 11's fraction is that of scale factor 1."""


# Text around each value, with how often it stands in the query. DATE+12 and the like are that many months later.
_PLACES: Mapping[int, Mapping[str, int]] = {
    1: {"CAST('{LAST}' AS date)": 1},
    2: {"p_size = {SIZE}": 1, "LIKE '%{TYPE}'": 1, "r_name = '{REGION}'": 2},
    3: {"'{SEGMENT}'": 1, "CAST('{DATE}' AS date)": 2},
    4: {"CAST('{DATE}' AS date)": 1, "CAST('{DATE+3}' AS date)": 1},
    5: {"'{REGION}'": 1, "CAST('{DATE}' AS date)": 1, "CAST('{DATE+12}' AS date)": 1},
    6: {
        "CAST('{DATE}' AS date)": 1,
        "CAST('{DATE+12}' AS date)": 1,
        "BETWEEN {DISCOUNT-}": 1,
        "AND {DISCOUNT+}": 1,
        "l_quantity < {QUANTITY}": 1,
    },
    7: {"n_name = '{NATION1}'": 2, "n_name = '{NATION2}'": 2},
    8: {"nation = '{NATION}'": 1, "r_name = '{REGION}'": 1, "p_type = '{TYPE}'": 1},
    9: {"LIKE '%{COLOR}%'": 1},
    10: {"CAST('{DATE}' AS date)": 1, "CAST('{DATE+3}' AS date)": 1},
    11: {"n_name = '{NATION}'": 2, "* {FRACTION}": 1},
    12: {
        "('{SHIPMODE1}', '{SHIPMODE2}')": 1,
        "CAST('{DATE}' AS date)": 1,
        "CAST('{DATE+12}' AS date)": 1,
    },
    13: {"'%{WORD1}%{WORD2}%'": 1},
    14: {"date '{DATE}'": 1, "CAST('{DATE+1}' AS date)": 1},
    15: {"CAST('{DATE}' AS date)": 1, "CAST('{DATE+3}' AS date)": 1},
    16: {
        "'{BRAND}'": 1,
        "LIKE '{TYPE}%'": 1,
        "({SIZE1}, {SIZE2}, {SIZE3}, {SIZE4}, {SIZE5}, {SIZE6}, {SIZE7}, {SIZE8})": 1,
    },
    17: {"'{BRAND}'": 1, "'{CONTAINER}'": 1},
    18: {"> {QUANTITY}": 1},
    19: {"p_brand = '{BRAND1}'": 1, "p_brand = '{BRAND2}'": 1, "p_brand = '{BRAND3}'": 1}
    | {f">= {{QUANTITY{n}}}": 1 for n in (1, 2, 3)}
    | {f"<= {{QUANTITY{n}}} + 10": 1 for n in (1, 2, 3)},
    20: {
        "LIKE '{COLOR}%'": 1,
        "CAST('{DATE}' AS date)": 1,
        "CAST('{DATE+12}' AS date)": 1,
        "n_name = '{NATION}'": 1,
    },
    21: {"n_name = '{NATION}'": 1},
    22: {"({codes})": 2},
}
_LAST_SHIPPING = datetime.date(1998, 12, 1)  # query 1 takes DELTA days off


def question(
    number: int, substitution: Substitution, *, stream: int = 0, seed: int = 0, scale_factor: float = 1.0
) -> Question:
    """A query as one stream asks it; arguments and errors as those of ``drawn`` and ``substituted``."""
    if substitution is Substitution.VALIDATION:
        return Question(query(number))
    values = drawn(number, stream, seed, scale_factor)
    return Question(substituted(number, values), values)


def drawn(number: int, stream: int, seed: int, scale_factor: float) -> Parameters:
    """Values of one query of one stream, drawn from their domains; the same for the same arguments.

    Args:
        number: of the query.
        stream: 0 for the power test.
        seed: of the run.
        scale_factor: query 11's fraction depends on it.

    Raises:
        ValueError: no such query.
    """
    if number not in QUERY_NUMBERS:
        raise ValueError(f"TPC-H query {number}: there are queries 1 to 22")
    generator = random.Random(f"{seed}/{stream}/{number}")  # noqa: S311 - values of a benchmark
    return _DRAW[number](generator, scale_factor)


def substituted(number: int, values: Parameters) -> TpchQuery:
    """A query with these values in the places of the validation values.

    Raises:
        ValueError: no such query, or other names than its own.
        QueriesUnavailable: the installed text does not hold the validation values where and as often as it should.
    """
    official = query(number)
    if set(values) != set(VALIDATION[number]):
        raise ValueError(f"TPC-H query {number} has the parameters {', '.join(VALIDATION[number])}")
    before, after = _fragments(number, VALIDATION[number]), _fragments(number, values)
    for fragment, wanted in zip(before, _PLACES[number].values(), strict=True):
        if (found := len(re.findall(_alone(fragment), official.sql))) != wanted:
            raise QueriesUnavailable(
                f"the text of TPC-H query {number} has {fragment!r} {found} times instead of {wanted}: the installed"
                " tpch extension is not the expected one; install requirements.txt again"
            )
    replacements = dict(zip(before, after, strict=True))
    anywhere = re.compile("|".join(map(_alone, before)))
    return TpchQuery(number, anywhere.sub(lambda match: replacements[match[0]], official.sql))


def _alone(fragment: str) -> str:
    """A pattern for a fragment that is not the beginning of a longer number or word."""
    return re.escape(fragment) + (r"(?![\w.])" if fragment[-1].isalnum() else "")


def _fragments(number: int, values: Parameters) -> list[str]:
    complete = {**values, **_derived(number, values)}
    return [re.sub(r"\{([^}]+)\}", lambda match: complete[match[1]], place) for place in _PLACES[number]]


def _derived(number: int, values: Parameters) -> Parameters:
    """What a text holds in place of a value: dates counted out, limits of an interval, a list."""
    if number == 1:
        return {"LAST": str(_LAST_SHIPPING - datetime.timedelta(days=int(values["DELTA"])))}
    if number == 22:
        return {"codes": ", ".join(f"'{values[f'I{place}']}'" for place in range(1, 8))}
    derived = {f"DATE+{months}": _later(values["DATE"], months) for months in (1, 3, 12) if "DATE" in values}
    if "DISCOUNT" in values:
        hundredths = round(float(values["DISCOUNT"]) * 100)
        derived |= {"DISCOUNT-": f"{(hundredths - 1) / 100:.2f}", "DISCOUNT+": f"{(hundredths + 1) / 100:.2f}"}
    return derived


def _later(day: str, months: int) -> str:
    """The first day of a later month: the values it is for are first days, too."""
    date = datetime.date.fromisoformat(day)
    count = date.year * 12 + date.month - 1 + months
    return str(date.replace(count // 12, count % 12 + 1, 1))


_Draw = Callable[[random.Random, float], Parameters]


def _month(generator: random.Random, first: tuple[int, int], last: tuple[int, int]) -> str:
    """The first day of a month; bounds are (year, month), both possible."""
    count = generator.randint(first[0] * 12 + first[1] - 1, last[0] * 12 + last[1] - 1)
    return str(datetime.date(count // 12, count % 12 + 1, 1))


def _year(generator: random.Random) -> str:
    return f"{generator.randint(1993, 1997)}-01-01"


def _brand(generator: random.Random) -> str:
    return f"Brand#{generator.randint(1, 5)}{generator.randint(1, 5)}"


def _words(generator: random.Random, *lists: Sequence[str]) -> str:
    return " ".join(generator.choice(words) for words in lists)


def _pair(generator: random.Random, words: Sequence[str], name: str) -> Parameters:
    return {f"{name}{place}": word for place, word in enumerate(generator.sample(words, 2), 1)}


def _nation_of_a_region(generator: random.Random) -> Parameters:
    nation = generator.choice(tuple(domains.NATIONS))
    return {"NATION": nation, "REGION": domains.NATIONS[nation], "TYPE": _words(generator, *domains.TYPES)}


def _sizes(generator: random.Random) -> Parameters:
    return {f"SIZE{place}": str(size) for place, size in enumerate(generator.sample(range(1, 51), 8), 1)}


def _codes(generator: random.Random) -> Parameters:
    return {f"I{place}": str(code) for place, code in enumerate(generator.sample(range(10, 35), 7), 1)}


_DRAW: Mapping[int, _Draw] = {
    1: lambda g, _: {"DELTA": str(g.randint(60, 120))},
    2: lambda g, _: {
        "SIZE": str(g.randint(1, 50)),
        "TYPE": g.choice(domains.TYPES[2]),
        "REGION": g.choice(domains.REGIONS),
    },
    3: lambda g, _: {"SEGMENT": g.choice(domains.SEGMENTS), "DATE": f"1995-03-{g.randint(1, 31):02}"},
    4: lambda g, _: {"DATE": _month(g, (1993, 1), (1997, 10))},
    5: lambda g, _: {"REGION": g.choice(domains.REGIONS), "DATE": _year(g)},
    6: lambda g, _: {"DATE": _year(g), "DISCOUNT": f"0.0{g.randint(2, 9)}", "QUANTITY": str(g.randint(24, 25))},
    7: lambda g, _: _pair(g, tuple(domains.NATIONS), "NATION"),
    8: lambda g, _: _nation_of_a_region(g),
    9: lambda g, _: {"COLOR": g.choice(domains.COLORS)},
    10: lambda g, _: {"DATE": _month(g, (1993, 2), (1995, 1))},
    11: lambda g, factor: {"NATION": g.choice(tuple(domains.NATIONS)), "FRACTION": f"{0.0001 / factor:.10f}"},
    12: lambda g, _: {**_pair(g, domains.SHIP_MODES, "SHIPMODE"), "DATE": _year(g)},
    13: lambda g, _: {"WORD1": g.choice(domains.WORDS[0]), "WORD2": g.choice(domains.WORDS[1])},
    14: lambda g, _: {"DATE": _month(g, (1993, 1), (1997, 12))},
    15: lambda g, _: {"DATE": _month(g, (1993, 1), (1997, 10))},
    16: lambda g, _: {"BRAND": _brand(g), "TYPE": _words(g, *domains.TYPES[:2]), **_sizes(g)},
    17: lambda g, _: {"BRAND": _brand(g), "CONTAINER": _words(g, *domains.CONTAINERS)},
    18: lambda g, _: {"QUANTITY": str(g.randint(312, 315))},
    19: lambda g, _: {
        **{f"BRAND{n}": _brand(g) for n in (1, 2, 3)},
        **{f"QUANTITY{n}": str(g.randint(*bounds)) for n, bounds in enumerate(((1, 10), (10, 20), (20, 30)), 1)},
    },
    20: lambda g, _: {
        "COLOR": g.choice(domains.COLORS),
        "DATE": _year(g),
        "NATION": g.choice(tuple(domains.NATIONS)),
    },
    21: lambda g, _: {"NATION": g.choice(tuple(domains.NATIONS))},
    22: lambda g, _: _codes(g),
}

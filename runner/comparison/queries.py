"""TPC-H of both sides: each engine's queries as one family."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.noise import typical
from benchmarks.regression import Change, FamilyChange, Ratio, Rule, compare_family
from benchmarks.statistics import Sample
from runner.comparison.model import EngineComparison, QueryComparison
from runner.comparison.sides import Side, sample
from runner.results import Benchmark, QueryResult


@dataclass(frozen=True, slots=True)
class _Query:
    """One query in all runs of a side."""

    results: tuple[QueryResult, ...]

    @property
    def problem(self) -> str:
        """Why there is no time that counts; empty when every run's answers were right."""
        bad = next((result for result in self.results if not result.valid), None)
        if bad is None:
            return "" if self.sample else "no timed execution"
        return bad.problem or "answer not valid"

    @property
    def sample(self) -> Sample:
        """Executions by process start."""
        return sample(self.results)


def compare_queries(base: Side, new: Side, rule: Rule) -> tuple[EngineComparison, ...]:
    """Each engine that both sides measured. Verdicts hold among all queries of all engines together."""
    ours, theirs = base.benchmarks(), new.benchmarks()
    engines = [kind for kind in ours if kind in theirs]
    pairs = {kind: (_queries(ours[kind]), _queries(theirs[kind])) for kind in engines}
    tests = sum(len(left.keys() & right.keys()) for left, right in pairs.values())
    if not tests:
        return ()
    rule = dataclasses.replace(rule, tests=tests)
    return tuple(
        _engine(kind, theirs[kind][0].title, *pairs[kind], rule)
        for kind in engines
        if pairs[kind][0].keys() & pairs[kind][1].keys()
    )


def _queries(benchmarks: Sequence[Benchmark]) -> dict[int, _Query]:
    found: dict[int, list[QueryResult]] = {}
    for benchmark in benchmarks:
        for query in benchmark.queries:
            found.setdefault(query.query, []).append(query)
    return {number: _Query(tuple(results)) for number, results in sorted(found.items())}


def _engine(kind: str, title: str, base: dict[int, _Query], new: dict[int, _Query], rule: Rule) -> EngineComparison:
    shared = [number for number in base if number in new]
    sound = [number for number in shared if not base[number].problem and not new[number].problem]
    family: FamilyChange[int] | None = None
    if sound:
        left, right = ({number: side[number].sample for number in sound} for side in (base, new))
        family = compare_family(left, right, rule, runs=(_runs(base, sound), _runs(new, sound)))
    together = family.together if family else None
    return EngineComparison(
        engine=kind,
        title=title,
        ratio=together.value if together else None,
        low=together.low if together else None,
        high=together.high if together else None,
        change=together.change if together else Change.CANNOT_TELL,
        shift=family.shift if family else 1.0,
        agreeing=family.agreeing if family else 0,
        restarts=(_restarts(base), _restarts(new)),
        one_run=family.one_run if family else True,
        queries=tuple(
            _compared(number, base[number], new[number], family.ratios.get(number) if family else None)
            for number in shared
        ),
        only_base=tuple(number for number in base if number not in new),
        only_new=tuple(number for number in new if number not in base),
    )


def _runs(side: dict[int, _Query], numbers: Sequence[int]) -> list[int]:
    """Process starts in each run, as the first query tells; a query that has others makes them one run."""
    return [len(sample([result])) for result in side[numbers[0]].results]


def _restarts(side: dict[int, _Query]) -> int:
    return min((len(query.sample) for query in side.values() if not query.problem), default=0)


def _compared(number: int, base: _Query, new: _Query, ratio: Ratio | None) -> QueryComparison:
    times = [typical(query.sample) if query.sample else None for query in (base, new)]
    counts = [sum(map(len, query.sample)) for query in (base, new)]
    change, reason = _validity(base, new)
    if ratio is not None:
        change = ratio.change
        reason = "single executions say nothing of the noise" if ratio.low is None else ""
    return QueryComparison(
        query=number,
        base_seconds=times[0],
        new_seconds=times[1],
        ratio=ratio.value if ratio else None,
        judged=ratio.judged if ratio else None,
        low=ratio.low if ratio else None,
        high=ratio.high if ratio else None,
        executions=(counts[0], counts[1]),
        change=change,
        reason=reason,
    )


def _validity(base: _Query, new: _Query) -> tuple[Change, str]:
    """A query that lost its right answer is worse, however fast it is."""
    if new.problem and not base.problem:
        return Change.WORSE, f"no valid answer any more: {new.problem}"
    if base.problem and not new.problem:
        return Change.BETTER, f"had no valid answer: {base.problem}"
    return Change.CANNOT_TELL, f"no valid answer on either side: {new.problem}"

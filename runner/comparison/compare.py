"""Two sides into one comparison document."""

from __future__ import annotations

from collections.abc import Collection

from benchmarks.regression import MARGIN, SIBLINGS, Change, Rule
from runner.comparison.alike import differences, versions
from runner.comparison.measures import compare_loads, compare_recoveries, compare_verdicts
from runner.comparison.model import Comparison, EngineComparison, RunSide
from runner.comparison.queries import compare_queries
from runner.comparison.sides import Side
from runner.report.units import plural

COARSE_MARGIN = 0.5


class CompareError(Exception):
    """The two sides cannot be compared: one line that says why and what to do instead."""


def compare(
    base: Side, new: Side, *, margin: float = MARGIN, coarse_margin: float = COARSE_MARGIN, allow: Collection[str] = ()
) -> Comparison:
    """Compare what both sides measured.

    Args:
        base: what to compare with.
        new: what is judged.
        margin: smallest change of a query's time that is worth a verdict; 0.1 is 10 %.
        coarse_margin: the same for what was measured once, such as recovery times and latency under load.
        allow: names of differences (``ALLOWANCES``) that are known and meant.

    Raises:
        CompareError: the sides differ in what was not allowed, or have nothing in common.
    """
    differing = differences(base, new)
    for name, texts in differing.items():
        if name not in allow:
            raise CompareError(f"the runs differ: {'; '.join(texts)}; if that is meant, say --allow {name}")
    rule = Rule(margin=margin)
    engines = compare_queries(base, new, rule)
    measures = (
        *compare_loads(base, new, coarse_margin),
        *compare_recoveries(base, new, coarse_margin),
        *compare_verdicts(base, new),
    )
    if not engines and not measures:
        raise CompareError(f"the runs have no measurement in common: {_has(base)} against {_has(new)}")
    return Comparison(
        base=_side(base),
        new=_side(new),
        margin=margin,
        coarse_margin=coarse_margin,
        confidence=rule.confidence,
        allowed=tuple(text for name, texts in differing.items() for text in texts),
        notes=tuple(_notes(engines)),
        engines=engines,
        measures=measures,
    )


def _notes(engines: Collection[EngineComparison]) -> list[str]:
    """What a reader must know to believe the verdicts."""
    notes = []
    for engine in engines:
        if 1 in engine.restarts:
            notes.append(
                f"{engine.title}: a side measured a single process start, so what the next start would have changed is"
                " guessed from the scatter of the queries; several restarts tell more"
            )
        if engine.one_run and engine.ratio and engine.change is Change.CANNOT_TELL and engine.low is not None:
            notes.append(
                f"{engine.title}: as a whole {engine.ratio:.2f}×; whether that is the engine's or the machine's doing,"
                " single runs do not tell; compare directories of several runs of each side, made in turn"
            )
        if len(engine.queries) < SIBLINGS:
            notes.append(
                f"{engine.title}: too few queries to tell a machine that has drifted from queries that have changed"
            )
        if engine.agreeing and abs(engine.shift - 1) > 0.02:
            notes.append(
                f"{engine.title}: {engine.agreeing} of {plural(len(engine.queries), 'query', 'queries')} moved by"
                f" about {engine.shift:.2f}×, and the queries are judged against that"
            )
    return notes


def _has(side: Side) -> str:
    """What a side measured, in words."""
    run = side.first
    queries = sum(len(benchmark.queries) for benchmark in run.benchmarks)
    parts = ((queries, "query", "queries"), (len(run.loads), "load", ""), (len(run.experiments), "experiment", ""))
    return ", ".join(plural(*part) for part in parts if part[0]) or f"nothing ({run.command})"


def _side(side: Side) -> RunSide:
    run, environment = side.first, side.first.environment
    return RunSide(
        files=tuple(str(file) for file in side.files),
        started_at=environment.started_at,
        target=run.target,
        command=run.command,
        verdict=run.verdict.value,
        platform=environment.platform,
        cpus=environment.cpus,
        memory_bytes=environment.memory_bytes,
        scale_factor=environment.scale_factor,
        versions=versions(environment),
    )

"""The comparison of two runs, as its page and the report of a run show it."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from benchmarks.regression import Change
from runner.comparison.model import Comparison, EngineComparison, Measure
from runner.report.figures.forest import ForestRow, forest_figure, shown_interval, shown_ratio
from runner.report.units import count

CLASSES = {Change.WORSE: "FAIL", Change.BETTER: "PASS", Change.SAME: "SKIPPED", Change.CANNOT_TELL: "INCONCLUSIVE"}
SIGNS = {Change.WORSE: "✕", Change.BETTER: "✓", Change.SAME: "=", Change.CANNOT_TELL: "?"}
COMPARISON_FILTERS = {
    "shown_ratio": shown_ratio,
    "shown_interval": shown_interval,
    "sign": SIGNS.__getitem__,
    "tone": CLASSES.__getitem__,
}
PARTS = {"load": "Load", "recovery": "Recovery", "verdict": "Verdicts that changed"}
NAMED = 4


@dataclass(frozen=True, slots=True)
class EngineView:
    """One engine with its figure."""

    item: EngineComparison
    series: str
    figure: Markup


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """Everything the comparison's part of a page shows."""

    item: Comparison
    headline: str
    counts: tuple[tuple[Change, int], ...]
    engines: tuple[EngineView, ...]
    parts: tuple[tuple[str, tuple[Measure, ...]], ...]


def comparison_view(comparison: Comparison) -> ComparisonView:
    """Build the part."""
    counted = comparison.counts()
    return ComparisonView(
        item=comparison,
        headline=comparison_headline(comparison),
        counts=tuple(
            (change, counted[change]) for change in (Change.WORSE, Change.BETTER, Change.SAME, Change.CANNOT_TELL)
        ),
        engines=tuple(
            EngineView(engine, f"s{index % 4 + 1}", _figure(engine, comparison.margin))
            for index, engine in enumerate(comparison.engines)
        ),
        parts=tuple(
            (title, found)
            for part, title in PARTS.items()
            if (found := tuple(measure for measure in comparison.measures if measure.part == part))
        ),
    )


def comparison_headline(comparison: Comparison) -> str:
    """One sentence: what has become worse and better, by name, and how much is the same."""
    counted = comparison.counts()
    clauses = []
    for change in (Change.WORSE, Change.BETTER):
        if names := _names(comparison, change):
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            clauses.append(f"{change.value}: {', '.join(names[:NAMED])}{more}")
    clauses += [
        f"{count(counted[change])} {change.value}" for change in (Change.SAME, Change.CANNOT_TELL) if counted[change]
    ]
    text = "; ".join(clauses) or "nothing compared"
    return f"{text[0].upper()}{text[1:]}."


def _names(comparison: Comparison, change: Change) -> list[str]:
    """What has this verdict; whole engines first."""
    names = [
        f"{e.title} as a whole {shown_ratio(e.ratio)}" for e in comparison.engines if e.change is change and e.ratio
    ]
    for engine in comparison.engines:
        names += [
            f"{engine.title} Q{query.query} {shown_ratio(query.ratio) if query.ratio else query.reason}"
            for query in engine.queries
            if query.change is change
        ]
    names += [f"{m.subject} {m.name} {m.base} → {m.new}" for m in comparison.measures if m.change is change]
    return names


def _figure(engine: EngineComparison, margin: float) -> Markup:
    together = ForestRow("all", engine.ratio, engine.low, engine.high, engine.change, total=True)
    rows = [ForestRow(f"Q{q.query}", q.judged, q.low, q.high, q.change) for q in engine.queries]
    title = f"{engine.title}: time of each query, new over base"
    return forest_figure(f"ratios-{engine.engine}", title, [together, *rows], margin)

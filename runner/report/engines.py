"""Names and colours of the engines of one run, the same throughout its reports."""

from __future__ import annotations

from dataclasses import dataclass

from runner.results import Results

SERIES = ("s1", "s2", "s3", "s4")  # CSS classes; a fifth engine shares the first one's colour


@dataclass(frozen=True, slots=True)
class EngineNames:
    """Engine kinds in the order of the environment, then of appearance."""

    titles: dict[str, str]

    def title(self, kind: str) -> str:
        """What people call it."""
        return self.titles.get(kind, kind)

    def series(self, kind: str) -> str:
        """CSS class of its colour."""
        return SERIES[self.kinds.index(kind) % len(SERIES)]

    @property
    def kinds(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(self.titles)


def engine_names(results: Results) -> EngineNames:
    """Collect every engine that a run mentions."""
    titles = {engine.kind: engine.title for engine in results.environment.engines}
    for benchmark in results.benchmarks:
        titles.setdefault(benchmark.engine, benchmark.title)
    for test in results.throughputs:
        titles.setdefault(test.engine, test.title)
    for part in (results.checks, results.loads, results.experiments, results.scalings):
        for item in part:
            titles.setdefault(item.engine, item.engine)
    return EngineNames(titles)

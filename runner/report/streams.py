"""The throughput part of a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from runner.report.engines import EngineNames
from runner.report.figures import streams_figure
from runner.report.tpch import compared
from runner.results import Throughput


@dataclass(frozen=True, slots=True)
class ThroughputView:
    """One throughput test with its figure; without a stream there is none."""

    item: Throughput
    series: str
    right: int
    wrong: int
    unchecked: int
    figure: Markup | None


def throughput_views(throughputs: Sequence[Throughput], names: EngineNames) -> list[ThroughputView]:
    """Everything the part shows, engine by engine."""
    return [
        ThroughputView(
            item,
            names.series(item.engine),
            *compared(item.streams),
            streams_figure(f"streams-{number}", item, names.series(item.engine)) if item.streams else None,
        )
        for number, item in enumerate(throughputs, start=1)
    ]

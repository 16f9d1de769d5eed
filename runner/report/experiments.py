"""The experiments' part of a report: overview, recovery chart, and a timeline with its data for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from runner.report.engine_metrics import MetricRow, metric_rows
from runner.report.engines import EngineNames
from runner.report.figures import rto_figure, timeline_figure
from runner.report.figures.rto import RtoRow
from runner.report.figures.timeline import Event, events
from runner.results import Experiment, Percentiles, Sample, Verdict

OUTAGES_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Outage:
    """Probes in a row that were not answered right; moments in seconds since the experiment's start."""

    first: float
    last: float
    probes: int
    outcomes: str
    error: str


@dataclass(frozen=True, slots=True)
class Phase:
    """Probes before the injection, from it until recovery, or after that."""

    title: str
    latency: Percentiles
    probes: dict[str, int]


@dataclass(frozen=True, slots=True)
class ExperimentView:
    """One experiment with what is drawn and listed for it."""

    anchor: str
    item: Experiment
    engine: str
    series: str
    figure: Markup | None
    events: tuple[Event, ...]
    outages: tuple[Outage, ...]
    outages_left_out: int
    phases: tuple[Phase, ...]
    metrics: tuple[MetricRow, ...]


@dataclass(frozen=True, slots=True)
class ExperimentSection:
    """Everything the part shows; ``rto`` is ``None`` when no recovery was measured."""

    views: tuple[ExperimentView, ...]
    rto: Markup | None
    rto_missing: int

    @property
    def carried_out(self) -> list[ExperimentView]:
        """Experiments that were more than skipped."""
        return [view for view in self.views if view.item.verdict is not Verdict.SKIPPED or view.figure]

    @property
    def skipped(self) -> list[ExperimentView]:
        """Experiments with nothing but a reason."""
        return [view for view in self.views if view.item.verdict is Verdict.SKIPPED and not view.figure]

    @property
    def watched(self) -> bool:
        """Whether Kubernetes' view belongs to any of them."""
        return any(view.item.kubernetes for view in self.views)

    @property
    def alerted(self) -> bool:
        """Whether monitoring's view belongs to any of them."""
        return any(view.item.alerts for view in self.views)

    @property
    def recorded(self) -> bool:
        """Whether engine metrics belong to any of them."""
        return any(view.item.metrics for view in self.views)

    @property
    def by_engine(self) -> dict[str, list[ExperimentView]]:
        """Experiments that were more than skipped, under the engine they struck."""
        found: dict[str, list[ExperimentView]] = {}
        for view in self.carried_out:
            found.setdefault(view.engine, []).append(view)
        return found


def experiment_section(experiments: Sequence[Experiment], names: EngineNames) -> ExperimentSection | None:
    """Build the part; ``None`` when there is no experiment."""
    if not experiments:
        return None
    views = tuple(_view(number, item, names) for number, item in enumerate(experiments, start=1))
    rows = [
        RtoRow(item.name, item.verdict, item.rto_seconds, item.rto_uncertainty_seconds or 0.0, item.rto_censored)
        for item in experiments
        if item.rto_seconds is not None
    ]
    carried_out = sum(item.verdict is not Verdict.SKIPPED for item in experiments)
    return ExperimentSection(views, rto_figure("rto", rows) if rows else None, max(0, carried_out - len(rows)))


def outages(samples: Iterable[Sample]) -> tuple[Outage, ...]:
    """Runs of probes that were not answered right, in the order of time."""
    found: list[list[Sample]] = []
    previous = "ok"
    for sample in sorted(samples, key=lambda each: each.at):
        if sample.outcome != "ok":
            if previous == "ok":
                found.append([])
            found[-1].append(sample)
        previous = sample.outcome
    return tuple(_outage(members) for members in found)


def _outage(members: Sequence[Sample]) -> Outage:
    outcomes = Counter(sample.outcome for sample in members)
    errors = Counter(sample.error for sample in members if sample.error)
    return Outage(
        first=members[0].at,
        last=members[-1].at,
        probes=len(members),
        outcomes=", ".join(f"{number} {outcome}" for outcome, number in outcomes.most_common()),
        error="; ".join(f"{error} ({number})" for error, number in errors.most_common(3)),
    )


def phases(experiment: Experiment) -> tuple[Phase, ...]:
    """Probes and latency by phase; empty when nothing was injected.

    *During* lasts until both the revert and the recovery, as it does for the latencies in the results document.
    """
    bounds = struck(experiment)
    if bounds is None:
        return ()
    start, end = bounds
    named = (
        ("before", experiment.latency_before, [s for s in experiment.samples if s.at < start]),
        ("during", experiment.latency_during, [s for s in experiment.samples if start <= s.at < end]),
        ("after", experiment.latency_after, [s for s in experiment.samples if s.at >= end]),
    )
    return tuple(Phase(title, latency, dict(Counter(s.outcome for s in chosen))) for title, latency, chosen in named)


def struck(experiment: Experiment) -> tuple[float, float] | None:
    """From the injection to both revert and recovery, in seconds since the experiment's start."""
    if experiment.window is None:
        return None
    over = (event.at for event in events(experiment) if event.name in {"recovery", "censored"})
    return experiment.window[0], max([experiment.window[1], *over])


def _view(number: int, item: Experiment, names: EngineNames) -> ExperimentView:
    anchor = f"experiment-{number}"
    found = outages(item.samples)
    return ExperimentView(
        anchor=anchor,
        item=item,
        engine=names.title(item.engine),
        series=names.series(item.engine),
        figure=timeline_figure(anchor + "-timeline", item) if item.samples else None,
        events=events(item),
        outages=found[:OUTAGES_SHOWN],
        outages_left_out=max(0, len(found) - OUTAGES_SHOWN),
        phases=phases(item),
        metrics=metric_rows(item.metrics, struck(item)),
    )

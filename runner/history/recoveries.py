"""Every fault over many runs: how often it was measured, and the median and range of what clients saw."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from runner.comparison.alike import versions
from runner.history.runs import HistoryError, each_run
from runner.results import Answers, Environment, Experiment, Results, Verdict


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of one quantity, in seconds.

    Attributes:
        middle: their median, a lower bound being greater than everything: infinite where half of them are such.
        low, high: the least and the greatest, of lower bounds their values.
        count: how many there are.
        censored: how many of them are lower bounds.
    """

    middle: float
    low: float
    high: float
    count: int
    censored: int = 0


@dataclass(frozen=True, slots=True)
class FaultLine:
    """One fault on one component over all runs; times and answers are those of confirmed injections.

    Attributes:
        name: the experiments'.
        runs: carried out, confirmed or not.
        confirmed: injections that were proven.
        skipped: not carried out; ``reason`` is the last one's.
        held: from the injection to its revert.
        rto_uncertainty: the greatest of any run, in seconds.
        ready_gap: Kubernetes' ready again minus clients served again; negative where Kubernetes was early.
        broken: inserts lost, duplicated or never sent; ``None`` where no run had inserts that were read back.
    """

    name: str
    runs: int
    confirmed: int
    skipped: int
    reason: str
    held: Spread | None
    detection: Spread | None
    unavailable: Spread | None
    rto: Spread | None
    rto_uncertainty: float
    full_capacity: Spread | None
    ready_gap: Spread | None
    answers: Answers
    broken: int | None


@dataclass(slots=True)
class Recoveries:
    """All faults of all runs.

    Attributes:
        runs: documents with at least one experiment.
        lines: by engine, component and kind, in the order of appearance.
        settings: what differed between the runs although times depend on it; each with its values.
        unread: a line about each document that could not be read.
    """

    runs: int = 0
    lines: list[FaultLine] = field(default_factory=list)
    settings: dict[str, list[str]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)


def read_recoveries(directories: Iterable[Path]) -> Recoveries:
    """Read all runs below the directories.

    Raises:
        HistoryError: no such directory, too many runs, or no experiment in any.
    """
    found: dict[str, list[Experiment]] = {}
    settings: dict[str, dict[str, None]] = {}
    recoveries = Recoveries()
    for results in runs_with_experiments(directories, recoveries.unread):
        recoveries.runs += 1
        for what, value in _setting(results.environment, results.target).items():
            settings.setdefault(what, {})[value] = None
        for one in results.experiments:
            if one.injection.confirmed:
                settings.setdefault(f"deadlines on {one.engine}", {})[f"{one.probe_deadline_seconds:g} s"] = None
            # Answers over time are most of a document, and no part of any line.
            slim = one.model_copy(update={"samples": (), "metrics": None, "alerts": None})
            found.setdefault(measured_together(one), []).append(slim)
    recoveries.lines = [
        fault_line(name, group) for name, group in sorted(found.items(), key=lambda item: _place(item[1][0]))
    ]
    recoveries.settings = {what: list(values) for what, values in settings.items() if len(values) > 1}
    return recoveries


def runs_with_experiments(directories: Iterable[Path], unread: list[str]) -> Iterator[Results]:
    """Every run that has an experiment, one at a time; what cannot be read becomes a line of ``unread``.

    Raises:
        HistoryError: no such directory, too many runs, or, once all are read, no experiment in any.
    """
    names, none = list(directories), True
    for _, results in each_run(names, unread):
        if results.experiments:
            none = False
            yield results
    if none:
        more = f"; {unread[0]}" if unread else "; name a directory that holds runs of fault or all"
        raise HistoryError(f"{', '.join(map(str, names))}: no experiment in it{more}")


def fault_line(name: str, experiments: Sequence[Experiment]) -> FaultLine:
    """What all experiments of one fault on one component come to; at least one."""
    skipped = [one for one in experiments if one.verdict is Verdict.SKIPPED]
    confirmed = [one for one in experiments if one.verdict is not Verdict.SKIPPED and one.injection.confirmed]
    compared = [one.kubernetes.compared for one in confirmed if one.kubernetes and one.kubernetes.compared]
    answers: Counter[str] = Counter()
    for one in confirmed:
        answers.update(one.answers.model_dump())
    broken = [one.durability.broken for one in confirmed if one.durability and one.durability.broken is not None]
    return FaultLine(
        name=name,
        runs=len(experiments) - len(skipped),
        confirmed=len(confirmed),
        skipped=len(skipped),
        reason=skipped[-1].reason if skipped else "",
        held=spread(one.held_seconds for one in confirmed),
        detection=spread(one.detection_seconds for one in confirmed),
        unavailable=spread(one.unavailable_seconds for one in confirmed),
        rto=spread(
            (one.rto_seconds for one in confirmed if not one.rto_censored),
            bounds=(one.rto_seconds for one in confirmed if one.rto_censored),
        ),
        rto_uncertainty=max((one.rto_uncertainty_seconds or 0.0 for one in confirmed), default=0.0),
        full_capacity=spread(one.full_capacity_seconds for one in confirmed),
        ready_gap=spread(one.ready_gap_seconds for one in compared),
        answers=Answers(**answers),
        broken=sum(broken) if broken else None,
    )


def spread(values: Iterable[float | None], bounds: Iterable[float | None] = ()) -> Spread | None:
    """Median and range of what was measured; ``None`` where nothing was. ``bounds``: what is greater than so much."""
    known, least = ([value for value in one if value is not None] for one in (values, bounds))
    everything = [*known, *least]
    if not everything:
        return None
    middle = median([*known, *[math.inf] * len(least)])
    return Spread(middle, min(everything), max(everything), len(everything), len(least))


def measured_together(one: Experiment) -> str:
    """The name that experiments with comparable times share.

    A fault held longer, until its alert fired, or on more components, has other times.
    """
    prolonged = one.alerts is not None and one.alerts.prolonged_seconds
    return f"{one.full_name}, until its alert" if prolonged else one.full_name


def _setting(environment: Environment, target: str) -> Mapping[str, str]:
    return {
        "targets": target.partition(":")[0],
        "machines": f"{environment.platform}, {environment.cpus} processors",
        "scale factors": f"{environment.scale_factor:g}",
        "transports": environment.transport,
        **{f"versions of {kind}": version for kind, version in versions(environment).items()},
    }


KINDS = ("service", "network", "pod", "node", "storage")


def _place(one: Experiment) -> tuple[str, str, int, str]:
    return one.engine, one.component, KINDS.index(one.kind), one.fault

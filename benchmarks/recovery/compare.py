"""Runs of both sides and the ratio between them, with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.statistics import pooled_median, ratio_estimate


@dataclass(frozen=True, slots=True)
class Case:
    """One fault on one component.

    Attributes:
        fault: its name.
        component: what it strikes.
        goal: the largest ratio of recovery times that is wanted.
        no_failures: whether no answer may fail on the stack.
        hold: seconds on the stack, where the fault's own are too few to tell the sides apart.
        reference_hold: the same on the reference. A recovery before the end of its hold owes nothing to the revert.
        parted: whether it takes a node that must not hold both sides' only coordinators.
        deadline: seconds until clients give up, where a late answer shall not count as a failed one.
    """

    fault: str
    component: str
    goal: float | None = None
    no_failures: bool = False
    hold: float | None = None
    reference_hold: float | None = None
    parted: bool = False
    deadline: float | None = None

    @property
    def label(self) -> str:
        """``trino/worker/drain``."""
        return f"trino/{self.component}/{self.fault}"

    def held(self, side: str) -> float | None:
        """Seconds that the fault is held on a side; ``None``: the fault's own."""
        return self.hold if side == "stack" else self.reference_hold


CASES = (
    Case("delete-now", "coordinator", goal=0.6),
    Case("delete-now", "worker"),
    # A worker's first seconds are slow on half a CPU, and so is the only one left: what counts is that none fails.
    Case("drain", "worker", no_failures=True, deadline=30.0),
    # Longer than the pods stay on a lost node and then take to answer: otherwise the node's return would recover them.
    Case("node-loss", "coordinator", goal=0.25, hold=150.0, reference_hold=480.0, parted=True),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One experiment: recovery time in seconds (``None``: not measured, ``reason`` says why), failed answers."""

    rto: float | None
    censored: bool
    failed: int
    wrong: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """All runs of one case on both sides.

    ``ratio`` is the stack's median recovery time over the reference's, ``low`` and ``high`` its 95 % bootstrap
    percentile interval (see ``benchmarks.statistics``); ``None`` where a side has no measured run, or the
    reference no outage.
    """

    case: Case
    stack: tuple[Measured, ...]
    reference: tuple[Measured, ...]
    ratio: float | None
    low: float | None
    high: float | None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; ``None`` without a goal or without a measurement."""
        if self.case.no_failures:
            if any(one.failed or one.wrong for one in self.stack):
                return False
            return True if self.stack and all(one.rto is not None for one in self.stack) else None
        return None if self.case.goal is None or self.ratio is None else self.ratio <= self.case.goal

    def helped(self, side: str) -> bool:
        """Whether a run of this side recovered only after the end of its hold, so that the revert has a part in it."""
        held, runs = self.case.held(side), self.stack if side == "stack" else self.reference
        return held is not None and any(one.rto is not None and one.rto > held for one in runs)

    def to_json(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "label": self.case.label, "met": self.met}


def measured(results: Mapping[str, Any]) -> Measured:
    """What a runner's results document says of its one experiment.

    Raises:
        ValueError: it holds none.
    """
    if not results["experiments"]:
        raise ValueError("the runner has made no experiment")
    found = results["experiments"][0]
    confirmed = found["injection"]["confirmed"]
    return Measured(
        rto=found["rto_seconds"] if confirmed else None,
        censored=bool(found["rto_censored"]),
        failed=found["answers"]["failed"],
        wrong=found["answers"]["wrong"],
        reason=found["reason"],
    )


def compare(case: Case, stack: Sequence[Measured], reference: Sequence[Measured], *, seed: int = 1) -> Comparison:
    """The ratio of the medians; a censored run counts as its lower bound, which favours the side that has it."""
    ours, theirs = (_seconds(side) for side in (stack, reference))
    if not ours or not theirs or not pooled_median([theirs]):
        return Comparison(case, tuple(stack), tuple(reference), None, None, None)
    found = ratio_estimate([ours], [theirs], seed=seed)
    return Comparison(case, tuple(stack), tuple(reference), found.value, found.low, found.high)


def _seconds(side: Sequence[Measured]) -> list[float]:
    return [one.rto for one in side if one.rto is not None]

"""Which experiments a selection means on a given target."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from faults.base import Fault, Kind, NotPossible, Tuning, fault_classes
from targets.base import MeansError, Target

COMPREHENSIVE = "comprehensive"


@dataclass(frozen=True, slots=True)
class Impossible:
    """A fault of the selection that has nothing to strike here; shown as SKIPPED with the reason."""

    fault: type[Fault]
    engine: str
    reason: str


class NoSuchComponent(ValueError):
    """There are components to strike, and the one that was asked for is none of them; the message lists them."""


def selections() -> list[str]:
    """Every word a selection may use: ``comprehensive``, the kinds, the faults."""
    return [COMPREHENSIVE, *Kind, *fault_classes()]


def select(words: Sequence[str]) -> list[type[Fault]]:
    """The fault classes that the words mean, each once, in the order of kinds and names.

    Raises:
        ValueError: a word is none of ``selections()``; the message lists them.
    """
    known = selections()
    for word in words:
        if word not in known:
            raise ValueError(f"unknown fault {word!r}; choose from {', '.join(known)}")
    order = list(Kind)
    chosen = [
        fault
        for fault in fault_classes().values()
        if fault.name in words or (not fault.on_request and (COMPREHENSIVE in words or fault.kind in words))
    ]
    return sorted(chosen, key=lambda fault: (order.index(fault.kind), fault.name))


def bind(
    faults: Sequence[type[Fault]],
    target: Target,
    *,
    tuning: Tuning,
    component: str | None = None,
    seed: int = 0,
    named: Collection[str] = (),
) -> list[Fault | Impossible]:
    """Every fault on every component it can strike, engine by engine, in a seeded order within each engine.

    A fault whose means the target does not have at all belongs to another sort of target: it is left out, unless it
    was asked for by its name or there would be nothing else to say.

    Args:
        faults: classes to bind.
        target: an open target.
        tuning: strength and duration.
        component: only this component (``worker-1``, ``clients``), or all.
        seed: of the order, so that a run can be repeated and one order cannot hide a fault behind another for ever.
        named: the words of the selection.

    Raises:
        NoSuchComponent: nothing is called ``component``.
    """
    fitting = [fault for fault in faults if fault.name in named or fits(fault, target)]
    bound: list[Fault | Impossible] = []
    known: set[str] = set()
    for engine in target.engines():
        found = [case for fault in fitting or faults for case in _cases(fault, target, engine.endpoint.kind, tuning)]
        known |= {case.component for case in found if isinstance(case, Fault)}
        cases = [case for case in found if isinstance(case, Impossible) or component in {None, case.component}]
        random.Random(seed).shuffle(cases)  # noqa: S311 - an order, not a secret
        bound += cases
    if component is not None and known and component not in known:
        raise NoSuchComponent(f"no component {component!r} to strike; choose from {', '.join(sorted(known))}")
    return bound


def fits(fault: type[Fault], target: Target) -> bool:
    """Whether the target has the means that the fault needs."""
    return fault.means is None or target.means(fault.means) is not None


def _cases(fault: type[Fault], target: Target, engine: str, tuning: Tuning) -> list[Fault | Impossible]:
    try:
        components = fault.components(target, engine)
    except (NotPossible, MeansError) as error:
        return [Impossible(fault, engine, str(error))]
    return [fault(target, engine, name, tuning) for name in components]

"""What became of the inserts under faults, in words; the same in every report and on the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runner.report.units import count, duration
from runner.results import Durability, Results


def inserts(found: Durability) -> str:
    """``412 acknowledged, 3 unknown (2 written), none acknowledged for 4.10 s, none lost, none duplicated``."""
    parts = [
        f"{count(found.acknowledged)} acknowledged",
        _refused(found),
        _unknown(found),
        f"none acknowledged for {duration(found.interrupted_seconds)}" if found.interrupted_seconds else "",
    ]
    if found.broken is None:
        return f"{', '.join(part for part in parts if part)}; lost and duplicated not measured: {found.reason}"
    parts += [f"{_number(found.lost)} lost", f"{_number(found.duplicated)} duplicated"]
    parts += [f"{_number(found.unexpected)} there that nobody sent"] if found.unexpected else []
    return ", ".join(part for part in parts if part)


def broken_promises(found: Durability) -> str:
    """What fails an experiment: ``2 lost, 1 duplicated``; empty when nothing does, or nothing is known."""
    counts = ((found.lost, "lost"), (found.duplicated, "duplicated"), (found.unexpected, "there that nobody sent"))
    return ", ".join(f"{count(number)} {word}" for number, word in counts if number)


def _refused(found: Durability) -> str:
    remark = f" ({count(found.refused_but_written)} written all the same)" if found.refused_but_written else ""
    return f"{count(found.refused)} refused{remark}" if found.refused else ""


def _unknown(found: Durability) -> str:
    remark = "" if found.unknown_written is None else f" ({_number(found.unknown_written)} written)"
    return f"{count(found.unknown)} unknown{remark}" if found.unknown else ""


def _number(number: int | None) -> str:
    return "none" if number == 0 else count(number)


@dataclass(frozen=True, slots=True)
class DurabilityTotal:
    """The inserts of a whole run: their sum where they were read back, and in how many experiments they were or not."""

    sum: Durability
    measured: int
    unmeasured: int


def durability(results: Results) -> DurabilityTotal:
    """Add up all experiments that wrote keys."""
    every = [item.durability for item in results.experiments if item.durability is not None]
    known = [found for found in every if found.broken is not None]
    total = Durability(
        acknowledged=sum(found.acknowledged for found in known),
        refused=sum(found.refused for found in known),
        unknown=sum(found.unknown for found in known),
        lost=_sum(found.lost for found in known),
        duplicated=_sum(found.duplicated for found in known),
        unknown_written=_sum(found.unknown_written for found in known),
        refused_but_written=_sum(found.refused_but_written for found in known),
        unexpected=_sum(found.unexpected for found in known),
    )
    return DurabilityTotal(total, len(known), len(every) - len(known))


def _sum(numbers: Iterable[int | None]) -> int:
    return sum(number or 0 for number in numbers)

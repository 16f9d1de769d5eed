"""The error budget: how fast each engine spends it, over several windows at once.

Multi-window, multi-burn-rate alerts as in Google's SRE workbook, chapter 5 ("Alerting on SLOs"), table 5-8: the long
window says that the loss matters, the short one that it still goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

from components.rules.model import Alert, Group, Recording, Rule
from components.rules.scope import Scope, seconds

SERVED = "engine:served:ratio"


@dataclass(frozen=True, slots=True)
class Burn:
    """One pair of windows. ``rate`` 1 spends the budget of 30 days in exactly 30 days."""

    rate: float
    long: str
    short: str


FAST = (Burn(14.4, "1h", "5m"), Burn(6, "6h", "30m"))
SLOW = (Burn(3, "1d", "2h"), Burn(1, "3d", "6h"))


def groups(scope: Scope) -> tuple[Group, ...]:
    """The windows' losses, and the alerts on them; what is longer than Prometheus remembers is left out."""
    fast, slow = _remembered(FAST, scope), _remembered(SLOW, scope)
    windows = sorted({window for burn in (*fast, *slow) for window in (burn.long, burn.short)}, key=seconds)
    rules: list[Rule] = [_loss(window, scope) for window in windows]
    if fast:
        rules.append(_alert("ErrorBudgetBurnFast", fast, scope, urgent=True))
    if slow:
        rules.append(_alert("ErrorBudgetBurnSlow", slow, scope, urgent=False))
    return (Group("budget", tuple(rules)),) if rules else ()


def _remembered(burns: tuple[Burn, ...], scope: Scope) -> tuple[Burn, ...]:
    return tuple(burn for burn in burns if seconds(burn.long) <= scope.retention)


def _name(window: str) -> str:
    return f"engine:unserved:ratio_avg{window}"


def _loss(window: str, scope: Scope) -> Recording:
    return Recording(
        _name(window),
        f"1 - avg_over_time({SERVED}{{{scope.both}}}[{window}])",
        "share, 0 to 1",
        f"How much of its service the engine did not give in the last {window}.",
    )


def _alert(name: str, burns: tuple[Burn, ...], scope: Scope, *, urgent: bool) -> Alert:
    slowest = min(burn.rate for burn in burns)
    pace = f"at least {slowest:g} times too fast" if slowest > 1 else "faster than it comes"
    return Alert(
        name,
        " or ".join(f"({_spends(burn, scope)})" for burn in burns),
        "1m" if urgent else "5m",
        "critical" if urgent else "warning",
        f"{{{{ $labels.engine }}}} spends its error budget ({scope.budget:.4g} of 30 days) {pace}.",
        "It was unavailable, or failed queries, for too long: "
        + "; ".join(f"{burn.rate:g} times over {burn.long} and still over {burn.short}" for burn in burns)
        + ".",
    )


def _spends(burn: Burn, scope: Scope) -> str:
    limit = f"{burn.rate * scope.budget:.6g}"
    long, short = (f"{_name(window)}{{{scope.both}}} > {limit}" for window in (burn.long, burn.short))
    return f"{long} and {short}"

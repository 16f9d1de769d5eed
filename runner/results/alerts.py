"""What monitoring saw of an experiment, in the results document."""

from __future__ import annotations

from typing import Literal

from runner.results.base import Model

Stretches = tuple[tuple[float, float], ...]


class ExpectedAlert(Model):
    """An alert that the fault should raise once its condition has lasted long enough.

    ``outcome``: ``fired``; ``missing``: it did not although it had to; ``not due``: the condition may not have lasted
    ``needs_seconds``, so that nothing follows; ``active before``: it was on already; ``no rule``: no rule of that name
    is loaded; ``unknown``: Prometheus could not be asked for long enough. ``needs_seconds``: what scrapes, evaluation
    and the rule's ``for`` take together at the worst. ``lasted_seconds``: for how long, at least, its condition held.
    ``fired_seconds``: from the confirmed injection. ``resolved_seconds``: from the recovery (the later of the revert
    and of the clients' first lasting answers), negative when it was before; ``None`` while it was still on at the end.
    ``waited_seconds``: for how long, from the recovery, it was watched whether it resolves.
    """

    name: str
    outcome: Literal["fired", "missing", "not due", "active before", "no rule", "unknown"]
    needs_seconds: float | None = None
    lasted_seconds: float | None = None
    fired_seconds: float | None = None
    resolved_seconds: float | None = None
    waited_seconds: float | None = None


class AlertSeen(Model):
    """One alert that was pending or firing; stretches relative to the experiment's start.

    ``role``: ``expected``; ``allowed``: it may well follow from the fault; ``unexpected``: the fault explains it not;
    ``before``: it was on when the fault was injected; ``other``: of a rule that is not the stack's own, not judged.
    ``notified_seconds``: from the confirmed injection until Alertmanager had it. ``silenced``: nobody was told.
    """

    name: str
    labels: dict[str, str] = {}
    role: Literal["expected", "allowed", "unexpected", "before", "other"]
    pending: Stretches = ()
    firing: Stretches = ()
    notified_seconds: float | None = None
    silenced: bool = False


class AlertsView(Model):
    """Monitoring's view of one experiment.

    ``not_measured`` says why there is none, or is empty. ``asked``: it was asked for, so that the run waited for alerts
    and not knowing leaves the verdict open. ``blind``: why no alert can see this fault. ``not_observed``: when
    Prometheus did not answer. ``clock_ahead_seconds``: Prometheus' clock minus the runner's, and its uncertainty; the
    moments here are corrected by it. ``annotation``: the window in Grafana, or why there is none.
    ``prolonged_seconds``: how much longer than asked for the fault was held, so that its alert could fire; objectives
    allow for it.
    """

    not_measured: str = ""
    asked: bool = False
    blind: str = ""
    expected: tuple[ExpectedAlert, ...] = ()
    seen: tuple[AlertSeen, ...] = ()
    not_observed: Stretches = ()
    clock_ahead_seconds: float | None = None
    clock_uncertainty_seconds: float | None = None
    annotation: str = ""
    prolonged_seconds: float = 0.0

    @property
    def unexpected(self) -> tuple[AlertSeen, ...]:
        """Alerts that fired although nothing explains them."""
        return tuple(one for one in self.seen if one.role == "unexpected" and one.firing)

"""Fault injection in the results document."""

from __future__ import annotations

from typing import Literal

from runner.results.alerts import AlertsView
from runner.results.base import Model, Verdict
from runner.results.engine_metrics import EngineMetrics
from runner.results.load import Answers, Percentiles


class Injection(Model):
    """When the fault was put in and taken out, and what proves each."""

    confirmed: bool
    started_at: float | None = None
    confirmed_at: float | None = None
    reverted_at: float | None = None
    proof: str = ""
    revert_confirmed: bool = False
    revert_proof: str = ""


class Durability(Model):
    """What became of the inserts of unique keys that ran during one experiment; each was tried once.

    As their clients saw it: ``acknowledged`` (the engine answered that it had them), ``refused`` (it answered with an
    error, or there was no connection to send them on) and ``unknown`` (the connection broke or the deadline passed: may
    have been written or not). The other counts come of reading all keys back once the engine was steady again, and are
    ``None``, with the ``reason``, where that was not possible: ``lost`` acknowledged keys are not there, ``duplicated``
    keys are there more than once, ``unexpected`` keys were never sent: each of them fails the experiment. Of the
    unknown ``unknown_written`` are there and the rest are not; of the refused ``refused_but_written`` are there.
    ``interrupted_seconds`` is the longest stretch from one acknowledgement to the next with inserts between them that
    were not acknowledged; a lower bound where none was after it.
    """

    acknowledged: int
    refused: int
    unknown: int
    lost: int | None = None
    duplicated: int | None = None
    unknown_written: int | None = None
    refused_but_written: int | None = None
    unexpected: int | None = None
    reason: str = ""
    interrupted_seconds: float | None = None

    @property
    def broken(self) -> int | None:
        """Keys that are not there exactly once although they should be, or there although they should not."""
        if self.lost is None or self.duplicated is None or self.unexpected is None:
            return None
        return self.lost + self.duplicated + self.unexpected


class Sample(Model):
    """One probe attempt, times relative to the experiment's start."""

    at: float
    latency: float
    outcome: Literal["ok", "failed", "wrong", "unknown"]
    error: str = ""


class KubernetesComparison(Model):
    """What clients saw against what Kubernetes said, from the start of the injection on.

    ``failing_seconds``: clients failed although Kubernetes said ready (gray failure); ``longest_seconds`` of it in one
    piece, which began ``longest_at_seconds`` from the confirmed injection. ``unready_seconds``: Kubernetes said not
    ready, and ``served_seconds`` of it clients were served. ``unobserved_seconds``: the watch was cut; part of none of
    these. ``ready_gap_seconds``: the moment Kubernetes said ready again minus the moment clients were served again.
    ``all_ready_seconds``: every wanted pod was Ready again, from the confirmed injection.
    """

    failing_seconds: float
    longest_seconds: float
    longest_at_seconds: float | None = None
    unready_seconds: float
    served_seconds: float
    unobserved_seconds: float
    ready_gap_seconds: float | None = None
    all_ready_seconds: float | None = None


class KubernetesView(Model):
    """Kubernetes' own view of the engine during one experiment, watched; stretches relative to the experiment's start.

    ``ready``: the engine's Service had a ready endpoint that was not about to end. ``all_pods_ready``: every wanted pod
    was Ready. ``not_observed``: the watch was cut. ``not_measured`` says why nothing could be watched, or is empty.
    ``compared`` is there when the injection was confirmed.
    """

    not_measured: str = ""
    ready: tuple[tuple[float, float], ...] = ()
    all_pods_ready: tuple[tuple[float, float], ...] = ()
    not_observed: tuple[tuple[float, float], ...] = ()
    compared: KubernetesComparison | None = None


class Experiment(Model):
    """One fault on one component of one engine. Measures are ``None`` where they could not be taken.

    ``along``: the engine's other components that were struck as a whole, since they shared what the fault struck; what
    was measured is then not ``component``'s alone. ``rto_censored`` means: not recovered within the limit, so
    ``rto_seconds`` is a lower bound. ``window`` is (injection started, reverted) relative to the experiment's start:
    the shaded band. ``answers`` counts probes and background workload together, ``probe_answers`` the probes alone.
    ``durability`` is ``None`` where the engine keeps no written data, and where nothing was carried out; ``kubernetes``
    on a target without it; ``alerts`` and ``metrics`` on a target without monitoring, ``metrics`` where nothing was
    injected.
    """

    name: str
    fault: str
    kind: Literal["service", "pod", "node", "network", "storage"]
    engine: str
    component: str
    description: str
    along: tuple[str, ...] = ()
    verdict: Verdict
    reason: str = ""
    started_at: float
    duration_seconds: float
    injection: Injection
    window: tuple[float, float] | None = None
    probe_period_seconds: float
    probe_deadline_seconds: float
    steady_before: bool | None = None
    steady_after: bool | None = None
    detection_seconds: float | None = None
    unavailable_seconds: float | None = None
    availability: float | None = None
    rto_seconds: float | None = None
    rto_uncertainty_seconds: float | None = None
    rto_censored: bool = False
    full_capacity_seconds: float | None = None
    answers: Answers
    probe_answers: Answers = Answers()
    errors: dict[str, int] = {}
    latency_before: Percentiles = Percentiles(count=0)
    latency_during: Percentiles = Percentiles(count=0)
    latency_after: Percentiles = Percentiles(count=0)
    samples: tuple[Sample, ...] = ()
    durability: Durability | None = None
    kubernetes: KubernetesView | None = None
    alerts: AlertsView | None = None
    metrics: EngineMetrics | None = None

    @property
    def held_seconds(self) -> float | None:
        """From the start of the injection to its revert."""
        return self.window[1] - self.window[0] if self.window else None

    @property
    def full_name(self) -> str:
        """The name, with what else was struck."""
        return f"{self.name}, {' and '.join(self.along)} with it" if self.along else self.name

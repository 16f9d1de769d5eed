"""Kubernetes' view of an experiment, in words."""

from __future__ import annotations

from runner.report.units import NONE, duration
from runner.results import KubernetesView

NOT_MEASURED = "not measured"
EXPLANATION = (
    "Gray failure is the time in which clients failed although Kubernetes said ready, that is, had a ready endpoint "
    "for the Service (watched; a differential observability as in Huang et al., HotOS 2017); the ready gap is when it "
    "said ready again minus when clients were served again, so that + means it was later than the clients."
)


def gray_failure(view: KubernetesView | None) -> str:
    """For a table: how long clients failed although Kubernetes said ready."""
    if view is None:
        return NONE
    if view.not_measured:
        return NOT_MEASURED
    return duration(view.compared.failing_seconds) if view.compared else NONE


def ready_gap(view: KubernetesView | None) -> str:
    """For a table: by how much Kubernetes was later than the clients, signed."""
    if view is None:
        return NONE
    if view.not_measured:
        return NOT_MEASURED
    if view.compared is None:
        return NONE
    if view.compared.ready_gap_seconds is not None:
        return signed(view.compared.ready_gap_seconds)
    if not view.compared.unready_seconds:
        return "ready throughout" if not view.compared.unobserved_seconds else "not seen unready"
    return NONE


def details(view: KubernetesView) -> str:
    """One line with everything else."""
    if view.not_measured:
        return f"{NOT_MEASURED}: {view.not_measured}"
    found = view.compared
    if found is None:
        return "watched; nothing to compare without a confirmed injection"
    parts = [f"said not ready for {duration(found.unready_seconds)}"]
    if found.longest_at_seconds is not None:
        where = f"beginning {signed(found.longest_at_seconds)} from the confirmed injection"
        parts.append(f"longest gray failure {duration(found.longest_seconds)}, {where}")
    parts.append(f"clients served although not ready {duration(found.served_seconds)}")
    if found.all_ready_seconds is not None:
        parts.append(f"all pods Ready again {duration(found.all_ready_seconds)} after the confirmed injection")
    parts.append(f"not observed {duration(found.unobserved_seconds)}")
    return "; ".join(parts)


def signed(seconds: float) -> str:
    """A duration with its sign."""
    return duration(seconds) if seconds < 0 else f"+{duration(seconds)}"

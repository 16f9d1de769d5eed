"""Kubernetes' view of an experiment, from the record to the results document."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from faults.experiment import Record
from runner.results import KubernetesComparison, KubernetesView
from targets.base import Stretch


def kubernetes_view(record: Record) -> KubernetesView | None:
    """What Kubernetes said during an experiment; ``None`` on a target without it."""
    timeline, gray = record.availability, record.gray
    if timeline is None:
        return None

    def relative(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
        return tuple((round(start - record.started, 4), round(end - record.started, 4)) for start, end in stretches)

    return KubernetesView(
        not_measured=timeline.unmeasured,
        ready=relative(timeline.available),
        all_pods_ready=relative(timeline.all_ready),
        not_observed=relative(timeline.unobserved),
        compared=KubernetesComparison(**{f"{name}_seconds": value for name, value in asdict(gray).items()})
        if gray
        else None,
    )

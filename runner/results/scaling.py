"""Scaling in the results document."""

from __future__ import annotations

from typing import Literal

from runner.results.base import Model, Verdict
from runner.results.load import Answers, Percentiles


class ScalingStep(Model):
    """One step of a scaling: ``seconds`` from what started the way, ``None`` when it did not come in time."""

    way: Literal["out", "in"]
    name: str
    seconds: float | None


class Scaling(Model):
    """One change of size and back: by an autoscaler under load, by hand, or in place.

    ``out`` is measured from the load or the request on, ``in`` from the load's end or the request back on. ``answers``
    and ``latency`` are those of the checked load, apart for the time before, the way out and the way in; a failed
    answer on the way in means that what was taken away had not finished its work.
    """

    name: str
    engine: str
    component: str
    description: str
    verdict: Verdict
    reason: str = ""
    started_at: float
    duration_seconds: float
    before: str = ""
    after: str = ""
    rate_per_second: float | None = None
    steps: tuple[ScalingStep, ...] = ()
    evidence: tuple[str, ...] = ()
    answers_before: Answers = Answers()
    answers_out: Answers = Answers()
    answers_in: Answers = Answers()
    errors: dict[str, int] = {}
    latency_before: Percentiles = Percentiles(count=0)
    latency_out: Percentiles = Percentiles(count=0)
    latency_in: Percentiles = Percentiles(count=0)

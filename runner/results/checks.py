"""Functionality checks in the results document."""

from __future__ import annotations

from runner.results.base import Model, Verdict


class Evidence(Model):
    """One exchange: what was sent, what came back."""

    sent: str
    received: str


class CheckResult(Model):
    """One functionality check. ``reason`` says why it failed or was skipped."""

    name: str
    engine: str
    description: str
    status: Verdict
    seconds: float
    evidence: tuple[Evidence, ...] = ()
    reason: str = ""

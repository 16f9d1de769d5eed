"""Every registered functionality check, on a real target."""

from __future__ import annotations

import pytest

from runner.checks import Check, run_check
from runner.results import Verdict
from targets.base import Target

pytestmark = pytest.mark.embedded


def test_check(target: Target, kind: str, entry: Check) -> None:
    if kind not in {engine.endpoint.kind for engine in target.engines()}:
        pytest.skip(f"the target has no {kind}")
    result = run_check(target, kind, entry)
    if result.status is Verdict.SKIPPED:
        pytest.skip(result.reason)
    exchanges = "\n".join(f"  sent: {each.sent}\n  came: {each.received}" for each in result.evidence)
    if result.status is not Verdict.PASS:
        pytest.fail(f"{result.description}: {result.reason}\n{exchanges}", pytrace=False)

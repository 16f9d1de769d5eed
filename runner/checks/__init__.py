"""Functionality checks: does each engine do what its clients need, errors included?

Each check is a named function in this package, entered into a catalogue by its decorator. It passes by returning,
fails or is skipped by an exception that says why, and leaves evidence of what was sent and what came.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import requests

from engines import EngineError, within
from runner.checks import clickhouse, delivery, generic, monitoring, monitoring_parts, trino
from runner.checks.registry import Check, CheckFailed, CheckSkipped, Context, catalogue, describe, kinds
from runner.results import CheckResult, Verdict
from targets.base import Target

__all__ = [
    "Check",
    "CheckFailed",
    "CheckSkipped",
    "catalogue",
    "clickhouse",
    "delivery",
    "generic",
    "kinds",
    "monitoring",
    "monitoring_parts",
    "run_check",
    "run_checks",
    "trino",
]


def run_checks(target: Target, *, progress: Callable[[CheckResult], None] | None = None) -> list[CheckResult]:
    """Run every check that applies to the target's engines, one after the other.

    Args:
        target: an opened target.
        progress: called with each result.

    Returns:
        Results in the order of the target's engines and of the catalogue. A failed check does not stop the others.
    """
    results = []
    for result in _results(target):
        results.append(result)
        if progress:
            progress(result)
    return results


def _results(target: Target) -> Iterator[CheckResult]:
    for engine in target.engines():
        for entry in catalogue(engine.endpoint.kind):
            yield run_check(target, engine.endpoint.kind, entry)
    yield from monitoring.results(target)
    yield from delivery.results(target)


def run_check(target: Target, kind: str, entry: Check) -> CheckResult:
    """Run one check on one engine of the target; never raises for what the engine does."""
    engine = next(engine for engine in target.engines() if engine.endpoint.kind == kind)
    output = next(output for output in target.outputs.engines if output.kind == kind)
    began = time.monotonic()
    context = Context(engine, output, ends=began + entry.seconds)
    status, reason = _verdict(entry, context)
    return CheckResult(
        name=f"{kind}/{entry.name}",
        engine=kind,
        description=entry.description,
        status=status,
        seconds=time.monotonic() - began,
        evidence=tuple(context.evidence),
        reason=reason,
    )


def _verdict(entry: Check, context: Context) -> tuple[Verdict, str]:
    try:
        with within(entry.seconds):
            entry.function(context)
    except CheckSkipped as skipped:
        return Verdict.SKIPPED, str(skipped)
    except CheckFailed as failed:
        return Verdict.FAIL, str(failed)
    except EngineError as error:
        return Verdict.FAIL, describe(error)
    except requests.RequestException as error:
        return Verdict.FAIL, f"no answer over HTTP: {type(error).__name__}"
    except (ValueError, LookupError, TypeError) as error:  # an answer of another form than the check can read
        return Verdict.FAIL, f"the answer is not of the form expected: {type(error).__name__}: {error}"
    return Verdict.PASS, ""

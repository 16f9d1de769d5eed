"""What faults are about to do: shown with ``--dry-run``, agreed to on a terminal, or refused."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from faults.base import Fault, NotPossible
from faults.catalogue import Impossible
from runner.errors import BadInput, CouldNotRun
from targets.base import MeansError, Target
from targets.kubernetes import KubernetesTarget

NODE_KIND = "node"
SHOWN = 12  # objects named in the question


def needs_consent(target: Target) -> bool:
    """Whether somebody else may depend on what the target runs."""
    return isinstance(target, KubernetesTarget)


def require_somebody_to_ask(target: Target, *, yes: bool) -> None:
    """Refuse before anything is opened when consent is needed and nobody can give it.

    Raises:
        BadInput: standard input is no terminal.
    """
    if needs_consent(target) and not yes and not sys.stdin.isatty():
        raise BadInput(
            f"this changes stack {target.name} on a cluster, and there is no terminal to ask at: give --yes to go on, "
            "or see what would happen with: fault --dry-run"
        )


def ask(target: Target, cases: Sequence[Fault | Impossible], *, yes: bool) -> None:
    """Ask on the terminal before the stack is changed; nothing to ask on the embedded target.

    Raises:
        CouldNotRun: the answer was no.
    """
    if yes or not needs_consent(target):
        return
    context = target.outputs.kube_context or "the current one"
    faults = [case for case in cases if isinstance(case, Fault)]
    touched = sorted({line.partition(":")[0] for fault in faults for line in lines(fault)})
    nodes = [one for one in touched if one.startswith(f"{NODE_KIND}/")]
    others = [one for one in touched if one not in nodes]
    question = (
        f"Cluster context: {context}\nStack: {target.name}\nExperiments: {len(faults)}\n"
        f"Nodes touched: {_some(nodes)}\nObjects touched: {_some(others)}\nInject these faults?"
    )
    if not click.confirm(question, default=False, err=True):
        raise CouldNotRun("not agreed to: nothing was injected")


def ask_to_scale(target: Target, *, yes: bool) -> None:
    """Ask on the terminal before the stack is scaled.

    Raises:
        CouldNotRun: the answer was no.
    """
    _ask_for_workloads(target, "Scale them?", "nothing was scaled", yes=yes)


def ask_to_restart(target: Target, *, yes: bool) -> None:
    """Ask on the terminal before the stack's engines are started anew.

    Raises:
        CouldNotRun: the answer was no.
    """
    _ask_for_workloads(target, "Delete their pods, so that they start anew?", "nothing was restarted", yes=yes)


def _ask_for_workloads(target: Target, question: str, otherwise: str, *, yes: bool) -> None:
    if yes or not needs_consent(target):
        return
    context = target.outputs.kube_context or "the current one"
    workloads = [f"{one.kind}/{one.name}" for engine in target.outputs.engines for one in engine.workloads]
    told = f"Cluster context: {context}\nStack: {target.name}\nObjects touched: {_some(workloads)}\n{question}"
    if not click.confirm(told, default=False, err=True):
        raise CouldNotRun(f"not agreed to: {otherwise}")


def lines(fault: Fault) -> list[str]:
    """What a fault would do, one line for each object: ``kind/name: what``."""
    try:
        return fault.plan().splitlines()
    except (NotPossible, MeansError) as error:
        return [f"{fault.engine}/{fault.component}: cannot be told ({error})"]


def dry_run(cases: Sequence[Fault | Impossible]) -> list[str]:
    """What every case would do, or why it would be skipped; changes nothing."""
    return [line for case in cases for line in _dry(case)]


def _dry(case: Fault | Impossible) -> list[str]:
    if isinstance(case, Impossible):
        return [f"{case.engine}/{case.fault.name}: SKIPPED: {case.reason}"]
    try:
        case.preflight()
    except (NotPossible, MeansError) as error:
        return [f"{case.label}: SKIPPED: {error}"]
    lasting = "" if case.momentary else f" for {case.tuning.hold:g} s, at most {case.tuning.ttl:g} s"
    return [f"{case.label}{lasting} (dry run)", *(f"  {line}" for line in lines(case))]


def _some(names: Sequence[str]) -> str:
    if not names:
        return "none"
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more

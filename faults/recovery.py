"""Undo what a runner that died has left behind, from the ledger alone."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from faults.base import NotPossible, Tuning, fault_classes
from faults.ledger import Entry, Ledger, LedgerError
from faults.marks import end_mark
from faults.observer import wait_until
from targets.base import MeansError, Target
from targets.kubernetes.faultpod_means import FaultPods
from targets.monitoring import MonitoringError, part_of
from targets.monitoring.alertmanager import Alertmanager

PROOF_LIMIT = 120.0
PATIENCE = 90.0  # seconds: more than a dead runner's lock lasts


@dataclass(frozen=True, slots=True)
class Recovery:
    """One entry of the ledger after an attempt to revert it; ``proof`` is empty when it failed.

    ``problem`` is why, or what else went wrong.
    """

    entry: Entry
    proof: str
    problem: str = ""


def recover(target: Target, ledger: Ledger, *, limit: float = PROOF_LIMIT) -> list[Recovery]:
    """Revert every entry of the ledger; one that fails does not keep the others from being tried.

    Args:
        target: an open target.
        ledger: of that target.
        limit: seconds that each revert may take to show.

    Raises:
        LedgerError: the ledger cannot be read, or another runner is injecting now.
    """
    with ledger.exclusive(patience=PATIENCE):
        recoveries = [_revert(target, ledger, entry, limit) for entry in ledger.pending()]
        _tidy(target)
    return recoveries


def _tidy(target: Target) -> None:
    """Remove what changes nothing and so is on no record, or ends by itself."""
    pods = target.means(FaultPods)
    if pods is not None:
        with contextlib.suppress(MeansError):  # it ends by itself
            pods.tidy()
    alertmanager = part_of(target, "alertmanager")
    if alertmanager is not None:
        with contextlib.suppress(MonitoringError):  # each ends by itself
            Alertmanager(alertmanager).end_silences(target.outputs.stack)


def _revert(target: Target, ledger: Ledger, entry: Entry, limit: float) -> Recovery:
    classes = fault_classes()
    if entry.fault not in classes:
        return Recovery(entry, "", f"no fault of that name in this version: {entry.fault}")
    fault = classes[entry.fault](target, entry.engine, entry.component, Tuning())
    fault.key = entry.id
    try:
        fault.recall(entry.original)
    except MeansError as error:
        return Recovery(entry, "", str(error))
    proof, problem = "", ""

    def proven() -> bool:
        nonlocal proof, problem
        try:
            fault.revert()
            if shown := fault.revert_proof():
                ledger.clear(entry)
                proof = shown
        except (MeansError, NotPossible, LedgerError) as error:
            problem = str(error)
        return bool(proof)

    if not wait_until(proven, limit, interval=0.1):
        return Recovery(entry, "", problem or f"no proof of the revert within {limit:g} s")
    return Recovery(entry, proof, end_mark(target, entry))

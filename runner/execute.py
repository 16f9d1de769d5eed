"""What the verbs have in common: validate, open the target, do the work, write the reports, decide the exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from engines import EngineError
from faults.base import Tuning
from faults.ledger import Ledger, LedgerError
from faults.recovery import recover
from runner.comparison.compare import CompareError, compare
from runner.comparison.model import Comparison
from runner.comparison.sides import load_side
from runner.consent import dry_run, require_somebody_to_ask
from runner.console import Console
from runner.errors import BadInput, CouldNotRun, ExitCode
from runner.incluster import run_in_cluster
from runner.options import Settings, check_output
from runner.report import ReportError, load_results, write_reports
from runner.results import Results, Verdict
from runner.run import Run, chosen
from runner.slo import load_slo
from runner.targets import EMBEDDED, open_target
from targets.base import MeansError, Target
from targets.embedded.config import EmbeddedConfig, Listener
from targets.embedded.instance import kept
from targets.embedded.plan import OUTPUTS_FILE
from targets.kubernetes.node_means import NodeAction

EXIT_CODES = {Verdict.PASS: ExitCode.MET, Verdict.SKIPPED: ExitCode.COULD_NOT_RUN}


def measure(command: str, settings: Settings, work: Callable[[Run], None], *, injects: bool = False) -> int:
    """Run a verb that measures; nothing is started before everything that was given has been found usable.

    Args:
        command: the verb's name, for the report.
        settings: of the run.
        work: what the verb does.
        injects: whether it changes what it measures, so that a cluster's user is asked before.

    Returns:
        0 objectives met, 1 verdict failed or left open, 3 nothing could be run.

    Raises:
        BadInput, TargetError, CouldNotRun: see there.
    """
    if settings.in_cluster:
        return run_in_cluster(settings, injects=injects)
    slo = load_slo(settings.slo)
    with Console(json=settings.json) as console:
        target = _target(settings, console)
        if injects:
            require_somebody_to_ask(target, yes=settings.yes)
        check_output(settings.output)
        with _opened(target, settings, console):
            _require_monitoring(target, settings)
            run = Run(target, settings, slo, console)
            try:
                run.measure_transport()
                work(run)
                results = run.results(command)
            except (EngineError, MeansError, LedgerError) as error:
                raise CouldNotRun(str(error)) from error
        return _conclude(results, settings, console)


def plan_faults(settings: Settings, words: Sequence[str], tuning: Tuning, component: str | None) -> int:
    """Say what faults would do to which object, and change nothing.

    Raises:
        BadInput, TargetError, CouldNotRun: see there.
    """
    if settings.in_cluster:
        raise BadInput("--dry-run looks from here: leave --in-cluster out")
    with Console(json=True) as console:  # people are told on standard error, beside the lines
        target = _target(settings, console)
        with _opened(target, settings, console):
            try:
                for line in dry_run(chosen(words, target, tuning, component, settings.seed)):
                    sys.stdout.write(f"{line}\n")
            except MeansError as error:
                raise CouldNotRun(str(error)) from error
    return ExitCode.MET


def recover_target(spec: str, actions: Sequence[NodeAction] = ()) -> int:
    """Revert what the ledgers of a target still hold; 0 when nothing is left, 1 when something is.

    Args:
        spec: names the target.
        actions: commands that mend nodes.

    Raises:
        BadInput, TargetError, CouldNotRun: see there.
    """
    documents = [spec] if spec != EMBEDDED else [str(instance.run.directory / OUTPUTS_FILE) for instance in kept()]
    if not documents:
        sys.stdout.write("No embedded instance is running: its processes and faults ended with their runner.\n")
    return max([_recover(document, actions) for document in documents], default=ExitCode.MET)


def _recover(document: str, actions: Sequence[NodeAction]) -> ExitCode:
    with open_target(document, engines=None, node_actions=actions) as target:
        try:
            recoveries = recover(target, Ledger(target.store()))
        except LedgerError as error:
            raise CouldNotRun(str(error)) from error
    for recovery in recoveries:
        entry = recovery.entry
        outcome = f"reverted ({recovery.proof})" if recovery.proof else f"NOT reverted: {recovery.problem}"
        if recovery.proof and recovery.problem:
            outcome += f"; but {recovery.problem}"
        sys.stdout.write(f"{entry.engine}/{entry.component}/{entry.fault}: {outcome}\n")
    if not recoveries:
        sys.stdout.write("Nothing to revert: the ledger is empty.\n")
    return ExitCode.MET if all(recovery.proof for recovery in recoveries) else ExitCode.FAILED


def rerender(results: Path, output: Path | None, baseline: Path | None = None, allow: Collection[str] = ()) -> int:
    """Write the reports of a run again; the exit code is that run's.

    Args:
        results: its document.
        output: where to write; ``None``: beside the document.
        baseline: an earlier run to compare with.
        allow: what may differ from it.

    Raises:
        BadInput, CouldNotRun: see there.
    """
    try:
        document = load_results(results)
    except ReportError as error:
        raise BadInput(str(error)) from error
    comparison = _compared(results, baseline, allow) if baseline else None
    directory = output or (results if results.is_dir() else results.parent)
    check_output(directory)
    for path in _write(document, directory, comparison):
        sys.stdout.write(f"{path}\n")
    return EXIT_CODES.get(document.verdict, ExitCode.FAILED)


def _target(settings: Settings, console: Console) -> Target:
    config = EmbeddedConfig(
        trino_workers=settings.trino_workers,
        coordinator_heap_bytes=settings.coordinator_heap,
        worker_heap_bytes=settings.worker_heap,
        clickhouse_bytes=settings.clickhouse_memory,
        listener=Listener(phase=console.step, transfer=console.transfer),
    )
    return open_target(
        settings.target,
        engines=settings.engines,
        config=config,
        transport=settings.transport,
        node_actions=settings.node_actions,
    )


def _require_monitoring(target: Target, settings: Settings) -> None:
    """What was asked for must be there, before anything is measured.

    Raises:
        BadInput: it is not.
    """
    parts = {part.part for part in target.outputs.monitoring}
    for option, wanted, part in (
        ("--alerts", settings.alerts, "prometheus"),
        ("--silence", settings.silence, "alertmanager"),
    ):
        if wanted and part not in parts:
            raise BadInput(f"{option} needs {part}, and the outputs document of {target.name} names none; leave it out")


@contextmanager
def _opened(target: Target, settings: Settings, console: Console) -> Iterator[None]:
    """Open for the run, with the start as a phase of its own."""
    with ExitStack() as stack:
        with console.phase(f"Opening the target: {settings.target}"):
            stack.enter_context(target)
        yield


def _conclude(results: Results, settings: Settings, console: Console) -> int:
    console.verdict(results, _write(results, settings.output))
    if settings.json:
        sys.stdout.write(results.to_json())
    return EXIT_CODES.get(results.verdict, ExitCode.FAILED)


def _compared(results: Path, baseline: Path, allow: Collection[str]) -> Comparison:
    try:
        return compare(load_side(baseline), load_side(results), allow=allow)
    except CompareError as error:
        raise BadInput(str(error)) from error


def _write(results: Results, directory: Path, comparison: Comparison | None = None) -> list[Path]:
    try:
        return write_reports(results, directory, comparison)
    except ReportError as error:
        raise CouldNotRun(str(error)) from error

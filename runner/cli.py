"""The command line: ``python -m runner VERB``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.tpch.power import Execution
from faults.base import Kind, Tuning, fault_classes
from faults.catalogue import COMPREHENSIVE, select
from faults.experiment import Plan
from runner.embedded import embedded
from runner.errors import BadInput, CouldNotRun, ExitCode
from runner.execute import measure, plan_faults, recover_target, rerender
from runner.help import ExampleCommand
from runner.loads import LoadPlan
from runner.nodeoptions import node_actions, node_command_options
from runner.options import TARGET_HELP, Positive, common_options, settings_from, yes_option
from runner.run import Run
from runner.schemas import write_schemas
from runner.signals import Interrupted, ending_politely
from runner.targets import EMBEDDED
from runner.verbs.benchmark import benchmark
from runner.verbs.compare import allow_option, compare_runs
from runner.verbs.history import history
from runner.verbs.load import load
from runner.verbs.recoveries import recoveries
from runner.verbs.shared import (
    alert_options,
    duration_option,
    hold_option,
    iterations_option,
    queries_option,
    rate_option,
    warmups_option,
)
from runner.verbs.throughput import throughput
from targets.base import BadOutputs, NetworkControl, ProcessControl, TargetError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def cli() -> None:
    """Measure how reliably Trino and ClickHouse run: answers, speed, faults, recovery.

    Without a cluster everything runs on real engines as local processes (--target embedded).

    Exit codes: 0 objectives met, 1 verdict failed, 2 bad input, 3 could not run.
    """


@cli.command(
    "all",
    cls=ExampleCommand,
    examples=(
        "python -m runner all",
        "python -m runner all --engine clickhouse --scale-factor 1",
        "python -m runner all --target outputs.json --slo my-objectives.yaml --output reports/today",
    ),
)
@common_options
@queries_option
@warmups_option
@iterations_option
@rate_option
@duration_option
@hold_option
@alert_options
@yes_option
@node_command_options()
def all_parts(
    *,
    queries: tuple[int, ...],
    warmups: int,
    iterations: int,
    rate: float | None,
    duration: float,
    hold: float,
    **options: object,
) -> int:
    """Everything: checks, TPC-H, load, faults."""

    def work(run: Run) -> None:
        run.check()
        run.benchmark(queries, Execution(warmups, iterations))
        run.load(LoadPlan(rate=rate, duration=duration, seed=run.settings.seed))
        run.fault([COMPREHENSIVE], _tuning(hold), Plan())

    return measure("all", settings_from(options), work, injects=True)


@cli.command(cls=ExampleCommand, examples=("python -m runner check", "python -m runner check --engine trino --json"))
@common_options
def check(**options: object) -> int:
    """Functionality checks.

    Protocol, authentication both ways, typed errors, queueing, cancellation.
    """
    return measure("check", settings_from(options), Run.check)


@cli.command(
    cls=ExampleCommand,
    examples=(
        "python -m runner fault comprehensive",
        "python -m runner fault kill freeze --engine trino --component worker-1",
        "python -m runner fault network --hold 10",
        "python -m runner fault drain --target stack --component worker --deadline 30",
        "python -m runner fault delete drain --target stack:dev --dry-run",
        "python -m runner fault scale-to-zero --target stack --alerts --silence",
        "python -m runner fault node-loss --target stack --node-stop 'off {node}' --node-start 'on {node}'",
        "python -m runner fault --list",
    ),
)
@common_options
@hold_option
@click.option(
    "--deadline",
    type=Positive("a deadline in seconds", largest=30, example="10"),
    default=None,
    metavar="S",
    help="Seconds until clients give up on an answer. [default: the engine's]",
)
@click.option("--component", default=None, metavar="NAME", help="Only this component: coordinator, worker-1, clients.")
@click.option("--list", "listing", is_flag=True, help="List the faults and what they do.")
@click.option("--dry-run", is_flag=True, help="Say what would happen to which object, and change nothing.")
@alert_options
@yes_option
@node_command_options()
@click.argument("faults", nargs=-1, metavar="[FAULT]...")
def fault(
    *,
    faults: tuple[str, ...],
    hold: float,
    deadline: float | None,
    component: str | None,
    listing: bool,
    dry_run: bool,
    **options: object,
) -> int:
    """Faults and what clients see of them.

    FAULT is the name of a fault, a kind (service, pod, node, network, storage), or comprehensive (default): all
    that apply.
    """
    if listing:
        click.echo(_fault_list())
        return ExitCode.MET
    words = faults or (COMPREHENSIVE,)
    try:
        select(words)
    except ValueError as error:
        raise BadInput(str(error)) from error
    settings = settings_from(options)
    if dry_run:
        return plan_faults(settings, words, _tuning(hold), component)
    plan = Plan(deadline=deadline)
    return measure(
        "fault", settings, lambda run: run.fault(words, _tuning(hold), plan, component=component), injects=True
    )


@cli.command(
    cls=ExampleCommand,
    examples=(
        "python -m runner scale --target stack",
        "python -m runner scale --target stack:dev --engine trino --rate 8 --limit 900 --yes",
    ),
)
@common_options
@rate_option
@click.option(
    "--limit",
    type=Positive("a limit in seconds", largest=7200, example="600"),
    default=600.0,
    show_default=True,
    metavar="S",
    help="Seconds that scaling out, and scaling in, may take.",
)
@yes_option
def scale(rate: float | None, limit: float, **options: object) -> int:
    """Scaling: how long it takes, and that no query fails.

    Workers by their autoscaler under load and by hand, ClickHouse in place; then everything back again.
    """
    settings = settings_from(options)
    if settings.target == EMBEDDED:
        raise BadInput("scale is for engines on Kubernetes: name a stack with --target")
    return measure("scale", settings, lambda run: run.scale(rate, limit), injects=True)


@cli.command(
    cls=ExampleCommand, examples=("python -m runner recover", "python -m runner recover --target outputs.json")
)
@click.option("--target", default="embedded", show_default=True, metavar="WHERE", help=TARGET_HELP)
@node_command_options(mending_only=True)
def recover(target: str, **commands: str | None) -> int:
    """Revert what a killed runner left.

    On a cluster that works from any machine; a node that was broken by a command needs the one that mends it.
    """
    return recover_target(target, node_actions(commands))


@cli.command(
    cls=ExampleCommand,
    examples=(
        "python -m runner report",
        "python -m runner report old/results.json --output new",
        "python -m runner report --baseline main/results.json",
    ),
)
@click.argument("results", type=click.Path(path_type=Path), default=Path("report"))
@click.option(
    "--output", type=click.Path(path_type=Path), default=None, metavar="DIR", help="[default: beside RESULTS]"
)
@click.option(
    "--baseline", type=click.Path(path_type=Path), default=None, metavar="BASE", help="An earlier run to compare with."
)
@allow_option
def report(*, results: Path, output: Path | None, baseline: Path | None, allow: frozenset[str]) -> int:
    """Write the reports of a run again.

    RESULTS is a results.json, or the directory that holds one.
    """
    return rerender(results, output, baseline, allow)


@cli.command(hidden=True)
def schemas() -> int:
    """Write the JSON Schemas that the models generate."""
    for path in write_schemas():
        click.echo(path)
    return ExitCode.MET


for verb in (benchmark, throughput, load, compare_runs, history, recoveries, embedded):
    cli.add_command(verb)


def main(arguments: Sequence[str]) -> int:
    """Run a verb; every known failure is one line on standard error and its exit code."""
    given = list(arguments)
    name = "python -m runner"
    return _guarded(lambda: int(cli.main(given, prog_name=name, standalone_mode=False, obj=tuple(given)) or 0))


def _guarded(action: Callable[[], int]) -> int:
    try:
        with ending_politely():
            return action()
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.ClickException as error:
        return _complain(_one_line(error), ExitCode.BAD_INPUT)
    except (BadInput, BadOutputs) as error:
        return _complain(str(error), ExitCode.BAD_INPUT)
    except (CouldNotRun, TargetError) as error:
        return _complain(str(error), ExitCode.COULD_NOT_RUN)
    except Interrupted as interruption:
        return _complain(f"interrupted by {interruption}: faults reverted, processes ended", ExitCode.COULD_NOT_RUN)


def _complain(message: str, code: ExitCode) -> int:
    sys.stderr.write(f"error: {message}\n")
    return code


def _one_line(error: click.ClickException) -> str:
    return " ".join(error.format_message().split())


def _tuning(hold: float) -> Tuning:
    return Tuning(hold=hold, ttl=hold + 30.0)


def _fault_list() -> str:
    """Kind by kind, those for local processes before those for a cluster."""
    table = Table(box=None, pad_edge=False)
    for title in ("kind", "fault", "on", "what it does"):
        table.add_column(title, no_wrap=title != "what it does")
    for fault in select([*fault_classes()]):
        where = "embedded" if fault.means in {ProcessControl, NetworkControl} else "cluster"
        table.add_row(fault.kind.value, fault.name, where, fault.summary)
    console = Console(width=120, no_color=True)
    with console.capture() as capture:
        console.print(table)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    return "\n".join([*lines, "", f"A selection is a fault, a kind ({', '.join(Kind)}), or {COMPREHENSIVE}."])

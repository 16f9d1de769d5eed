"""``python -m runner load``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from benchmarks.arrivals import DISTRIBUTIONS
from benchmarks.load import MOST_IN_FLIGHT, MOST_JOBS, MOST_PROCESSES, ClientKind
from benchmarks.mix import MIX
from benchmarks.saturation import Objective, Search
from runner.errors import BadInput
from runner.execute import measure
from runner.help import ExampleCommand
from runner.jobs import check_jobs
from runner.loads import LoadPlan
from runner.options import Positive, QueryNumbers, Settings, common_options, settings_from
from runner.slo import load_slo
from runner.verbs.shared import duration_option, rate_option
from runner.workload import load_workload

DESCENT = 64.0  # how many times lower than the first rate a search may go
PLANNED = (  # options that are fields of a LoadPlan
    "rate",
    "to_rate",
    "steps",
    "duration",
    "distribution",
    "queries",
    "deadline",
    "processes",
    "max_in_flight",
    "client",
    "jobs",
)


@click.command(
    cls=ExampleCommand,
    examples=(
        "python -m runner load --engine clickhouse --rate 20 --duration 60",
        "python -m runner load --queries 1,6 --seed 7",
        "python -m runner load --workload mine.yaml --arrivals ramp --rate 100 --to-rate 2000 --processes 2",
        "python -m runner load --engine clickhouse --saturate --p99 0.5",
        "python -m runner load --target stack --jobs 4 --processes 2 --engine clickhouse --rate 2000",
    ),
)
@common_options
@rate_option
@duration_option
@click.option(
    "--queries",
    type=QueryNumbers(),
    default=",".join(map(str, MIX)),
    show_default=True,
    metavar="LIST",
    help="TPC-H queries of the mix.",
)
@click.option(
    "--workload",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE",
    help="Statements and their weights (YAML), instead of --queries.",
)
@click.option(
    "--arrivals",
    "distribution",
    type=click.Choice(DISTRIBUTIONS),
    default="poisson",
    show_default=True,
    help="How arrivals are spread.",
)
@click.option(
    "--to-rate",
    type=Positive("a rate", largest=100_000, example="50"),
    default=None,
    metavar="R",
    help="Arrivals per second at the end of a ramp or of steps.",
)
@click.option("--steps", type=click.IntRange(2, 1000), default=None, help="Stairs of step arrivals. [default: 5]")
@click.option(
    "--deadline",
    type=Positive("a deadline in seconds", largest=3600, example="30"),
    default=30.0,
    show_default=True,
    metavar="S",
    help="Seconds from the intended start in which a statement must be answered.",
)
@click.option(
    "--processes", type=click.IntRange(1, MOST_PROCESSES), default=1, show_default=True, help="Generator processes."
)
@click.option(
    "--jobs",
    type=click.IntRange(1, MOST_JOBS),
    default=None,
    help="Kubernetes Jobs of the stack to generate in, each with --processes. [default: none, on this machine]",
)
@click.option(
    "--max-in-flight",
    type=click.IntRange(1, MOST_IN_FLIGHT),
    default=None,
    help="Clients at most, all processes together. [default: 64 drivers, or 256 on the wire]",
)
@click.option(
    "--client",
    type=click.Choice([kind.value for kind in ClientKind]),
    default=None,
    help="What sends: the engine's driver, or its protocol without one. [default: driver up to 100/s]",
)
@click.option("--saturate", is_flag=True, help="Search for the highest rate that meets --p99.")
@click.option(
    "--p99",
    type=Positive("a limit in seconds", largest=600, example="0.5"),
    default=None,
    metavar="S",
    help="Limit of the 99th percentile. [default: load.p99_seconds of the SLO file]",
)
@click.option(
    "--step-limit",
    type=Positive("a limit in seconds", largest=3600, example="60"),
    default=60.0,
    show_default=True,
    metavar="S",
    help="Seconds that one step of the search may last.",
)
@click.option(
    "--search-limit",
    type=Positive("a limit in seconds", largest=86_400, example="900"),
    default=900.0,
    show_default=True,
    metavar="S",
    help="Seconds that the search on one engine may last.",
)
def load(
    *,
    workload: Path | None,
    saturate: bool,
    p99: float | None,
    step_limit: float,
    search_limit: float,
    **options: object,
) -> int:
    """Open-loop load of checked statements.

    Latency counts from the intended start, so that a stalled engine cannot hide it. The rate is kept whatever the
    engine does; where the generator itself cannot keep it, the run is inconclusive. With --saturate the rates are
    searched, from --rate on.
    """
    given = {name: options.pop(name) for name in PLANNED}
    settings = replace(settings_from(options), workload=workload)
    plan = _plan(given, settings)
    if not saturate:
        if p99 is not None:
            raise BadInput("--p99 is the limit of a search: add --saturate, or set load.p99_seconds in an SLO file")
        return measure("load", settings, lambda run: run.load(plan))
    if plan.distribution not in {"poisson", "constant"}:
        raise BadInput(f"--saturate chooses the rates itself: --arrivals {plan.distribution} has no place there")
    objective = _objective(settings, p99)

    def search(start: float) -> Search:
        lowest = min(start, max(0.01, start / DESCENT))
        return Search(start=start, lowest=lowest, step_seconds=step_limit, seconds=search_limit)

    return measure("load", settings, lambda run: run.saturate(plan, objective, search))


def _plan(given: Mapping[str, Any], settings: Settings) -> LoadPlan:
    client = ClientKind(given["client"]) if given["client"] else None
    workload = load_workload(settings.workload) if settings.workload else None
    jobs = given["jobs"] or 0
    plan = LoadPlan(**{**given, "client": client, "jobs": jobs}, workload=workload, seed=settings.seed)
    plan.check()
    if jobs:
        check_jobs(settings)
    return plan


def _objective(settings: Settings, p99: float | None) -> Objective:
    slo = load_slo(settings.slo).load
    limit = p99 or slo.p99_seconds
    if limit is None:
        raise BadInput("--saturate needs a limit: give --p99, or set load.p99_seconds in the SLO file")
    errors = 0.001 if slo.availability is None else 1 - slo.availability
    return Objective(limit=limit, errors=round(errors, 9))

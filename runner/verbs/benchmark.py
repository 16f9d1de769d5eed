"""``python -m runner benchmark``."""

from __future__ import annotations

import click

from benchmarks.tpch.parameters import Substitution
from benchmarks.tpch.power import Execution
from runner.execute import measure
from runner.help import ExampleCommand
from runner.options import common_options, settings_from, yes_option
from runner.verbs.shared import iterations_option, queries_option, substitution_option, warmups_option


@click.command(
    cls=ExampleCommand,
    examples=(
        "python -m runner benchmark --scale-factor 1",
        "python -m runner benchmark --scale-factor 1 --restarts 3 --iterations 5",
        "python -m runner benchmark --engine clickhouse --queries 1,3,6-10 --substitution seeded --seed 7",
    ),
)
@common_options
@queries_option
@warmups_option
@iterations_option
@click.option(
    "--restarts",
    type=click.IntRange(1, 100),
    default=None,
    metavar="M",
    help="Start each engine anew M times, with a cold pass, warm-ups and iterations after each. [default: never]",
)
@substitution_option
@yes_option
def benchmark(
    *,
    queries: tuple[int, ...],
    warmups: int,
    iterations: int,
    restarts: int | None,
    substitution: str,
    **options: object,
) -> int:
    """TPC-H's power test, every answer checked.

    Each query on each engine in the order of stream 0, compared with an independent oracle over the same data.
    """
    settings = settings_from(options)
    execution = Execution(
        warmups,
        iterations,
        restarts=restarts or 0,
        substitution=Substitution(substitution),
        seed=settings.seed,
    )
    return measure("benchmark", settings, lambda run: run.benchmark(queries, execution), injects=bool(restarts))

"""``python -m runner benchmark``."""

from __future__ import annotations

import click

from benchmarks.tpch.power import Execution
from runner.execute import measure
from runner.help import ExampleCommand
from runner.options import common_options, settings_from
from runner.verbs.shared import iterations_option, queries_option, warmups_option


@click.command(
    cls=ExampleCommand,
    examples=(
        "python -m runner benchmark --scale-factor 1",
        "python -m runner benchmark --engine clickhouse --queries 1,3,6-10 --iterations 5",
    ),
)
@common_options
@queries_option
@warmups_option
@iterations_option
def benchmark(queries: tuple[int, ...], warmups: int, iterations: int, **options: object) -> int:
    """TPC-H, every answer checked.

    Each query on each engine, compared with an independent oracle over the same data.
    """
    execution = Execution(warmups, iterations)
    return measure("benchmark", settings_from(options), lambda run: run.benchmark(queries, execution))

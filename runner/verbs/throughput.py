"""``python -m runner throughput``."""

from __future__ import annotations

import click

from benchmarks.tpch.parameters import Substitution
from benchmarks.tpch.streams import MOST_STREAMS, stream_count
from benchmarks.tpch.throughput import Plan
from runner.execute import measure
from runner.help import ExampleCommand
from runner.options import common_options, settings_from
from runner.verbs.shared import queries_option, substitution_option, warmups_option


@click.command(
    cls=ExampleCommand,
    examples=(
        "python -m runner throughput --scale-factor 1",
        "python -m runner throughput --engine clickhouse --streams 4 --substitution seeded --seed 7",
    ),
)
@common_options
@click.option(
    "--streams",
    type=click.IntRange(1, MOST_STREAMS),
    default=None,
    metavar="S",
    help="Query streams at once. [default: as many as the specification asks for at the scale factor]",
)
@queries_option
@warmups_option
@substitution_option
@click.option(
    "--refresh/--no-refresh",
    default=True,
    show_default=True,
    help="Insert and delete orders meanwhile, where the engine's tables can be written.",
)
def throughput(
    *,
    streams: int | None,
    queries: tuple[int, ...],
    warmups: int,
    substitution: str,
    refresh: bool,
    **options: object,
) -> int:
    """TPC-H's throughput test: query streams side by side.

    Each stream in its own order, answers checked, with the refresh functions beside them.
    """
    settings = settings_from(options)
    plan = Plan(
        streams or stream_count(settings.scale_factor),
        queries,
        warmups,
        substitution=Substitution(substitution),
        seed=settings.seed,
    )
    return measure("throughput", settings, lambda run: run.throughput(plan, refresh=refresh))

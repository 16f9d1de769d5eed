"""``python -m runner load``."""

from __future__ import annotations

import click

from benchmarks.mix import MIX
from runner.execute import measure
from runner.help import ExampleCommand
from runner.options import QueryNumbers, common_options, settings_from
from runner.verbs.shared import duration_option, rate_option


@click.command(
    cls=ExampleCommand,
    examples=(
        "python -m runner load --engine clickhouse --rate 20 --duration 60",
        "python -m runner load --queries 1,6 --seed 7",
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
def load(rate: float | None, duration: float, queries: tuple[int, ...], **options: object) -> int:
    """Open-loop load of checked queries.

    Latency counts from the intended start, so that a stalled engine cannot hide it.
    """
    return measure("load", settings_from(options), lambda run: run.load(rate, duration, queries))

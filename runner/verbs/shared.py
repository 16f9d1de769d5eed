"""Options that some verbs share."""

from __future__ import annotations

import click

from benchmarks.tpch.parameters import Substitution
from runner.options import Positive, QueryNumbers

rate_option = click.option(
    "--rate",
    type=Positive("a rate", largest=100_000, example="5"),
    default=None,
    metavar="R",
    help="Arrivals per second. [default: a modest rate for each engine]",
)
duration_option = click.option(
    "--duration",
    type=Positive("a duration in seconds", largest=86_400, example="10"),
    default=10.0,
    show_default=True,
    metavar="S",
    help="Seconds of load.",
)
queries_option = click.option(
    "--queries", type=QueryNumbers(), default="all", show_default=True, metavar="LIST", help="TPC-H queries: 1,3,6-10."
)
warmups_option = click.option(
    "--warmups", type=click.IntRange(0, 100), default=1, show_default=True, help="Executions before the timed ones."
)
iterations_option = click.option(
    "--iterations", type=click.IntRange(1, 1000), default=2, show_default=True, help="Timed executions of each query."
)
substitution_option = click.option(
    "--substitution",
    type=click.Choice([one.value for one in Substitution]),
    default=Substitution.VALIDATION.value,
    show_default=True,
    help="Query parameters: the validation values, or drawn with --seed as the specification says.",
)
hold_option = click.option(
    "--hold",
    type=Positive("a hold in seconds", largest=600, example="3"),
    default=3.0,
    show_default=True,
    metavar="S",
    help="Seconds that a lasting fault stays.",
)

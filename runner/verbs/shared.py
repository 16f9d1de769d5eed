"""Options that some verbs share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from benchmarks.tpch.parameters import Substitution
from runner.options import Positive, QueryNumbers

F = TypeVar("F", bound=Callable[..., Any])

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


def alert_options(function: F) -> F:
    """Add what has to do with the stack's monitoring to a verb that injects; ``Settings`` takes the values."""
    function = click.option("--silence", is_flag=True, help="Have Alertmanager tell nobody of alerts on the engines.")(
        function
    )
    return click.option(
        "--alerts",
        is_flag=True,
        help="Hold faults until their alerts fire, and wait until these are resolved.",
    )(function)

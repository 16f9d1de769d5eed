"""Help pages that end with examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from typing_extensions import override


class ExampleCommand(click.Command):
    """A verb whose help shows how it is called, one example per line."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(*args, **kwargs)
        self._examples = examples

    @override
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self._examples:
            with formatter.section("Examples"):
                for example in self._examples:
                    formatter.write(f"  {example}\n")

#!/usr/bin/env python
"""Recovery tests by type, as the first system's script of this name ran them: the same code as ``runner fault``."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# As a script, Python looks beside this file first, where module names of this package could hide others.
sys.path[:] = [str(ROOT), *(entry for entry in sys.path if Path(entry or ".").resolve() not in {ROOT, ROOT / "faults"})]

import click

from faults.base import Kind
from faults.catalogue import COMPREHENSIVE
from runner.cli import main


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]})
@click.option(
    "--test-type",
    type=click.Choice([COMPREHENSIVE, *(kind.value for kind in Kind)]),
    default=COMPREHENSIVE,
    show_default=True,
    help="Which faults to inject.",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS OF RUNNER FAULT]...")
def recovery_test(test_type: str, arguments: tuple[str, ...]) -> int:
    """Inject faults of one type and measure recovery.

    Takes every option of "python -m runner fault" as well, for example --engine trino, --hold 5, --output DIR.
    """
    return main(["fault", test_type, *arguments])


def _run() -> int:
    try:
        return int(recovery_test.main(standalone_mode=False) or 0)
    except click.ClickException as error:
        sys.stderr.write(f"error: {' '.join(error.format_message().split())}\n")
        return 2


if __name__ == "__main__":
    sys.exit(_run())

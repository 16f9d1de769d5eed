"""Prometheus' own tool for rules, where there is one: ``make promtool``, a package, or ``PROMTOOL``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from components.rules import specification
from tests.unit.monitoring.model import SITE, Case

SECONDS = 120
MISSING = "promtool is neither in PROMTOOL nor on the PATH: make promtool brings it where Debian's packages are"


def tool() -> str:
    """The command; the test is skipped where there is none."""
    beside = Path(sys.executable).with_name("promtool")
    found = os.environ.get("PROMTOOL") or shutil.which("promtool") or (str(beside) if beside.exists() else None)
    if not found:
        pytest.skip(MISSING)
    return found


def run(*arguments: str, directory: Path) -> tuple[int, str]:
    """Run it: exit status, and everything it printed."""
    done = subprocess.run(
        [tool(), *arguments],
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stdout


def rules_file(directory: Path) -> Path:
    """The rules of the stack under test, as a file."""
    path = directory / "rules.yaml"
    path.write_text(yaml.safe_dump(specification(SITE)))
    return path


def tried(cases: Sequence[Case], directory: Path) -> tuple[int, str]:
    """Put the cases, all of one step, to the rules."""
    (step,) = {case.step for case in cases}
    rules_file(directory)
    # Groups are evaluated in this order at every step, as in a Prometheus whose interval the step is.
    order = [str(group["name"]) for group in yaml.safe_load((directory / "rules.yaml").read_text())["groups"]]
    document = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": step,
        "group_eval_order": order,
        "tests": [case.document() for case in cases],
    }
    (directory / "tests.yaml").write_text(yaml.safe_dump(document))
    return run("test", "rules", "tests.yaml", directory=directory)

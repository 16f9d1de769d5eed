"""Prometheus' own tool for rules, where there is one: ``make promtool``, a package, or ``PROMTOOL``."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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


def rules_file(directory: Path, *names: str) -> list[str]:
    """The rules of the stack under test as ``rules.yaml``: all, or those named and what they read; their groups."""
    wanted = _read_by(set(names))
    groups = [
        {**group, "rules": [rule for rule in group["rules"] if not names or _name(rule) in wanted]}
        for group in _groups()
    ]
    groups = [group for group in groups if group["rules"]]
    (directory / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    return [group["name"] for group in groups]


def _groups() -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = yaml.safe_load(yaml.safe_dump(specification(SITE)))["groups"]
    return groups


def _name(rule: Mapping[str, str]) -> str:
    return rule.get("alert") or rule["record"]


def _read_by(names: set[str]) -> set[str]:
    """These rules and all those whose series they read, directly or not."""
    texts = [rule["expr"] for group in _groups() for rule in group["rules"] if _name(rule) in names]
    more = names | {found for text in texts for found in re.findall(r"engine:\w+:\w+", text)}
    return more if more == names else _read_by(more)


def tried(cases: Sequence[Case], directory: Path) -> tuple[int, str]:
    """Put the cases, all of one step, to the rules."""
    (step,) = {case.step for case in cases}
    document = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": step,
        # At every step, in this order.
        "group_eval_order": rules_file(directory, *{case.rule for case in cases}),
        "tests": [case.document() for case in cases],
    }
    (directory / "tests.yaml").write_text(yaml.safe_dump(document))
    return run("test", "rules", "tests.yaml", directory=directory)

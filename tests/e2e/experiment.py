"""One experiment on a stack, by the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.e2e.pulumi_stack import runner

ATTEMPTS = 3  # a busy machine may not be steady at first; then nothing is injected


def experiment(fault: str, engine: str, document: Path, report: Path) -> dict[str, Any]:
    """What the results document says of it; it was carried out, reverted, and answers were right."""
    options = ("--target", str(document), "--engine", engine, "--output", str(report), "--yes")
    for _ in range(ATTEMPTS):
        done = runner("fault", fault, *options)
        (found,) = json.loads((report / "results.json").read_text())["experiments"]
        if found["steady_before"]:
            break
    result: dict[str, Any] = found
    assert result["injection"]["confirmed"] and result["injection"]["revert_confirmed"], done.text
    assert result["steady_after"] and not result["rto_censored"], done.text
    assert result["answers"]["wrong"] == 0
    said = result["kubernetes"]
    assert said["not_measured"] == "" and said["ready"] and said["all_pods_ready"]
    return result

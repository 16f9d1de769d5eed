"""Everything at once: all faults that apply, engine by engine, and every way of scaling."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.clean import READY_SECONDS, all_ready, left_as_found, leftovers
from tests.e2e.conftest import eventually
from tests.e2e.pulumi_stack import PulumiStack, runner

pytestmark = pytest.mark.full

HOURS = 3600.0


@pytest.fixture(scope="module")
def stack(struck: PulumiStack) -> PulumiStack:
    return struck


@pytest.mark.parametrize("engine", ["clickhouse", "trino"])
def test_all_that_apply(
    stack: PulumiStack, document: Path, commands: tuple[str, ...], tmp_path: Path, engine: str
) -> None:
    with left_as_found(stack):
        options = ("--target", str(document), "--engine", engine, "--output", str(tmp_path), "--yes")
        done = runner("fault", "comprehensive", *options, *commands, timeout=2 * HOURS)
        found: list[dict[str, Any]] = json.loads((tmp_path / "results.json").read_text())["experiments"]
        struck = [one for one in found if one["verdict"] != "SKIPPED"]
        assert len(struck) > 10, done.text
        for one in found:
            assert one["reason"] or one in struck, one["name"]
            assert one["answers"]["wrong"] == 0, one["name"]
        undone = [one["name"] for one in struck if not one["injection"]["revert_confirmed"]]
        unproven = [f"{one['name']}: {one['reason']}" for one in struck if not one["injection"]["confirmed"]]
        lost = [one["name"] for one in struck if one["rto_censored"]]
        assert (undone, unproven, lost) == ([], [], []), done.text


def test_every_way_of_scaling(stack: PulumiStack, tmp_path: Path) -> None:
    stack.settings |= {"trinoAutoscaling": True, "trinoMinWorkers": 1, "trinoMaxWorkers": 2}
    stack.must_up()
    eventually(lambda: all_ready(stack), READY_SECONDS, "all pods Ready")
    document = tmp_path / "outputs.json"
    document.write_text(json.dumps(stack.outputs()))
    done = runner("scale", "--target", str(document), "--output", str(tmp_path), "--yes", timeout=2 * HOURS)
    found: list[dict[str, Any]] = json.loads((tmp_path / "results.json").read_text())["scalings"]
    assert {(one["engine"], one["verdict"]) for one in found} >= {("trino", "PASS"), ("clickhouse", "PASS")}, done.text
    for one in found:
        assert one["verdict"] in {"PASS", "SKIPPED"}, one
        assert one["answers_in"]["failed"] == one["answers_in"]["wrong"] == 0, one
    assert leftovers(stack) == []

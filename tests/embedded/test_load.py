"""Load on real engines: both clients give right answers, and a search for the saturation rate ends with a rate."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from runner.results import SCHEMA_FILE
from targets.embedded.lifecycle import KeptInstance

pytestmark = [pytest.mark.embedded, pytest.mark.usefixtures("kept_instance")]

ROOT = Path(__file__).parents[2]
WORKLOAD = """
version: 1
name: points
statements:
  ping: {sql: SELECT 1, expect: [[1]]}
  order: {sql: SELECT o_totalprice FROM orders WHERE o_orderkey = 7, tpch: true}
mix: {ping: 2, order: 1}
engines:
  clickhouse: {ping: 8, order: 4, Q6: 1, Q13: 0.5}
"""


def load(tmp_path: Path, *arguments: str) -> Any:
    """The results of one run of the verb."""
    workload = tmp_path / "mine.yaml"
    workload.write_text(WORKLOAD)
    command = [sys.executable, "-m", "runner", "load", "--scale-factor", "0.01", "--workload", str(workload)]
    done = subprocess.run(
        [*command, "--output", str(tmp_path), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stderr
    document = json.loads((tmp_path / "results.json").read_text())
    jsonschema.validate(document, json.loads(SCHEMA_FILE.read_text()))
    return document


@pytest.mark.parametrize("client", ["driver", "wire"])
def test_every_statement_of_a_workload_is_answered_right(
    client: str, tmp_path: Path, kept_instance: KeptInstance
) -> None:
    given = ("--engine", "clickhouse", "--client", client, "--rate", "30", "--duration", "4", "--processes", "2")
    (found,) = load(tmp_path, *given)["loads"]
    assert found["answers"] == {"ok": found["offered"], "failed": 0, "wrong": 0, "unknown": 0}, found["problems"]
    assert set(found["by_statement"]) == {"ping", "order", "Q6", "Q13"}
    assert found["generator"]["client"] == client and found["generator"]["lag"]["count"] == found["offered"]
    assert found["workload"] == "points"
    secrets = [path.read_text().strip() for path in kept_instance.document.parent.glob("*password*") if path.is_file()]
    everything = "".join(path.read_text() for path in tmp_path.iterdir())
    assert secrets and not [secret for secret in secrets if secret in everything]


def test_a_search_finds_a_rate(tmp_path: Path) -> None:
    given = ("--engine", "clickhouse", "--saturate", "--p99", "5", "--rate", "20")
    document = load(tmp_path, *given, "--step-limit", "4", "--search-limit", "45")
    (found,) = document["saturations"]
    assert found["client"] == "wire"
    assert found["rate_per_second"] is not None, found
    assert any(step["outcome"] == "meets" for step in found["steps"])
    assert all(step["needed"] == 1522 for step in found["steps"])


def test_trino_is_loaded_through_its_driver(tmp_path: Path) -> None:
    (found,) = load(tmp_path, "--engine", "trino", "--rate", "3", "--duration", "4", "--arrivals", "constant")["loads"]
    assert found["answers"]["ok"] == found["offered"] == 12, found["problems"]
    assert set(found["by_statement"]) == {"ping", "order"}
    assert found["generator"]["client"] == "driver"

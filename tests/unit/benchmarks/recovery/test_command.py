"""What the comparison prints."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import benchmarks.recovery.__main__ as command
from benchmarks.recovery.compare import Case, Measured, compare


def test_the_table_is_whole_where_there_is_no_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case("node-unreachable", "coordinator", goal=0.25, hold=150.0, reference_hold=390.0)
    stack = [Measured(100.0 + number, False, 0, 0) for number in range(5)]
    reference = [Measured(400.0 + number, True, 3, 0) for number in range(5)]
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(command, "load_outputs", lambda path: path)
    monkeypatch.setattr(command.Bench, "run", lambda bench, outputs: [compare(case, stack, reference)])
    done = CliRunner().invoke(command.main, ["--target", "outputs.json", "--output", str(tmp_path)])
    (row,) = [line for line in done.output.splitlines() if case.label in line and "│" in line]
    assert ", ".join(f"{one.rto:.1f}" for one in stack) in row
    assert ", ".join(f">{one.rto:.1f}" for one in reference) in row
    assert "0 / 15" in row
    assert "<= 0.25" in row
    assert f"{case.label}, reference: recovered after the fault's end at 390 s only" in done.output
    assert f"{case.label}, stack:" not in done.output

"""``load`` on the command line: what cannot be carried out is one line and exit code 2, before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.load import ClientKind
from benchmarks.mixture import Mixture
from benchmarks.processes import in_this_process
from benchmarks.saturation import Objective, Search
from benchmarks.statements import probe_statement
from runner.cli import main
from runner.console import Console
from runner.errors import BadInput
from runner.loads import Loader, LoadPlan
from runner.results import Verdict
from tests.unit.fakes import Script, ScriptedEngine


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--rate", "0"], "a rate must be a number greater than 0"),
        (["--rate", "-3"], "a rate must be a number greater than 0"),
        (["--rate", "nan"], "a rate must be a number greater than 0"),
        (["--rate", "many"], "a rate must be a number greater than 0"),
        (["--duration", "0"], "a duration in seconds must be a number greater than 0"),
        (["--to-rate", "nan", "--arrivals", "ramp"], "a rate must be a number greater than 0"),
        (["--arrivals", "uniform"], "'uniform' is not one of"),
        (["--arrivals", "ramp"], "ramp arrivals need a rate to end with"),
        (["--to-rate", "9"], "poisson arrivals have one rate"),
        (["--steps", "3"], "poisson arrivals have no steps"),
        (["--arrivals", "step", "--to-rate", "9", "--steps", "1"], "1 is not in the range"),
        (["--processes", "0"], "0 is not in the range"),
        (["--processes", "3", "--max-in-flight", "2"], "max_in_flight must be from 3"),
        (["--target", "stack", "--jobs", "0"], "0 is not in the range"),
        (["--target", "stack", "--jobs", "65"], "65 is not in the range"),
        (["--jobs", "2"], "--jobs needs a cluster: name one with --target stack"),
        (["--jobs", "2", "--target", "stack", "--in-cluster"], "leave --in-cluster out"),
        (
            ["--jobs", "4", "--processes", "3", "--max-in-flight", "11", "--target", "stack"],
            "max_in_flight must be from 12 (one for each process of each Job)",
        ),
        (["--deadline", "0"], "a deadline in seconds must be"),
        (["--queries", ""], "TPC-H queries are numbered"),
        (["--workload", "none.yaml"], "workload none.yaml: No such file"),
        (["--saturate"], "--saturate needs a limit: give --p99"),
        (["--saturate", "--p99", "0"], "a limit in seconds must be"),
        (["--saturate", "--p99", "1", "--arrivals", "ramp", "--to-rate", "9"], "--saturate chooses the rates itself"),
        (["--p99", "1"], "--p99 is the limit of a search: add --saturate"),
        (["--client", "carrier-pigeon"], "is not one of"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str],
    complaint: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["load", *arguments]) == 2
    told = capsys.readouterr().err
    assert complaint in told
    assert told.count("\n") == 1


def loader() -> Loader:
    return Loader(Console(json=True), 1.0, lambda engine, _: [probe_statement(engine.probe)], in_this_process)


def test_a_load_run_becomes_a_result() -> None:
    plan = LoadPlan(rate=100, to_rate=200, distribution="ramp", duration=0.4, max_in_flight=7, deadline=5)
    result = loader().load(ScriptedEngine(Script()), plan)
    assert (result.engine, result.arrivals, result.rate_per_second) == ("scripted", "ramp", 100)
    assert result.to_rate_per_second == 200
    assert result.offered == result.answers.ok == 60
    assert result.generator is not None
    assert (result.generator.max_in_flight, result.generator.deadline_seconds) == (7, 5)
    assert result.generator.lag.count == 60
    assert result.by_statement["probe"].count == 60
    assert result.histograms.corrected and result.histograms.lag


def test_without_a_rate_the_engines_modest_one_is_taken() -> None:
    engine = ScriptedEngine(Script())
    plan = LoadPlan(duration=1.0)
    assert plan.spec(engine).arrivals.rate == engine.modest_rate
    assert plan.spec(engine).client is ClientKind.DRIVER


def test_an_engine_without_a_wire_is_not_loaded_on_it() -> None:
    with pytest.raises(BadInput, match="leave --client wire out"):
        loader().load(ScriptedEngine(Script()), LoadPlan(client=ClientKind.WIRE))


def test_a_search_becomes_a_result_with_every_step() -> None:
    plan = LoadPlan(seed=3)
    search = Search(start=300, highest=300, step_seconds=1.2)
    result = loader().saturate(ScriptedEngine(Script()), plan, Objective(limit=2.0, errors=0.001), search)
    assert [step.purpose for step in result.steps][:2] == ["warm-up", "search"]
    assert result.client == "driver"
    assert result.rate_per_second == 300
    assert result.verdict is Verdict.INCONCLUSIVE, "the highest rate allowed is a lower bound, not the engine's limit"
    assert "highest rate allowed" in result.reason
    assert Mixture([probe_statement(ScriptedEngine(Script()).probe)]).choose(1) == 0

"""Options of the TPC-H verbs: what cannot be is one line and exit code 2, before anything is started."""

from __future__ import annotations

import pytest

from benchmarks.tpch.parameters import Substitution
from benchmarks.tpch.power import Execution
from benchmarks.tpch.throughput import Plan
from runner.cli import main
from runner.errors import ExitCode
from runner.verbs import benchmark as benchmark_verb
from runner.verbs import throughput as throughput_verb


class Run:
    """Takes note of what a verb asks for."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def benchmark(self, queries: object, execution: Execution) -> None:
        self.asked += [queries, execution]

    def throughput(self, plan: Plan, *, refresh: bool) -> None:
        self.asked += [plan, refresh]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    run = Run()

    def measure(command: str, settings: object, work: object, *, injects: bool = False) -> int:
        run.asked.append(injects)
        work(run)  # type: ignore[operator]
        return ExitCode.MET

    for module in (benchmark_verb, throughput_verb):
        monkeypatch.setattr(module, "measure", measure)
    return run.asked


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("benchmark --restarts 0", "'--restarts': 0 is not in the range 1<=x<=100"),
        ("benchmark --restarts -1", "-1 is not in the range"),
        ("benchmark --restarts many", "not a valid integer"),
        ("benchmark --substitution mine", "'mine' is not one of 'validation', 'seeded'"),
        ("throughput --streams 0", "'--streams': 0 is not in the range 1<=x<=40"),
        ("throughput --streams 41", "41 is not in the range"),
        ("throughput --streams 1.5", "not a valid integer"),
        ("throughput --queries 23", "TPC-H queries are numbered 1 to 22"),
        ("throughput --warmups -1", "-1 is not in the range"),
        ("throughput --scale-factor 0", "scale factor 0"),
    ],
)
def test_bad_input_is_one_line(
    arguments: str, message: str, asked: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments.split()) == ExitCode.BAD_INPUT
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert asked == []


def test_by_default_nothing_is_restarted_and_the_validation_values_are_used(asked: list[object]) -> None:
    assert main(["benchmark"]) == ExitCode.MET
    assert asked == [False, tuple(range(1, 23)), Execution(1, 2)]


def test_restarts_change_what_is_measured_so_somebody_must_agree(asked: list[object]) -> None:
    arguments = "benchmark --restarts 3 --iterations 5 --substitution seeded --seed 7"
    assert main(arguments.split()) == ExitCode.MET
    assert asked[0] is True
    assert asked[2] == Execution(1, 5, restarts=3, substitution=Substitution.SEEDED, seed=7)


@pytest.mark.parametrize(
    ("arguments", "streams", "refresh"),
    [("", 2, True), ("--scale-factor 10", 3, True), ("--scale-factor 100 --streams 1 --no-refresh", 1, False)],
)
def test_streams_are_as_many_as_the_scale_factor_asks_for(
    arguments: str, streams: int, refresh: bool, asked: list[object]
) -> None:
    assert main(["throughput", *arguments.split()]) == ExitCode.MET
    assert asked == [False, Plan(streams), refresh]

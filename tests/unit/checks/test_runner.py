from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import pytest

from engines import Endpoint, Engine, EngineError, ErrorClass
from engines.trino import TrinoEngine
from runner.checks import CheckFailed, CheckSkipped, catalogue, run_check, run_checks
from runner.checks.registry import Check, Context, Function
from runner.results import CheckResult, Verdict
from tests.unit.engines.servers import FakeServer, Stall
from tests.unit.fakes import FakeTarget, Script, ScriptedEngine

PASSWORD = "correct horse"


def target(tmp_path: Path, engine: Engine | None = None) -> FakeTarget:
    return FakeTarget(tmp_path, [engine or ScriptedEngine(Script())])


def run(tmp_path: Path, function: Function, engine: Engine | None = None, seconds: float = 5.0) -> CheckResult:
    fake = target(tmp_path, engine)
    entry = Check("some_check", "*", "Something holds", function, seconds)
    return run_check(fake, fake.engines()[0].endpoint.kind, entry)


def test_a_check_that_returns_passes(tmp_path: Path) -> None:
    result = run(tmp_path, lambda context: context.record("asked", "told"))
    assert (result.status, result.reason) == (Verdict.PASS, "")
    assert [(each.sent, each.received) for each in result.evidence] == [("asked", "told")]
    assert result.name.endswith("/some_check")
    assert result.description == "Something holds"


@pytest.mark.parametrize(
    ("raised", "status", "reason"),
    [
        (CheckFailed("it is blue"), Verdict.FAIL, "it is blue"),
        (CheckSkipped("no such group"), Verdict.SKIPPED, "no such group"),
        (KeyError("stats"), Verdict.FAIL, "the answer is not of the form expected: KeyError: 'stats'"),
        (
            EngineError("no", error_class=ErrorClass.ENGINE, name="SYNTAX_ERROR", code=1),
            Verdict.FAIL,
            "engine: SYNTAX_ERROR 1: no",
        ),
    ],
)
def test_how_a_check_ends(tmp_path: Path, raised: Exception, status: Verdict, reason: str) -> None:
    def function(context: Context) -> None:
        context.record("asked", "told")
        raise raised

    result = run(tmp_path, function)
    assert (result.status, result.reason) == (status, reason)
    assert len(result.evidence) == 1


def test_a_bug_in_a_check_is_not_a_verdict(tmp_path: Path) -> None:
    def function(_: Context) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(tmp_path, function)


def test_evidence_is_short_and_without_credentials(tmp_path: Path) -> None:
    engine = ScriptedEngine(Script())
    engine.endpoint = dataclasses.replace(engine.endpoint, password=PASSWORD)
    result = run(tmp_path, lambda context: context.record(f"I am {PASSWORD}", "x" * 100_000), engine)
    assert result.evidence[0].sent == "I am ***"
    assert len(result.evidence[0].received) < 1000


def test_a_check_ends_at_its_limit(tmp_path: Path) -> None:
    def function(context: Context) -> None:
        context.execute("SELECT 1", deadline=1000)

    with FakeServer(lambda _: Stall()) as server:
        started = time.monotonic()
        engine = TrinoEngine(Endpoint(kind="trino", host="127.0.0.1", port=server.port, user="me"))
        result = run(tmp_path, function, engine, seconds=0.3)
        assert time.monotonic() - started < 5
    assert result.status is Verdict.FAIL
    assert "timeout" in result.reason
    assert result.evidence[0].sent == "SELECT 1"


def test_waiting_ends_at_the_checks_limit(tmp_path: Path) -> None:
    seen: list[bool] = []
    result = run(tmp_path, lambda context: seen.append(context.wait_until(lambda: False, 1000)), seconds=0.2)
    assert seen == [False]
    assert result.seconds < 5


def test_a_failure_does_not_stop_the_others(tmp_path: Path) -> None:
    told: list[CheckResult] = []
    script = Script()
    script.become("refused")
    results = run_checks(target(tmp_path, ScriptedEngine(script)), progress=told.append)
    assert results == told
    assert [result.name for result in results] == [f"scripted/{entry.name}" for entry in catalogue("scripted")]
    assert {result.status for result in results} == {Verdict.FAIL, Verdict.SKIPPED}


class OpenToAll(ScriptedEngine):
    """Answers whoever asks."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(Script())
        self.endpoint = dataclasses.replace(endpoint, password=PASSWORD)


def test_credentials_that_should_be_refused_and_are_not(tmp_path: Path) -> None:
    engine = OpenToAll(ScriptedEngine(Script()).endpoint)
    status = {result.name: result.status for result in run_checks(target(tmp_path, engine))}
    for name in ("wrong_credentials", "unknown_user", "missing_credentials"):
        assert status[f"scripted/{name}"] is Verdict.FAIL


@pytest.mark.parametrize("kind", ["trino", "clickhouse"])
def test_the_catalogue(kind: str) -> None:
    entries = catalogue(kind)
    names = [entry.name for entry in entries]
    assert len(names) == len(set(names))
    assert {"right_credentials", "wrong_credentials", "missing_credentials", "syntax_error", "cancel"} <= set(names)
    assert all(entry.description and "\n" not in entry.description for entry in entries)
    assert all(0 < entry.seconds <= 120 for entry in entries)

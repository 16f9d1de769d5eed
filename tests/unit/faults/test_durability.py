"""Every way an insert can end, and what is made of it once the keys are read back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.openloop import DROPPED, Attempt
from engines import EngineError, ErrorClass, Outcome
from faults import durability
from faults.base import Tuning
from faults.durability import Durability, InsertCheck, InsertClient, resolved, unresolved
from faults.experiment import run_experiment
from faults.ledger import Ledger
from tests.unit.fakes import FakeTarget, Script, ScriptedEngine
from tests.unit.faults.keyed import FakeTable, KeyedEngine, failed
from tests.unit.faults.test_experiment import PLAN, ScriptedFault

OUTCOMES = {"a": Outcome.OK, "r": Outcome.FAILED, "?": Outcome.UNKNOWN, "-": Outcome.UNKNOWN}
FINE: dict[str, Any] = {"lost": 0, "duplicated": 0, "unknown_written": 0, "refused_but_written": 0, "unexpected": 0}


def attempts(told: str) -> list[Attempt]:
    """One attempt for each letter: acknowledged, refused, unknown; ``-``: never sent."""
    return [
        Attempt(key, "insert", 0.0, 0.0, 0.1, OUTCOMES[letter], DROPPED if letter == "-" else "")
        for key, letter in enumerate(told)
    ]


@pytest.mark.parametrize(
    ("found", "change"),
    [
        ({0: 1, 1: 1}, {}),
        ({0: 1}, {"lost": 1}),
        ({}, {"lost": 2}),
        ({0: 1, 1: 2}, {"duplicated": 1}),
        ({0: 1, 1: 1, 2: 1}, {"refused_but_written": 1}),
        ({0: 1, 1: 1, 3: 1}, {"unknown_written": 1}),
        ({0: 1, 1: 1, 3: 2}, {"unknown_written": 1, "duplicated": 1}),
        ({0: 1, 1: 1, 4: 1}, {"unexpected": 1}),
        ({0: 1, 1: 1, 99: 1}, {"unexpected": 1}),
    ],
)
def test_each_attempt_is_resolved(found: dict[int, int], change: dict[str, Any]) -> None:
    assert resolved(attempts("aar?-"), found) == Durability(2, 1, 1, **{**FINE, **change})


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("", 0.0),
        ("aaaa", 0.0),
        ("aarra", 3.0),
        ("aa?-a", 3.0),
        ("araara", 2.0),
        ("raaa", 1.5),  # from the first one's intended start
        ("aaarr", 2.0),  # no end seen: at least
        ("rr", 1.5),
    ],
)
def test_an_interruption_lasts_from_one_acknowledgement_to_the_next(told: str, seconds: float) -> None:
    each = [replace(attempt, intended=float(attempt.index), finished=attempt.index + 0.5) for attempt in attempts(told)]
    assert resolved(list(reversed(each)), {}).interrupted_seconds == pytest.approx(seconds)
    assert unresolved(each, "gone").interrupted_seconds == pytest.approx(seconds)


def test_without_the_keys_nothing_is_claimed() -> None:
    assert unresolved(attempts("aar?-"), "gone") == Durability(2, 1, 1, None, None, None, None, None, "gone")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, Outcome.OK),
        (failed(ErrorClass.ENGINE, "NOT_ENOUGH_SPACE"), Outcome.FAILED),
        (failed(ErrorClass.UNAUTHORIZED), Outcome.FAILED),
        (failed(ErrorClass.QUEUE_FULL), Outcome.FAILED),
        (failed(ErrorClass.REFUSED, "ConnectionRefusedError"), Outcome.FAILED),
        (failed(ErrorClass.REFUSED, "OSError"), Outcome.UNKNOWN),  # no route any more: perhaps after it was sent
        (failed(ErrorClass.RESET), Outcome.UNKNOWN),
        (failed(ErrorClass.TIMEOUT), Outcome.UNKNOWN),
        (failed(ErrorClass.PROTOCOL), Outcome.UNKNOWN),
        (failed(ErrorClass.UNAVAILABLE), Outcome.UNKNOWN),  # a gateway's word, not the engine's
    ],
)
def test_only_the_engines_own_answer_is_certain(error: EngineError | None, outcome: Outcome) -> None:
    table = FakeTable(answers={7: error} if error else {})
    client = InsertClient(KeyedEngine(table), table)
    assert client.attempt(7, 1.0).outcome is outcome
    client.close()


def run(table: FakeTable, *, inserts: int, read_limit: float = 5.0) -> tuple[Durability | None, KeyedEngine]:
    """A check during which so many inserts were tried at least."""
    engine = KeyedEngine(table)
    check = InsertCheck(engine, "run1", seed=1, read_limit=read_limit)
    with check:
        for _ in range(inserts):
            assert table.inserted.acquire(timeout=10)
    return check.resolve(), engine


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durability, "RATE", 200.0)
    monkeypatch.setattr(durability, "PAUSE", 0.01)


def test_a_table_is_made_read_once_and_removed() -> None:
    told, engine = run(FakeTable(), inserts=20)
    assert told is not None
    assert told.acknowledged >= 20
    assert told == Durability(told.acknowledged, **FINE)
    assert engine.table.calls == ["create", "read", "drop"]
    assert engine.names == ["run1"]


def test_inserts_that_break_promises_are_found() -> None:
    reset, full = failed(ErrorClass.RESET), failed(ErrorClass.ENGINE)
    table = FakeTable(
        answers={3: reset, 4: reset, 5: full, 6: full},
        writes={1: 0, 2: 2, 3: 1, 5: 1},  # lost, duplicated, unknown and refused but there
    )
    told, _ = run(table, inserts=10)
    assert told is not None
    assert (told.lost, told.duplicated, told.unexpected) == (1, 1, 0)
    assert (told.unknown, told.unknown_written) == (2, 1)
    assert (told.refused, told.refused_but_written) == (2, 1)


def test_reading_waits_for_the_engine() -> None:
    told, engine = run(FakeTable(unreadable=[failed(ErrorClass.REFUSED)] * 2), inserts=1)
    assert told is not None
    assert told.lost == 0
    assert engine.table.calls == ["create", "read", "read", "read", "drop"]


def test_keys_that_cannot_be_read_are_not_called_lost_or_kept() -> None:
    told, engine = run(FakeTable(unreadable=[failed(ErrorClass.TIMEOUT)] * 10_000), inserts=1, read_limit=0.1)
    assert told is not None
    assert told.acknowledged >= 1
    assert (told.lost, told.duplicated, told.unknown_written) == (None, None, None)
    assert told.reason == "the keys could not be read back within 0.1 s: as told"
    assert engine.table.calls[-1] == "drop"


def test_a_table_that_cannot_be_made_is_said_and_nothing_is_inserted() -> None:
    table = FakeTable(uncreatable=failed(ErrorClass.ENGINE))
    told, _ = run(table, inserts=0)
    assert told == Durability(reason="the table could not be made: as told")
    assert not table.keys
    assert "read" not in table.calls


def test_an_engine_without_such_a_table_is_left_alone() -> None:
    engine = ScriptedEngine(Script())
    check = InsertCheck(engine, "run1", seed=1)
    with check:
        pass
    assert check.resolve() is None
    assert engine.script.sent == 0


def test_an_interrupted_check_removes_its_table() -> None:
    engine = KeyedEngine(FakeTable())
    with pytest.raises(KeyboardInterrupt), InsertCheck(engine, "run1", seed=1):
        raise KeyboardInterrupt
    assert engine.table.calls == ["create", "drop"]


def test_an_experiment_checks_inserts_under_its_fault(tmp_path: Path) -> None:
    engine = KeyedEngine(FakeTable(writes={0: 0}))
    fault = ScriptedFault(FakeTarget(tmp_path, [engine]), "scripted", "all", Tuning(hold=0.3))
    record = run_experiment(fault, engine, Ledger(tmp_path), plan=PLAN)
    assert engine.names == [fault.key], "the table bears the name of this injection"
    assert record.durability is not None
    assert record.durability.lost == 1
    assert record.durability.refused >= 1, "the fault lets nobody connect"
    assert engine.table.calls == ["create", "read", "drop"]


def test_an_experiment_that_ends_early_still_tells(tmp_path: Path) -> None:
    engine = KeyedEngine(FakeTable())
    fault = ScriptedFault(FakeTarget(tmp_path, [engine]), "scripted", "all", Tuning(hold=0.1))
    fault.shows = False
    record = run_experiment(fault, engine, Ledger(tmp_path), plan=PLAN)
    assert "no proof" in record.reason
    assert record.durability is not None
    assert record.durability.lost == 0


def test_a_skipped_experiment_inserts_nothing(tmp_path: Path) -> None:
    engine = KeyedEngine(FakeTable())
    fault = ScriptedFault(FakeTarget(tmp_path, [engine]), "scripted", "all", Tuning())
    fault.refuses_preflight = True
    assert run_experiment(fault, engine, Ledger(tmp_path), plan=PLAN).durability is None
    assert engine.table.calls == []

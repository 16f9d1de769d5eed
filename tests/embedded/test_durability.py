"""Unique keys on the real engine: acknowledged rows outlive kill -9, and what is lost is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines import Endpoint
from engines.clickhouse import ClickHouseEngine
from faults import durability
from faults.durability import Durability, InsertCheck
from tests.embedded.clickhouse_process import PASSWORD, USER, ServerProcess, running, until

pytestmark = pytest.mark.embedded

RATE = 60.0  # so that some insert is under way whenever the server dies
BATCH = 40


@pytest.fixture(autouse=True)
def _busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durability, "RATE", RATE)


def engine(server: ServerProcess) -> ClickHouseEngine:
    return ClickHouseEngine(Endpoint("clickhouse", "127.0.0.1", server.port, user=USER, password=PASSWORD))


def written(server: ServerProcess, name: str) -> int:
    reply = server.ask(f"SELECT count() FROM qer_keys_{name}.keys")  # noqa: S608 - a constant
    return int(reply.body) if reply.status == 200 else 0


def databases(server: ServerProcess) -> list[str]:
    found = server.ask("SHOW DATABASES").body.decode().split()
    return [name for name in found if name.startswith("qer_")]


def inserting(server: ServerProcess, name: str, rounds: int) -> Durability:
    """Kill the server so often while keys are written, and say what became of them."""
    check = InsertCheck(engine(server), name, seed=7)
    with check:
        for _ in range(rounds):
            before = written(server, name)
            until(lambda: written(server, name) >= before + BATCH)  # noqa: B023
            server.kill()
            server.start()
        until(lambda: written(server, name) >= before + 2 * BATCH)
    told = check.resolve()
    assert told is not None
    return told


def test_acknowledged_inserts_survive_kill_9_exactly_once(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        told = inserting(server, "killed", 3)
        assert told.acknowledged >= 3 * BATCH
        assert told.refused + told.unknown > 0, "the server was never missed"
        assert (told.lost, told.duplicated, told.unexpected) == (0, 0, 0), told
        assert told.refused_but_written == 0
        assert databases(server) == []


@pytest.mark.parametrize(
    ("damage", "change"),
    [
        ("DELETE FROM qer_keys_hurt.keys WHERE key < 3", {"lost": 3}),
        ("INSERT INTO qer_keys_hurt.keys VALUES (1), (2)", {"duplicated": 2}),
        ("INSERT INTO qer_keys_hurt.keys VALUES (1000000)", {"unexpected": 1}),
    ],
)
def test_damage_is_found(tmp_path: Path, damage: str, change: dict[str, int]) -> None:
    with running(tmp_path) as server:
        check = InsertCheck(engine(server), "hurt", seed=7)
        with check:
            until(lambda: written(server, "hurt") >= BATCH)
        assert server.ask(damage).status == 200
        told = check.resolve()
        assert told is not None
        assert {"lost": 0, "duplicated": 0, "unexpected": 0, **change} == {
            "lost": told.lost,
            "duplicated": told.duplicated,
            "unexpected": told.unexpected,
        }


def test_a_table_that_is_gone_has_lost_everything(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        check = InsertCheck(engine(server), "gone", seed=7)
        with check:
            until(lambda: written(server, "gone") >= BATCH)
        assert server.ask("DROP DATABASE qer_keys_gone").status == 200
        told = check.resolve()
        assert told is not None
        assert told.lost == told.acknowledged > 0


def test_a_server_that_stays_away_leaves_it_open_and_the_next_run_cleans_up(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        check = InsertCheck(engine(server), "away", seed=7, read_limit=0.5)
        with check:
            until(lambda: written(server, "away") >= BATCH)
            server.kill()
        told = check.resolve()
        assert told is not None
        assert told.lost is None
        assert "could not be read back" in told.reason
        server.start()
        assert databases(server) == ["qer_keys_away"]
        assert server.ask("CREATE DATABASE qer_other").status == 200
        with InsertCheck(engine(server), "next", seed=7) as following:
            assert databases(server) == ["qer_keys_next", "qer_other"]
        assert following.resolve() is not None
        assert databases(server) == ["qer_other"]

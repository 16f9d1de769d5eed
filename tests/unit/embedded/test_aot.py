"""Java's ahead-of-time cache: made once, and never a reason not to start."""

from pathlib import Path

import pytest

from targets.base import TargetError
from targets.embedded import aot
from targets.embedded.config import EmbeddedConfig, Listener


@pytest.fixture
def phases() -> list[str]:
    return []


@pytest.fixture
def config(phases: list[str]) -> EmbeddedConfig:
    return EmbeddedConfig(listener=Listener(phases.append))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "trino" / "lib").mkdir(parents=True)
    return tmp_path / "trino"


class Rehearsal:
    """Notes what a rehearsal would note, or fails."""

    def __init__(self, failure: TargetError | None = None) -> None:
        self.failure = failure
        self.times = 0

    def __call__(self, directory: Path) -> None:
        self.times += 1
        if self.failure:
            raise self.failure
        for role in aot.ROLES:
            (directory / f"{role}.aotconf").write_text("notes")


def _caches(cache: Path) -> list[Path]:
    return sorted(cache.rglob("*.aot*"))


def test_made_once_and_found_afterwards(
    tmp_path: Path, home: Path, config: EmbeddedConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create(directory: Path, role: str, _: Path) -> str:
        assert (directory / f"{role}.aotconf").read_text() == "notes"
        (directory / f"{role}.aot").write_text(role)
        return ""

    monkeypatch.setattr(aot, "_create", create)
    rehearsal = Rehearsal()
    made = aot.ensure(tmp_path, home, config, rehearsal)
    assert {role: path.read_text() for role, path in made.items()} == {role: role for role in aot.ROLES}
    assert aot.ensure(tmp_path, home, config, rehearsal) == made
    assert rehearsal.times == 1
    assert _caches(tmp_path) == sorted(made.values())  # no notes, no temporary directory


def test_notes_that_java_cannot_use_cost_nothing_but_time(
    tmp_path: Path, home: Path, config: EmbeddedConfig, phases: list[str]
) -> None:
    rehearsal = Rehearsal()
    assert aot.ensure(tmp_path, home, config, rehearsal) == {}
    assert aot.ensure(tmp_path, home, config, rehearsal) == {}
    assert rehearsal.times == 1  # it would fail the next time too
    assert sum(phase.startswith("not prepared for the") for phase in phases) == 2
    assert _caches(tmp_path) == []


def test_a_rehearsal_that_fails_is_tried_again_the_next_time(
    tmp_path: Path, home: Path, config: EmbeddedConfig, phases: list[str]
) -> None:
    rehearsal = Rehearsal(TargetError("the machine is busy"))
    assert aot.ensure(tmp_path, home, config, rehearsal) == {}
    assert aot.ensure(tmp_path, home, config, rehearsal) == {}
    assert rehearsal.times == 2
    assert any("the machine is busy" in phase for phase in phases)


def test_a_killed_attempt_is_not_taken_for_whole(tmp_path: Path, home: Path, config: EmbeddedConfig) -> None:
    class Interrupted(Rehearsal):
        def __call__(self, directory: Path) -> None:
            super().__call__(directory)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        aot.ensure(tmp_path, home, config, Interrupted())
    rehearsal = Rehearsal()
    aot.ensure(tmp_path, home, config, rehearsal)
    assert rehearsal.times == 1

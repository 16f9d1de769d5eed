"""The ledger survives its writer and refuses two at once."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from faults.ledger import Entry, Ledger, LedgerError

needs_permissions = pytest.mark.skipif(os.geteuid() == 0, reason="root ignores file permissions")


def record(ledger: Ledger, fault: str = "freeze", created_at: float = 1.0) -> Entry:
    return ledger.record(fault, "trino", "worker-1", created_at=created_at, ttl=30)


def test_an_entry_is_there_for_another_process_until_cleared(tmp_path: Path) -> None:
    entry = record(Ledger(tmp_path))
    assert Ledger(tmp_path).pending() == [entry]
    Ledger(tmp_path).clear(entry)
    Ledger(tmp_path).clear(entry)
    assert Ledger(tmp_path).pending() == []


def test_entries_come_oldest_first(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    late, early = record(ledger, created_at=2), record(ledger, created_at=1)
    assert ledger.pending() == [early, late]


def test_a_writer_killed_half_way_leaves_no_entry(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    entry = record(ledger)
    whole = (tmp_path / "ledger" / f"{entry.id}.json").read_text()
    (tmp_path / "ledger" / "half.tmp").write_text(whole[: len(whole) // 2])
    assert ledger.pending() == [entry]


def test_what_is_no_entry_is_named(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    record(ledger)
    (tmp_path / "ledger" / "odd.json").write_text(json.dumps({"id": "odd"}))
    with pytest.raises(LedgerError, match=r"odd\.json is not a ledger entry"):
        ledger.pending()


def test_only_its_owner_may_look(tmp_path: Path) -> None:
    record(Ledger(tmp_path))
    assert stat.S_IMODE((tmp_path / "ledger").stat().st_mode) == 0o700


def test_where_nothing_can_be_recorded_nothing_may_be_injected(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("in the way")
    with pytest.raises(LedgerError, match="nothing was injected"):
        record(Ledger(tmp_path))


def test_two_runners_cannot_hold_it_and_a_dead_one_frees_it(tmp_path: Path) -> None:
    holder = (
        "import sys; from pathlib import Path; from faults.ledger import Ledger\n"
        "with Ledger(Path(sys.argv[1])).exclusive(): print('held', flush=True); sys.stdin.read()"
    )
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(LedgerError, match="another runner"), Ledger(tmp_path).exclusive():
            pytest.fail("held twice")
        process.kill()
        process.wait()
    with Ledger(tmp_path).exclusive():
        assert Ledger(tmp_path).pending() == []

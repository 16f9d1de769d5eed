"""The pod's half of ``load --jobs`` by itself: what is told to it, and when it ends without being told."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.mixture import Mixture
from benchmarks.remote import State, Status, packed
from benchmarks.statements import probe_statement
from engines import Endpoint, engine_class
from runner.generator.serving import Unled, _Serving, _Teller
from runner.mailbox import ALIVE, DIRECTORY_VARIABLE, Mailbox, Patience, main

ROOT = Path(__file__).parents[3]


@pytest.fixture
def mailbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(tmp_path))
    return Mailbox.here()


def test_what_is_put_is_found_and_what_was_left_is_taken(mailbox: Mailbox, capsys: pytest.CaptureFixture[str]) -> None:
    assert mailbox.get("order-1") is None
    assert main(["put", "order-1", "do this"]) == 0
    assert mailbox.get("order-1") == "do this"
    mailbox.put("tally-1", "{}")
    assert main(["take", "tally-1"]) == 0
    assert capsys.readouterr().out == "{}"
    assert main(["take", "tally-2"]) == 1
    assert capsys.readouterr().err == "there is no tally-2\n"
    assert main(["dance"]) == 2


def test_the_moment_to_begin_is_one_of_the_pods_own_clock(mailbox: Mailbox) -> None:
    before = time.monotonic()
    assert main(["begin", "begin-1", "2.5"]) == 0
    assert before + 2.5 <= float(mailbox.get("begin-1") or "nan") <= time.monotonic() + 2.5


def test_a_command_needs_nothing_but_the_standard_library(tmp_path: Path) -> None:
    """It runs beside the load."""
    command = [sys.executable, "-I", "-S", str(ROOT / "runner" / "mailbox.py"), "put", "a", "b"]
    subprocess.run(command, env={**os.environ, DIRECTORY_VARIABLE: str(tmp_path)}, check=True)
    assert (tmp_path / "a").read_text() == "b"


def test_patience_lasts_as_long_as_somebody_is_heard_of(mailbox: Mailbox, tmp_path: Path) -> None:
    now = 0.0
    patience = Patience(mailbox, 10.0, lambda: now)
    for now in (8.0, 16.0, 24.0):
        os.utime(tmp_path / ALIVE, ns=(int(now), int(now))) if mailbox.stamp(ALIVE) else main(["put", "x", "y"])
        assert not patience.over
    now = 33.9
    assert not patience.over
    now = 34.1
    assert patience.over


def test_a_generator_ends_when_nobody_conducts_it(mailbox: Mailbox, capsys: pytest.CaptureFixture[str]) -> None:
    engine = engine_class("clickhouse")(Endpoint("clickhouse", "127.0.0.1", 9))
    serving = _Serving(engine.endpoint, Mixture([probe_statement(engine.probe)]), 0, mailbox, _Teller())
    serving._patience = Patience(mailbox, 0.2)
    with pytest.raises(Unled, match="nobody has been heard of"):
        serving.serve()
    assert Status.last(capsys.readouterr().out.splitlines()) == Status(run=0, state=State.IDLE)


@pytest.mark.parametrize("moment", ["inf", "nan", "1e300"])
def test_a_moment_that_never_comes_is_refused(mailbox: Mailbox, moment: str) -> None:
    engine = engine_class("clickhouse")(Endpoint("clickhouse", "127.0.0.1", 9))
    serving = _Serving(engine.endpoint, Mixture([probe_statement(engine.probe)]), 0, mailbox, _Teller())
    mailbox.put("begin-1", moment)
    with pytest.raises(Unled, match="no moment to begin at"):
        serving._begin(1)


@pytest.mark.parametrize(
    ("work", "outputs", "complaint"),
    [
        ("bm8=", "{}", "the image must hold this version of the runner"),
        (packed("a text"), "{}", "a str instead of a Mixture"),
    ],
)
def test_what_it_cannot_start_from_is_told_in_the_log(tmp_path: Path, work: str, outputs: str, complaint: str) -> None:
    (tmp_path / "work").write_text(work)
    (tmp_path / "outputs.json").write_text(outputs)
    command = [sys.executable, "-m", "runner.generator", "--job", "0"]
    command += ["--work", str(tmp_path / "work"), "--outputs", str(tmp_path / "outputs.json")]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    status = Status.last(done.stdout.splitlines())
    assert (done.returncode, status and status.state) == (1, State.FAILED)
    assert status is not None and complaint in status.problem

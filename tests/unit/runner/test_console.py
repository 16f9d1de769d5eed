"""What people see while a run goes on."""

from __future__ import annotations

import io
import re
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
import rich.console

from runner.console import Console
from runner.results import Verdict
from tests.unit.report.sample import HOSTILE, checks, empty_results, sample_results


def recorder(*, terminal: bool) -> rich.console.Console:
    """A console that keeps what it shows; ``terminal`` as on a screen of 100 columns."""
    return rich.console.Console(
        file=io.StringIO(), force_terminal=terminal, record=True, width=100, legacy_windows=False, _environ={}
    )


def piped() -> tuple[Console, rich.console.Console]:
    out = recorder(terminal=False)
    ticks = count()
    return Console(out=out, clock=lambda: float(next(ticks))), out


def lines(out: rich.console.Console) -> list[str]:
    return out.export_text(clear=False).splitlines()


def raw(out: rich.console.Console) -> str:
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def test_piped_output_is_plain_lines() -> None:
    console, out = piped()
    with console.phase("Functionality checks"):
        console.step("warming up")
        console.check(checks()[0])
    assert lines(out) == [
        "Functionality checks ...",
        "  warming up",
        f"  ✓ PASS         {'trino.info':<40}  4.0 ms",
        "● Functionality checks  1.00 s",
    ]
    assert "\x1b" not in raw(out)


def test_a_phase_that_fails_says_so_and_passes_the_failure_on() -> None:
    console, out = piped()
    with pytest.raises(RuntimeError), console.phase("Loading"):
        raise RuntimeError
    assert lines(out)[-1] == "✕ Loading  stopped after 1.00 s"


def test_long_lines_are_not_wrapped_when_piped() -> None:
    console, out = piped()
    console.step("x" * 500)
    assert lines(out) == ["  " + "x" * 500]


def test_what_is_shown_is_literal_and_cannot_move_the_cursor() -> None:
    console, out = piped()
    console.step(f"[bold]{HOSTILE}[/bold]\x1b[2J\nsecond\rline\x07")
    assert lines(out) == [f"  [bold]{HOSTILE}[/bold]\ufffd[2J second line\ufffd"]


def test_checks_that_did_not_pass_have_their_reason() -> None:
    console, out = piped()
    for check in checks():
        if check.status is not Verdict.PASS:
            console.check(check)
    text = lines(out)
    assert text[0].split() == ["✕", "FAIL", "trino.cancel", "484", "ms"]
    assert text[1].strip() == "the query was still RUNNING 5 s after the cancellation"
    assert text[-2].split() == ["✕", "FAIL", "clickhouse.types_round_trip", "576", "ms"]
    assert text[4].split() == ["–", "SKIPPED", "clickhouse.queueing"]
    assert text[5].strip() == "chDB has no resource groups"


def test_an_experiment_is_one_line_of_measures() -> None:
    console, out = piped()
    console.experiment(sample_results().experiments[0])
    console.experiment(sample_results().experiments[14])
    first, second, third = lines(out)
    assert re.search(
        r"✓ PASS +trino/coordinator/kill +RTO 21\.64 ± 0\.25 s, unavailable 21\.5 s; \d+ ok, 89 failed", first
    )
    assert second.split() == ["–", "SKIPPED", "clickhouse/server/partition"]
    assert third.strip() == "no means to do that here"


def test_an_experiment_tells_what_became_of_its_inserts() -> None:
    console, out = piped()
    console.experiment(sample_results().experiments[9])
    (line,) = lines(out)
    assert line.endswith("; inserts: 1,412 acknowledged, 6 refused, 3 unknown (2 written), none lost, none duplicated")


def test_piped_progress_says_quarters_whoever_advances_it() -> None:
    console, out = piped()
    with console.progress(1000, "answers") as bar, ThreadPoolExecutor(8) as pool:
        for _ in range(1000):
            pool.submit(bar.advance)
    assert lines(out) == [f"  answers: {done} of 1,000" for done in ("250", "500", "750", "1,000")]


def test_piped_progress_of_nothing_is_silent() -> None:
    console, out = piped()
    with console.progress(0, "answers") as bar:
        bar.advance()
    assert lines(out) == []


def test_piped_transfers_say_quarters_and_may_begin_anew() -> None:
    console, out = piped()
    mebibyte = 1024**2
    for done in (0, 10, 50, 60, 100, 0, 100):
        console.transfer("trino-server", done * mebibyte, 100 * mebibyte)
    assert lines(out) == [f"  trino-server: {done} of 100 MiB" for done in (50, 100, 100)]


def test_the_verdict_has_parts_misses_reason_and_files() -> None:
    console, out = piped()
    console.verdict(sample_results(), [Path("report/report.html")])
    text = lines(out)
    assert "Functionality: 25 of 30 passed; 2 failed, 1 inconclusive, 2 skipped" in text
    assert any("RTO: clickhouse/server/freeze" in line and "limit ≤ 15 s, measured > 33.00 s" in line for line in text)
    assert any(line.startswith("✕ FAIL  2 wrong answers; 2 checks failed") for line in text)
    assert text[-1] == "  report/report.html"


def test_many_missed_objectives_are_cut() -> None:
    console, out = piped()
    missed = tuple(s.model_copy(update={"verdict": Verdict.FAIL}) for s in sample_results().slo)
    console.verdict(empty_results(slo=missed, verdict=Verdict.FAIL))
    assert "  and 9 more in the report" in lines(out)


def test_on_a_terminal_lines_stay_and_live_ones_go() -> None:
    out = recorder(terminal=True)
    with Console(out=out) as console:
        console.step("before any phase")
        with console.phase("Functionality checks"):
            console.step("working")
            console.check(checks()[0])
            with console.progress(10, "answers") as bar:
                bar.advance(4)
            console.transfer("trino-server", 5, 10)
            console.transfer("trino-server", 10, 10)
        console.verdict(sample_results())
    shown = raw(out)
    assert "before any phase" in shown
    assert "trino.info" in shown
    assert "● Functionality checks" in re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") > 0  # the cursor comes back as often as it is hidden


def test_a_transfer_that_broke_off_is_cleared_by_closing() -> None:
    out = recorder(terminal=True)
    console = Console(out=out)
    console.transfer("trino-server", 5, 10)
    console.close()
    console.close()
    assert raw(out).endswith("\r\x1b[2K\x1b[?25h\r")  # line cleared, cursor shown
    assert raw(out).count("\x1b[?25l") == raw(out).count("\x1b[?25h") == 1


def test_json_leaves_standard_output_to_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(json=True)
    with console.phase("Functionality checks"):
        console.check(checks()[0])
    console.verdict(sample_results())
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "trino.info" in captured.err


def test_an_encoding_without_our_signs_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    data = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(data, encoding="ascii", write_through=True))
    Console().check(checks()[0])
    assert b"? PASS" in data.getvalue()

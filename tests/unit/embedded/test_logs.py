"""The tail of a log: errors first, secrets never."""

from pathlib import Path

from targets.embedded.logs import redact, tail


def test_lines_about_errors_are_preferred(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("one\n1) Invalid configuration property x\ntwo\nthree\n")
    assert tail(log) == "1) Invalid configuration property x"


def test_without_errors_the_last_lines_are_given(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    assert tail(log, 2) == "line 98\nline 99"


def test_a_huge_log_is_read_from_its_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("x" * 1_000_000 + "\nthe end\n")
    assert tail(log, 1) == "the end"


def test_a_missing_log_is_said(tmp_path: Path) -> None:
    assert tail(tmp_path / "none") == "(no log)"


def test_values_of_secrets_are_removed() -> None:
    text = "internal-communication.shared-secret=abc\nAuthorization: Basic eHg6eQ==\npassword = p w\nport=1"
    cleaned = redact(text)
    assert not {"abc", "eHg6eQ==", "p w"} & set(cleaned.replace("=", " ").split("\n"))
    assert "abc" not in cleaned
    assert "eHg6eQ" not in cleaned
    assert "p w" not in cleaned
    assert "port=1" in cleaned

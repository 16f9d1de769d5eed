"""The part of a log that a person wants to see when something did not start."""

from __future__ import annotations

import re
from pathlib import Path

TAIL_LINES = 15
TAIL_BYTES = 64 * 1024
_SECRET = re.compile(r"(?i)((?:password|secret|authorization|key)[\w.\-]*\s*[=:]\s*)(\S.*)")
_INTERESTING = re.compile(r"ERROR|Errors:|^\d+\) |Exception|Caused by|Traceback|Error|cannot|failed", re.MULTILINE)


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines that matter, with what looks like a secret removed.

    Lines about errors are preferred; without any, the last lines are given as they are.
    """
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return "(no log)"
    everything = [line for line in text.splitlines() if line.strip()]
    telling = [line for line in everything if _INTERESTING.search(line)]
    return redact("\n".join((telling or everything)[-lines:]))


def redact(text: str) -> str:
    """Replace the value of whatever is called password, secret, key or authorization."""
    return _SECRET.sub(r"\1***", text)

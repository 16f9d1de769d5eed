"""The half of ``--in-cluster`` that runs in the pod: run a verb, then keep its report until somebody has fetched it.

``python -m runner.pod run ARGUMENTS...`` is the container's process, ``python -m runner.pod fetch`` prints the
report as a base64 text of a compressed tar. Only the standard library, so that the second costs nothing.
"""

from __future__ import annotations

import base64
import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

REPORT_VARIABLE = "QER_REPORT_DIR"
MARK = "\N{SYMBOL FOR END OF TEXT} the runner has ended with "
"""Start of the last line of the log; the exit code follows."""

KEEP_SECONDS = 120.0
FETCHED = ".fetched"
_POLL_SECONDS = 0.2


def main(arguments: Sequence[str]) -> int:
    """Do what the first argument says; the exit code is that of the verb."""
    match list(arguments):
        case ["run", *rest]:
            return run(rest)
        case ["fetch"]:
            return fetch()
    sys.stderr.write("usage: python -m runner.pod run ARGUMENTS... | fetch\n")
    return 2


def run(arguments: Sequence[str], command: Sequence[str] = (sys.executable, "-m", "runner")) -> int:
    """Run a verb, say that it has ended, wait until its report is fetched or ``KEEP_SECONDS`` are over."""
    ending = _Ending()
    # The first process of a container has no default answer to a signal, so the verb is another one.
    child = subprocess.Popen([*command, *arguments])
    ending.pass_on_to(child)
    code = child.wait()
    code = code if code >= 0 else 128 - code
    sys.stdout.write(f"{MARK}{code}\n")
    sys.stdout.flush()
    ends = time.monotonic() + KEEP_SECONDS
    while not ending.asked and time.monotonic() < ends and not (report_directory() / FETCHED).exists():
        time.sleep(_POLL_SECONDS)
    return code


def fetch() -> int:
    """Print the report and say that it was fetched."""
    directory = report_directory()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path in sorted(directory.rglob("*")):
            if path.is_file() and path.name != FETCHED:
                archive.add(path, path.relative_to(directory).as_posix(), recursive=False)
    sys.stdout.write(base64.b64encode(buffer.getvalue()).decode())
    sys.stdout.flush()
    (directory / FETCHED).touch()
    return 0


def report_directory() -> Path:
    """Where the verb writes its report."""
    return Path(os.environ.get(REPORT_VARIABLE, "report"))


class _Ending:
    """Passes signals on to the verb, which reverts what it has injected."""

    def __init__(self) -> None:
        self.asked = False
        self._child: subprocess.Popen[bytes] | None = None
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._handle)

    def pass_on_to(self, child: subprocess.Popen[bytes]) -> None:
        """From now on to this one, a signal that came before included."""
        self._child = child
        if self.asked:
            child.send_signal(signal.SIGTERM)

    def _handle(self, number: int, _: FrameType | None) -> None:
        self.asked = True
        if self._child is not None:
            self._child.send_signal(number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

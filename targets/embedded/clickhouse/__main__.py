"""Command line of the server. The password comes from a file, so that no process list shows it."""

from __future__ import annotations

import argparse
import ctypes
import logging
import logging.handlers
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from targets.embedded.clickhouse.auth import Credentials

PARENT_PERIOD_SECONDS = 0.5
WAKE_SECONDS = 0.2
DEFAULT_MEMORY_MIB = 2560
COULD_NOT_RUN = 3
_PR_SET_PDEATHSIG = 1

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server until SIGTERM, SIGINT or the end of its parent; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        _log_to(options.log)
    except OSError as error:
        return _refuse(f"cannot write the log {options.log}: {error.strerror}")
    ended = _end_on_signal()
    if options.parent_pid:
        _end_with(options.parent_pid, ended)
    try:
        password = options.password_file.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        return _refuse(f"cannot read the password file {options.password_file}: {error.strerror}")
    if not password:
        return _refuse(
            f"the password file {options.password_file} is empty: a server without a password is not offered"
        )
    return _serve(options, Credentials(options.user, password), ended)


def _serve(options: argparse.Namespace, credentials: Credentials, ended: threading.Event) -> int:
    # Importing the engine takes half a second; whoever gets the arguments wrong need not wait for it.
    from targets.embedded.clickhouse.engine import EngineUnavailable  # noqa: PLC0415
    from targets.embedded.clickhouse.server import ClickHouseServer, Options, ServerUnavailable  # noqa: PLC0415

    server = ClickHouseServer(
        Options(
            data=options.data,
            host=options.host,
            port=options.port,
            credentials=credentials,
            memory_bytes=options.max_memory_mib * 1024**2,
            grace_seconds=options.grace_seconds,
        )
    )
    try:
        server.start()
    except (EngineUnavailable, ServerUnavailable) as error:
        return _refuse(str(error))
    log.info("listening on %s:%d, process %d", *server.address, os.getpid())
    while not ended.wait(WAKE_SECONDS):
        """A signal may come to one of the engine's threads: Python acts on it when this one wakes up."""
    server.stop()
    log.info("stopped")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m targets.embedded.clickhouse_server",
        description="ClickHouse's engine (chDB) behind ClickHouse's HTTP interface.",
    )
    parser.add_argument("--data", type=Path, required=True, help="directory that keeps the data; one server at a time")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, required=True, help="port to listen on; 0 takes a free one")
    parser.add_argument("--user", required=True, help="the one user")
    parser.add_argument("--password-file", type=Path, required=True, help="file that holds the user's password")
    parser.add_argument("--log", type=Path, help="file to log to (default: standard error)")
    parser.add_argument("--parent-pid", type=int, help="end when this process, which has to be the parent, is gone")
    parser.add_argument(
        "--max-memory-mib",
        type=_mebibytes,
        default=DEFAULT_MEMORY_MIB,
        help="memory for all statements and caches together (default: %(default)s)",
    )
    parser.add_argument(
        "--grace-seconds",
        type=_seconds,
        default=3.0,
        help="how long running statements may take to finish at the end (default: %(default)s)",
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give a number from 0 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: give seconds from 0 to 3600")
    return seconds


def _mebibytes(text: str) -> int:
    if not text.isdecimal() or int(text) < 256:
        raise argparse.ArgumentTypeError(f"{text!r} is not enough: give a number of MiB from 256 on")
    return int(text)


def _log_to(file: Path | None) -> None:
    handler: logging.Handler = logging.StreamHandler()
    if file:
        handler = logging.handlers.RotatingFileHandler(file, maxBytes=4 * 1024**2, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _refuse(reason: str) -> int:
    sys.stderr.write(f"clickhouse server: {reason}\n")
    return COULD_NOT_RUN


def _end_on_signal() -> threading.Event:
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    return ended


def _end_with(parent: int, ended: threading.Event) -> None:
    """End when the parent does.

    On Linux the kernel kills this process with its parent, even while it is stopped by SIGSTOP. Elsewhere, and in
    case the parent was gone before the kernel could be asked, a thread looks for it.
    """
    if sys.platform == "linux" and os.getppid() == parent:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    threading.Thread(target=_watch_parent, args=(parent, ended), name="parent", daemon=True).start()


def _watch_parent(parent: int, ended: threading.Event) -> None:
    while os.getppid() == parent:
        if ended.wait(PARENT_PERIOD_SECONDS):
            return
    ended.set()


if __name__ == "__main__":
    sys.exit(main())

"""Running tpchgen-cli: one call per piece of a data set, watched, bounded in time, and ended with its caller."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.tpch.layout import BYTES_PER_UNIT, DatasetError, Piece

PROGRAM = "tpchgen-cli"
_POLL_SECONDS = 0.2

Written = Callable[[int], None]
"""Told how many bytes there are so far."""


def version() -> str:
    """Name and version of the generator.

    Raises:
        DatasetError: it is not installed.
    """
    try:
        return f"{PROGRAM} {importlib.metadata.version(PROGRAM)}"
    except importlib.metadata.PackageNotFoundError as error:
        raise _not_installed() from error


def generate(piece: Piece, factor: float, output: Path, lock: int, written: Written) -> None:
    """Write one piece below ``output``.

    The generator inherits ``lock``, so that nobody touches its directory even when this process is killed.

    Raises:
        DatasetError: it is not installed, failed, did not end in time, or did not write a file.
    """
    command = [_program(), "parquet", "-s", f"{factor:g}", "--output-dir", str(output), "--quiet"]
    command += ["--tables", ",".join(piece.tables)]
    if piece.parts > 1:
        command += ["--parts", str(piece.parts), "--part", str(piece.part)]
    limit = time_limit(piece.bytes(factor) / BYTES_PER_UNIT)
    with tempfile.TemporaryFile() as errors, subprocess.Popen(command, stderr=errors, pass_fds=[lock]) as process:
        try:
            _watch(process, output, time.monotonic() + limit, written)
        finally:
            process.kill()
        code = process.wait()
        errors.seek(0)
        message = errors.read().decode(errors="replace").strip()
    if code != 0:
        cause = _cause(code, message, limit)
        raise DatasetError(
            f"{PROGRAM} failed ({cause}) while writing scale factor {factor:g}"
            f" below {output.parents[1]}; check free space and memory, then run again"
        )
    for file in piece.files:
        if not (output / file).is_file():
            raise DatasetError(f"{PROGRAM} wrote no {file}; install requirements.txt again")


def time_limit(factor: float) -> float:
    """How long it may take, in seconds; about 6 per unit of scale factor is usual."""
    return 120 + 120 * factor


def _watch(process: subprocess.Popen[bytes], output: Path, give_up: float, written: Written) -> None:
    while process.poll() is None and time.monotonic() < give_up:
        written(_size(output))
        with contextlib.suppress(subprocess.TimeoutExpired):  # still at work: look again
            process.wait(_POLL_SECONDS)


def _size(directory: Path) -> int:
    size = 0
    for file in directory.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # just renamed: it was written under another name
            size += file.stat().st_size
    return size


def _program() -> str:
    places = [sysconfig.get_path("scripts"), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    found = shutil.which(PROGRAM, path=os.pathsep.join(places))
    if found is None:
        raise _not_installed()
    return found


def _not_installed() -> DatasetError:
    return DatasetError(f"{PROGRAM} is not installed; run make setup (or install requirements.txt)")


def _cause(code: int, message: str, limit: float) -> str:
    if code == -signal.SIGKILL and not message:
        return f"ended by a signal, or not done after {limit:.0f} s"
    return message.splitlines()[-1] if message else f"exit code {code}"

"""Starts a headless Chromium with a profile of its own, and ends it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from runner.browser.devtools import BrowserError, Connection
from runner.browser.page import Page

EXECUTABLES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_END_SECONDS = 20.0
_HANDOVER = Path(__file__).with_name("handover.py")
_OPTIONS = (
    "--headless",
    "--remote-debugging-pipe",
    # Its own sandbox needs what containers and root lack. It sees pages that were made here and nothing else:
    "--no-sandbox",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-gpu",
    "--disable-dev-shm-usage",  # 64 MB in containers
    "--disable-breakpad",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
)


def find(names: Sequence[str] = EXECUTABLES) -> str | None:
    """Path of the browser that this machine has; ``None``: none on the ``PATH``."""
    return next((found for name in names if (found := shutil.which(name))), None)


class Chromium:
    """Runs from entering to leaving the context, and ends with this process however that ends.

    Args:
        executable: path of the browser; ``None``: the first that is found.

    Raises:
        BrowserError: there is none.
    """

    def __init__(self, executable: str | None = None) -> None:
        found = executable or find()
        if found is None:
            raise BrowserError(f"no Chromium here: none of {', '.join(EXECUTABLES)} is on the PATH")
        self._executable = found
        self._process: subprocess.Popen[bytes] | None = None
        self._ends: tuple[int, int] | None = None
        self._connection: Connection | None = None
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="qer-browser-", ignore_cleanup_errors=True)
        theirs_read, ours_write = os.pipe()
        ours_read, theirs_write = os.pipe()
        handed = [str(theirs_read), str(theirs_write), self._executable]
        options = (*_OPTIONS, f"--user-data-dir={self._directory.name}/profile")
        log = Path(self._directory.name, "log").open("wb")
        try:
            with log:
                self._process = subprocess.Popen(
                    [sys.executable, str(_HANDOVER), *handed, *options, "about:blank"],
                    pass_fds=(theirs_read, theirs_write),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C is ours to handle
                )
        finally:
            os.close(theirs_read)
            os.close(theirs_write)
        self._ends = ours_read, ours_write
        self._connection = Connection(ours_read, ours_write)
        try:
            self._connection.call("Browser.getVersion")
        except BrowserError as error:
            said = self._last_words()
            self.__exit__()
            raise BrowserError(f"{self._executable} does not start: {said or error}") from error
        return self

    def __exit__(self, *_: object) -> None:
        process, connection = self._process, self._connection
        if process is not None and connection is not None:
            with contextlib.suppress(BrowserError):  # it has ended already
                connection.call("Browser.close", seconds=_END_SECONDS)
            for end in self._ends or ():
                os.close(end)
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._process = self._connection = self._ends = None
        if self._directory is not None:
            self._directory.cleanup()

    def page(self) -> Page:
        """A new tab.

        Raises:
            BrowserError: the browser does not run.
        """
        if self._connection is None:
            raise BrowserError("the browser has not been started")
        target = self._connection.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self._connection.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        return Page(self._connection, str(session), str(target))

    def _last_words(self) -> str:
        if self._directory is None:
            return ""
        text = Path(self._directory.name, "log").read_text(errors="replace")
        return " ".join(text.split())[-200:]

"""A tiny Maven repository over HTTP that serves one small archive, and can cut it or alter it."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from targets.embedded.distribution import Distribution

TOP = "trino-server-9"


def archive(*, size: int = 40_000) -> bytes:
    """An archive laid out as Trino's: jars once, hard links to them, more plugins than anybody wants."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        _file(tar, "bin/launcher", b"launch")
        _file(tar, "lib/core.jar", bytes(range(256)) * (size // 256))
        _file(tar, "plugin/unwanted/shared.jar", b"shared by two plugins")
        _file(tar, "plugin/unwanted/own.jar", b"only here")
        _link(tar, "plugin/tpch/shared.jar", "plugin/unwanted/shared.jar")
        _link(tar, "plugin/tpch/core.jar", "lib/core.jar")
        _file(tar, "plugin/tpch/hdfs/native.jar", b"deeper")
    return buffer.getvalue()


def _file(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(f"{TOP}/{name}")
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _link(tar: tarfile.TarFile, name: str, target: str) -> None:
    member = tarfile.TarInfo(f"{TOP}/{name}")
    member.type, member.linkname = tarfile.LNKTYPE, f"{TOP}/{target}"
    tar.addfile(member)


def pinned(content: bytes) -> Distribution:
    """The distribution whose archive is ``content``."""
    digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    return Distribution("io.example", "trino-server", "9", "tar.gz", digest, len(content))


class Repository:
    """``answers`` are given in turn, the last one again and again; a cut answer promises more than it sends."""

    def __init__(self, answers: Sequence[bytes], promised: int) -> None:
        self.answers = list(answers)
        self.promised = promised
        self.fetched = 0
        self.url = ""
        self._lock = threading.Lock()

    def next_answer(self) -> bytes:
        with self._lock:
            self.fetched += 1
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def repository(*answers: bytes, promised: int) -> Iterator[Repository]:
    """Serve ``answers`` in turn, each announced as ``promised`` bytes long."""
    state = Repository(answers, promised)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.endswith(".tar.gz"):
                self.send_error(404)
                return
            content = state.next_answer()
            self.send_response(200)
            self.send_header("Content-Length", str(state.promised))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server calls
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

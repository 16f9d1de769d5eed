"""An API server over HTTP in this process, and a connection to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from targets.kubernetes.cluster import Cluster


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[None]:
    """Let it answer for as long as the context lasts."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def connected(server: ThreadingHTTPServer, directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """The cluster behind it, by a kubeconfig in that directory."""
    config = directory / "kubeconfig"
    where = f"http://127.0.0.1:{server.server_address[1]}"
    config.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
        "contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {token: t}}]\n"
        f"clusters: [{{name: c, cluster: {{server: '{where}'}}}}]\n"
    )
    monkeypatch.setenv("KUBECONFIG", str(config))
    cluster = Cluster()
    cluster.open()
    yield cluster
    cluster.close()

"""Where the monitoring chart comes from is tried before anything is registered."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from components.chart_source import problem


class Repository(BaseHTTPRequestHandler):
    """Has an index under ``/charts`` only."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/charts/index.yaml" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that it has
        """Say nothing."""


@pytest.fixture
def repository() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Repository) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_repository_with_an_index(repository: str) -> None:
    assert problem("some-chart", f"{repository}/charts/") == ""


def test_a_repository_without_one(repository: str) -> None:
    assert problem("some-chart", repository) == f"the chart repository {repository} answers 404"


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        where = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert problem("some-chart", where) == (
        f"the chart repository {where} (monitoringChartRepository) cannot be reached: Connection refused"
    )


def test_not_an_address() -> None:
    assert "cannot be reached" in problem("some-chart", "nonsense")


def test_a_chart_on_this_machine(tmp_path: Path) -> None:
    archive = tmp_path / "chart.tgz"
    assert problem(str(archive), "") == f"there is no chart {archive} (monitoringChart)"
    archive.touch()
    assert problem(str(archive), "") == ""


def test_only_helm_can_tell_of_a_registry() -> None:
    assert problem("oci://127.0.0.1:1/some-chart", "") == ""

"""One part of the monitoring over HTTP; whatever goes wrong is one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests

from targets.base import MeansError, MonitoringAccess, MonitoringEndpoint, Target

REQUEST_SECONDS = 5.0
_SHOWN = 160  # characters of what a server says


class MonitoringError(MeansError):
    """A part of the monitoring does not answer, refuses, or answers in a form that is not its documented one."""


class Part:
    """Asks one part.

    Args:
        endpoint: where it answers.
        timeout: seconds for connecting, and for each piece of an answer.
    """

    def __init__(self, endpoint: MonitoringEndpoint, *, timeout: float = REQUEST_SECONDS) -> None:
        self.name = endpoint.part
        self._endpoint, self._timeout = endpoint, timeout

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
    ) -> Any:  # noqa: ANN401 - JSON
        """Send a request; its answer as JSON, or as text where it is not JSON.

        Raises:
            MonitoringError: no answer, or one of an error.
        """
        endpoint = self._endpoint
        login = (endpoint.user, endpoint.password or "") if endpoint.user else None
        try:
            with requests.Session() as http:
                http.trust_env = False  # no proxy stands between us and a port-forward
                response = http.request(
                    method, endpoint.url + path, params=query, json=body, auth=login, timeout=self._timeout
                )
        except requests.RequestException as error:
            raise MonitoringError(f"{self.name} does not answer ({type(error).__name__})") from None
        if not response.ok:
            raise MonitoringError(self._refusal(method, path, response))
        is_json = response.headers.get("Content-Type", "").startswith("application/json")
        with self.reading(path):
            return response.json() if is_json else response.text

    @contextmanager
    def reading(self, path: str) -> Iterator[None]:
        """Read an answer; what is not of its documented form becomes one line.

        Raises:
            MonitoringError: it is not.
        """
        try:
            yield
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise MonitoringError(
                f"{self.name}'s answer to {path} is not of the form expected ({type(error).__name__})"
            ) from error

    def _refusal(self, method: str, path: str, response: requests.Response) -> str:
        said = " ".join(response.text.split())[:_SHOWN]
        text = f"{self.name} refuses {method} {path}: {response.status_code} {response.reason} {said}".rstrip()
        if response.status_code in {401, 403}:
            text += f"; give {self._endpoint.user or 'a user in the outputs document'} that right"
        return text


def part_of(target: Target, name: str) -> Part | None:
    """That part of an open target's monitoring; ``None`` where the outputs document has none."""
    access = target.means(MonitoringAccess)
    parts = access.monitoring_parts() if access else ()
    return next((Part(part) for part in parts if part.part == name), None)

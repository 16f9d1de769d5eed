"""Whom an engine's connections trust, and plain HTTP to the engine on these terms."""

from __future__ import annotations

import ssl
import threading

import requests

from engines._deadline import http_session, tls_context
from engines.base import Endpoint, EngineError, ErrorClass


class Trust:
    """The endpoint's TLS context, made once and shared by all its sessions: reading authorities takes milliseconds."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._context: ssl.SSLContext | None = None
        self._lock = threading.Lock()

    def context(self) -> ssl.SSLContext | None:
        """The context, or ``None`` for plain HTTP.

        Raises:
            EngineError: the CA file cannot be used.
        """
        if self._endpoint.scheme == "http":
            return None
        with self._lock:
            if self._context is None:
                self._context = self._make()
            return self._context

    def _make(self) -> ssl.SSLContext:
        try:
            return tls_context(self._endpoint.ca_file)
        except OSError as error:
            raise EngineError(
                f"the CA file {self._endpoint.ca_file} cannot be used: {error.strerror or error}",
                error_class=ErrorClass.PROTOCOL,
                name=type(error).__name__,
            ) from error


def open_http(endpoint: Endpoint) -> requests.Session:
    """An HTTP session for requests beside the driver: it trusts the endpoint's authority and keeps to ``within``.

    It has no credentials (set ``auth``), uses no proxy, repeats nothing and follows no redirect.

    Raises:
        EngineError: the CA file cannot be used.
    """
    return http_session(Trust(endpoint).context())

"""From what Trino's driver raises to an ``EngineError``."""

from __future__ import annotations

from dataclasses import dataclass

import requests
from trino.exceptions import DatabaseError, HttpError, TrinoQueryError

from engines._failures import BY_STATUS, MALFORMED, engine_error, transport_error
from engines.base import Endpoint, EngineError, ErrorClass

DRIVER_ERRORS = (DatabaseError, TrinoQueryError, HttpError, requests.RequestException, OSError, *MALFORMED)
"""All that the driver raises."""

_QUERY_GONE = (404, 410)  # a coordinator asked for results of a query it does not know, as after a restart
_BY_NAME = {
    "QUERY_QUEUE_FULL": ErrorClass.QUEUE_FULL,
    "EXCEEDED_TIME_LIMIT": ErrorClass.TIMEOUT,
    "NO_NODES_AVAILABLE": ErrorClass.UNAVAILABLE,
    "SERVER_STARTING_UP": ErrorClass.UNAVAILABLE,
    "SERVER_SHUTTING_DOWN": ErrorClass.UNAVAILABLE,
    "GENERIC_INSUFFICIENT_RESOURCES": ErrorClass.UNAVAILABLE,  # too few workers for too long
}


@dataclass(frozen=True, slots=True)
class Failure:
    """What is known of a failed statement besides the driver's exception.

    Attributes:
        endpoint: where it was sent.
        deadline: the seconds it was given.
        status: HTTP status of the last answer, if there was one.
        polling: whether the coordinator had accepted it.
    """

    endpoint: Endpoint
    deadline: float
    status: int | None
    polling: bool

    def of(self, error: Exception) -> EngineError:
        """The failure in the words that all engines share."""
        if isinstance(error, TrinoQueryError):
            name = error.error_name or type(error).__name__
            return self._error(error.message, _BY_NAME.get(name, ErrorClass.ENGINE), name, error.error_code)
        if isinstance(error, HttpError):
            return self._http_failure(error)
        broken = transport_error(error, self.endpoint, self.deadline)
        return broken or self._error(f"not an answer of Trino: {error}", ErrorClass.PROTOCOL, type(error).__name__)

    def _http_failure(self, error: HttpError) -> EngineError:
        status = self.status or 0
        if self.polling and status in _QUERY_GONE:
            return self._error("the coordinator does not know the query", ErrorClass.ENGINE, "QUERY_NOT_FOUND", status)
        return self._error(str(error), BY_STATUS.get(status, ErrorClass.PROTOCOL), type(error).__name__, status)

    def _error(self, message: str, error_class: ErrorClass, name: str, code: int | None = None) -> EngineError:
        return engine_error(message, self.endpoint, error_class, name, code)

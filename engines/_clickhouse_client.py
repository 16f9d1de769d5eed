"""The official driver's HTTP client, held to one request per statement and none of its own."""

from __future__ import annotations

import ssl
from typing import Any

from clickhouse_connect.driver.httpclient import HttpClient
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError, ProtocolError

from engines._deadline import IDLE_LIMIT, Pools
from engines.base import Endpoint

_PROGRESS = "x-clickhouse-progress"


class Undelivered(HTTPError):
    """A request got no answer. The driver repeats reads whose connection broke; it does not repeat this."""


class OneAttemptPools(Pools):
    """Pools that never let the driver try again, and remember what the last answer's status was."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        super().__init__(context)
        self.status: int | None = None

    def request(self, method: str, url: str, **kwargs: Any) -> BaseHTTPResponse:  # type: ignore[override]  # noqa: ANN401
        """Send one request.

        Raises:
            Undelivered: no answer, or one that is not ClickHouse's, or one cut off within its headers.
        """
        self.status = None
        try:
            response = super().request(method, url, **kwargs)
        except HTTPError as error:
            raise Undelivered(str(error)) from error
        self.status = response.status
        if response.status < 300:
            self._check_headers(response)
        return response

    @staticmethod
    def _check_headers(response: BaseHTTPResponse) -> None:
        own = [name for name in map(str.lower, response.headers) if name.startswith("x-clickhouse-")]
        if own and any(name != _PROGRESS for name in own):
            return
        response.close()
        if own:  # while it works ClickHouse sends progress headers, all others follow at the end
            cut = ConnectionResetError("the connection closed within the headers of the answer")
            raise Undelivered(str(cut)) from ProtocolError(str(cut), cut)
        raise Undelivered("no header of ClickHouse in the answer")


class Client(HttpClient):
    """The driver's client without the three questions it asks at creation (version, all settings, protocol).

    Their answers only serve to leave out settings the server does not know: here it says so itself.
    """

    def __init__(self, endpoint: Endpoint, pools: OneAttemptPools) -> None:
        self.pools = pools
        super().__init__(
            interface=endpoint.scheme,
            host=endpoint.host,
            port=endpoint.port,
            username=endpoint.user,
            password=endpoint.password or "",
            database=None,
            compress=False,
            query_retries=0,
            connect_timeout=int(IDLE_LIMIT),
            send_receive_timeout=int(IDLE_LIMIT),
            client_name="query-engine-reliability",
            show_clickhouse_errors="scrub",
            autogenerate_session_id=False,
            autogenerate_query_id=False,
            pool_mgr=pools,
        )
        self.http_retries = 0

    def _init_common_settings(self, tz_source: str) -> None:
        """Assume a server in UTC; nothing of TPC-H holds a time of day."""
        self._dst_safe = True
        self._apply_server_tz = tz_source == "server"

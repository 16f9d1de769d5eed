"""ClickHouse's HTTP interface as bytes: requests made once, answers in Native format, read by the driver's parser."""

from __future__ import annotations

import base64
import math
import re
import ssl
from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

from clickhouse_connect.driver.ctypes import RespBuffCls
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.query import QueryResult
from clickhouse_connect.driver.transform import NativeTransform

from engines._failures import BY_STATUS, MALFORMED, engine_error
from engines.base import Answer, Endpoint, EngineError, ErrorClass
from engines.wire import WireRequest, WireResponse

_CODE = re.compile(rb"^x-clickhouse-exception-code: *(\d+)", re.MULTILINE)
_IN_BODY = re.compile(rb"\bCode: (\d+)\. ")
_TAIL = 16_384  # bytes
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]+)\)")
_QUERY_ID = re.compile(rb"^x-clickhouse-query-id: *([\w-]+)", re.MULTILINE)


class ClickHouseWire:
    """See ``engines.wire.Wire``.

    Args:
        endpoint: where the server is and as whom.
        context: whom to trust.
        by_code: ClickHouse's own error codes that mean more than that a statement failed.
    """

    def __init__(self, endpoint: Endpoint, context: ssl.SSLContext | None, by_code: Mapping[int, ErrorClass]) -> None:
        self._endpoint = endpoint
        self.context = context
        self._by_code = by_code

    def request(self, sql: str, *, deadline: float, settings: Mapping[str, str]) -> WireRequest:
        """See ``Wire.request``."""
        parameters = {
            "max_execution_time": str(math.ceil(deadline) + 1),
            "cancel_http_readonly_queries_on_client_close": "1",
            **settings,
        }
        body = f"{sql}\nFORMAT Native".encode()
        secret = f"{self._endpoint.user}:{self._endpoint.password or ''}".encode()
        head = (
            f"POST /?{urlencode(parameters)} HTTP/1.1\r\n"
            f"Host: {self._endpoint.host}:{self._endpoint.port}\r\n"
            f"Authorization: Basic {base64.b64encode(secret).decode()}\r\n"
            "User-Agent: query-engine-reliability\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return WireRequest(head.encode() + body)

    def answer(self, response: WireResponse) -> Answer:
        """See ``Wire.answer``."""
        code = _CODE.search(response.headers)
        if response.status != 200 or code:
            raise self._refused(response, int(code[1]) if code else None)
        if b"x-clickhouse-" not in response.headers:
            raise self._error("no header of ClickHouse in the answer", ErrorClass.PROTOCOL, "NotClickHouse")
        try:
            parsed = NativeTransform.parse_response(RespBuffCls(_Body(response.body)))  # type: ignore[no-untyped-call]
            assert isinstance(parsed, QueryResult)  # noqa: S101 - NumPy is not asked for
            rows = tuple(tuple(row) for row in parsed.result_rows)
        except (ClickHouseError, *MALFORMED) as error:
            # An error that came up after the first rows were sent stands at the end of the body.
            if within := _IN_BODY.search(response.body[-_TAIL:]):
                raise self._refused(response, int(within[1])) from error
            name = type(error).__name__
            raise self._error(f"not an answer of ClickHouse: {error}", ErrorClass.PROTOCOL, name) from error
        query_id = _QUERY_ID.search(response.headers)
        return Answer(tuple(parsed.column_names), rows, query_id[1].decode() if query_id else None)

    def _refused(self, response: WireResponse, code: int | None) -> EngineError:
        text = response.body.decode("utf-8", "replace")
        if code is None:
            error_class = BY_STATUS.get(response.status, ErrorClass.PROTOCOL)
            return self._error(f"HTTP status {response.status}: {text}", error_class, "HTTPStatus", response.status)
        name = _NAME.search(text)
        error_class = self._by_code.get(code, ErrorClass.ENGINE)
        return self._error(text, error_class, name[1] if name else f"CODE_{code}", code)

    def _error(self, message: str, error_class: ErrorClass, name: str, code: int | None = None) -> EngineError:
        return engine_error(message, self._endpoint, error_class, name, code)


class _Body:
    """A whole body as the driver's source of bytes."""

    exception_tag = None
    last_message = None

    def __init__(self, body: bytes) -> None:
        self.gen: Iterator[bytes] = iter((body,))

    def close(self, _: Exception | None = None) -> None:
        """Nothing is open."""

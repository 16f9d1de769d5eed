"""What a request asks for: statement, settings and parameters, from URL, headers and body."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from urllib.parse import parse_qsl, urlsplit

from targets.embedded.clickhouse.errors import BAD_ARGUMENTS, NOT_IMPLEMENTED, UNKNOWN_SETTING, ServerError

DEFAULT_FORMAT = "TabSeparated"
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")

# Parameters of the URL that are no settings of the engine. Most of them have no meaning here: results are complete
# when they are sent, are not compressed, and nothing outlives a request.
_RESERVED = frozenset(
    {
        "query",
        "query_id",
        "database",
        "default_format",
        "user",
        "password",
        "quota_key",
        "role",
        "session_id",
        "session_timeout",
        "session_check",
        "close_session",
        "compress",
        "decompress",
        "buffer_size",
        "wait_end_of_query",
        "client_protocol_version",
        "stacktrace",
        "enable_http_compression",
        "send_progress_in_http_headers",
        "http_headers_progress_interval_ms",
        "cancel_http_readonly_queries_on_client_close",
        "log_comment",
    }
)


@dataclass(frozen=True, slots=True)
class Ask:
    """One request for the engine.

    Attributes:
        query: statement, or its beginning when the body goes on with it.
        readonly: the request must not change anything (GET).
        abandonable: a reading statement may be cancelled when its client is gone.
        parameters: values of ``{name:Type}`` in the statement.
    """

    query: bytes
    query_id: str
    database: str = ""
    output_format: str = DEFAULT_FORMAT
    settings: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    readonly: bool = False
    abandonable: bool = False


def split_target(target: str) -> tuple[str, dict[str, str]]:
    """Path and parameters of a request's target; of a repeated parameter the last one counts."""
    parts = urlsplit(target)
    return parts.path, dict(parse_qsl(parts.query, keep_blank_values=True))


def build_ask(values: Mapping[str, str], headers: Message[str, str], *, method: str) -> Ask:
    """Sort a request's values.

    Raises:
        ServerError: a value cannot be used.
    """
    for name in ("compress", "decompress"):
        if values.get(name, "0") not in {"0", "false"}:
            raise ServerError(NOT_IMPLEMENTED, f"{name}: ClickHouse's own compression is not supported here")
    database = values.get("database") or headers.get("X-ClickHouse-Database") or ""
    if "\0" in database:
        raise ServerError(BAD_ARGUMENTS, "database: holds a character that no name can have")
    return Ask(
        query=values.get("query", "").encode("utf-8", errors="surrogateescape"),
        query_id=values.get("query_id") or str(uuid.uuid4()),
        database=database,
        output_format=values.get("default_format") or headers.get("X-ClickHouse-Format") or DEFAULT_FORMAT,
        settings={name: value for name, value in values.items() if _is_setting(name)},
        parameters={name[6:]: value for name, value in values.items() if name.startswith("param_")},
        readonly=method in {"GET", "HEAD"},
        abandonable=values.get("cancel_http_readonly_queries_on_client_close", "0") in {"1", "true"},
    )


def _is_setting(name: str) -> bool:
    if name in _RESERVED or name.startswith("param_"):
        return False
    if not _SETTING.fullmatch(name):
        raise ServerError(UNKNOWN_SETTING, f"Unknown setting {name!r}")
    return True

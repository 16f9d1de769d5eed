"""ClickHouse's exceptions as its HTTP interface shows them: number, name, text and HTTP status."""

from __future__ import annotations

import re

_ENGINE_TEXT = re.compile(r"Code: (?P<code>\d+)\. DB::Exception: (?P<message>.*)", re.DOTALL)
_ENGINE_NAME = re.compile(r"\((?P<name>[A-Z][A-Z0-9_]+)\)")

# Number and name of the exceptions that this server raises by itself.
BAD_ARGUMENTS = (36, "BAD_ARGUMENTS")
NOT_IMPLEMENTED = (48, "NOT_IMPLEMENTED")
SYNTAX_ERROR = (62, "SYNTAX_ERROR")
UNKNOWN_COMPRESSION_METHOD = (89, "UNKNOWN_COMPRESSION_METHOD")
UNKNOWN_SETTING = (115, "UNKNOWN_SETTING")
QUERY_IS_TOO_LARGE = (161, "QUERY_IS_TOO_LARGE")
REQUIRED_PASSWORD = (194, "REQUIRED_PASSWORD")
TOO_MANY_QUERIES = (202, "TOO_MANY_SIMULTANEOUS_QUERIES")
SAME_ID = (216, "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING")
NOT_ENOUGH_SPACE = (243, "NOT_ENOUGH_SPACE")
CANNOT_DECOMPRESS = (271, "CANNOT_DECOMPRESS")
CANNOT_SCHEDULE_TASK = (439, "CANNOT_SCHEDULE_TASK")
AUTHENTICATION_FAILED = (516, "AUTHENTICATION_FAILED")
UNKNOWN_EXCEPTION = (1002, "UNKNOWN_EXCEPTION")

# The classes that the official server maps to something else than 500 (Internal Server Error).
_STATUS_BY_NAME = {
    **dict.fromkeys(("REQUIRED_PASSWORD",), 401),
    **dict.fromkeys(
        ("UNKNOWN_USER", "WRONG_PASSWORD", "AUTHENTICATION_FAILED", "SET_NON_GRANTED_ROLE", "ACCESS_DENIED"), 403
    ),
    **dict.fromkeys(
        (
            "BAD_ARGUMENTS",
            "CANNOT_COMPILE_REGEXP",
            "CANNOT_PARSE_TEXT",
            "CANNOT_PARSE_ESCAPE_SEQUENCE",
            "CANNOT_PARSE_QUOTED_STRING",
            "CANNOT_PARSE_DATE",
            "CANNOT_PARSE_DATETIME",
            "CANNOT_PARSE_NUMBER",
            "CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING",
            "CANNOT_PARSE_IPV4",
            "CANNOT_PARSE_IPV6",
            "CANNOT_PARSE_INPUT_ASSERTION_FAILED",
            "CANNOT_PARSE_UUID",
            "DUPLICATE_COLUMN",
            "ILLEGAL_COLUMN",
            "UNKNOWN_ELEMENT_IN_AST",
            "UNKNOWN_TYPE_OF_AST_NODE",
            "THERE_IS_NO_COLUMN",
            "TOO_DEEP_AST",
            "TOO_BIG_AST",
            "UNEXPECTED_AST_STRUCTURE",
            "SYNTAX_ERROR",
            "INCORRECT_DATA",
            "TYPE_MISMATCH",
            "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE",
        ),
        400,
    ),
    **dict.fromkeys(
        (
            "UNKNOWN_TABLE",
            "UNKNOWN_FUNCTION",
            "UNKNOWN_IDENTIFIER",
            "UNKNOWN_TYPE",
            "UNKNOWN_STORAGE",
            "UNKNOWN_DATABASE",
            "UNKNOWN_SETTING",
            "UNKNOWN_DIRECTION_OF_SORTING",
            "UNKNOWN_AGGREGATE_FUNCTION",
            "UNKNOWN_FORMAT",
            "UNKNOWN_DATABASE_ENGINE",
            "UNKNOWN_TYPE_OF_QUERY",
            "UNKNOWN_ROLE",
        ),
        404,
    ),
    "TIMEOUT_EXCEEDED": 408,
    "QUERY_IS_TOO_LARGE": 413,
    "NOT_IMPLEMENTED": 501,
    "SOCKET_TIMEOUT": 503,
    "CANNOT_OPEN_FILE": 503,
    "CANNOT_SCHEDULE_TASK": 503,
}


class ServerError(Exception):
    """A request that gets an exception for an answer.

    Args:
        kind: number and name, as ClickHouse's list of error codes has them.
        message: the text between number and name.
    """

    def __init__(self, kind: tuple[int, str], message: str) -> None:
        super().__init__(message)
        self.code, self.name = kind
        self.message = message

    @classmethod
    def from_engine(cls, text: str) -> ServerError:
        """Read what the engine raised; text that is not an engine's exception becomes ``UNKNOWN_EXCEPTION``."""
        found = _ENGINE_TEXT.search(text)
        names = _ENGINE_NAME.findall(text)
        if not found or not names:
            return cls(UNKNOWN_EXCEPTION, text.strip())
        message = found["message"].rstrip()
        return cls((int(found["code"]), names[-1]), message.removesuffix(f"({names[-1]})").rstrip())

    @property
    def status(self) -> int:
        """HTTP status of the answer."""
        return _STATUS_BY_NAME.get(self.name, 500)

    def body(self, version: str) -> bytes:
        """The answer's body, as the official server writes it."""
        text = f"Code: {self.code}. DB::Exception: {self.message} ({self.name}) (version {version})\n"
        return text.encode("utf-8", errors="replace")

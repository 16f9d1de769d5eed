"""As much of ClickHouse's SQL as an HTTP server has to see: what a statement begins with, and where its data start."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

_TOKEN = re.compile(
    rb"""
    (?P<space>\s++|--[^\n]*+|\#[!\ ][^\n]*+|/\*(?:[^*]++|\*(?!/))*+(?:\*/|\Z))
    |(?P<quoted>'(?:[^'\\]++|\\.|'')*+(?:'|\\?\Z)|"(?:[^"\\]++|\\.|"")*+(?:"|\\?\Z)|`(?:[^`\\]++|\\.|``)*+(?:`|\\?\Z))
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*+)
    |(?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
# A statement that ends like this and can be parsed has no quote and no comment open there.
_LAST_LINE = re.compile(rb"\n[ ]*FORMAT[ ]+([A-Za-z0-9_]+)\s*\Z")
_AFTER_FORMAT = re.compile(rb"[ \t\f]*\r?\n?")
_WITHOUT_RESULT = frozenset(
    b"ALTER ATTACH CREATE DELETE DETACH DROP EXCHANGE GRANT INSERT OPTIMIZE RENAME REPLACE REVOKE SET SYSTEM TRUNCATE "
    b"UNDROP UPDATE USE".split()
)
_READS = frozenset(b"SELECT WITH SHOW DESCRIBE DESC EXISTS EXPLAIN VALUES FROM".split())


class Token(NamedTuple):
    """A word (upper case), a quoted text or a single character, outside comments; ``depth`` counts open brackets."""

    text: bytes
    start: int
    end: int
    depth: int
    is_word: bool


@dataclass(frozen=True, slots=True)
class InsertHead:
    """``INSERT`` statement in front of its data.

    Attributes:
        target: the statement up to its settings or its format.
        settings: the ``SETTINGS`` clause, or nothing.
        format: name of the data's format.
        data_at: offset of the first byte of data.
    """

    target: bytes
    settings: bytes
    format: str
    data_at: int

    def from_file(self, path: str) -> bytes:
        """The statement that takes its data, not compressed, from a file instead."""
        quoted = path.replace("\\", "\\\\").replace("'", "\\'")
        return b"%s FROM INFILE '%s' COMPRESSION 'none' %s FORMAT %s" % (
            self.target.rstrip(),
            quoted.encode(),
            self.settings.strip(),
            self.format.encode(),
        )


def tokens(sql: bytes) -> Iterator[Token]:
    """Tokens of a statement, comments and space left out."""
    depth = 0
    for match in _TOKEN.finditer(sql):
        if match.lastgroup == "space":
            continue
        text = match.group()
        is_word = match.lastgroup == "word"
        if text == b")":
            depth -= 1
        yield Token(text.upper() if is_word else text, match.start(), match.end(), depth, is_word)
        if text == b"(":
            depth += 1


def first_word(sql: bytes) -> bytes:
    """First word of a statement in upper case, brackets in front of it ignored; empty when there is none."""
    for token in tokens(sql):
        if token.text != b"(":
            return token.text if token.is_word else b""
    return b""


def has_result(sql: bytes) -> bool:
    """Whether the statement answers with rows."""
    return first_word(sql) not in _WITHOUT_RESULT


def only_reads(sql: bytes) -> bool:
    """Whether the statement changes nothing, so that it may be cancelled when nobody waits for it."""
    return first_word(sql) in _READS


def output_format(sql: bytes) -> str | None:
    """Format that the statement itself asks for."""
    if last := _LAST_LINE.search(sql, max(0, len(sql) - 64)):
        return last[1].decode()
    found, previous = None, b""
    for token in tokens(sql):
        if token.depth == 0 and token.is_word and previous == b"FORMAT":
            found = sql[token.start : token.end].decode()
        previous = token.text if token.depth == 0 else b""
    return found


def insert_head(sql: bytes) -> InsertHead | None:
    """Split an ``INSERT`` with data after ``FORMAT name`` or ``VALUES``; ``None`` for any other statement.

    ``sql`` may be cut off anywhere in the data.
    """
    settings_at: int | None = None
    stream = _after_table(sql)
    for token in stream:
        if token.depth or not token.is_word:
            continue
        if token.text in {b"SELECT", b"WITH", b"FROM"}:
            return None
        if token.text == b"SETTINGS":
            settings_at = token.start
        elif token.text == b"VALUES":
            return _head(sql, settings_at, token.start, "Values", token.end)
        elif token.text == b"FORMAT":
            name = next(stream, None)
            if name is None or not name.is_word:
                return None
            gap = _AFTER_FORMAT.match(sql, name.end)
            data_at = gap.end() if gap else name.end
            return _head(sql, settings_at, token.start, sql[name.start : name.end].decode(), data_at)
    return None


def _head(sql: bytes, settings_at: int | None, end: int, name: str, data_at: int) -> InsertHead:
    split = end if settings_at is None else settings_at
    return InsertHead(sql[:split], sql[split:end], name, data_at)


def _after_table(sql: bytes) -> Iterator[Token]:
    """Tokens of an ``INSERT`` behind the table's name, which may be a word such as ``format``."""
    stream = tokens(sql)
    first = next(stream, None)
    if first is None or first.text != b"INSERT":
        return
    for token in stream:
        if token.text not in {b"INTO", b"TABLE", b"FUNCTION"}:
            break
    named = True
    for token in stream:
        if token.text == b".":
            named = False
        elif named:
            yield token
        else:
            named = True


def kill_by_marker(sql: bytes, marker: str) -> bytes:
    """``KILL QUERY`` looks at the column ``query_id``; here it has to look at the expression ``marker`` instead."""
    if first_word(sql) != b"KILL":
        return sql
    pieces, done = [], 0
    for token in tokens(sql):
        if token.text == b"QUERY_ID":
            pieces += [sql[done : token.start], marker.encode()]
            done = token.end
    return b"".join([*pieces, sql[done:]])

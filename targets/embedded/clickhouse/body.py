"""Reading a request's body: framing, compression, and the form that long parameters arrive in."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from io import BufferedIOBase
from typing import Protocol

import lz4.frame

from targets.embedded.clickhouse.errors import (
    CANNOT_DECOMPRESS,
    NOT_IMPLEMENTED,
    UNKNOWN_COMPRESSION_METHOD,
    ServerError,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE_BYTES = 256 * 1024
_LINE_BYTES = 1024


class BrokenBody(Exception):
    """The body ended early or is not framed as HTTP says: nobody is there to be answered."""


class Decoder(Protocol):
    """What the decompressors of zlib, lz4 and zstd have in common."""

    @property
    def eof(self) -> bool:
        """Whether a frame has ended; the next one needs another decoder."""
        ...

    @property
    def unused_data(self) -> bytes | None:
        """Bytes behind the end of the frame."""
        ...

    def decompress(self, data: bytes, /) -> bytes:
        """Decompress the next bytes."""
        ...


_DECODERS: Mapping[str, Callable[[], Decoder]] = {
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "deflate": lambda: zlib.decompressobj(wbits=15),
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "zstd": zstd.ZstdDecompressor,
}


def pieces(stream: BufferedIOBase, headers: Message[str, str]) -> Iterator[bytes]:
    """The body without its framing, still compressed, in pieces of at most ``PIECE_BYTES``.

    Raises:
        BrokenBody: the connection ended before the body did, or the framing is wrong.
    """
    if "chunked" in headers.get("Transfer-Encoding", "").lower():
        return _chunked(stream)
    length = headers.get("Content-Length", "0")
    if not length.isdecimal():
        raise BrokenBody(f"Content-Length is {length!r}")
    return _exactly(stream, int(length))


def _exactly(stream: BufferedIOBase, count: int) -> Iterator[bytes]:
    while count:
        data = stream.read(min(count, PIECE_BYTES))
        if not data:
            raise BrokenBody(f"{count} bytes of the body are missing")
        count -= len(data)
        yield data


def _chunked(stream: BufferedIOBase) -> Iterator[bytes]:
    while size := _chunk_size(stream.readline(_LINE_BYTES)):
        yield from _exactly(stream, size)
        if stream.readline(_LINE_BYTES).strip():
            raise BrokenBody("a chunk is longer than it says")
    while stream.readline(_LINE_BYTES).strip():
        """Trailers mean nothing here."""


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.split(b";")[0], 16)
    except ValueError as error:
        raise BrokenBody(f"not the size of a chunk: {line[:20]!r}") from error


def decoded(data: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Undo ``Content-Encoding``; several compressed frames may follow each other.

    Raises:
        ServerError: the encoding is not known, or the data are not what it says.
    """
    if encoding in {"", "identity"}:
        yield from data
        return
    if encoding not in _DECODERS:
        known = ", ".join(_DECODERS)
        raise ServerError(UNKNOWN_COMPRESSION_METHOD, f"Unknown compression method {encoding!r}, use one of {known}")
    try:
        yield from _decompressed(data, _DECODERS[encoding])
    except (zlib.error, zstd.ZstdError, RuntimeError, EOFError) as error:
        raise ServerError(CANNOT_DECOMPRESS, f"Cannot decompress {encoding}: {error}") from error


def _decompressed(data: Iterable[bytes], make: Callable[[], Decoder]) -> Iterator[bytes]:
    decoder = None
    for piece in data:
        rest: bytes | None = piece
        while rest:
            if decoder is None or decoder.eof:
                decoder = make()
            if plain := decoder.decompress(rest):
                yield plain
            rest = decoder.unused_data if decoder.eof else None
    if decoder is not None and not decoder.eof:
        raise EOFError("the data end early")


def form_fields(content_type: str, body: bytes) -> dict[str, bytes]:
    """Fields of ``multipart/form-data``.

    Raises:
        ServerError: it carries files, which are ClickHouse's external tables.
    """
    head = f"Content-Type: {content_type}\r\nMIME-Version: 1.0\r\n\r\n".encode()
    form = BytesParser(policy=HTTP).parsebytes(head + body)
    fields = {}
    for part in form.get_payload() if form.is_multipart() else []:
        name = part.get_param("name", header="content-disposition") if isinstance(part, Message) else None
        if not isinstance(part, Message) or not isinstance(name, str):
            continue
        if part.get_filename():
            raise ServerError(NOT_IMPLEMENTED, "External tables are not supported here")
        payload = part.get_payload(decode=True)
        fields[name] = payload if isinstance(payload, bytes) else b""
    return fields

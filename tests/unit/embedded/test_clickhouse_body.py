from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Callable
from email.message import Message

import lz4.frame
import pytest

from targets.embedded.clickhouse import body
from targets.embedded.clickhouse.body import BrokenBody
from targets.embedded.clickhouse.errors import ServerError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def headers(**values: str) -> Message[str, str]:
    message: Message[str, str] = Message()
    for name, value in values.items():
        message[name.replace("_", "-")] = value
    return message


def read(raw: bytes, **values: str) -> bytes:
    return b"".join(body.pieces(io.BytesIO(raw), headers(**values)))


def test_length_says_where_a_body_ends() -> None:
    assert read(b"SELECT 1POST /", content_length="8") == b"SELECT 1"
    assert read(b"POST /") == b""


def test_chunks_are_joined() -> None:
    stream = io.BytesIO(b"3\r\nSEL\r\n5;note=1\r\nECT 1\r\n0\r\nTrailer: x\r\n\r\nPOST /")
    assert b"".join(body.pieces(stream, headers(transfer_encoding="chunked"))) == b"SELECT 1"
    assert stream.read() == b"POST /"


def test_large_bodies_come_in_pieces() -> None:
    size = 3 * body.PIECE_BYTES + 1
    found = list(body.pieces(io.BytesIO(bytes(size)), headers(content_length=str(size))))
    assert sum(map(len, found)) == size
    assert max(map(len, found)) == body.PIECE_BYTES


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        (b"SELE", {"content_length": "8"}),
        (b"", {"content_length": "8"}),
        (b"x", {"content_length": "-1"}),
        (b"x", {"content_length": "many"}),
        (b"8\r\nSELE", {"transfer_encoding": "chunked"}),
        (b"3\r\nSELECT", {"transfer_encoding": "chunked"}),
        (b"zz\r\n", {"transfer_encoding": "chunked"}),
        (b"", {"transfer_encoding": "chunked"}),
        (b"3\r\nSEL\r\n", {"transfer_encoding": "chunked"}),
    ],
)
def test_a_body_that_ends_early_is_no_body(raw: bytes, values: dict[str, str]) -> None:
    with pytest.raises(BrokenBody):
        read(raw, **values)


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "lz4": lz4.frame.compress,
    "zstd": zstd.compress,
}


@pytest.mark.parametrize("encoding", PACK)
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_compressed_frames_follow_each_other(encoding: str, size: int) -> None:
    parts = [b"INSERT INTO t FORMAT CSV\n", bytes(300_000), b"1,2\n"]
    packed = b"".join(PACK[encoding](part) for part in parts)
    cut = [packed[start : start + size] for start in range(0, len(packed), size)]
    assert b"".join(body.decoded(cut, encoding)) == b"".join(parts)


@pytest.mark.parametrize("encoding", PACK)
def test_data_that_are_not_what_they_say(encoding: str) -> None:
    for wrong in (b"not compressed at all", PACK[encoding](bytes(1000))[:-3]):
        with pytest.raises(ServerError) as error:
            list(body.decoded([wrong], encoding))
        assert (error.value.code, error.value.status) == (271, 500)


def test_no_encoding_changes_nothing() -> None:
    assert list(body.decoded([b"a", b"b"], "")) == [b"a", b"b"]
    assert list(body.decoded([b"a", b"b"], "identity")) == [b"a", b"b"]


def test_an_unknown_encoding_is_named() -> None:
    with pytest.raises(ServerError, match=r"snappy.*gzip"):
        list(body.decoded([b"x"], "snappy"))


FORM = (
    b'--cut\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT {s:String}\r\n'
    b'--cut\r\nContent-Disposition: form-data; name="param_s"%s\r\n\r\n\xc3\xa4\r\n b\r\n--cut--\r\n'
)


def test_fields_of_a_form() -> None:
    found = body.form_fields("multipart/form-data; boundary=cut", FORM % b"")
    assert found == {"query": b"SELECT {s:String}", "param_s": "ä\r\n b".encode()}


def test_files_in_a_form_are_refused() -> None:
    with pytest.raises(ServerError, match="External tables"):
        body.form_fields("multipart/form-data; boundary=cut", FORM % b'; filename="data"')

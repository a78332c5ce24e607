"""Chunks as they are written; what readers make of them is in test_http1_client and _server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.kernel.message import NO_FIELDS, Fields
from tta_gateway.wire.body import ChunkedReader
from tta_gateway.wire.chunk import chunk, last_chunk
from tta_gateway.wire.limits import Limits


def test_a_chunk_has_its_size_in_hexadecimal() -> None:
    assert chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"


def test_nothing_is_no_chunk() -> None:
    assert chunk(b"") == b""


@pytest.mark.parametrize(
    ("trailers", "written"),
    [
        (NO_FIELDS, b"0\r\n\r\n"),
        ([(b"x-sum", b"3"), (b"x-more", b"")], b"0\r\nx-sum: 3\r\nx-more: \r\n\r\n"),
    ],
)
def test_the_last_chunk_carries_the_trailers(trailers: Fields, written: bytes) -> None:
    assert last_chunk(trailers) == written


@given(st.lists(st.binary(max_size=300)))
def test_what_is_written_in_chunks_is_read_whole(parts: list[bytes]) -> None:
    raw = b"".join(map(chunk, parts)) + last_chunk(NO_FIELDS)
    assert ChunkedReader(Limits()).read(raw + b"next") == (b"".join(parts), True, b"next")

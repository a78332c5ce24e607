import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.safety.body import DECODED, WINDOW, Body

PLAIN = b"text/plain"


def taken(body: Body, data: bytes, step: int = 1000) -> Body:
    for at in range(0, len(data), step):
        body.take(data[at : at + step])
    return body


def test_a_short_body_is_kept_whole() -> None:
    body = taken(Body(PLAIN), b"some words")
    assert (body.head(), body.tail(), body.unseen) == ("some words", "", "")
    assert not body.has_head


def test_a_body_that_nobody_has_sent_says_nothing() -> None:
    assert Body(PLAIN).head() == ""


@given(st.integers(1, 3 * WINDOW), st.integers(1, 2 * WINDOW))
def test_a_body_of_two_windows_is_seen_whole_and_of_a_longer_one_both_ends(
    size: int, step: int
) -> None:
    data = bytes(97 + at % 26 for at in range(size))
    body = taken(Body(PLAIN), data, step)
    head, tail = body.head(), body.tail()
    assert head == data[:WINDOW].decode()
    assert tail == "" if size <= WINDOW else data.decode().endswith(tail)
    assert body.size == size
    assert (body.unseen == "middle") == (size > 2 * WINDOW)
    assert body.has_head == (size >= WINDOW)
    if WINDOW < size <= 2 * WINDOW:
        assert len(tail) >= size - WINDOW  # and what stands where they meet
        assert data.decode()[WINDOW - 10 :] in tail


@pytest.mark.parametrize("step", [1000, WINDOW, 3 * WINDOW])
def test_of_a_long_body_the_middle_is_not_seen(step: int) -> None:
    data = b"a" * WINDOW + b"b" * WINDOW + b"c" * WINDOW
    body = taken(Body(PLAIN), data, step)
    assert (body.head(), body.unseen) == ("a" * WINDOW, "")
    assert (body.tail(), body.unseen) == ("c" * WINDOW, "middle")


def test_of_a_body_that_is_broken_the_end_is_read_and_what_broke_it_is_said() -> None:
    body = taken(Body(PLAIN, b"gzip"), gzip.compress(b"a" * 2 * DECODED))
    assert set(body.tail()) == {"a"}
    assert body.unseen == "too_large"


def test_what_is_let_go_is_kept_no_more() -> None:
    body = taken(Body(PLAIN), b"a" * 2 * WINDOW)
    body.let_go()
    assert (body.head(), body.tail()) == ("", "")
    assert (body.size, body.unseen) == (2 * WINDOW, "")


@pytest.mark.parametrize("step", [1, 7, 100_000])
@pytest.mark.parametrize("packed", [gzip.compress, zlib.compress])
def test_what_is_compressed_is_decoded_as_it_comes(packed: object, step: int) -> None:
    data = packed(b"some words " * 50)  # type: ignore[operator]
    body = taken(Body(PLAIN, b"gzip" if packed is gzip.compress else b"deflate"), data, step)
    assert body.head() == "some words " * 50
    assert body.unseen == ""


def test_a_bare_stream_that_is_called_deflate_is_decoded() -> None:
    deflating = zlib.compressobj(wbits=-15)
    data = deflating.compress(b"some words") + deflating.flush()
    assert taken(Body(PLAIN, b"deflate"), data).head() == "some words"


def test_every_member_is_decoded() -> None:
    body = taken(Body(PLAIN, b"x-gzip"), gzip.compress(b"fair weather, ") + gzip.compress(b"so"))
    assert body.head() == "fair weather, so"


@pytest.mark.parametrize("step", [50, 100_000])
def test_what_decodes_to_too_much_is_seen_so_far_and_said(step: int) -> None:
    body = taken(Body(PLAIN, b"gzip"), gzip.compress(b"a" * 10 * DECODED), step)
    assert body.unseen == "too_large"
    assert body.size <= 2 * DECODED
    assert body.head().startswith("aaa")


@pytest.mark.parametrize("coding", [b"gzip", b"deflate"])
def test_what_is_not_what_it_is_called_is_unseen(coding: bytes) -> None:
    body = taken(Body(PLAIN, coding), b"this is no such thing" * 3, 5)
    assert (body.unseen, body.head(), body.has_head) == ("undecodable", "", True)


def test_a_coding_that_nobody_knows_is_unseen() -> None:
    body = taken(Body(PLAIN, b"compress"), b"packed")
    assert (body.unseen, body.head(), body.size) == ("coding", "", 0)
    assert Body(PLAIN, b" Identity ").unseen == ""


@pytest.mark.parametrize("kind", [b"image/png", b"application/pdf"])
def test_what_is_no_text_is_unseen(kind: bytes) -> None:
    body = taken(Body(kind), b"\x89PNG\0")
    assert (body.head(), body.unseen) == ("", "kind")


def test_nobody_waits_for_pictures() -> None:
    assert Body(b"image/png").has_head

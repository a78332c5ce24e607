"""A block comes into an answer, or the answer stays as it is, byte for byte."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.builders import from_upstream
from tta_gateway.features.safety.block import Inserting, let_change, may_hold, put, stream
from tta_gateway.kernel.message import CHUNKED, NO_FIELDS, UNTIL_CLOSE, Fields, Response

JSON = (b"content-type", b"application/json")
PIECE = b'{"crisis":true,"types":["self_harm"]}'
NESTED = ("metadata", "safety")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=4), below),
    max_leaves=8,
)


def answer(*fields: tuple[bytes, bytes], status: int = 200, length: int = CHUNKED) -> Response:
    made = from_upstream(status, [*fields])
    made.length = length
    return made


@pytest.mark.parametrize(
    ("response", "may"),
    [
        (answer(JSON), True),
        (answer((b"content-type", b"application/problem+json; charset=utf-8")), True),
        (answer((b"content-type", b"Application/JSON")), True),
        (answer(JSON, (b"content-encoding", b"identity")), True),
        (answer(JSON, status=422), True),
        (answer(JSON, length=100), True),
        (answer(JSON, length=101), False),
        (answer(JSON, length=0), False),
        (answer(), False),
        (answer((b"content-type", b"text/json")), False),
        (answer((b"content-type", b"application/jsonl")), False),
        (answer(JSON, (b"content-encoding", b"gzip")), False),
        (answer(JSON, (b"cache-control", b"private, No-Transform")), False),
        (answer(JSON, (b"signature", b"sig=:YQ==:")), False),
        (answer(JSON, (b"content-digest", b"sha-256=:YQ==:")), False),
        (answer(JSON, (b"trailer", b"digest")), False),
        (answer(JSON, status=206), False),
        (answer(JSON, status=304), False),
        (answer(JSON, status=204), False),
        (answer(JSON, status=101), False),
    ],
)
def test_only_a_plain_json_answer_may_be_changed(response: Response, *, may: bool) -> None:
    assert may_hold(b"POST", response, 100) is may


def test_an_answer_to_head_has_no_body_to_change() -> None:
    assert not may_hold(b"HEAD", answer(JSON), 100)


@pytest.mark.parametrize(
    ("body", "path", "made"),
    [
        (b"{}", ("safety",), b'{"safety":%b}' % PIECE),
        (b'{"a":1e400}', ("safety",), b'{"a":1e400,"safety":%b}' % PIECE),
        (b'{"a":1}', NESTED, b'{"a":1,"metadata":{"safety":%b}}' % PIECE),
        (b'{"metadata":null}', NESTED, b'{"metadata":{"safety":%b}}' % PIECE),
        (b'{"safety":null}', ("safety",), b'{"safety":%b}' % PIECE),
        (b'{"safety":{"a":1}}', ("safety",), b'{"safety":{"a":1,%b}' % PIECE[1:]),
        (
            b'{"metadata":{"n":1,"safety":{"crisis":false,"types":["x"],"o":2}}}',
            NESTED,
            b'{"metadata":{"n":1,"safety":{"crisis":true,"types":["x","self_harm"],"o":2}}}',
        ),
        (b"[]", ("safety",), None),
        (b"null", ("safety",), None),
        (b"", ("safety",), None),
        (b'{"a":', ("safety",), None),
        (b"{} {}", ("safety",), None),
        (b"\xef\xbb\xbf{}", ("safety",), None),
        (b'{"safety":"low"}', ("safety",), None),
        (b'{"safety":{"types":"x"}}', ("safety",), None),
        (b'{"metadata":[1]}', NESTED, None),
        (b"[" * 100_000, ("safety",), None),
        (b'{"a":' + b"[" * 100_000, ("safety",), None),
    ],
)
def test_a_piece_is_put_where_it_belongs(
    body: bytes, path: tuple[str, ...], made: bytes | None
) -> None:
    assert put(body, path, PIECE) == made


@given(st.dictionaries(st.text(max_size=6), VALUES))
def test_everything_else_that_an_object_says_stays(members: dict[str, object]) -> None:
    members.pop("safety", None)
    made = put(msgspec.json.encode(members), ("safety",), PIECE)
    assert made is not None
    assert msgspec.json.decode(made) == {**members, "safety": msgspec.json.decode(PIECE)}


@given(st.binary(max_size=200))
def test_whatever_a_body_is_it_is_changed_well_or_not_at_all(body: bytes) -> None:
    made = put(body, NESTED, PIECE)
    assert made is None or msgspec.json.decode(made)["metadata"]["safety"]["crisis"] is True


class Taken:
    """A sink that keeps what comes."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.trailers: Fields | None = None
        self.aborted = False

    def send_data(self, data: bytes) -> None:
        self.parts.append(data)

    def send_end(self, trailers: Fields = NO_FIELDS) -> None:
        self.trailers = trailers

    def abort(self) -> None:
        self.aborted = True


@given(st.lists(st.integers(0, 15), max_size=4))
def test_a_body_in_parts_is_given_the_piece(cuts: list[int]) -> None:
    sink, body = Taken(), b'{"text":"hello"}'
    way = Inserting.wrapping(("safety",), PIECE, 100)(sink)
    places = [0, *sorted(cuts), len(body)]
    for begin, end in pairwise(places):
        way.send_data(body[begin:end])
    assert sink.parts == []
    way.send_end([(b"a", b"b")])
    assert b"".join(sink.parts) == b'{"text":"hello","safety":%b}' % PIECE
    assert sink.trailers == [(b"a", b"b")]


def test_a_body_that_is_too_large_goes_on_as_it_is() -> None:
    sink = Taken()
    way = Inserting(sink, ("safety",), PIECE, 8)
    for part in (b'{"a":"', b"bcdefgh", b'"}'):
        way.send_data(part)
    way.send_end()
    assert sink.parts == [b'{"a":"bcdefgh', b'"}']


def test_a_body_that_is_no_object_goes_on_as_it_is() -> None:
    sink = Taken()
    way = Inserting(sink, ("safety",), PIECE, 8)
    way.send_data(b"[1]")
    way.send_end()
    assert sink.parts == [b"[1]"]


def test_a_body_that_is_empty_stays_so() -> None:
    sink = Taken()
    Inserting(sink, ("safety",), PIECE, 8).send_end()
    assert (sink.parts, sink.trailers) == ([], NO_FIELDS)


def test_a_body_that_breaks_off_does_so_behind_nothing() -> None:
    sink = Taken()
    way = Inserting(sink, ("safety",), PIECE, 8)
    way.send_data(b"{")
    way.abort()
    assert (sink.parts, sink.aborted) == ([], True)


def test_what_is_said_of_the_body_that_was_is_taken_out() -> None:
    response = answer(JSON, (b"etag", b'"1"'), (b"last-modified", b"x"), (b"x-a", b"b"))
    let_change(response)
    assert response.fields == [JSON, (b"x-a", b"b")]


def test_a_body_of_unknown_length_is_chunked_unless_its_end_is_that_of_the_connection() -> None:
    for before, behind in ((7, CHUNKED), (CHUNKED, CHUNKED), (UNTIL_CLOSE, UNTIL_CLOSE)):
        response = answer(length=before)
        stream(response)
        assert response.length == behind

"""Chunked bodies: ChunkedReader against a naive reading of RFC 9112 7.1, however they are cut."""

from collections.abc import Hashable
from typing import Final, TypeAlias

from tests.fuzz.contract import Pieces, Target, demand
from tests.fuzz.seeds import own
from tests.helpers.independent_parser import RequestParser
from tests.helpers.naive_chunks import naive_chunks
from tta_gateway.kernel.message import Fields
from tta_gateway.wire.body import ChunkedReader, FramingError
from tta_gateway.wire.limits import Limits

_USUAL: Final = Limits()
_SMALL: Final = Limits(chunk_extension=8, chunk_extensions=12, trailers=40)
_HEAD: Final = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

# The body, the trailers, what is behind it; None for the last two while it is not over.
Outcome: TypeAlias = tuple[bytes, Fields | None, bytes | None]


def check(pieces: Pieces) -> Hashable:
    """Let this body arrive."""
    data = b"".join(pieces)
    limits = _SMALL if sum(data[:64]) % 2 == 0 else _USUAL
    outcome = _read(pieces, limits)
    whole = _read([data], limits)
    demand(outcome == whole, "pieces make no difference", outcome, whole)
    expected = naive_chunks(data, limits)
    if outcome is None:
        demand(expected is None or expected[1] is None, "a good body is not refused", expected)
        return None
    demand(outcome == expected, "the body is what RFC 9112 says", outcome, expected)
    if outcome[1] is not None:
        _agree(data, outcome)
    return len(outcome[0]), outcome[1] is None, len(outcome[1] or ()), bool(outcome[2])


def alone(pieces: Pieces) -> None:
    """Let this body arrive, and look no further."""
    _read(pieces, _USUAL)


def _read(pieces: Pieces, limits: Limits) -> Outcome | None:
    """Return what the reader makes of it; None if it refuses."""
    reader = ChunkedReader(limits)
    parts: list[bytes] = []
    for number, piece in enumerate(pieces):
        over, rest = False, piece
        while rest and not over:
            size = len(rest)
            try:
                part, over, rest = reader.read(rest)
            except FramingError:
                return None
            parts.append(part)
            demand(over or len(rest) < size, "every turn reads on", rest)
        if over:
            return b"".join(parts), reader.trailers, rest + b"".join(pieces[number + 1 :])
    return b"".join(parts), None, None


def _agree(data: bytes, outcome: Outcome) -> None:
    """A strict parser reads the same body from the same bytes."""
    rest = outcome[2]
    assert rest is not None  # the body is over
    parser = RequestParser()
    seen = parser.feed(_HEAD + data.removesuffix(rest))
    demand(len(seen) == 1 and not parser._buffer, "a strict parser sees its end", parser.findings)
    demand(seen[0].body == outcome[0], "a strict parser sees the body", seen[0].body, outcome[0])


def _seeds() -> list[bytes]:
    return own("chunked")


TARGET: Final = Target(
    name="chunked",
    check=check,
    alone=alone,
    seeds=_seeds,
    share=2,
    tokens=(
        b"0\r\n\r\n", b"0\r\n", b"5\r\nhello\r\n", b"1\r\n", b"A", b"0A", b"a\r\n", b"ff\r\n",
        b"fffffffffffffffff", b"ffffffffffffffff\r\n", b"20000000000000\r\n", b"0x5\r\n",
        b"-1\r\n", b"+1\r\n", b";a", b";a=b", b';a="b c;d"', b';a="\\"\r\n"', b" ;a", b"; a", b";",
        b"X-T: v\r\n", b"Content-Length: 5\r\n", b"Transfer_Encoding: x\r\n", b"Host: b\r\n",
        b"content_length: 5\r\n", b"X T: v\r\n", b": v\r\n", b" folded\r\n", b"\r\n\r\n", b"\n",
    ),
)  # fmt: skip

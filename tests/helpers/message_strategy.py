"""Strategies for well-formed messages: the bytes, and what they say."""

from dataclasses import dataclass
from typing import Final

from hypothesis import settings
from hypothesis import strategies as st

from tta_gateway.kernel.message import Fields

# A slow machine is no failure.
PROPERTY: Final = settings(deadline=None)

_TOKEN: Final = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TEXT: Final = bytes((*range(0x21, 0x7F), *range(0x80, 0x100))).decode("latin-1")
_TARGET: Final = "abcXYZ019-._~!$&'()*+,;=:@/[]{}|^`\\"


def _bytes(alphabet: str, *, least: int = 0, most: int = 12) -> st.SearchStrategy[bytes]:
    return st.text(alphabet, min_size=least, max_size=most).map(lambda text: text.encode("latin-1"))


@dataclass(frozen=True, slots=True)
class Sample:
    """A message: its bytes, and what is to be read from them."""

    raw: bytes
    start: tuple[bytes, ...]
    fields: Fields
    body: bytes
    trailers: Fields


methods = st.sampled_from((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"M-SEARCH"))
targets = st.builds(
    lambda path, query: b"/" + path + query,
    _bytes(_TARGET),
    st.one_of(st.just(b""), _bytes(_TARGET + "?").map(lambda query: b"?" + query)),
)
# `x-9` keeps invented names away from those that mean something.
names = _bytes(_TOKEN).map(lambda name: b"x-9" + name)
values = st.lists(_bytes(_TEXT, least=1), max_size=3).map(b" ".join)
spaces = st.sampled_from((b"", b" ", b"\t", b" \t "))
fields = st.lists(st.tuples(names, values), max_size=5)
bodies = st.binary(max_size=60)
places = st.lists(st.integers(0, 2000), max_size=8)


def _lines(pairs: Fields, space: bytes) -> bytes:
    return b"".join(name + b":" + space + value + space + b"\r\n" for name, value in pairs)


def _lower(pairs: Fields) -> Fields:
    return [(name.lower(), value) for name, value in pairs]


@st.composite
def chunked(draw: st.DrawFn, body: bytes, trailers: Fields) -> bytes:
    """Draw a chunked coding of a body."""
    raw = b""
    rest = body
    while rest:
        size = draw(st.integers(1, len(rest)))
        extension = draw(st.sampled_from((b"", b";a", b";a=b", b';a="b;\\"c";d')))
        raw += b"%x%b\r\n%b\r\n" % (size, extension, rest[:size])
        rest = rest[size:]
    return raw + b"0\r\n" + _lines(trailers, b" ") + b"\r\n"


@st.composite
def requests(draw: st.DrawFn) -> Sample:
    """Draw a request that keeps its connection."""
    method, target = draw(methods), draw(targets)
    pairs, body = draw(fields), draw(bodies)
    trailers: Fields = []
    head = b"%b %b HTTP/1.1\r\nHost: a.test\r\n" % (method, target)
    head += _lines(pairs, draw(spaces))
    if draw(st.booleans()):
        trailers = draw(fields)
        coded = draw(chunked(body, trailers))
        raw = head + b"Transfer-Encoding: chunked\r\n\r\n" + coded
    elif body:
        raw = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    else:
        raw = head + b"\r\n"
    return Sample(raw, (method, target), _lower(pairs), body, _lower(trailers))


@st.composite
def answers(draw: st.DrawFn) -> Sample:
    """Draw an answer to GET that keeps its connection."""
    status = draw(st.sampled_from((b"200 OK", b"201 Created", b"404 ", b"500 No \xe9", b"503")))
    pairs, body = draw(fields), draw(bodies)
    trailers: Fields = []
    head = b"HTTP/1.1 %b\r\n" % status + _lines(pairs, draw(spaces))
    if draw(st.booleans()):
        trailers = draw(fields)
        coded = draw(chunked(body, trailers))
        raw = head + b"Transfer-Encoding: chunked\r\n\r\n" + coded
    else:
        raw = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    return Sample(raw, (status[:3],), _lower(pairs), body, _lower(trailers))

"""The block: a piece of JSON put into an answer that is a JSON object, without breaking it.

What the service has said stays as it is, byte for byte, but for white space between the members
that are opened.  Where that cannot be, the answer stays whole, and the field alone tells of help.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from tta_gateway.kernel.exchange import Sink
from tta_gateway.kernel.message import CHUNKED, NO_FIELDS, Fields, Response

_BODYLESS: Final = frozenset((204, 205, 206, 304))
_SPEAK_OF_THE_BODY: Final = (
    *(b"signature", b"signature-input", b"digest", b"content-digest", b"repr-digest"),
    *(b"content-md5", b"content-range", b"trailer"),
)
_VALIDATORS: Final = (b"etag", b"last-modified", b"accept-ranges")
_encode: Final = msgspec.json.Encoder().encode
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_words: Final = msgspec.json.Decoder(list[str]).decode


def may_hold(method: bytes, response: Response, largest: int) -> bool:
    """Tell whether an answer is a JSON object, as far as its head says, that may be changed."""
    if method == b"HEAD" or response.status < 200 or response.status in _BODYLESS:
        return False
    if response.length == 0 or response.length > largest or not _is_json(response):
        return False
    if response.get(b"content-encoding") not in (None, b"identity"):
        return False
    return may_change(response)


def may_change(response: Response) -> bool:
    """Tell whether nothing in an answer's head speaks against another body."""
    if b"no-transform" in (response.get(b"cache-control") or b"").lower():
        return False  # RFC 9111 5.2.2.6
    return all(response.get(name) is None for name in _SPEAK_OF_THE_BODY)


def _is_json(response: Response) -> bool:
    kind, _, _ = (response.get(b"content-type") or b"").lower().partition(b";")
    kind = kind.strip()
    return kind == b"application/json" or (kind[:12] == b"application/" and kind[-5:] == b"+json")


def put(body: bytes, path: tuple[str, ...], piece: bytes) -> bytes | None:
    """Return a JSON object with a piece at a path; None if it is none, or holds something there.

    An object that is there already keeps its other members; `types` of both are put together.
    """
    try:
        return _put(body, path, piece)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def _put(body: bytes, path: tuple[str, ...], piece: bytes) -> bytes:
    members = _members(body)
    name, rest = path[0], path[1:]
    before = members.get(name)
    below = b"null" if before is None else bytes(before)
    if rest:
        made = _put(b"{}" if below == b"null" else below, rest, piece)
    else:
        made = piece if below == b"null" else _merged(below, piece)
    members[name] = msgspec.Raw(made)
    return _encode(members)


def _merged(before: bytes, piece: bytes) -> bytes:
    """Return both objects in one; what the piece says counts."""
    old, new = _members(before), _members(piece)
    if "types" in old and "types" in new:
        both = [*_words(old["types"]), *_words(new["types"])]
        new["types"] = msgspec.Raw(_encode(list(dict.fromkeys(both))))
    return _encode({**old, **new})


def let_change(response: Response) -> None:
    """Take out of an answer's head what is no longer so once its body is another."""
    for name in _VALIDATORS:
        response.drop(name)


class Inserting:
    """A way to the client that puts a piece into the body once all of it is there."""

    def __init__(self, sink: Sink, path: tuple[str, ...], piece: bytes, largest: int) -> None:
        """Hold so many bytes at most; a body that is larger goes on as it is."""
        self._sink = sink
        self._path = path
        self._piece = piece
        self._largest = largest
        self._held: list[bytes] | None = []
        self._size = 0

    @classmethod
    def wrapping(
        cls, path: tuple[str, ...], piece: bytes, largest: int
    ) -> "Callable[[Sink], Sink]":
        """Return what stands before a sink."""
        return lambda sink: cls(sink, path, piece, largest)

    def send_data(self, data: bytes) -> None:
        """Hold a part of the body."""
        if self._held is None:
            self._sink.send_data(data)
            return
        self._held.append(data)
        self._size += len(data)
        if self._size > self._largest:
            self._let_go(b"".join(self._held))

    def send_end(self, trailers: Fields = NO_FIELDS) -> None:
        """Put the piece in, and send all."""
        if self._held is not None:
            whole = b"".join(self._held)
            changed = put(whole, self._path, self._piece)
            self._let_go(whole if changed is None else changed)
        self._sink.send_end(trailers)

    def abort(self) -> None:
        """Break off: what has come is of no use."""
        self._held = None
        self._sink.abort()

    def _let_go(self, data: bytes) -> None:
        self._held = None
        if data:
            self._sink.send_data(data)


def stream(response: Response) -> None:
    """Have an answer go on with a body whose length nobody knows yet."""
    if response.length >= 0:
        response.length = CHUNKED

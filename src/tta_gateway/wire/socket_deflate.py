"""WebSocket messages deflated (RFC 7692): what is agreed on, and both ways of the work.

Nothing is inflated beyond what a message may be: a few bytes that would become gigabytes end with
1009 as soon as there is one byte too many.  What an inflater and a deflater keep between messages
(up to 300 KB a connection, with context takeover) is agreed away unless somebody asks for it.
"""

import re
import zlib
from typing import Final

_TAIL: Final = b"\x00\x00\xff\xff"  # of each message, left out on the wire (RFC 7692 7.2.1)
_NOT_UTF_8_OR_DATA: Final = 1007  # data that is not consistent with its message (RFC 6455 7.4.1)
_TOO_BIG: Final = 1009
_MOST_ENDS: Final = 8  # of streams in one message: a sender needs one, an attacker very many
_LEAST_BITS, _MOST_BITS = 8, 15
_LEAST_OF_ZLIB: Final = 9  # zlib makes no raw stream with a window of 256 bytes
_LEVEL: Final = 1
_MEMORY: Final = 5  # of zlib's 1 to 9

NAME: Final = b"permessage-deflate"
_SERVER_TAKEOVER: Final = b"server_no_context_takeover"
_CLIENT_TAKEOVER: Final = b"client_no_context_takeover"
_SERVER_BITS: Final = b"server_max_window_bits"
_CLIENT_BITS: Final = b"client_max_window_bits"
_TAKEOVERS: Final = frozenset((_SERVER_TAKEOVER, _CLIENT_TAKEOVER))
_BITS: Final = frozenset((_SERVER_BITS, _CLIENT_BITS))
_MOST_OFFERS: Final = 16
_NUMBER: Final = re.compile(rb"[89]|1[0-5]")
_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAMETER: Final = re.compile(
    rb'[ \t]*;[ \t]*(%b)(?:[ \t]*=[ \t]*(?:(%b)|"(%b)"))?[ \t]*' % (_TOKEN, _TOKEN, _TOKEN)
)
_EXTENSION: Final = re.compile(rb"[ \t]*(%b)[ \t]*" % _TOKEN)


class SocketFault(Exception):
    """The peer broke a rule; `code` is that of the Close that says so."""

    def __init__(self, code: int, reason: str) -> None:
        """Keep what is wrong."""
        Exception.__init__(self, reason)
        self.code = code
        self.reason = reason


class Inflater:
    """Inflates the messages of one direction, each within its bound."""

    __slots__ = ("_bits", "_ends", "_inflating", "_takeover")

    def __init__(self, *, bits: int = _MOST_BITS, takeover: bool) -> None:
        """Agree to a window of so many bits, that is kept between messages or is not."""
        self._bits = -bits
        self._takeover = takeover
        self._inflating: zlib._Decompress | None = None
        self._ends = 0

    def inflate(self, data: bytes, room: int) -> bytes:
        """Return what a part of a message becomes; SocketFault where that is over `room` bytes."""
        made: list[bytes] = []
        while data:
            inflating = self._inflating
            if inflating is None:
                inflating = self._inflating = zlib.decompressobj(self._bits)
            try:
                piece = inflating.decompress(data, room + 1)
            except zlib.error:
                raise SocketFault(_NOT_UTF_8_OR_DATA, "data that cannot be inflated") from None
            room -= len(piece)
            if room < 0:
                raise SocketFault(_TOO_BIG, "a message that is too big when it is inflated")
            made.append(piece)
            data = inflating.unused_data
            if inflating.eof:
                self._end_stream()
        return made[0] if len(made) == 1 else b"".join(made)

    def _end_stream(self) -> None:
        """Go on behind a stream that its sender has ended (RFC 7692 7.2.3.4)."""
        # With the stream zlib forgets its window; whoever ends one begins anew, too.
        self._inflating = None
        self._ends += 1
        if self._ends > _MOST_ENDS:
            raise SocketFault(_NOT_UTF_8_OR_DATA, "a message of very many streams")

    def end(self, room: int) -> bytes:
        """Return what is left of a message, of which all has come."""
        rest = self.inflate(_TAIL, room)
        self._ends = 0
        if not self._takeover:
            self._inflating = None
        return rest


class Deflater:
    """Deflates the messages of one direction."""

    __slots__ = ("_bits", "_deflating", "_takeover")

    def __init__(self, *, bits: int = _MOST_BITS, takeover: bool) -> None:
        """Keep to a window of so many bits; forget it behind each message, or do not."""
        self._bits = -max(bits, _LEAST_OF_ZLIB)
        self._takeover = takeover
        self._deflating: zlib._Compress | None = None

    def deflate(self, data: bytes) -> bytes:
        """Return a whole message as it goes on the wire."""
        deflating = self._deflating
        if deflating is None:
            deflating = zlib.compressobj(_LEVEL, zlib.DEFLATED, self._bits, _MEMORY)
            if self._takeover:
                self._deflating = deflating
        made = deflating.compress(data) + deflating.flush(zlib.Z_SYNC_FLUSH)
        return made[:-4]


class Agreed:
    """What two peers have agreed on; `answer` is what the server says of it."""

    __slots__ = ("_client_bits", "_client_takeover", "_server_bits", "_server_takeover", "answer")

    def __init__(self, parameters: dict[bytes, bytes], answer: bytes) -> None:
        """Keep what the answer says."""
        self._server_takeover = _SERVER_TAKEOVER not in parameters
        self._client_takeover = _CLIENT_TAKEOVER not in parameters
        self._server_bits = int(parameters.get(_SERVER_BITS) or _MOST_BITS)
        self._client_bits = int(parameters.get(_CLIENT_BITS) or _MOST_BITS)
        self.answer = answer

    def inflater(self, *, is_server: bool) -> Inflater:
        """Return what reads the peer's messages."""
        if is_server:
            return Inflater(bits=self._client_bits, takeover=self._client_takeover)
        return Inflater(bits=self._server_bits, takeover=self._server_takeover)

    def deflater(self, *, is_server: bool) -> Deflater:
        """Return what makes our own."""
        if is_server:
            return Deflater(bits=self._server_bits, takeover=self._server_takeover)
        return Deflater(bits=self._client_bits, takeover=self._client_takeover)


def agree(offers: bytes, *, takeover: bool = False) -> Agreed | None:
    """Return a server's answer to what a client offers; None: no extension at all.

    The first offer that is well-formed and can be kept is taken.  Without `takeover` nothing is
    kept between messages, as far as the client lets us say so.
    """
    for name, parameters in _extensions(offers):
        if name != NAME or parameters is None or not _is_offer(parameters):
            continue
        agreed: dict[bytes, bytes] = {key: b"" for key in parameters if key in _TAKEOVERS}
        if not takeover:
            agreed[_SERVER_TAKEOVER] = agreed[_CLIENT_TAKEOVER] = b""
        for key in (_SERVER_BITS, _CLIENT_BITS):
            if int(parameters.get(key) or 0) >= _LEAST_OF_ZLIB:
                agreed[key] = parameters[key]
        said = [key + b"=" + value if value else key for key, value in agreed.items()]
        return Agreed(agreed, b"; ".join([NAME, *said]))
    return None


def offer() -> bytes:
    """Return what a client of ours offers: bounded windows, and nothing kept between messages."""
    return b"; ".join((NAME, _SERVER_TAKEOVER, _CLIENT_TAKEOVER, _CLIENT_BITS))


def agreed_by(answer: bytes) -> Agreed | None:
    """Return what a server has made of our offer; None if it is nothing that we have offered."""
    said = _extensions(answer)
    if len(said) != 1:
        return None
    name, parameters = said[0]
    if name != NAME or parameters is None or not _is_offer(parameters):
        return None
    # It must not keep what we have said that it may not, nor have us make what zlib cannot.
    bits = parameters.get(_CLIENT_BITS, b"15")
    if _SERVER_TAKEOVER not in parameters or int(bits or 0) < _LEAST_OF_ZLIB:
        return None
    return Agreed({**parameters, _CLIENT_TAKEOVER: b""}, answer)


def _is_offer(parameters: dict[bytes, bytes]) -> bool:
    """Tell whether these are parameters of RFC 7692 7.1 that can be kept."""
    for key, value in parameters.items():
        if key in _TAKEOVERS:
            if value:
                return False
        elif key not in _BITS or not _are_bits(key, value):
            return False
    return True


def _are_bits(key: bytes, value: bytes) -> bool:
    if not value:
        return key == _CLIENT_BITS  # a client that only says that it knows the parameter
    if _NUMBER.fullmatch(value) is None:
        return False
    return key == _CLIENT_BITS or int(value) >= _LEAST_OF_ZLIB


def _extensions(value: bytes) -> list[tuple[bytes, dict[bytes, bytes] | None]]:
    """Return the extensions of a field; none where it is not as RFC 6455 9.1 has it.

    Parameters are None where one is repeated (RFC 7692 7.1).
    """
    found: list[tuple[bytes, dict[bytes, bytes] | None]] = []
    at, size = 0, len(value)
    while at <= size and len(found) < _MOST_OFFERS:
        name = _EXTENSION.match(value, at)
        if name is None:
            return []
        parameters, at = _parameters(value, name.end())
        if at < size and value[at] != ord(","):
            return []
        found.append((name[1].lower(), parameters))
        at += 1
    return found


def _parameters(value: bytes, at: int) -> tuple[dict[bytes, bytes] | None, int]:
    """Return an extension's parameters and where they end."""
    parameters: dict[bytes, bytes] = {}
    repeated = False
    match = _PARAMETER.match(value, at)
    while match is not None:
        key = match[1].lower()
        repeated = repeated or key in parameters
        parameters[key] = match[2] or match[3] or b""
        at = match.end()
        match = _PARAMETER.match(value, at)
    return None if repeated else parameters, at

"""The parts that a streamed answer comes in: server-sent events, or text.  Pure.

A part is bytes that are passed on together, or not at all, and what they say, by where it stands:
of events whose data is JSON, each member's text goes on by itself.
"""

import json
import re
from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

import msgspec

from tta_gateway.features.safety.decoding import Decoding, Truncated, Undecodable
from tta_gateway.features.safety.leaves import quoted, texts
from tta_gateway.features.safety.running import boundary

LONGEST: Final = 64 * 1024
"""Bytes of an event that are waited for; what is longer is passed on in pieces, looked at too."""
HELD: Final = 256
"""Characters that are held back for the end of a word, at most."""
_MOST: Final = 64  # texts of an event, and how deep they may lie
_BLANK: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n")
_LINE: Final = re.compile(r"\r\n|\n|\r")
_FRAME: Final = "\ufeff\x1e\r\n "  # of a line: RFC 7464 begins with the second
_NAMED: Final = re.compile(r'[0-9a-z]:(?=[\[{"])')  # what a line is, as some streams of tokens say
_JSON: Final = b"application/json"
_ESCAPED: Final = re.compile(rb"\\(?s:.)")
_OPEN: Final = re.compile(rb"(?:^|[^\\])(?:\\\\)*(\\(?:u[0-9a-fA-F]{0,3})?)\Z")  # an escape


class Part(NamedTuple):
    """Some bytes, and the texts in them."""

    data: bytes
    said: list[tuple[str, str]]


class Parts(Protocol):
    """How an answer is taken apart."""

    def feed(self, data: bytes) -> Iterator[Part]:
        """Yield the parts that are complete with these bytes."""

    def rest(self) -> Iterator[Part]:
        """Yield what is left, at the end."""


class Events:
    """Of server-sent events (the HTML standard, 9.2.6): each is a part."""

    def __init__(self) -> None:
        """Begin."""
        self._left = b""
        self._is_within = False  # a piece of the event has been passed on
        self._is_data = False  # so is the line that comes next

    def feed(self, data: bytes) -> Iterator[Part]:
        """Yield the events that are complete with these bytes."""
        # The line ends of an event may have come in two pieces.
        begin, known = 0, max(0, len(self._left) - 3)
        data = self._left + data
        for end in _BLANK.finditer(data, known):
            yield self._event(data[begin : end.end()])
            begin = end.end()
        left = data[begin:]
        if len(left) > LONGEST:
            cut = _cut(left)
            yield self._event(left[:cut], is_over=False)
            left = left[cut:]
        self._left = left

    def rest(self) -> Iterator[Part]:
        """Yield what is left."""
        left, self._left = self._left, b""
        if left:
            yield self._event(left)

    def _event(self, raw: bytes, *, is_over: bool = True) -> Part:
        """Return an event as a part, or a piece of one."""
        is_piece = self._is_within or not is_over
        text = "\n".join(self._data(raw.decode("utf-8", "replace").removeprefix("\ufeff")))
        self._is_within = not is_over
        return _part(raw, text, is_piece=is_piece)

    def _data(self, text: str) -> Iterator[str]:
        """Yield the lines of data; the first may go on with that of the piece before."""
        goes_on = self._is_within
        for line in _LINE.split(text):
            value = line
            if not goes_on:
                name, _, value = line.partition(":")
                self._is_data = name == "data"
                value = value.removeprefix(" ")
            goes_on = False
            if self._is_data:
                yield value


class Lines:
    """Of documents of JSON, one a line: each is a part."""

    def __init__(self) -> None:
        """Begin."""
        self._left = b""
        self._is_within = False  # a piece of the line has been passed on

    def feed(self, data: bytes) -> Iterator[Part]:
        """Yield the lines that are complete with these bytes."""
        begin, known = 0, len(self._left)
        data = self._left + data
        end = data.find(b"\n", known) + 1
        while end:
            yield self._line(data[begin:end])
            begin = end
            end = data.find(b"\n", begin) + 1
        left = data[begin:]
        if len(left) > LONGEST:
            cut = _cut(left)
            yield self._line(left[:cut], is_over=False)
            left = left[cut:]
        self._left = left

    def rest(self) -> Iterator[Part]:
        """Yield what is left."""
        left, self._left = self._left, b""
        if left:
            yield self._line(left)

    def _line(self, raw: bytes, *, is_over: bool = True) -> Part:
        """Return a line as a part, or a piece of one."""
        is_piece = self._is_within or not is_over
        self._is_within = not is_over
        text = raw.decode("utf-8", "replace")
        if not is_piece:
            text = text.strip(_FRAME)
            named = _NAMED.match(text)
            if named is not None:
                text = text[named.end() :]
        return _part(raw, text, is_piece=is_piece)


class Words:
    """Of a text: as many whole words as there are in what came."""

    def __init__(self) -> None:
        """Begin."""
        self._left = b""

    def feed(self, data: bytes) -> Iterator[Part]:
        """Yield what has come, less the beginning of a word at its end."""
        data = self._left + data
        text = data[: _characters(data)].decode("utf-8", "surrogateescape")
        whole = boundary(text)
        if len(text) - whole > HELD:
            whole = len(text)
        taken = len(text[:whole].encode("utf-8", "surrogateescape"))
        self._left = data[taken:]
        if taken:
            yield _words(data[:taken])

    def rest(self) -> Iterator[Part]:
        """Yield what is left."""
        left, self._left = self._left, b""
        if left:
            yield _words(left)


class Strings:
    """Of a document of JSON that has not come whole, or of another text: as many whole words.

    What stands in its strings is read by itself, and all of it as it stands.
    """

    def __init__(self) -> None:
        """Begin."""
        self._words = Words()
        self._left = b""  # an escape that has begun
        self._is_within = False  # a string

    def feed(self, data: bytes) -> Iterator[Part]:
        """Yield what has come, less the beginning of a word, or an escape, at its end."""
        for part in self._words.feed(data):
            whole = self._left + part.data
            escape = _OPEN.search(whole[-16:])
            at = len(whole) - len(escape[1]) if escape is not None else len(whole)
            self._left = whole[at:]
            if at:
                yield self._part(whole[:at])

    def rest(self) -> Iterator[Part]:
        """Yield what is left."""
        left = self._left + b"".join(part.data for part in self._words.rest())
        self._left = b""
        if left:
            yield self._part(left)

    def _part(self, raw: bytes) -> Part:
        text = _as_it_stands(raw.decode("utf-8", "replace"))
        strings = "\n".join(quoted(b'"' + raw if self._is_within else raw))
        if _ESCAPED.sub(b"", raw).count(b'"') % 2:
            self._is_within = not self._is_within
        return Part(raw, [("", text), ("*", strings)] if strings else [("", text)])


class Packed:
    """Of what is compressed: the parts are of what it decodes to, in whose place they stand."""

    def __init__(self, decoding: Decoding, parts: Parts) -> None:
        """Take what is decoded apart like this."""
        self._decoding = decoding
        self._parts = parts

    def feed(self, data: bytes) -> Iterator[Part]:
        """Yield the parts that are complete; Undecodable, with why, behind which there is none."""
        for piece in self._decoding.take(data):
            yield from self._parts.feed(piece)
        if self._decoding.broken:
            raise Undecodable(self._decoding.broken)

    def rest(self) -> Iterator[Part]:
        """Yield what is left; Truncated behind it if the end of the coding has not come."""
        yield from self._parts.rest()
        if not self._decoding.is_whole:
            raise Truncated("truncated")


def _words(data: bytes) -> Part:
    return Part(data, [("", data.decode("utf-8", "replace"))])


def _characters(data: bytes) -> int:
    """Return how many bytes there are up to the end of the last whole character (RFC 3629 3)."""
    for back in range(1, min(4, len(data) + 1)):
        byte = data[-back]
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) - back if needed > back else len(data)
        if byte < 0x80:
            break
    return len(data)


def _cut(data: bytes) -> int:
    """Return how many bytes a piece has: it ends behind a space, or before the end of a line.

    So no character is cut in two, no escape, and no line's name.
    """
    least = len(data) - HELD
    ends = (data.rfind(b" ", least) + 1, data.rfind(b"\n", least), data.rfind(b"\r", least))
    return max(ends) if max(ends) > 0 else len(data)


def _part(raw: bytes, text: str, *, is_piece: bool) -> Part:
    if not text:
        return Part(raw, [])
    # Nobody knows whether a piece begins within a string of JSON: it is read as it stands.
    return Part(raw, [("", _as_it_stands(text))] if is_piece else texts_of(text))


def _as_it_stands(text: str) -> str:
    """Return a text with JSON's escapes undone."""
    return texts(text.encode("utf-8", "replace"), _JSON, whole=False) or text


def texts_of(text: str) -> list[tuple[str, str]]:
    """Return the texts in an event's data, each with where it stands.

    What begins like JSON and is none is read as it stands, and its strings by themselves, too.
    """
    if text.lstrip()[:1] not in {"{", "[", '"'}:
        return [("", text)]
    try:
        return _leaves(msgspec.json.decode(text))
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        # Python's own writes NaN and Infinity, and clients made with it read them.
        found = _leaves(json.loads(text, strict=False))
    except (ValueError, RecursionError):
        strings = texts(text.encode("utf-8", "replace"), _JSON)
        whole = _as_it_stands(text)
        return [("", whole), ("*", strings)] if strings and strings != whole else [("", whole)]
    # Half a character, escaped, would be one that nobody can write down.
    return [(path, said.encode("utf-8", "replace").decode()) for path, said in found]


def _leaves(value: object) -> list[tuple[str, str]]:
    """Return the strings in a document; what is beyond the bounds stands together, at one place."""
    found: list[tuple[str, str]] = []
    beyond: list[str] = []
    todo: list[tuple[str, object]] = [("", value)]
    while todo:
        path, one = todo.pop()
        if isinstance(one, str):
            if not one:
                continue
            if len(found) < _MOST:
                found.append((path, one))
            else:
                beyond.append(one)
        elif isinstance(one, dict):
            todo += [(f"{path}.{name}", each) for name, each in reversed(one.items())]
        elif isinstance(one, list):
            todo += [("*", each) for each in reversed(one[_MOST:])]
            todo += [(f"{path}.{number}", each) for number, each in enumerate(one[:_MOST])][::-1]
    if beyond:
        found.append(("*", "\n".join(beyond)))
    return found

"""The parts that a streamed answer comes in: server-sent events, or text.  Pure.

A part is bytes that are passed on together, or not at all, and what they say, by where it stands:
of events whose data is JSON, each member's text goes on by itself.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

import msgspec

from tta_gateway.features.safety.running import boundary

LONGEST: Final = 64 * 1024
"""Bytes of an event that are waited for; what is longer is passed on in pieces, looked at too."""
HELD: Final = 256
"""Characters that are held back for the end of a word, at most."""
_MOST: Final = 64  # texts of an event, and how deep they may lie
_BLANK: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n")
_LINE: Final = re.compile(r"\r\n|\n|\r")


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

    def feed(self, data: bytes) -> Iterator[Part]:
        """Yield the events that are complete with these bytes."""
        data = self._left + data
        begin = 0
        # The line ends of an event may have come in two pieces.
        for end in _BLANK.finditer(data):
            yield _event(data[begin : end.end()])
            begin = end.end()
        left = data[begin:]
        if len(left) > LONGEST:
            yield _event(left)
            left = b""
        self._left = left

    def rest(self) -> Iterator[Part]:
        """Yield what is left."""
        left, self._left = self._left, b""
        if left:
            yield _event(left)


class Lines:
    """Of documents of JSON, one a line: each is a part."""

    def __init__(self) -> None:
        """Begin."""
        self._left = b""

    def feed(self, data: bytes) -> Iterator[Part]:
        """Yield the lines that are complete with these bytes."""
        *lines, left = (self._left + data).split(b"\n")
        for line in lines:
            yield _line(line + b"\n")
        if len(left) > LONGEST:
            yield _line(left)
            left = b""
        self._left = left

    def rest(self) -> Iterator[Part]:
        """Yield what is left."""
        left, self._left = self._left, b""
        if left:
            yield _line(left)


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


def _event(raw: bytes) -> Part:
    """Return an event as a part."""
    lines = []
    for line in _LINE.split(raw.decode("utf-8", "replace")):
        name, _, value = line.partition(":")
        if name == "data":
            lines.append(value.removeprefix(" "))
    text = "\n".join(lines)
    return Part(raw, texts_of(text) if text else [])


def _line(raw: bytes) -> Part:
    text = raw.decode("utf-8", "replace").strip("\x1e\r\n ")  # RFC 7464 begins with the first
    return Part(raw, texts_of(text) if text else [])


def texts_of(text: str) -> list[tuple[str, str]]:
    """Return the texts in an event's data, each with where it stands."""
    if text[0] in '{["':
        try:
            return _leaves(msgspec.json.decode(text))
        except (msgspec.DecodeError, RecursionError):
            pass
    return [("", text)]


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
            todo += [(f"{path}.{number}", each) for number, each in enumerate(one)][::-1]
    if beyond:
        found.append(("*", "\n".join(beyond)))
    return found

"""The members of a service's message that say something, by their names; and others in their place.

What comes in parts, a token a message, is put together by the names of the members that it comes
in (reply.py): so what else stands in a message, an id or a time, does not come between.
"""

import contextlib
import re
from collections.abc import Iterator
from typing import Final

import msgspec

from tta_gateway.features.safety.leaves import quoted, texts

LARGEST: Final = 64 * 1024
"""Bytes of a message whose members are told apart; a larger one is one text."""
_PART: Final = 8 * 1024  # bytes
_ESCAPE: Final = 6  # bytes of the longest, \\uXXXX
_CHARACTER: Final = 4  # bytes of the longest, in UTF-8
_MOST: Final = 2000  # members, about: to read more takes longer than a turn of the loop should
_DEEPEST: Final = 64
_MACHINE: Final = re.compile(r"(?=.*\d)[0-9a-fA-FTZ:.,+_\-]{8,}")
"""Numbers, times and ids: nothing that anybody says."""
_NAME: Final = " (its name)"
_NUMBER: Final = re.compile(r"(?<=\.)\d+(?=\.|$)")
_HOLDS: Final = re.compile(rb"[\[{]\s*\"")
"""What holds JSON, though it may not be a document of it."""
_WRITTEN: Final = b"application/json"
_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode


class Members:
    """The strings of a service's message, each by the names that lead to it."""

    __slots__ = ("_is_like_json", "_tree", "is_large", "texts")

    def __init__(self, data: bytes) -> None:
        """Read it; what is no JSON, or very much of it, is one text without a name."""
        self.texts: dict[str, str] = {}
        self.is_large = len(data) > LARGEST
        """whether its text is still to be read, by `pieces`"""
        self._tree: object = None
        self._is_like_json = data.lstrip()[:1] in (b"{", b"[", b'"')
        if self._is_like_json and len(data) <= LARGEST and data.count(b",") <= _MOST:
            with contextlib.suppress(msgspec.DecodeError, RecursionError):
                self._tree = _decode(data)
        if self._tree is None:
            if not self.is_large:
                self.texts[""] = texts(data, _WRITTEN, whole=False) or ""
            else:
                self.texts[""] = ""  # it takes several turns
            self._read_strings(data)
        else:
            self._read(self._tree, "", 0)

    def _read_strings(self, data: bytes) -> None:
        """Read the strings of what holds JSON: events, lines, frames of another protocol."""
        if len(data) > LARGEST or data.count(b",") > _MOST or _HOLDS.search(data) is None:
            return
        found = "\n".join(quoted(data))
        for number, said in enumerate(found.split("\n")[:_MOST]):
            if said.strip():
                self.texts[f".{number}"] = said

    def _read(self, tree: object, name: str, depth: int) -> None:
        if isinstance(tree, str):
            if _MACHINE.fullmatch(tree) is None:
                self.texts[name] = tree
        elif depth >= _DEEPEST:
            self.texts[name] = _encode(tree).decode()  # all that is within, as one
        elif isinstance(tree, dict):
            self._read_object(tree, name, depth)
        elif isinstance(tree, list):
            for number, one in enumerate(tree):
                self._read(one, f"{name}.{number}", depth + 1)

    def _read_object(self, tree: dict[str, object], name: str, depth: int) -> None:
        for key, one in tree.items():
            if " " in key:  # it says something
                self.texts[f"{name}.{key}{_NAME}"] = key
            self._read(one, f"{name}.{key}", depth + 1)

    def with_texts(self, instead: dict[str, str]) -> bytes:
        """Return the message with other texts at these names; all else stays what it is."""
        if self._tree is None:
            text = max(instead.values(), key=len)
            return _encode(text) if self._is_like_json else text.encode()
        return _encode(_with(self._tree, "", instead))


def _with(tree: object, name: str, instead: dict[str, str]) -> object:
    if name in instead:
        return instead[name]
    if isinstance(tree, dict):
        return {
            instead.get(f"{name}.{key}{_NAME}", key): _with(one, f"{name}.{key}", instead)
            for key, one in tree.items()
        }
    if isinstance(tree, list):
        return [_with(one, f"{name}.{number}", instead) for number, one in enumerate(tree)]
    return tree


def pieces(data: bytes) -> Iterator[str]:
    """Read a large message, a part at a time; no escape, and no character, is cut in two."""
    at = 0
    while at < len(data):
        end = at + _PART
        cut = data.rfind(b"\\", end - _ESCAPE, end)
        if at < cut and end < len(data):
            end = cut
        for _ in range(_CHARACTER - 1):
            if end < len(data) and data[end] & 0xC0 == 0x80:  # within a character
                end -= 1
        yield texts(data[at:end], _WRITTEN, whole=False) or ""
        at = end


def common(name: str) -> str:
    """Return what a member is called together with its neighbours, who differ by a number."""
    return _NUMBER.sub("*", name)

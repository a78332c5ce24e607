"""The port of the two codecs, and what both hold to: bounds, and what data may be.

Data is JSON of one line in both: whoever reads a channel need not speak as whoever writes into it.
"""

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from tta_gateway.features.realtime.codes import Disconnection, Refused, Unsubscription
from tta_gateway.features.realtime.command import Command, Result, SubscribeResult
from tta_gateway.features.realtime.publication import ClientInfo, Publication

LARGEST_FRAME: Final = 64 * 1024
MOST_COMMANDS: Final = 1024
"""in one frame: a client may subscribe to all its channels at once"""
DEEPEST: Final = 64
"""levels of JSON, the command's own included"""
MOST_NUMBER: Final = 2**63 - 1
MOST_ID: Final = 2**32 - 1


class Malformed(Exception):
    """A frame that is not of the protocol; what is wrong is said for the log."""


class Codec(Protocol):
    """Reads the frames of clients, and writes what goes into frames for them."""

    name: str
    is_binary: bool

    def decode(self, frame: bytes) -> list[Command]:
        """Return the commands of a frame, or raise Malformed and nothing else."""
        ...

    def join(self, messages: Sequence[bytes]) -> bytes:
        """Return one frame of several messages."""
        ...

    def reply(self, number: int, result: Result) -> bytes:
        """Answer a command."""
        ...

    def refusal(self, number: int, refused: Refused) -> bytes:
        """Answer a command that was not carried out."""
        ...

    def ping(self) -> bytes:
        """Ask for a sign of life."""
        ...

    def publication(self, channel: str, publication: Publication) -> bytes:
        """Give a publication to a subscriber."""
        ...

    def change(self, channel: str, publication: Publication, delta: bytes | None) -> bytes:
        """Give a publication to a subscriber who takes deltas: this one, or all of it."""
        ...

    def join_or_leave(self, channel: str, info: ClientInfo, *, joined: bool) -> bytes:
        """Tell a subscriber that somebody came or left."""
        ...

    def unsubscribed(self, channel: str, why: Unsubscription) -> bytes:
        """Tell that a subscription has ended."""
        ...

    def subscribed(self, channel: str, result: SubscribeResult) -> bytes:
        """Tell that the server has subscribed the client."""
        ...

    def message(self, data: bytes) -> bytes:
        """Tell something that belongs to no channel."""
        ...

    def disconnected(self, why: Disconnection) -> bytes:
        """Tell the end, where there is no Close frame to tell it."""
        ...


def one_line(data: bytes) -> bytes:
    """Return JSON without line breaks, or raise Malformed; nothing stays nothing."""
    if not data:
        return b""
    try:
        data.decode()
        msgspec.json.decode(data, type=msgspec.Raw)
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise Malformed("data is not JSON") from error
    if is_too_deep(data, DEEPEST):
        raise Malformed("data is too deep")
    # Outside of strings they are whitespace, and inside no JSON has them (RFC 8259 7).
    return data.replace(b"\n", b" ").replace(b"\r", b" ").strip(b" \t")


def is_too_deep(text: bytes, deepest: int) -> bool:
    """Return whether JSON, good or bad, has more levels than that; what strings hold is none."""
    if text.count(b"[") + text.count(b"{") <= deepest:
        return False
    depth = 0
    quoted = escaped = False
    for byte in text:
        if escaped:
            escaped = False
        elif quoted:
            escaped = byte == _BACKSLASH
            quoted = byte != _QUOTE
        elif byte in _OPEN:
            depth += 1
            if depth > deepest:
                return True
        elif byte in _SHUT:
            depth -= 1
        else:
            quoted = byte == _QUOTE
    return False


_QUOTE: Final = 0x22
_BACKSLASH: Final = 0x5C
_OPEN: Final = b"[{"
_SHUT: Final = b"]}"

"""The form of the platform's messages: what is one of them, and how the gateway's own look."""

from typing import Final

import msgspec

_LONGEST_PING: Final = 512
_LONGEST_NAME: Final = 64
_LARGEST_READ: Final = 64 * 1024
"""Bytes of a message that is read for its members: nothing of these is as large."""
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode


def members_of(data: bytes) -> dict[str, object]:
    """Return the members of a message; none where it is no JSON object."""
    try:
        found: object = _decode(data)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def ping_of(data: bytes) -> dict[str, object] | None:
    """Return the members of a client's ping; None where it is none."""
    if len(data) > _LONGEST_PING or data.find(b'"ping"') < 0:
        return None
    members = members_of(data)
    return members if members.get("type") == "ping" else None


def marked(data: bytes) -> bytes:
    """Return a service's message; where it tells of an event, with the members that say so.

    They are put in front; nothing else of it is touched.
    """
    if len(data) > _LARGEST_READ or data.find(b'"event"') < 0:
        return data
    members = members_of(data)
    if members.get("role") != "system" or "type" in members or "event_type" in members:
        return data
    content = members.get("content")
    name = content.get("event") if isinstance(content, dict) else None
    if not isinstance(name, str):
        return data
    begin = data.index(b"{") + 1
    return b'%b"type":"event","event_type":%b,%b' % (data[:begin], _encode(name), data[begin:])


class Envelope:
    """What every message of the platform's has."""

    __slots__ = ("_number", "_session", "_time")

    def __init__(self, number: str, time: str, session: str | None) -> None:
        """Be of this number (twelve hexadecimal digits), time and session."""
        self._number = number
        self._time = time
        self._session = session

    def pong(self, ping: dict[str, object]) -> bytes:
        """Return the answer to a ping, which says when that was sent."""
        sent = short(ping.get("timestamp"))
        content: dict[str, object] = {"event": "pong"}
        if sent is not None:
            content["ping_timestamp"] = sent
        return self._told({"type": "pong"}, content, {})

    def event(self, name: str, members: dict[str, object]) -> bytes:
        """Return what tells of an event."""
        kind: dict[str, object] = {"type": "event", "event_type": name}
        return self._told(kind, {"event": name, **members}, {})

    def refused(self, text: str, about: dict[str, object]) -> bytes:
        """Return what tells, to be read, that something was not passed on."""
        return self._told({}, {"text": text}, {"refused": about})

    def says(self, content: dict[str, object], metadata: dict[str, object]) -> bytes:
        """Return what a person reads: a text, and what pages show beside it."""
        return self._told({}, content, metadata)

    def shared(self, data: bytes) -> bytes:
        """Return what another person of the session has said: nothing but its content is theirs."""
        said = members_of(data).get("content")
        content: dict[str, object] = said if isinstance(said, dict) else {"text": _text_of(data)}
        return self._told({}, content, {"shared": True}, role="user")

    def _told(
        self,
        kind: dict[str, object],
        content: dict[str, object],
        metadata: dict[str, object],
        *,
        role: str = "system",
    ) -> bytes:
        return _encode(
            {
                **kind,
                "id": f"msg_{self._number}",
                "role": role,
                "session_id": self._session,
                "content": content,
                "timestamp": self._time,
                "metadata": metadata,
            }
        )


def _text_of(data: bytes) -> str:
    """Return what a message that has no content says."""
    try:
        found: object = _decode(data)
    except (msgspec.DecodeError, RecursionError):
        return data.decode(errors="replace")
    text = found.get("text") if isinstance(found, dict) else found
    return text if isinstance(text, str) else data.decode()


def named_by(data: bytes) -> object:
    """Return by what a client may know its own message again: its id, or when it was sent."""
    if len(data) > _LARGEST_READ:
        return None
    members = members_of(data)
    for key in ("id", "message_id", "timestamp"):
        found = short(members.get(key))
        if found is not None:
            return found
    return None


def short(value: object) -> object:
    """Return what may be told again: a number, or a text that is not long."""
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_NAME else None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number else None


def session_in(query: bytes | None) -> str | None:
    """Return the session that a client names in its address, if it is one."""
    for one in (query or b"").split(b"&"):
        name, _, value = one.partition(b"=")
        if name == b"session_id" and 0 < len(value) <= _LONGEST_NAME:
            text = value.decode("latin-1")
            return text if text.replace("-", "").replace("_", "").isalnum() else None
    return None

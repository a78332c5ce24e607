"""What is said on a tethered socket beside the service's messages: the first one, and events.

Events are of the envelope that the platform's clients know: members of a chat's message, and
`type` and `event_type` beside them.
"""

import json
from typing import Final

_AUTH: Final = "auth"
_LARGEST: Final = 16 * 1024
EVENT: Final = "connection"


def token_in(payload: bytes) -> bytes | None:
    """Return the token of a first message, `{"type": "auth", "token": …}`; None if it is none."""
    if len(payload) > _LARGEST:
        return None
    try:
        read = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(read, dict) or read.get("type") != _AUTH:
        return None
    token = read.get("token")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        return None
    return token.encode() if token and " " not in token else None


def event(status: str, *, session: str, at: str, more: dict[str, object]) -> bytes:
    """Return the message that tells clients what happens to their connection."""
    content: dict[str, object] = {"event": EVENT, "status": status, **more}
    return json.dumps(
        {
            "type": "event",
            "event_type": EVENT,
            "role": "system",
            "session_id": session or None,
            "content": content,
            "timestamp": at,
            "metadata": {},
        },
        separators=(",", ":"),
    ).encode()

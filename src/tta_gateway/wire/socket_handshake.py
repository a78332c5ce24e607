"""The handshake of a WebSocket (RFC 6455 4), for either side, and the extension that it agrees on.

A request that is none, or not as it must be, is refused as a value: 426 where it asks for another
version or for no WebSocket at all, else 400.  A protocol that nobody here speaks is no reason to
refuse: the answer names none, and the client decides.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from typing import Final

from tta_gateway.kernel.message import Fields, RequestHead, Response, answer_of
from tta_gateway.kernel.problem import WEBSOCKET_MALFORMED, WEBSOCKET_REQUIRED
from tta_gateway.wire.socket_deflate import Agreed, agree, agreed_by, offer

_SWITCHED: Final = 101
_VERSION: Final = b"13"
_KEY_BYTES: Final = 16
_KEY_LENGTH: Final = 24
_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_LISTED: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_UPGRADE: Final = (b"upgrade", b"websocket")

KEY: Final = b"sec-websocket-key"
ACCEPT: Final = b"sec-websocket-accept"
VERSION: Final = b"sec-websocket-version"
PROTOCOL: Final = b"sec-websocket-protocol"
EXTENSIONS: Final = b"sec-websocket-extensions"


class Opening:
    """What a server answers, and on what it has agreed: a protocol (b"" is none), an extension."""

    __slots__ = ("agreed", "protocol", "response")

    def __init__(self, response: Response, protocol: bytes, agreed: Agreed | None) -> None:
        """Keep what is said."""
        self.response = response
        self.protocol = protocol
        self.agreed = agreed


def refused(request: RequestHead) -> Response | None:
    """Return the answer to a request that opens no WebSocket, or None: it opens one."""
    versions = all_of(request.fields, VERSION)
    if request.upgrade != b"websocket" or (len(versions) == 1 and versions[0] != _VERSION):
        refusal = answer_of(WEBSOCKET_REQUIRED)
        refusal.fields += [_UPGRADE, (VERSION, _VERSION)]  # RFC 9110 15.5.22, RFC 6455 4.4
        return refusal
    keys = all_of(request.fields, KEY)
    if request.method != b"GET" or len(versions) != 1 or len(keys) != 1 or not _is_key(keys[0]):
        return answer_of(WEBSOCKET_MALFORMED)
    return None


def opening(
    request: RequestHead,
    *,
    fields: Fields | None = None,
    protocols: Sequence[bytes] = (),
    deflates: bool = False,
) -> Opening:
    """Return the answer to a request that is not refused.

    `protocols` are those that are spoken; `fields` stand in the place of the request's, where
    something was taken out of them.
    """
    fields = request.fields if fields is None else fields
    answer: Fields = [_UPGRADE, (ACCEPT, accept_of(all_of(fields, KEY)[0]))]
    protocol = _chosen(all_of(fields, PROTOCOL), protocols)
    if protocol:
        answer.append((PROTOCOL, protocol))
    agreed = agree(b",".join(all_of(fields, EXTENSIONS))) if deflates else None
    if agreed is not None:
        answer.append((EXTENSIONS, agreed.answer))
    return Opening(Response(_SWITCHED, answer, None), protocol, agreed)


def accept_of(key: bytes) -> bytes:
    """Return what proves that a server has read the key (RFC 6455 4.2.2)."""
    digest = hashlib.sha1(key + _MAGIC, usedforsecurity=False).digest()
    return base64.b64encode(digest)


def _is_key(key: bytes) -> bool:
    """Tell whether a key is 16 bytes in base64."""
    if len(key) != _KEY_LENGTH:
        return False
    try:
        return len(base64.b64decode(key, validate=True)) == _KEY_BYTES
    except binascii.Error:
        return False


def _chosen(offered: Sequence[bytes], spoken: Sequence[bytes]) -> bytes:
    """Return the first protocol of a client's that is spoken; their case counts."""
    for one in offered:
        for name in one.split(b","):
            protocol = name.strip(b" \t")
            if protocol in spoken and _LISTED.fullmatch(protocol) is not None:
                return protocol
    return b""


def all_of(fields: Fields, name: bytes) -> list[bytes]:
    """Return the values of every field of a name."""
    return [value for field, value in fields if field == name]


# The client's side


def asking(nonce: bytes, *, protocols: Sequence[bytes] = (), deflates: bool = False) -> Fields:
    """Return the fields of a request that opens a WebSocket; the nonce is 16 bytes of chance."""
    fields: Fields = [_UPGRADE, (KEY, base64.b64encode(nonce)), (VERSION, _VERSION)]
    if protocols:
        fields.append((PROTOCOL, b", ".join(protocols)))
    if deflates:
        fields.append((EXTENSIONS, offer()))
    return fields


class Answered:
    """What a server has made of it: why it is no WebSocket, or what was agreed on."""

    __slots__ = ("agreed", "problem", "protocol")

    def __init__(
        self, problem: str = "", *, protocol: bytes = b"", agreed: Agreed | None = None
    ) -> None:
        """Keep what is said."""
        self.problem = problem
        self.protocol = protocol
        self.agreed = agreed


def answered(response: Response, asked: Fields) -> Answered:
    """Judge the answer to a request with these fields (RFC 6455 4.1)."""
    if response.status != _SWITCHED:
        return Answered(f"it answers {response.status}, not 101")
    fields = response.fields
    if [value.lower() for value in all_of(fields, b"upgrade")] != [b"websocket"]:
        return Answered("it names another protocol in `Upgrade`")
    if all_of(fields, ACCEPT) != [accept_of(all_of(asked, KEY)[0])]:
        return Answered("its `Sec-WebSocket-Accept` does not fit the key")
    return _agreed_on(fields, asked)


def _agreed_on(fields: Fields, asked: Fields) -> Answered:
    protocols, extensions = all_of(fields, PROTOCOL), all_of(fields, EXTENSIONS)
    if protocols and (len(protocols) > 1 or not _chosen(all_of(asked, PROTOCOL), protocols)):
        return Answered("it chooses a protocol that was not offered")
    protocol = protocols[0] if protocols else b""
    if not extensions:
        return Answered(protocol=protocol)
    agreed = (
        agreed_by(extensions[0]) if len(extensions) == 1 and all_of(asked, EXTENSIONS) else None
    )
    if agreed is None:
        return Answered("it uses an extension that was not offered")
    return Answered(protocol=protocol, agreed=agreed)

"""How a publication and a session's description look in the store and on the bus: MessagePack.

A list whose end may be missing, so that what an older or a newer gateway has written can be read as
long as its beginning is this.  What cannot be is None: somebody else writes there.
"""

from typing import Final

import msgspec

from tta_gateway.features.realtime.publication import ClientInfo, Publication

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder().decode


def pack(publication: Publication) -> bytes:
    """Return a publication without its offset, which the store gives it."""
    info, tags = publication.info, publication.tags
    if info is None and not tags:
        return _encode((publication.data, publication.time))
    who = None if info is None else _words(info)
    return _encode((publication.data, publication.time, who, tags))


def unpack(packed: bytes, offset: int) -> Publication | None:
    """Return the publication that stands at an offset; None if this is none."""
    try:
        found = _decode(packed)
        data, time = found[0], found[1]
        if not isinstance(data, bytes) or not isinstance(time, int):
            return None
        if len(found) < 4:
            return Publication(data, offset, None, {}, time)
        return Publication(data, offset, _info(found[2]), _tags(found[3]), time)
    except (msgspec.MsgspecError, LookupError, TypeError, ValueError, UnicodeError):
        return None


def pack_info(info: ClientInfo) -> bytes:
    """Return the description of a session."""
    return _encode(_words(info))


def unpack_info(packed: bytes) -> ClientInfo | None:
    """Return the description of a session; None if this is none."""
    try:
        return _info(_decode(packed))
    except (msgspec.MsgspecError, LookupError, TypeError, ValueError, UnicodeError):
        return None


def _words(info: ClientInfo) -> tuple[str, str, bytes, bytes]:
    return info.user, info.client, info.about_session, info.about_subscription


def _info(found: object) -> ClientInfo | None:
    if found is None:
        return None
    if not isinstance(found, list):
        raise TypeError
    user, client, session, subscription = found[:4]
    texts = isinstance(user, str) and isinstance(client, str)
    if not texts or not isinstance(session, bytes) or not isinstance(subscription, bytes):
        raise TypeError
    return ClientInfo(user, client, session, subscription)


def _tags(found: object) -> dict[str, str]:
    if not isinstance(found, dict):
        raise TypeError
    return {str(name): str(value) for name, value in found.items()}

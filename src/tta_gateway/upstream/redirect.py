"""Redirects of services, told in the public's terms.

A service that redirects to its own address would send the client around the gateway, and show where
it lives.  A Location that names the endpoint becomes one of the public origin; what the route
strips from paths is put back, unless the service knows of it and has written it itself.
"""

import re
from typing import Final

from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.upstream import way

# Statuses of answers whose Location means something (RFC 9110 10.2.2).
WITH_LOCATION: Final = frozenset((201, 301, 302, 303, 307, 308))
_ABSOLUTE: Final = re.compile(rb"((?i:https?))://([^/?#]*)(.*)", re.DOTALL)


def publish_location(
    response: Response, exchange: Exchange, *, own: frozenset[bytes], prefix: bytes
) -> None:
    """Tell the Location of an answer in the terms of whoever asked; see `public_location`."""
    request = exchange.request
    public = way.public_origin(exchange.peer, host=request.host, said=request.forwarding)
    response.fields = [
        (name, public_location(value, own=own, public=public, prefix=prefix))
        if name == b"location"
        else (name, value)
        for name, value in response.fields
    ]


def public_location(
    value: bytes, *, own: frozenset[bytes], public: tuple[bytes, bytes], prefix: bytes
) -> bytes:
    """Return the Location for the client.

    `own` are the authorities that stand for the service, in lower case; `public` are the scheme and
    host that the client knows, `prefix` is what the route strips before forwarding.
    """
    absolute = _ABSOLUTE.fullmatch(value)
    if absolute is None:
        is_path = value.startswith(b"/") and not value.startswith(b"//")
        return _below(prefix, value) if is_path else value
    scheme, authority, rest = absolute[1], absolute[2].lower(), absolute[3]
    path = _below(prefix, rest if rest.startswith(b"/") else b"/" + rest)
    if authority in own:
        return b"%b://%b%b" % (*public, path) if public[1] else path
    if prefix and authority == public[1].lower():
        return b"%b://%b%b" % (scheme, absolute[2], path)
    return value


def _below(prefix: bytes, path: bytes) -> bytes:
    """Return the path below the prefix, where it stands already or is put now."""
    known = path.startswith(prefix) and path[len(prefix) :][:1] in (b"", b"/", b"?", b"#")
    return path if known else prefix + path

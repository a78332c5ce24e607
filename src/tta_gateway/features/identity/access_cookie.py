"""The cookie that shows an access token, where the operator wants one.

Browsers send a cookie with whatever a page asks, whoever the page is of.  So what changes anything,
and a WebSocket, must come from a page that may use it: browsers say which in `Origin`, or at least
by `Sec-Fetch-Site` that it is one of the same origin.  A request that says neither is refused.
What only reads needs no such word: no page of elsewhere may see the answer (cors).  The cookie
never goes further than the gateway.
"""

from typing import Final

from tta_gateway.features.identity.bound import CookieBound
from tta_gateway.features.identity.cookie import is_own
from tta_gateway.features.identity.credential import Ambiguous
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Fields, RequestHead

_COOKIE: Final = b"cookie"
_SAFE: Final = (b"GET", b"HEAD", b"OPTIONS", b"QUERY")  # RFC 9110 9.2.1


class AccessCookie:
    """Looks for the cookie, and takes it out."""

    def __init__(self, bound: CookieBound) -> None:
        """Look for this one."""
        self._name = bound.name.encode()
        self._origins = frozenset(bound.origins)

    def take(self, exchange: Exchange) -> bytes | None:
        """Return the token that it shows, and have the service not see it; Ambiguous if two do."""
        request = exchange.request
        said = request.get(_COOKIE)
        if said is None:
            return None
        fields = request.fields if exchange.upstream_fields is None else exchange.upstream_fields
        shown, left = _split(fields, self._name)
        if not shown:
            return None
        exchange.upstream_fields = left
        if any(one != shown[0] for one in shown):
            raise Ambiguous("two tokens")
        return shown[0] or None

    def shown(self, exchange: Exchange) -> bytes | None:
        """Return the token that it shows, and leave it where it is; the first of several."""
        if exchange.request.get(_COOKIE) is None:
            return None
        shown, _ = _split(exchange.request.fields, self._name)
        return shown[0] or None if shown else None

    def may_be_used(self, exchange: Exchange) -> bool:
        """Tell whether whoever asks may have it count for what they ask."""
        request = exchange.request
        if request.upgrade is None and request.method in _SAFE:
            return True
        origin = request.get(b"origin")
        if origin is None:
            return request.get(b"sec-fetch-site") == b"same-origin"
        try:
            said = origin.decode("ascii")
        except UnicodeDecodeError:
            return False
        return said in self._origins or is_own(
            said.lower(), scheme=exchange.peer.scheme.decode(), host=_host(request)
        )


def _host(request: RequestHead) -> str:
    return request.host.decode("latin-1").lower()


def _split(fields: Fields, name: bytes) -> tuple[list[bytes], Fields]:
    """Return the values of a cookie (RFC 6265 4.2.1), and the fields without it."""
    shown: list[bytes] = []
    left: Fields = []
    for field, value in fields:
        if field != _COOKIE:
            left.append((field, value))
            continue
        kept = []
        for part in value.split(b";"):
            called, mark, said = part.strip(b" \t").partition(b"=")
            if mark and called.strip(b" \t") == name:
                shown.append(said.strip(b' \t"'))
            else:
                kept.append(part.strip(b" \t"))
        if kept:
            left.append((field, b"; ".join(kept)))
    return shown, left


def set_cookie(bound: CookieBound, token: str, seconds: float) -> str:
    """Return the field that keeps a token; an empty one, for no time, is forgotten."""
    same_site = "Strict" if bound.same_site == "strict" else "Lax"
    return (
        f"{bound.name}={token}; Max-Age={int(seconds)}; Path=/; HttpOnly"
        f"; SameSite={same_site}; Secure"
    )

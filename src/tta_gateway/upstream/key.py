"""The key of a request: what sticks to one service of several, or to one endpoint."""

from typing import Final

from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.route import Key
from tta_gateway.upstream.affinity import is_session
from tta_gateway.upstream.way import public_origin

_NONE: Final = b""


class Reader:
    """Reads one kind of key; `issues` says that it is a cookie which the gateway itself gives."""

    def __init__(self, key: Key) -> None:
        """Keep what is the same for every request."""
        self.issues = key.ttl is not None
        self._by = key.by
        self._name = key.name
        self._field = key.name.lower().encode()
        self._cookie = key.name.encode() + b"="
        self._lasts = b"; Max-Age=%d" % int(key.ttl) if key.ttl else b""

    def __str__(self) -> str:
        """Say what it goes by."""
        if self._by == "client_address":
            return "the client's address"
        if self._by == "principal":
            return "who is asking"
        if self._by == "path":
            return f"`{{{self._name}}}` of the path"
        return f"the {self._by} {self._name}"

    def read(self, exchange: Exchange) -> bytes:
        """Return the key, empty where the request has none."""
        by = self._by
        if by == "path":
            return exchange.params.get(self._name, "").encode()
        if by == "header":
            return exchange.request.get(self._field) or _NONE
        if by == "client_address":
            return exchange.client.encode()
        if by == "principal":
            principal = exchange.principal
            return _NONE if principal is None else principal.subject.encode()
        return self._read_cookie(exchange)

    def _read_cookie(self, exchange: Exchange) -> bytes:
        for name, value in exchange.request.fields:
            if name == b"cookie":
                found = cookie_in(value, self._cookie)
                if found and (not self.issues or is_session(found)):
                    return found
        return _NONE

    def cookie(self, exchange: Exchange, value: bytes) -> bytes:
        """Return a Set-Cookie value that gives it to the client; secure where it came over TLS."""
        request = exchange.request
        scheme, _ = public_origin(exchange.peer, host=request.host, said=request.forwarding)
        secure = b"; Secure" if scheme == b"https" else b""
        return (
            self._cookie + value + b"; Path=/" + self._lasts + b"; HttpOnly; SameSite=Lax" + secure
        )


def cookie_in(value: bytes, begins: bytes) -> bytes:
    """Return a cookie's value from a Cookie field (RFC 6265 4.2.1); `begins` is its name and `=`.

    Empty if it is not there.
    """
    at = value.find(begins)
    while at >= 0:
        before = value[at - 1 : at] if at else b";"
        if before in (b";", b" "):
            end = value.find(b";", at)
            begin = at + len(begins)
            return value[begin : end if end >= 0 else len(value)].strip()
        at = value.find(begins, at + 1)
    return _NONE

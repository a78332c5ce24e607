"""Answer preflights, and tell browsers who may read (Fetch standard, CORS protocol)."""

from typing import ClassVar, Final

from tta_gateway.features.cors.bound import CorsBound
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Fields, Response
from tta_gateway.kernel.route import Route
from tta_gateway.wire.field import tokens

_VARIES: Final = frozenset((b"origin", b"*"))


_OF_A_PREFLIGHT: Final = frozenset(
    (
        b"access-control-allow-methods",
        b"access-control-allow-headers",
        b"access-control-max-age",
    )
)


class Cors:
    """Allows the origins that the operator names."""

    name: ClassVar = "cors"
    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset()
    words_alike: ClassVar = True

    def __init__(self, bound: CorsBound) -> None:
        """Keep the settings, ready to be written."""
        self._origins = frozenset(origin.encode() for origin in bound.origins)
        self._any = b"*" in self._origins
        self._credentials = bound.credentials
        self._methods = ", ".join(bound.methods).encode()
        self._headers = ", ".join(bound.headers).encode()
        self._expose = ", ".join(bound.expose).encode()
        self._max_age = b"%d" % bound.max_age

    def for_route(self, route: Route | None) -> "Cors | Closed":  # noqa: ARG002 - the same everywhere
        """Act everywhere; where no origin is allowed, only take away what services say."""
        return self if self._origins else Closed()

    def explain(self) -> str:
        """Say what it does."""
        return f"allows pages of {', '.join(sorted(one.decode() for one in self._origins))}"

    def on_request(self, exchange: Exchange) -> Response | None:
        """Answer a preflight."""
        request = exchange.request
        if request.method != b"OPTIONS" or request.get(b"origin") is None:
            return None
        if request.get(b"access-control-request-method") is None:
            return None
        asked = request.get(b"access-control-request-headers")
        fields: Fields = [
            (b"access-control-allow-methods", self._methods),
            (b"access-control-max-age", self._max_age),
        ]
        if not self._headers:
            fields.append((b"vary", b"Access-Control-Request-Headers"))
        allowed = self._headers or asked
        if allowed:
            fields.append((b"access-control-allow-headers", allowed))
        return Response(204, fields)

    def likeness(self, exchange: Exchange) -> bytes:
        """Return what the fields of an answer depend on: the page that asks, if it is allowed."""
        origin = exchange.request.get(b"origin")
        if origin is None or not self._allows(origin):
            return b""
        return b"*" if self._any else origin

    def on_response(self, exchange: Exchange) -> None:
        """Say whether the page may read the answer; drop what the service says about it."""
        response = exchange.response
        assert response is not None  # the response phase has one
        ours = _OF_A_PREFLIGHT if response.local else frozenset[bytes]()
        response.fields = [
            field for field in response.fields if not _is_cors(field[0]) or field[0] in ours
        ]
        origin = exchange.request.get(b"origin")
        if not self._any:
            _vary(response)
        if origin is None or not self._allows(origin):
            return
        fields = response.fields
        fields.append((b"access-control-allow-origin", b"*" if self._any else origin))
        if self._credentials:
            fields.append((b"access-control-allow-credentials", b"true"))
        if self._expose:
            fields.append((b"access-control-expose-headers", self._expose))

    def _allows(self, origin: bytes) -> bool:
        return self._any or origin in self._origins


class Closed:
    """No page of another origin may read anything, whatever a service says."""

    words_nothing: ClassVar = True

    def explain(self) -> str:
        """Say what it does."""
        return "allows no page of another origin"

    def on_response(self, exchange: Exchange) -> None:
        """Drop what the service says."""
        response = exchange.response
        assert response is not None  # the response phase has one
        fields = response.fields
        # Mostly there is nothing of the kind: bench/paper.py, Cors.
        if _ANSWERED.isdisjoint([name for name, _ in fields]):
            return
        response.fields = [field for field in fields if not _is_cors(field[0])]


_ANSWERED: Final = frozenset(
    b"access-control-" + word
    for word in (
        b"allow-origin",
        b"allow-credentials",
        b"allow-methods",
        b"allow-headers",
        b"allow-private-network",
        b"expose-headers",
        b"max-age",
    )
)


def _is_cors(name: bytes) -> bool:
    return name.startswith(b"access-control-")


def _vary(response: Response) -> None:
    """Say that the answer depends on the origin, beside what it depends on already."""
    said = b", ".join([value for name, value in response.fields if name == b"vary"])
    if not said:
        response.fields.append((b"vary", b"Origin"))
    elif not _VARIES & set(tokens(said)):
        response.drop(b"vary")
        response.fields.append((b"vary", said + b", Origin"))

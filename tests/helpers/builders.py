"""Things to test with: each has defaults, and takes what the test is about."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, cast

import msgspec

from tta_gateway.kernel.exchange import Exchange, Origin
from tta_gateway.kernel.message import NO_FIELDS, Fields, RequestHead, Response
from tta_gateway.kernel.peer import Peer
from tta_gateway.kernel.plan import Plan
from tta_gateway.kernel.policy import BoundPolicy
from tta_gateway.kernel.route import Endpoint, Route
from tta_gateway.pipeline.plan import bind


def a_head(
    method: str = "GET",
    target: str = "/",
    *,
    host: str = "example.org",
    fields: Fields | None = None,
    forwarding: Fields | None = None,
    length: int = 0,
) -> RequestHead:
    """Return the head of a request."""
    head = RequestHead(1, method.encode(), target.encode())
    head.host = host.encode()
    head.fields = fields if fields is not None else []
    head.forwarding = forwarding if forwarding is not None else NO_FIELDS
    head.length = length
    return head


def a_route(path: str = "/{rest:path}", **changes: object) -> Route:
    """Return a route to the service `players`, changed as the test wants."""
    return msgspec.structs.replace(Route(name=path, path=path, service="players"), **changes)


def an_endpoint(port: int = 9001) -> Endpoint:
    """Return an endpoint of this machine."""
    return Endpoint(host="127.0.0.1", port=port)


def a_peer(
    address: str = "192.0.2.7", *, trusted: bool = False, port: int = 40000, scheme: bytes = b"http"
) -> Peer:
    """Return the other end of a client's connection."""
    return Peer(address, port=port, scheme=scheme, trusted=trusted)


class Bound:
    """A policy that is nothing but what is given to it: `on_request`, `on_response` and so on."""

    name: ClassVar[str] = "bound"
    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, **steps: object) -> None:
        """Take the steps by name."""
        for name, step in steps.items():
            setattr(self, name, step)

    def for_route(self, route: Route | None) -> BoundPolicy:  # noqa: ARG002 - the same everywhere
        """Act on every route."""
        return self

    def explain(self) -> str:
        """Say what it does."""
        return "does what the test says"


def a_plan(
    policies: Sequence[Any] = (),
    *,
    route: Route | None = None,
    forward: Callable[[Exchange], None] | None = None,
) -> Plan:
    """Return a plan of these policies that ends here."""
    return bind(policies, route, forward=forward or _nowhere)


def _nowhere(exchange: Exchange) -> None:
    """Leave the exchange where it is."""


def an_exchange(
    head: RequestHead | None = None,
    *,
    origin: object = None,
    peer: Peer | None = None,
    plan: Plan | None = None,
    started: float = 1000.0,
) -> Exchange:
    """Return an exchange that nobody has touched; without an origin nothing may be sent."""
    return Exchange(
        head or a_head(),
        origin=cast("Origin", origin),
        peer=peer or a_peer(),
        plan=plan or a_plan(),
        started=started,
    )


def answered(exchange: Exchange, response: Response) -> Exchange:
    """Return the exchange with an answer on its way to the client."""
    exchange.response = response
    return exchange


def from_upstream(status: int = 200, fields: Fields | None = None) -> Response:
    """Return the head of a service's answer, whose body streams."""
    response = Response(status, fields, None)
    response.local = False
    return response

"""What is agreed on with either side of a WebSocket that is looked into, and how one is refused.

Each leg has its own compression (RFC 7692): a client's offer is answered here, and the service is
made one of ours, or none.  Nothing is kept between two messages, so that an idle socket costs no
memory for it.
"""

from typing import Final

from tta_gateway.kernel.crisis import SUPPORT
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.pipeline.conversation import FAULT, LATER, POLICY
from tta_gateway.wire.socket_codec import CLOSE, TEXT, close_data, framed
from tta_gateway.wire.socket_deflate import Agreed, agree, agreed_by
from tta_gateway.wire.socket_handshake import EXTENSIONS, PROTOCOL, all_of, opening, refused

_ERRORS: Final = 400
_TOO_MANY: Final = 429
_INTERNAL: Final = 500
_KEPT: Final = frozenset((b"x-request-id", SUPPORT))


class Legs:
    """What is agreed on with the client, and with the service."""

    __slots__ = ("client", "service")

    def __init__(self, client: Agreed | None = None, service: Agreed | None = None) -> None:
        """Agree on that; None: messages go as they are."""
        self.client = client
        self.service = service


def agreed_on(exchange: Exchange, response: Response) -> Legs:
    """Take what the service says of it out of its 101, and put in what the client hears."""
    route = exchange.plan.route
    deflate = "off" if route is None else route.sockets.deflate
    service: Agreed | None = None
    answers = all_of(response.fields, EXTENSIONS)
    if answers:
        response.drop(EXTENSIONS)
        if deflate == "both":
            service = agreed_by(b",".join(answers))
    client: Agreed | None = None
    if deflate != "off":
        client = agree(b",".join(all_of(exchange.request.fields, EXTENSIONS)))
    if client is not None:
        response.fields.append((EXTENSIONS, client.answer))
    return Legs(client, service)


class Ending:
    """An answer that opens a WebSocket, and the Close that ends it, behind what is said before."""

    __slots__ = ("close", "response")

    def __init__(self, response: Response, close: bytes) -> None:
        """Say this."""
        self.response = response
        self.close = close


def ending(exchange: Exchange, response: Response) -> Ending | None:
    """Return how a client hears of a refusal that would see no status; None: by its status.

    No browser tells a page why a WebSocket did not open.  So where the route speaks a form of
    messages that the gateway knows, it is opened, and the Close says why: 1008 who may not come in,
    1013 who may come again later, 1011 a fault.  What else they should hear comes before it.
    """
    route, problem = exchange.plan.route, response.problem
    if route is None or not route.sockets.profile or problem is None:
        return None
    if response.status < _ERRORS or refused(exchange.request) is not None:
        return None
    # A page that has named protocols hears of no Close where none of them is chosen.
    named = b",".join(all_of(exchange.request.fields, PROTOCOL)).split(b",")
    head = opening(exchange.request, protocols=[one.strip() for one in named]).response
    head.fields += [field for field in response.fields if field[0] in _KEPT]
    said = framed(TEXT, response.farewell) if response.farewell else b""
    data = close_data(_code_of(response.status), problem.code.encode())
    return Ending(head, said + framed(CLOSE, data))


def _code_of(status: int) -> int:
    """Return the code of a Close (RFC 6455 7.4.1) that says what this status does."""
    if status == _INTERNAL:
        return FAULT
    return LATER if status > _INTERNAL or status == _TOO_MANY else POLICY

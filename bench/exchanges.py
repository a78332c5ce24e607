"""An exchange that has been answered, for what measures the steps of a policy."""

from typing import cast

from tta_gateway.kernel.exchange import Exchange, Origin
from tta_gateway.kernel.message import RequestHead, Response
from tta_gateway.kernel.peer import Peer
from tta_gateway.kernel.principal import Principal
from tta_gateway.pipeline.plan import bind


def exchange(*, known: bool) -> Exchange:
    """Return an exchange of somebody or of nobody, as a service has answered it."""
    made = Exchange(
        RequestHead(1, b"GET", b"/"),
        origin=cast("Origin", None),
        peer=Peer("192.0.2.7", port=1, scheme=b"http", trusted=False),
        plan=bind([], None, forward=lambda _: None),
        started=1000.0,
    )
    if known:
        made.principal = Principal(subject="p7", issuer="a", roles=frozenset(("player",)))
    made.response = Response(200, [(b"content-type", b"text/plain"), (b"a", b"b")], None)
    made.response.local = False
    made.tries, made.first_byte_at = 1, 1000.05
    return made

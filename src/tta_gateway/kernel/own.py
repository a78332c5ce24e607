"""The gateway's own service: its public endpoints, as the routes that lead to them.

A feature declares those it serves in its `public.py`.  They run the same plans as all others.
"""

from typing import Final

import msgspec

from tta_gateway.kernel.route import Auth, Endpoint, Route, Timeouts

OWN: Final = "gateway"
"""What the service is called, which no operator's may be."""
SOCKET: Final = "control.sock"
"""What its socket is called, in the state folder."""
CLOSED_FOR: Final = b"x-tta-closed-for"
"""A field by which control says to workers, with a 503, for how many seconds they need send nobody
else there; clients do not see it."""
LARGEST: Final = 1024 * 1024
"""Bytes: no endpoint takes a larger body."""
_USUAL: Final = 64 * 1024  # bytes
# Control is back within seconds of its death, and meanwhile requests wait in its socket's queue.  A
# second try would only stand in the same queue.
_PATIENCE: Final = Timeouts(first_byte=10.0, total=10.0)


def endpoint(folder: str) -> Endpoint:
    """Return where it answers, in a state folder."""
    return Endpoint(host="", port=0, unix=f"{folder}/{SOCKET}")


def public(
    method: str, path: str, *, auth: Auth, max_body: int = _USUAL, timeouts: Timeouts = _PATIENCE
) -> Route:
    """Return the route to a public endpoint; `auth` is who may call."""
    return Route(
        name=f"{method} {path}",
        path=path,
        methods=(method,),
        service=OWN,
        auth=auth,
        timeouts=timeouts,
        max_body=max_body,
        upgrade=(),
    )


def internal(method: str, path: str) -> Route:
    """Return the route to an endpoint for services: only internal listeners lead there.

    What is served there asks for a token of its own.
    """
    return msgspec.structs.replace(public(method, path, auth="none"), internal=True)


def socket(path: str, name: str) -> Route:
    """Return the route to WebSockets that workers answer themselves, by what bears this name.

    Who may do what there is said and proved behind the handshake.
    """
    return Route(
        name=f"GET {path}",
        path=path,
        methods=("GET",),
        service=OWN,
        socket=name,
        max_body=0,
    )


def stream(method: str, path: str, name: str, *, max_body: int = 0) -> Route:
    """Return the route to answers that workers give themselves, by what bears this name.

    Who may do what there is said and proved behind it.
    """
    return Route(
        name=f"{method} {path}",
        path=path,
        methods=(method,),
        service=OWN,
        stream=name,
        max_body=max_body,
        replay_body=0,
        upgrade=(),
    )

"""Faults of the gateway's own service, in its own words: it is not there (503), or not yet again.

Other services that refuse, break off or are late are told of as such (502, 504).  Of its own the
gateway knows that it is being started anew, and that a client may come again.
"""

from typing import Final

from tta_gateway.kernel.errors import GatewayError, UpstreamFault
from tta_gateway.kernel.own import OWN
from tta_gateway.kernel.problem import (
    OWN_UNAVAILABLE,
    UPSTREAM_CONNECT_TIMEOUT,
    UPSTREAM_FIRST_BYTE_TIMEOUT,
    UPSTREAM_REFUSED,
    UPSTREAM_RESET,
    UPSTREAM_TOTAL_TIMEOUT,
)
from tta_gateway.upstream.retry import may_repeat

_ABSENT: Final = (
    UPSTREAM_CONNECT_TIMEOUT,
    UPSTREAM_FIRST_BYTE_TIMEOUT,
    UPSTREAM_REFUSED,
    UPSTREAM_RESET,
    UPSTREAM_TOTAL_TIMEOUT,
)


def told(error: GatewayError, service: str, *, method: bytes, reached: bool) -> GatewayError:
    """Return what the client is told of a fault of that service.

    503 invites to send the request again, so that one which may have been carried out, and may not
    be twice, keeps its fault.
    """
    if service != OWN or error.problem not in _ABSENT:
        return error
    if not may_repeat(method, reached=reached, body_held=True):
        return error
    return UpstreamFault(OWN_UNAVAILABLE)

"""What it serves to clients: breaking glass, for who may."""

from typing import Final

import msgspec

from tta_gateway.features.access.bound import RouteAccess
from tta_gateway.kernel.own import public
from tta_gateway.kernel.route import Route

GLASS: Final = "/api/v1/access/glass"
ONE: Final = f"{GLASS}/{{id}}"
OPENS: Final = "glass:open"
"""The permission to break glass; only clinical roles that hold it may."""
_SMALL: Final = 4 * 1024  # bytes


def _for_who_may(route: Route) -> Route:
    asks = msgspec.msgpack.encode(RouteAccess(default=OPENS, clinical=True))
    return msgspec.structs.replace(route, features={"access": msgspec.Raw(asks)})


ROUTES: Final = tuple(
    _for_who_may(one)
    for one in (
        public("POST", GLASS, auth="required", max_body=_SMALL),
        public("GET", GLASS, auth="required", max_body=0),
        public("DELETE", ONE, auth="required", max_body=0),
    )
)

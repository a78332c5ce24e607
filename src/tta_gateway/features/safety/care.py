"""Have every error on a therapeutic route, and under the path of one, say where help is.

Nothing of the request is looked at: whoever is turned away may be in need, and nobody can know.
"""

from typing import ClassVar, Final

from tta_gateway.features.safety.bound import safety_of
from tta_gateway.features.safety.help import Helping
from tta_gateway.features.safety.paths import Paths
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import UNREAD
from tta_gateway.kernel.own import OWN
from tta_gateway.kernel.route import Route
from tta_gateway.support.metrics import Registry

_ERRORS: Final = 400


class Care:
    """Acts on therapeutic routes, and on what no route takes.

    What lies under the path of such a route is known from the routes that it has been bound to;
    one that has gone since is still cared for, until the configuration changes.
    """

    name: ClassVar = "care"
    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, helping: Helping, *, registry: Registry) -> None:
        """Give this help, and count there what is given."""
        self._helping = helping
        self._paths = Paths()
        helping.count_in(registry)

    def for_route(self, route: Route | None) -> "CareOfRoute | CareOfNowhere | None":
        """Act where people are who may be in need."""
        if route is None:
            return CareOfNowhere(self, self._paths)
        says = safety_of(route)
        if not says.helps:
            return None
        if not route.internal:
            self._paths.add(route.path, says.region)
        return CareOfRoute(self, own=route.service == OWN)

    def give(self, exchange: Exchange, near: str) -> None:
        """Have an error carry help."""
        self._helping.static(exchange, near)


class CareOfRoute:
    """Looks at the answers of one route; `own`: those of control are the gateway's own too."""

    def __init__(self, care: Care, *, own: bool) -> None:
        """Act for it."""
        self._care = care
        self._own = own

    def explain(self) -> str:
        """Say what it does."""
        return "errors of the gateway's own say where help is"

    def on_response(self, exchange: Exchange) -> None:
        """Have an error carry help, if it is the gateway's own."""
        response = exchange.response
        if response is None or response.status < _ERRORS:
            return
        if response.local or self._own:
            self._care.give(exchange, "")


class CareOfNowhere:
    """Looks at the errors that meet who has missed a route."""

    def __init__(self, care: Care, paths: Paths) -> None:
        """Act for it, under these paths."""
        self._care = care
        self._paths = paths

    def explain(self) -> str:
        """Say what it does."""
        return "errors under the path of a therapeutic route say where help is"

    def on_response(self, exchange: Exchange) -> None:
        """Have an error carry help, if it lies under the path of a route that is cared for.

        Of a request that could not be read nobody knows where it was to go: it might have been
        there.
        """
        response = exchange.response
        if response is None or response.status < _ERRORS:
            return
        if exchange.request.method == UNREAD:
            region = self._paths.any_region
        else:
            region = self._paths.region_over(exchange.request.path)
        if region is not None:
            self._care.give(exchange, region)

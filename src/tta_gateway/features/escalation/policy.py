"""Let drills in: what comes on their path is one that was announced, or is refused unread.

It stands before whatever may refuse and be looked at, so that what is said in a drill is never
taken for somebody's need; the answer says how far it has come.
"""

from collections.abc import Callable
from typing import ClassVar, Final, TypeAlias

from tta_gateway.features.escalation.problems import UNKNOWN_DRILL
from tta_gateway.features.escalation.public import DRILLS, TOKEN
from tta_gateway.kernel.drill import Drill
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response, answer_of
from tta_gateway.kernel.route import Route

Take: TypeAlias = Callable[[bytes], Drill | None]
"""Returns the drill whose token it is, once."""
_TIMING: Final = b"server-timing"


class Drills:
    """Marks what is a drill."""

    name: ClassVar = "drills"
    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, take: Take) -> None:
        """Take drills from here."""
        self._take = take

    def for_route(self, route: Route | None) -> "Drills | None":
        """Act where drills come."""
        return self if route is not None and route.stream == DRILLS else None

    def explain(self) -> str:
        """Say what it does."""
        return "lets in drills that the administration has begun, and nothing else"

    def on_request(self, exchange: Exchange) -> Response | None:
        """Find out which drill it is; refuse what is none."""
        exchange.drill = self._take(exchange.request.get(TOKEN) or b"")
        return answer_of(UNKNOWN_DRILL) if exchange.drill is None else None

    def on_response(self, exchange: Exchange) -> None:
        """Say how far it has come."""
        response, drill = exchange.response, exchange.drill
        assert response is not None  # the response phase has one
        if drill is not None:
            response.fields.append((_TIMING, drill.timing()))

"""Limits of the hub that no rule of a channel has: of connections at once, and of receipts.

Both go by what a connection has proved already: another token is proved without another seat, and
nobody is proved again for each receipt.
"""

from collections.abc import Awaitable, Sequence
from typing import Final

from tta_gateway.features.ratelimit.policy import EarlyRateLimit, RateLimit
from tta_gateway.features.realtime.bound import RealtimeBound
from tta_gateway.features.realtime.doorkeeper import Allowed
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.plan import Plan
from tta_gateway.kernel.policy import Policy
from tta_gateway.kernel.route import Route
from tta_gateway.node.hub_answers import Answer, settled, why_not
from tta_gateway.node.hub_visitor import Visitor, head
from tta_gateway.node.inquiry import Inquiries, Inquiry, pass_on
from tta_gateway.pipeline.plan import bind

_LIMITS: Final = (EarlyRateLimit, RateLimit)


class HubLimits:
    """Keeps them."""

    def __init__(self, inquiries: Inquiries) -> None:
        """Keep none yet."""
        self._inquiries: Final = inquiries
        self._seats: Plan | None = None
        self._receipts: Plan | None = None

    def adopt(self, bound: RealtimeBound, policies: Sequence[Policy]) -> None:
        """Go by this configuration from now on; who has a seat keeps it."""
        limits = [one for one in policies if isinstance(one, _LIMITS)]

        def plan(route: Route | None) -> Plan | None:
            return None if route is None else bind(limits, route, forward=pass_on)

        self._seats = plan(bound.seats)
        self._receipts = plan(None if bound.inbox is None else bound.inbox.receipts)

    def seat(self, visitor: Visitor, proved: Inquiry) -> Response | None:
        """Give a visitor a seat until it goes, as whoever it has proved to be; or say why not."""
        if self._seats is None or visitor.seat is not None or visitor.is_inner:
            return None
        answer = Answer()
        seat = self._ask(self._seats, b"CONNECT", visitor, proved, answer)
        assert answer.is_there  # settings: no limit of so many at once asks a store
        if answer.response is None:
            visitor.seat = seat
            seat.keep()
        return answer.response

    def receipt(self, visitor: Visitor, proved: Inquiry) -> Allowed | Awaitable[Allowed]:
        """Say whether a visitor may acknowledge letters so often."""
        if self._receipts is None:
            return None
        answer = Answer()
        inquiry = self._ask(self._receipts, b"ACK", visitor, proved, answer)

        def then() -> Allowed:
            if answer.response is not None:
                return why_not(answer.response)
            inquiry.done()
            return None

        return settled(answer, then, inquiry)

    def _ask(
        self, plan: Plan, method: bytes, visitor: Visitor, proved: Inquiry, answer: Answer
    ) -> Inquiry:
        made = head(method, b"/", visitor.shown, visitor.opening)
        return self._inquiries.ask_again(
            plan, made, like=visitor.opening, proved=proved.exchange, asker=answer
        )

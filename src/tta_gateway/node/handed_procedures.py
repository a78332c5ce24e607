"""Procedures that are handed to services: clients call them by way of the hub (RPC)."""

from collections.abc import Awaitable, Sequence
from typing import Final

from tta_gateway.features.realtime import contract
from tta_gateway.features.realtime.bound import Procedure
from tta_gateway.features.realtime.codes import NOT_AVAILABLE, UNAVAILABLE
from tta_gateway.features.realtime.doorkeeper import Allowed, Caller, Returned
from tta_gateway.kernel.plan import Plan
from tta_gateway.kernel.policy import Policy
from tta_gateway.node.hub_answers import Answer, settled, why_not
from tta_gateway.node.hub_desk import HubDesk
from tta_gateway.node.hub_services import HubServices, ServiceSays
from tta_gateway.node.hub_visitor import head
from tta_gateway.node.inquiry import Inquiries, pass_on
from tta_gateway.pipeline.plan import bind

PREFIXES: Final = (".", ":")
"""what names end in that stand for all that begin so"""
_LONGEST: Final = 128  # characters of such a name


class _Handed:
    """One, or all that begin so: who may call it, and who does it."""

    def __init__(self, plan: Plan, says: ServiceSays) -> None:
        self.plan = plan
        self.says = says


class HandedProcedures:
    """Has services do what clients call (the port Procedures of the hub)."""

    def __init__(self, desk: HubDesk, inquiries: Inquiries, services: HubServices) -> None:
        """Have none done before a configuration names them."""
        self._desk = desk
        self._inquiries = inquiries
        self._services = services
        self._known: dict[str, _Handed] = {}

    def adopt(self, procedures: Sequence[Procedure], policies: Sequence[Policy]) -> None:
        """Have these done from now on, for whom these policies allow it."""
        self._known = {}
        for one in procedures:
            says = self._services.of("rpc", one.asked)
            if says is not None:
                plan = bind(policies, one.rule, forward=pass_on)
                self._known[one.name] = _Handed(plan, says)

    def call(self, method: str, data: bytes, caller: Caller) -> Returned | Awaitable[Returned]:
        """Return what a service returns, or why not; NOT_AVAILABLE where none does it."""
        handed, visitor = self._find(method), self._desk.visitor(caller.client)
        if handed is None or visitor is None:
            return NOT_AVAILABLE
        asked, says = head(b"CALL", b"/call", visitor.shown, visitor.opening), handed.says
        body = contract.call(caller, visitor.as_told_to(says.service), method, data)
        answer = Answer()
        inquiry = self._inquiries.ask(
            handed.plan,
            asked,
            like=visitor.opening,
            params={},
            asker=answer,
            noticed=caller.noticed,
        )

        def then() -> Returned | Awaitable[Returned]:
            if answer.response is not None:
                return why_not(answer.response)
            inquiry.done()
            return says.about(inquiry.exchange, visitor, body, contract.returned)

        return settled(answer, then, inquiry)

    def send(self, data: bytes, caller: Caller) -> Allowed:  # noqa: ARG002 - a port
        """Say that nobody takes it: services are asked, and what is sent has no answer."""
        return UNAVAILABLE

    def _find(self, method: str) -> _Handed | None:
        """Return who does it: whoever is named so, else by the longest beginning."""
        found = self._known.get(method)
        if found is not None or not self._known:
            return found
        for end in range(min(len(method), _LONGEST), 0, -1):
            if method[end - 1] in PREFIXES and method[:end] in self._known:
                return self._known[method[:end]]
        return None

"""What is served to clients where accounts of a service log in: the table of docs/identity.md.

Beside the endpoints of `api.py`, which serve those accounts like the gateway's own.
"""

from typing import Final, Protocol

from fastapi import APIRouter, Request, Response

from tta_gateway.features.identity import problems, public
from tta_gateway.features.identity.answering import NO_STORE
from tta_gateway.features.identity.asking import Asking
from tta_gateway.features.identity.delegation import Client, Delegation
from tta_gateway.kernel.errors import GatewayError
from tta_gateway.kernel.problem import NOT_FOUND

_TOLD: Final = frozenset(("content-type", "retry-after"))
"""What clients are told of the fields of a service's answer."""


class House(Protocol):
    """Who asks the services."""

    @property
    def delegation(self) -> Delegation | None:
        """Return who asks them; None where no accounts of others log in."""


def router(house: House) -> APIRouter:
    """Return the endpoints."""
    desk, made = Desk(house), APIRouter()
    made.add_api_route(public.REGISTER, desk.register, methods=["POST"])
    for method, path in public.NOT_SERVED:
        made.add_api_route(path, desk.not_served, methods=[method])
    return made


class Desk:
    """Answers clients."""

    def __init__(self, house: House) -> None:
        """Answer for this one."""
        self._house = house

    async def register(self, request: Request) -> Response:
        """Make an account at the service that keeps them; what is said of roles is left out."""
        delegation = self._house.delegation
        if delegation is None or not delegation.is_there:  # until the routes that lead here go
            raise GatewayError(NOT_FOUND)
        client = Client(Asking.of(request).address, request.headers.get("x-request-id", ""))
        answer = await delegation.registered(await request.body(), client)
        told = {name: text for name, text in answer.fields.items() if name in _TOLD}
        return Response(answer.body, answer.status, {**NO_STORE, **told})

    async def not_served(self) -> Response:
        """Say that this is not there for accounts of a service: it would not know the token."""
        raise GatewayError(problems.NOT_SERVED)

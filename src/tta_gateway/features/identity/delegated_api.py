"""What is served to clients where accounts of a service log in: the table of docs/identity.md.

Beside the endpoints of `api.py`, which serve those accounts like the gateway's own.
"""

from typing import Final, Protocol

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from tta_gateway.features.identity import problems, public
from tta_gateway.features.identity.answering import NO_STORE, main_role
from tta_gateway.features.identity.api import worded
from tta_gateway.features.identity.api_bodies import RegisterBody, RegisteredTold
from tta_gateway.features.identity.asking import Asking
from tta_gateway.features.identity.delegation import Client, Delegation
from tta_gateway.features.identity.registration import Registration
from tta_gateway.kernel.errors import ClientFault, GatewayError
from tta_gateway.kernel.problem import NOT_FOUND, REQUEST_INVALID

_TOLD: Final = frozenset(("content-type", "retry-after"))
"""What clients are told of the fields of a service's answer."""


class House(Protocol):
    """Who asks the services."""

    @property
    def delegation(self) -> Delegation | None:
        """Return who asks them; None where no accounts of others log in."""

    @property
    def registration(self) -> Registration | None:
        """Return who lets people register here; None where no tokens are issued, or not yet."""


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
        """Make an account: here, or at the service that keeps them; no role that is said counts."""
        delegation = self._house.delegation
        if delegation is None or not delegation.is_there:
            return await self._registered_here(request)
        client = Client(Asking.of(request).address, request.headers.get("x-request-id", ""))
        answer = await delegation.registered(await request.body(), client)
        told = {name: text for name, text in answer.fields.items() if name in _TOLD}
        return Response(answer.body, answer.status, {**NO_STORE, **told})

    async def _registered_here(self, request: Request) -> Response:
        registration = self._house.registration
        if registration is None:  # until the routes that lead here go
            raise GatewayError(NOT_FOUND)
        try:
            body = RegisterBody.model_validate_json(await request.body())
        except ValidationError as error:
            wrong = sorted({str(one["loc"][0]) if one["loc"] else "body" for one in error.errors()})
            told = f"Wrong, missing or too long: {', '.join(wrong)}."
            raise ClientFault(REQUEST_INVALID, told) from None
        with worded():
            user = await registration.register(
                body.username,
                body.password,
                code=body.invitation,
                address=Asking.of(request).address,
            )
        roles = sorted(user.roles)
        said = RegisteredTold(
            message="The account is made. Log in with it.",
            user_id=user.id,
            username=user.name,
            role=main_role(roles),
            roles=roles,
        )
        return JSONResponse(said.model_dump(), headers=NO_STORE)

    async def not_served(self) -> Response:
        """Say that this is not there for accounts of a service: it would not know the token."""
        raise GatewayError(problems.NOT_SERVED)

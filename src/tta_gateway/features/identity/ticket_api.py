"""`POST /api/v1/auth/ticket`: a ticket for whoever shows an access token."""

from collections.abc import Callable
from typing import Annotated, Final, Protocol, TypeAlias

from fastapi import APIRouter, Header
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from tta_gateway.features.identity import public
from tta_gateway.features.identity.answering import NO_STORE
from tta_gateway.features.identity.bearer import Bearers
from tta_gateway.features.identity.bound import Issuing
from tta_gateway.features.identity.key_keeper import KeyKeeper
from tta_gateway.features.identity.problems import STORE_UNAVAILABLE
from tta_gateway.features.identity.revoked import issued
from tta_gateway.features.identity.ticket import LIFE, TYPE
from tta_gateway.kernel.errors import GatewayError
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import NOT_FOUND
from tta_gateway.support.sql.away import Unavailable

Authorization: TypeAlias = Annotated[str | None, Header(include_in_schema=False)]


class House(Protocol):
    """Who signs tickets."""

    bearers: Bearers

    @property
    def issuing(self) -> Issuing | None:
        """Return how tokens are issued; None where none are."""

    @property
    def keys(self) -> KeyKeeper | None:
        """Return who signs; None where no tokens are issued, or not yet."""

    def wall(self) -> float:
        """Return the time of the epoch."""

    def new_id(self) -> str:
        """Return an id that nothing else has."""


class TicketBody(BaseModel):
    """What it is to open: the path alone, as the request will have it."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)
    path: Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^/[!-~]*$")]


class TicketTold(BaseModel):
    """A ticket, and for how many seconds it is good."""

    ticket: str
    expires_in: int


_LIFE: Final = int(LIFE)
Claims: TypeAlias = dict[str, object]


def router(house: House) -> APIRouter:
    """Return the endpoint."""
    made = APIRouter()
    made.add_api_route(
        public.TICKET, Desk(house).ticket, methods=["POST"], response_model=TicketTold
    )
    return made


class Desk:
    """Answers clients."""

    def __init__(self, house: House) -> None:
        """Answer for this one."""
        self._house = house

    async def ticket(self, body: TicketBody, authorization: Authorization = None) -> Response:
        """Give a ticket that opens this path once: a WebSocket, or an answer of events."""
        house = self._house
        if house.issuing is None:  # until the route that leads here is gone
            raise GatewayError(NOT_FOUND)
        principal = house.bearers.ours(authorization)
        if house.keys is None:  # control has only just begun
            raise GatewayError(STORE_UNAVAILABLE)
        said = claims(house.issuing, principal, body.path, now=house.wall(), new_id=house.new_id)
        try:
            signed = house.keys.signer().sign(said, kind=TYPE)
        except Unavailable:
            raise GatewayError(STORE_UNAVAILABLE) from None
        told = TicketTold(ticket=signed, expires_in=_LIFE)
        return JSONResponse(told.model_dump(), headers=NO_STORE)


def claims(
    issuing: Issuing, principal: Principal, path: str, *, now: float, new_id: Callable[[], str]
) -> Claims:
    """Return what a ticket says: whose it is, as the token said, and what it opens.

    `since` is when the token was issued: what ends that ends what the ticket opens.
    """
    return {
        "iss": issuing.url,
        "sub": principal.subject,
        "aud": list(issuing.audiences),
        "iat": now,
        "nbf": int(now),
        "exp": int(now) + _LIFE,
        "jti": new_id(),
        "sid": principal.session,
        "client_id": principal.claims.get("client_id", ""),
        "auth_time": int(principal.authenticated),
        "roles": sorted(principal.roles),
        "scope": " ".join(sorted(principal.scopes)),
        "acr": str(principal.level),
        "amr": sorted(principal.methods),
        "path": path,
        "until": principal.expires,
        "since": issued(principal),
    }

"""`/api/v1/access/glass`: who must see at once what they may not otherwise, and says why.

It opens what a clinician's permissions reach for those in their care, of one person, for a while.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final, Protocol, TypeAlias

from fastapi import APIRouter, Header
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from tta_gateway.features.access import problems, public
from tta_gateway.features.access.shown import GlassesShown, GlassShown, glass_shown
from tta_gateway.features.access.store import Away, Glass
from tta_gateway.kernel.errors import ClientFault, GatewayError
from tta_gateway.support.explanation import Explanation

_MINUTE: Final = 60.0  # seconds
_USUAL: Final = 30  # minutes
_LONGEST: Final = 480
Authorization: TypeAlias = Annotated[str | None, Header(include_in_schema=False)]


class Care(Protocol):
    """What is kept."""

    async def open(self, carer: str, person: str, *, reason: str, lasting: float) -> Glass:
        """Break the glass before a person's data for so many seconds; Away."""

    async def glass(self, since: float) -> list[Glass]:
        """Return what was broken since a time of the epoch, the last first; Away."""

    async def close(self, id: str, *, by: str) -> bool:
        """Have broken glass be no use any more; False if it was none.  Away."""


class House(Protocol):
    """Where it is kept, and who asks."""

    def care(self) -> Care:
        """Return what is kept; Away where nothing is."""

    def opener(self, authorization: str | None) -> str:
        """Return the subject of who shows this and may break glass; ClientFault if nobody does."""

    def wall(self) -> float:
        """Return the time of day."""


class GlassBody(BaseModel):
    """Before whose data glass is to be broken, why, and for how many minutes."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    person: Annotated[str, Field(min_length=1, max_length=320)]
    reason: Explanation
    minutes: Annotated[int, Field(ge=1, le=_LONGEST)] = _USUAL


def router(house: House) -> APIRouter:
    """Return the endpoints."""
    desk, made = Desk(house), APIRouter()
    made.add_api_route(
        public.GLASS, desk.open, methods=["POST"], status_code=201, response_model=GlassShown
    )
    made.add_api_route(public.GLASS, desk.mine, methods=["GET"], response_model=GlassesShown)
    made.add_api_route(public.ONE, desk.close, methods=["DELETE"], status_code=204)
    return made


@contextmanager
def _kept() -> Iterator[None]:
    """Word that what is kept cannot be asked."""
    try:
        yield
    except Away:
        raise GatewayError(problems.CARE_AWAY) from None


class Desk:
    """Answers clinicians."""

    def __init__(self, house: House) -> None:
        """Answer from this."""
        self._house = house

    async def open(self, body: GlassBody, authorization: Authorization = None) -> GlassShown:
        """Break the glass before a person's data, for a reason and a while; each use is told."""
        carer = self._house.opener(authorization)
        with _kept():
            made = await self._house.care().open(
                carer, body.person, reason=body.reason, lasting=body.minutes * _MINUTE
            )
        return glass_shown(made)

    async def mine(self, authorization: Authorization = None) -> GlassesShown:
        """List the glass that who asks has broken, as far back as any may still be of use."""
        carer = self._house.opener(authorization)
        with _kept():
            found = await self._recent()
        return GlassesShown(glass=[glass_shown(one) for one in found if one.carer == carer])

    async def close(self, id: str, authorization: Authorization = None) -> Response:
        """Have glass that who asks has broken be no use any more."""
        carer = self._house.opener(authorization)
        with _kept():
            theirs = {one.id for one in await self._recent() if one.carer == carer}
            found = id in theirs and await self._house.care().close(id, by=carer)
        if not found:
            raise ClientFault(problems.GLASS_UNKNOWN)
        return Response(status_code=204)

    async def _recent(self) -> list[Glass]:
        return await self._house.care().glass(self._house.wall() - _LONGEST * _MINUTE)

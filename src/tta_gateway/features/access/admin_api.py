"""`/admin/v1/care` and `/admin/v1/glass`: who cares for whom, and which glass was broken."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final, Protocol, TypeAlias

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field

from tta_gateway.features.access.shown import (
    CareShown,
    CaresShown,
    GlassesShown,
    care_shown,
    glass_shown,
)
from tta_gateway.features.access.store import Away, Glass, Relation

_ADMIN: Final = "admin"
"""Who has granted what is granted here: as long as the administration has one token."""
_AWAY: Final = "Who cares for whom cannot be asked: the database is away."
_LONGEST: Final = 3660.0  # days
_DAY: Final = 86_400.0  # seconds
Subject: TypeAlias = Annotated[str, Field(min_length=1, max_length=320)]
Days: TypeAlias = Annotated[float, Field(gt=0, le=_LONGEST)]


class Care(Protocol):
    """What is kept."""

    async def relations(self) -> list[Relation]:
        """Return who cares for whom now; Away."""

    async def grant(self, carer: str, person: str, *, lasting: float, by: str) -> Relation:
        """Have somebody care for a person for so many seconds; Away."""

    async def end(self, carer: str, person: str, *, by: str) -> bool:
        """End that somebody cares for a person; False if nobody did.  Away."""

    async def glass(self, since: float) -> list[Glass]:
        """Return what was broken since a time of the epoch, the last first; Away."""

    async def close(self, id: str, *, by: str) -> bool:
        """Have broken glass be no use any more; False if it was none.  Away."""


class House(Protocol):
    """Where it is kept."""

    def care(self) -> Care:
        """Return what is kept; Away where nothing is."""

    def wall(self) -> float:
        """Return the time of day."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tie(_Body):
    """Somebody, and a person, each by the subject of their tokens."""

    carer: Subject
    person: Subject


class NewCare(Tie):
    """Somebody is to care for a person, for so many days."""

    days: Days


def router(house: House) -> APIRouter:
    """Return the endpoints; who may ask is their assembly's to say."""
    desk = Desk(house)
    made = APIRouter(prefix="/admin/v1")
    made.add_api_route("/care", desk.relations, methods=["GET"])
    made.add_api_route("/care", desk.grant, methods=["POST"], status_code=201)
    made.add_api_route("/care/end", desk.end, methods=["POST"], status_code=204)
    made.add_api_route("/glass", desk.glass, methods=["GET"])
    made.add_api_route("/glass/{id}/close", desk.close, methods=["POST"], status_code=204)
    return made


@contextmanager
def _kept() -> Iterator[None]:
    """Word that what is kept cannot be asked."""
    try:
        yield
    except Away:
        raise HTTPException(503, _AWAY, {"retry-after": "2"}) from None


class Desk:
    """Answers operators."""

    def __init__(self, house: House) -> None:
        """Answer from this."""
        self._house = house

    async def relations(self, carer: str = "", person: str = "") -> CaresShown:
        """List who cares for whom now, of one of them or of all."""
        with _kept():
            found = await self._house.care().relations()
        return CaresShown(
            care=[
                care_shown(one)
                for one in found
                if carer in ("", one.carer) and person in ("", one.person)
            ]
        )

    async def grant(self, body: NewCare) -> CareShown:
        """Have somebody care for a person; they may see what is theirs from then on."""
        with _kept():
            made = await self._house.care().grant(
                body.carer, body.person, lasting=body.days * _DAY, by=_ADMIN
            )
        return care_shown(made)

    async def end(self, body: Tie) -> None:
        """End that somebody cares for a person; they see nothing of theirs from then on."""
        with _kept():
            found = await self._house.care().end(body.carer, body.person, by=_ADMIN)
        if not found:
            raise HTTPException(404, "Nobody of that name cares for them; it may have ended.")

    async def glass(self, days: Annotated[float, Query(gt=0, le=_LONGEST)] = 7.0) -> GlassesShown:
        """List the glass that was broken in the last days, with the reasons."""
        with _kept():
            found = await self._house.care().glass(self._house.wall() - days * _DAY)
        return GlassesShown(glass=[glass_shown(one) for one in found])

    async def close(self, id: str) -> None:
        """Have broken glass be no use any more."""
        with _kept():
            found = await self._house.care().close(id, by=_ADMIN)
        if not found:
            raise HTTPException(404, "There is no such broken glass; it may have ended.")

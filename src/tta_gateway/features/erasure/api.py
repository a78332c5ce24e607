"""`/admin/v1/erasures`: the keys of people are erased, with a reason."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Protocol, TypeAlias

import msgspec
from fastapi import APIRouter, Header
from pydantic import BaseModel, ConfigDict, Field

from tta_gateway.support.explanation import Explanation

Authorization: TypeAlias = Annotated[str | None, Header(include_in_schema=False)]


Part: TypeAlias = Literal["keys", "database", "store"]
"""Where something of a person is: their key at this node, the one of all nodes, and Valkey."""


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """An erasure that has been decided; `here`: this node has done it, all of it.

    `waits` has what is not done yet, which is tried again and again.
    """

    id: str
    person: str
    reason: str
    by: str
    at: float
    here: bool
    waits: tuple[Part, ...] = ()


class House(Protocol):
    """Who erases.  HTTPException says why somebody may not, or it cannot be."""

    def eraser(self, authorization: str | None) -> str:
        """Return who shows this, and may have something erased."""

    async def erase(self, person: str, *, reason: str, by: str) -> Erasure:
        """Have the key of a person erased on every node; return once this one has."""

    async def all(self) -> list[Erasure]:
        """Return those that were decided, the newest first."""


class Asked(BaseModel):
    """Whose key is erased, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    person: Annotated[str, Field(min_length=3, max_length=640)]
    reason: Explanation


class ErasureShown(BaseModel):
    """An erasure; `here` tells whether this node has done it, `waits` what it still has to do."""

    id: str
    person: str
    reason: str
    by: str
    at: str
    here: bool
    waits: list[Part]


class ErasuresShown(BaseModel):
    """The newest first."""

    erasures: list[ErasureShown]


def router(house: House) -> APIRouter:
    """Return the endpoints, which look for themselves who asks."""
    desk, made = Desk(house), APIRouter(prefix="/admin/v1")
    made.add_api_route("/erasures", desk.all, methods=["GET"])
    made.add_api_route("/erasures", desk.erase, methods=["POST"], status_code=201)
    return made


class Desk:
    """Answers the two."""

    def __init__(self, house: House) -> None:
        """Answer from this."""
        self._house = house

    async def all(self, authorization: Authorization = None) -> ErasuresShown:
        """List whose keys were erased, why and by whom, the newest first."""
        self._house.eraser(authorization)
        return ErasuresShown(erasures=list(map(shown, await self._house.all())))

    async def erase(self, body: Asked, authorization: Authorization = None) -> ErasureShown:
        """Make what a person has written unreadable for good, on every node, and say why."""
        by = self._house.eraser(authorization)
        return shown(await self._house.erase(body.person, reason=body.reason, by=by))


def shown(one: Erasure) -> ErasureShown:
    """Return an erasure as it is shown."""
    at = datetime.fromtimestamp(one.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return ErasureShown(
        id=one.id,
        person=one.person,
        reason=one.reason,
        by=one.by,
        at=at,
        here=one.here,
        waits=list(one.waits),
    )

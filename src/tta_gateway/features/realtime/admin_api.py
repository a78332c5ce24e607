"""`/admin/v1/realtime/dead-letters`: what nobody has acknowledged in time.

Lists say of whom and since when; what a letter says is shown only where that is asked for.
"""

from typing import Annotated, Final, Protocol, TypeAlias

import msgspec
from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel

from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.inbox import DeadLetter, DeadPage, Mourners
from tta_gateway.features.realtime.mail import CHANNEL

_AWAY: Final = "Letters cannot be read: the store for state is away."
Count: TypeAlias = Annotated[int, Query(ge=1, le=500)]
User: TypeAlias = Annotated[str, Query(min_length=1, max_length=256)]
Id: TypeAlias = Annotated[str, Query(min_length=1, max_length=256)]
Cursor: TypeAlias = Annotated[str, Query(pattern=r"^[0-9]{1,9}\.[0-9]{1,9}$|^$")]


class Graves(Protocol):
    """Where they are."""

    async def mourners(self, limit: int, after: str = "") -> Mourners:
        """Return users who have dead letters; Away."""

    async def dead(self, user: str, *, skip: int, limit: int) -> DeadPage:
        """Return some of somebody's, the oldest first; Away."""

    async def forget(self, user: str, id: str) -> bool:
        """Throw one away; False if there is none; Away."""


class UsersShown(BaseModel):
    """Users who have dead letters; `next` is `after` of the page behind it, empty if none is."""

    users: list[str]
    next: str


class LetterShown(BaseModel):
    """A dead letter: `why` is `expired`, or `crowded` where too many waited already.

    `died_at` is seconds of the epoch; `channel` is empty where a service has posted it by itself.
    """

    id: str
    why: str
    died_at: float
    sent_at: float
    channel: str
    sender: str
    bytes: int
    data: object = None


class LettersShown(BaseModel):
    """Somebody's dead letters, the oldest first, of so many in `all`.

    A page ends before `limit` where letters are large: `skip` as many as have come.
    """

    user: str
    letters: list[LetterShown]
    all: int


def router(graves: Graves) -> APIRouter:
    """Return the endpoints; who may ask is their assembly's to say."""
    desk = Desk(graves)
    made = APIRouter(prefix="/admin/v1/realtime/dead-letters")
    made.add_api_route("", desk.users, methods=["GET"])
    made.add_api_route("/of", desk.letters, methods=["GET"])
    made.add_api_route("/of", desk.forget, methods=["DELETE"], status_code=204)
    return made


class Desk:
    """Answers operators."""

    def __init__(self, graves: Graves) -> None:
        """Answer from these."""
        self._graves = graves

    async def users(self, limit: Count = 100, after: Cursor = "") -> UsersShown:
        """List users who have letters that they have not acknowledged in time, in pages."""
        try:
            found = await self._graves.mourners(limit, after)
        except Away:
            raise _away() from None
        return UsersShown(users=[*found.users], next=found.after)

    async def letters(
        self,
        user: User,
        limit: Count = 100,
        skip: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
        *,
        text: bool = False,
    ) -> LettersShown:
        """List a user's dead letters, in pages; with `text` what they say too."""
        try:
            found = await self._graves.dead(user, skip=skip, limit=limit)
        except Away:
            raise _away() from None
        letters = [_shown(one, text=text) for one in found.letters]
        return LettersShown(user=user, letters=letters, all=found.all)

    async def forget(self, user: User, id: Id) -> None:
        """Throw a dead letter away."""
        try:
            was_there = await self._graves.forget(user, id)
        except Away:
            raise _away() from None
        if not was_there:
            raise HTTPException(404, "There is no such dead letter: GET lists them.")


def _shown(one: DeadLetter, *, text: bool) -> LetterShown:
    publication = one.publication
    return LetterShown(
        id=one.id,
        why=one.why,
        died_at=one.at / 1000,
        sent_at=publication.time / 1000,
        channel=publication.tags.get(CHANNEL, ""),
        sender="" if publication.info is None else publication.info.user,
        bytes=len(publication.data),
        data=msgspec.json.decode(publication.data) if text else None,
    )


def _away() -> HTTPException:
    return HTTPException(503, _AWAY, {"retry-after": "2"})

"""`/admin/v1/shield`: who is kept out, who is suspected; to keep somebody out, or let them in."""

from typing import Annotated, Final, Protocol

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field

from tta_gateway.features.shield.bound import Block
from tta_gateway.features.shield.source import sources_of

_ADMIN: Final = "admin"
_LONGEST: Final = 365 * 86_400.0  # seconds
_SUSPECTS: Final = 20


class House(Protocol):
    """What is kept."""

    def blocks(self) -> list[Block]:
        """Return who is kept out, the last to end first."""

    def suspects(self, most: int) -> list[tuple[str, float, str]]:
        """Return the worst that are not blocked: their scores, and what came of them."""

    async def keep_out(self, source: str, *, lasts: float, cause: str, by: str) -> Block:
        """Keep somebody out for so many seconds."""

    async def let_in(self, source: str, *, by: str) -> bool:
        """Let somebody in again; False if nobody has kept them out."""

    def is_kept(self, block: Block) -> bool:
        """Tell whether a block outlives a full stop of the gateway."""

    def is_read(self) -> bool:
        """Tell whether it is known whom administrators kept out before the last start."""


class BlockShown(BaseModel):
    """Who is kept out; times in seconds of the epoch.  `by` is empty where it was found out.

    `kept` says that it stands in the database, so that a full stop of the gateway does not end it.
    """

    source: str
    since: float
    until: float
    strikes: int
    cause: str
    by: str
    kept: bool


class SuspectShown(BaseModel):
    """Who is suspected: the score, and what has come of them lately."""

    source: str
    score: float
    cause: str


class ShieldShown(BaseModel):
    """All of it; `read` is false while it is not known who was kept out before the last start."""

    blocks: list[BlockShown]
    read: bool
    suspects: list[SuspectShown]


class NewBlock(BaseModel):
    """Whom to keep out: an address, a network of /24, or of IPv6 a /64 or /48; for how long."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    source: Annotated[str, Field(min_length=2, max_length=64)]
    lasts: Annotated[float, Field(gt=0, le=_LONGEST)] = 3600.0
    reason: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]+$")]


class Lifted(BaseModel):
    """Who has been let in, and whether they had been kept out."""

    source: str
    was_blocked: bool


def router(house: House) -> APIRouter:
    """Return the endpoints; who may ask is their assembly's to say."""
    desk = Desk(house)
    made = APIRouter(prefix="/admin/v1/shield")
    made.add_api_route("/blocks", desk.blocks, methods=["GET"])
    made.add_api_route("/blocks", desk.block, methods=["POST"], status_code=201)
    made.add_api_route("/blocks", desk.unblock, methods=["DELETE"])
    return made


class Desk:
    """Answers operators."""

    def __init__(self, house: House) -> None:
        """Answer from this."""
        self._house = house

    async def blocks(self) -> ShieldShown:
        """List who is kept out, and the worst of who is suspected."""
        return ShieldShown(
            blocks=[self._shown(one) for one in self._house.blocks()],
            read=self._house.is_read(),
            suspects=[
                SuspectShown(source=source, score=round(score, 1), cause=cause)
                for source, score, cause in self._house.suspects(_SUSPECTS)
            ],
        )

    async def block(self, body: NewBlock) -> BlockShown:
        """Keep an address or a network out for a while, whatever it does."""
        source = _source(body.source)
        made = await self._house.keep_out(source, lasts=body.lasts, cause=body.reason, by=_ADMIN)
        return self._shown(made)

    async def unblock(self, source: Annotated[str, Query(max_length=64)]) -> Lifted:
        """Let an address or a network in again, and forget what came of it."""
        found = _source(source)
        return Lifted(source=found, was_blocked=await self._house.let_in(found, by=_ADMIN))

    def _shown(self, one: Block) -> BlockShown:
        return BlockShown(
            source=one.source,
            since=one.since,
            until=one.until,
            strikes=one.strikes,
            cause=one.cause,
            by=one.by,
            kept=self._house.is_kept(one),
        )


def _source(written: str) -> str:
    try:
        return sources_of(written)
    except ValueError as error:
        raise HTTPException(422, f"`{written}` is nobody's address here: {error}") from None

"""`/admin/v1/nodes`: which nodes there are, and which have taken up what was told."""

from typing import Final, Protocol

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel

from tta_gateway.features.nodes.store import Away, Standing

_AWAY: Final = "The state store cannot be asked, so nobody knows which nodes there are."


class House(Protocol):
    """What this node knows of the others."""

    node: str

    @property
    def is_alone(self) -> bool:
        """Tell whether there is nobody to hear of, or nothing."""

    @property
    def holds(self) -> bool:
        """Tell whether the lease is held."""

    async def standing(self) -> Standing:
        """Return who holds a lease; Away."""


class NodeShown(BaseModel):
    """A node that holds a lease: its fencing number, seconds left, and whether it is up to date."""

    node: str
    number: int
    left: float
    up_to_date: bool
    this: bool


class NodesShown(BaseModel):
    """All of them; `alone`: this node shares nothing with others, and needs no lease."""

    alone: bool
    holds_lease: bool
    nodes: list[NodeShown]


def router(house: House) -> APIRouter:
    """Return the endpoint; who may ask is its assembly's to say."""
    made = APIRouter(prefix="/admin/v1")

    async def nodes() -> NodesShown:
        """Show the nodes that hold a lease, and whether each has taken up what was told."""
        if house.is_alone:
            return NodesShown(alone=True, holds_lease=False, nodes=[])
        try:
            standing = await house.standing()
        except Away:
            raise HTTPException(503, _AWAY, {"retry-after": "2"}) from None
        shown = [
            NodeShown(
                node=one.name,
                number=one.number,
                left=one.left,
                up_to_date=one.acknowledged >= standing.version,
                this=one.name == house.node,
            )
            for one in standing.nodes
        ]
        return NodesShown(alone=False, holds_lease=house.holds, nodes=shown)

    made.add_api_route("/nodes", nodes, methods=["GET"])
    return made

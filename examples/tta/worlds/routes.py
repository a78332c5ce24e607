"""The world service's paths, all under /api/v1/worlds."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Query

from examples.tta.chassis.guard import Caller
from examples.tta.worlds import compatibility
from examples.tta.worlds.customization import Customization
from examples.tta.worlds.world import CATALOGUE, Summary, World

FEATURED: Final = 4.5  # an average rating that is worth the first page

router = APIRouter(prefix="/api/v1/worlds")

Count = Annotated[int, Query(ge=0)]


def _known(world_id: str) -> World:
    """Return the world of this id."""
    world = CATALOGUE.get(world_id)
    if world is None:
        raise HTTPException(404, "World not found")
    return world


Known = Annotated[World, Depends(_known)]


@router.get("/")
def list_worlds(
    _: Caller, character_id: str | None = None, limit: Count = 20, offset: Count = 0
) -> list[Summary]:
    """Show the worlds, the best first: for a character the most fitting, else the best rated."""
    summaries = [_summary(world, scored=character_id is not None) for world in CATALOGUE.values()]
    summaries.sort(key=lambda one: (one.compatibility_score, one.average_rating), reverse=True)
    return summaries[offset : offset + limit]


@router.get("/{world_id}")
def read(world: Known, _: Caller) -> World:
    """Show a world."""
    return world


@router.get("/{world_id}/compatibility/{character_id}")
def check(world: Known, character_id: str, _: Caller) -> dict[str, Any]:
    """Say how well a world suits a character."""
    return compatibility.report(world, character_id)


@router.post("/{world_id}/customize")
def customize(world: Known, customization: Customization, _: Caller) -> dict[str, Any]:
    """Say what a world would be with these parameters; nothing is kept."""
    parameters = customization.applied(world.default_parameters)
    return {
        "world_id": world.world_id,
        "character_id": "",
        "customized_parameters": parameters.model_dump(),
        "compatibility": {"overall_score": compatibility.score(world)},
    }


def _summary(world: World, *, scored: bool) -> Summary:
    return Summary(
        **world.model_dump(include=set(Summary.model_fields)),
        compatibility_score=compatibility.score(world) if scored else 0.0,
        is_featured=world.average_rating >= FEATURED,
    )

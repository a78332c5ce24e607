"""The character service's paths, all under /api/v1/characters."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends

from examples.tta.characters.character import (
    Changes,
    Character,
    NewCharacter,
    TherapeuticProfile,
    born,
    changed,
)
from examples.tta.chassis.database import Shelf, shelf_of
from examples.tta.chassis.error import Refused
from examples.tta.chassis.guard import Caller

MOST: Final = 5  # characters a player

router = APIRouter(prefix="/api/v1/characters")

Characters = Annotated[Shelf[Character], Depends(shelf_of(Character))]


def _own(character_id: str, caller: Caller, characters: Characters) -> Character:
    """Return the character if it is the caller's."""
    character = characters.get(character_id)
    if character is None:
        raise Refused(404, "Character not found")
    if character.player_id != caller.player_id:
        raise Refused(403, "Access denied: You can only access your own characters")
    return character


Own = Annotated[Character, Depends(_own)]


@router.get("/")
def list_own(caller: Caller, characters: Characters) -> list[Character]:
    """Show the caller's characters."""
    return characters.find("player_id", caller.player_id)


@router.post("/", status_code=201)
def create(new: NewCharacter, caller: Caller, characters: Characters) -> Character:
    """Make a character, unless the caller has as many as they may."""
    character = born(new, caller.player_id)
    with characters.transaction():
        if len(characters.find("player_id", caller.player_id)) >= MOST:
            raise Refused(400, f"Player has reached the maximum of {MOST} characters")
        return characters.put(character.character_id, character)


@router.get("/{character_id}")
def read(character: Own) -> Character:
    """Show a character."""
    return character


@router.put("/{character_id}")
def update(character: Own, changes: Changes, characters: Characters) -> Character:
    """Change a character."""
    return characters.put(character.character_id, changed(character, changes))


@router.delete("/{character_id}", status_code=204)
def delete(character: Own, characters: Characters) -> None:
    """Forget a character."""
    characters.remove(character.character_id)


@router.get("/{character_id}/therapeutic-profile")
def read_profile(character: Own) -> TherapeuticProfile:
    """Show what the player hopes to find through a character."""
    return character.therapeutic_profile


@router.patch("/{character_id}/therapeutic-profile")
def update_profile(
    character: Own, profile: TherapeuticProfile, characters: Characters
) -> TherapeuticProfile:
    """Replace what the player hopes to find through a character."""
    changes = Changes(therapeutic_profile=profile)
    characters.put(character.character_id, changed(character, changes))
    return profile

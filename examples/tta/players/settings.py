"""A player's settings: four sections, each replaced as a whole; only ever one's own."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel, Field

from examples.tta.chassis import clock
from examples.tta.chassis.database import Shelf, shelf_of
from examples.tta.chassis.guard import Caller


class Therapeutic(BaseModel):
    """How a player wants to be treated."""

    intensity_level: str = "MEDIUM"
    preferred_approaches: list[str] = Field(default_factory=list)
    trigger_warnings: list[str] = Field(default_factory=list)
    comfort_topics: list[str] = Field(default_factory=list)
    avoid_topics: list[str] = Field(default_factory=list)
    crisis_contact_info: dict[str, Any] | None = None


class Privacy(BaseModel):
    """What a player allows."""

    data_sharing_consent: bool = False
    research_participation: bool = False
    contact_preferences: list[str] = Field(default_factory=list)
    data_retention_period: int = 365
    anonymize_data: bool = True


class Notifications(BaseModel):
    """What a player is told of."""

    session_reminders: bool = True
    progress_updates: bool = True
    milestone_celebrations: bool = True
    crisis_alerts: bool = True
    email_notifications: bool = True
    push_notifications: bool = False


class Accessibility(BaseModel):
    """What a player needs of the screen."""

    high_contrast: bool = False
    large_text: bool = False
    screen_reader_optimized: bool = False
    reduced_motion: bool = False
    keyboard_navigation: bool = False


class Settings(BaseModel):
    """All of a player's settings."""

    therapeutic: Therapeutic = Field(default_factory=Therapeutic)
    privacy: Privacy = Field(default_factory=Privacy)
    notifications: Notifications = Field(default_factory=Notifications)
    accessibility: Accessibility = Field(default_factory=Accessibility)


def _own(player_id: str, caller: Caller) -> str:
    if player_id != caller.player_id:
        raise HTTPException(403, "Access denied: You can only access your own settings")
    return player_id


Owner = Annotated[str, Depends(_own)]
Shelves = Annotated[Shelf[Settings], Depends(shelf_of(Settings))]

router = APIRouter(prefix="/api/v1/players/{player_id}")


@router.get("/settings")
def read(owner: Owner, shelf: Shelves) -> Settings:
    """Show the caller's settings."""
    return _settings(owner, shelf)


@router.put("/settings/therapeutic")
def put_therapeutic(section: Therapeutic, owner: Owner, shelf: Shelves) -> Therapeutic:
    """Replace how the caller wants to be treated."""
    _replace(owner, shelf, {"therapeutic": section})
    return section


@router.put("/settings/privacy")
def put_privacy(section: Privacy, owner: Owner, shelf: Shelves) -> Privacy:
    """Replace what the caller allows."""
    _replace(owner, shelf, {"privacy": section})
    return section


@router.put("/settings/notifications")
def put_notifications(section: Notifications, owner: Owner, shelf: Shelves) -> Notifications:
    """Replace what the caller is told of."""
    _replace(owner, shelf, {"notifications": section})
    return section


@router.put("/settings/accessibility")
def put_accessibility(section: Accessibility, owner: Owner, shelf: Shelves) -> Accessibility:
    """Replace what the caller needs of the screen."""
    _replace(owner, shelf, {"accessibility": section})
    return section


@router.get("/data/export")
def export(owner: Owner, shelf: Shelves) -> dict[str, Any]:
    """Show all settings that are kept of the caller."""
    return {
        "player_id": owner,
        "settings": _settings(owner, shelf).model_dump(),
        "export_timestamp": f"{clock.stamp()}Z",
        "format": "json",
    }


def _settings(owner: str, shelf: Shelf[Settings]) -> Settings:
    return shelf.get(owner) or Settings()


def _replace(owner: str, shelf: Shelf[Settings], section: dict[str, BaseModel]) -> None:
    with shelf.transaction():
        shelf.put(owner, _settings(owner, shelf).model_copy(update=section))

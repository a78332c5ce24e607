"""A character: appearance, background, and what its player hopes to find through it."""

from typing import Annotated, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from examples.tta.chassis import clock

Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=2, max_length=50, pattern=r"^[a-zA-Z\s\-']+$"
    ),
]
Item = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Intensity = Literal["low", "medium", "high"]


class Appearance(BaseModel):
    """What others see of a character."""

    age_range: Literal["child", "teen", "adult", "elder"] = "adult"
    gender_identity: str = Field(default="non-binary", min_length=1, max_length=50)
    physical_description: str = Field(default="", max_length=1000)
    clothing_style: str = Field(default="casual", max_length=100)
    distinctive_features: list[Item] = Field(default_factory=list, max_length=10)
    avatar_image_url: str | None = Field(default=None, max_length=500)


class Background(BaseModel):
    """Where a character comes from."""

    model_config = ConfigDict(extra="ignore")

    name: Name
    backstory: str = Field(default="", max_length=2000)
    personality_traits: list[Item] = Field(default_factory=list, max_length=20)
    core_values: list[Item] = Field(default_factory=list, max_length=15)
    fears_and_anxieties: list[Item] = Field(default_factory=list, max_length=15)
    strengths_and_skills: list[Item] = Field(default_factory=list, max_length=20)
    life_goals: list[Item] = Field(default_factory=list, max_length=15)
    relationships: dict[str, str] = Field(default_factory=dict, max_length=10)


class Goal(BaseModel):
    """One thing that a player wants to get better at."""

    goal_id: str
    description: str
    target_date: str | None = None
    progress_percentage: float = Field(default=0.0, ge=0, le=100)
    is_active: bool = True
    therapeutic_approaches: list[str] = Field(default_factory=list)


class TherapeuticProfile(BaseModel):
    """What a player hopes to find through a character."""

    primary_concerns: list[Item] = Field(default_factory=list, max_length=15)
    therapeutic_goals: list[Goal] = Field(default_factory=list, max_length=10)
    preferred_intensity: Intensity = "medium"
    comfort_zones: list[Item] = Field(default_factory=list, max_length=15)
    readiness_level: float = Field(default=0.5, ge=0, le=1)
    therapeutic_approaches: list[str] = Field(default_factory=list, max_length=10)


class NewCharacter(BaseModel):
    """What a player sends to get a character."""

    name: Name
    appearance: Appearance
    background: Background
    therapeutic_profile: TherapeuticProfile


class Changes(BaseModel):
    """What a player sends to change a character: only what is there changes."""

    appearance: Appearance | None = None
    background: Background | None = None
    therapeutic_profile: TherapeuticProfile | None = None


class Character(BaseModel):
    """What is kept of a character, and shown to its player."""

    character_id: str = Field(default_factory=lambda: str(uuid4()))
    player_id: str
    name: str
    appearance: Appearance
    background: Background
    therapeutic_profile: TherapeuticProfile
    created_at: str = Field(default_factory=clock.stamp)
    last_active: str = Field(default_factory=clock.stamp)
    is_active: bool = True


def born(new: NewCharacter, player_id: str) -> Character:
    """Return a new character of this player; its background bears its name."""
    background = new.background.model_copy(update={"name": new.name})
    return Character(
        player_id=player_id,
        name=new.name,
        appearance=new.appearance,
        background=background,
        therapeutic_profile=new.therapeutic_profile,
    )


def changed(character: Character, changes: Changes) -> Character:
    """Return the character as it is after the changes."""
    given = {name: getattr(changes, name) for name in changes.model_fields_set}
    kept = {name: value for name, value in given.items() if value is not None}
    return character.model_copy(update={**kept, "last_active": clock.stamp()})

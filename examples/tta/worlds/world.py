"""A world, its summary, and the catalogue of all of them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel

Difficulty = Literal["BEGINNER", "INTERMEDIATE", "ADVANCED"]


class Parameters(BaseModel):
    """What a player may turn in a world."""

    therapeutic_intensity: float = 0.5
    narrative_pace: str = "medium"
    interaction_frequency: str = "balanced"
    challenge_level: Difficulty = "INTERMEDIATE"
    focus_areas: list[str] = []
    avoid_topics: list[str] = []
    session_length_preference: int = 30


class Shared(BaseModel):
    """What a world's summary and its details both say."""

    world_id: str
    name: str
    description: str
    therapeutic_themes: list[str]
    therapeutic_approaches: list[str]
    difficulty_level: Difficulty
    estimated_duration_minutes: int
    tags: list[str]
    player_count: int
    average_rating: float
    created_at: str = "2025-06-01T09:00:00"


class Summary(Shared):
    """A world in a list."""

    compatibility_score: float = 0.0
    preview_image: str | None = None
    is_featured: bool = False


class World(Shared):
    """A world with all that is known of it."""

    long_description: str
    setting_description: str
    key_characters: list[dict[str, str]]
    main_storylines: list[str]
    therapeutic_techniques_used: list[str]
    prerequisites: list[dict[str, str]] = []
    recommended_therapeutic_readiness: float
    content_warnings: list[str] = []
    available_parameters: list[str]
    default_parameters: Parameters = Parameters()
    preview_images: list[str] = []
    creator_notes: str = ""
    therapeutic_goals_addressed: list[str]
    success_metrics: list[str]
    completion_rate: float
    average_session_count: int
    therapeutic_effectiveness_score: float
    updated_at: str = "2025-09-15T12:00:00"


def _load() -> Mapping[str, World]:
    documents = json.loads(Path(__file__).with_name("catalogue.json").read_text())
    worlds = [World.model_validate(document) for document in documents]
    return {world.world_id: world for world in worlds}


CATALOGUE: Final = _load()

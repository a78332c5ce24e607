"""A player's profile: what they like, what they allow, how far they have come."""

from typing import Annotated, Literal
from uuid import uuid4

from fastapi import Depends
from pydantic import BaseModel, Field

from examples.tta.chassis import clock
from examples.tta.chassis.database import Shelf, shelf_of
from examples.tta.chassis.email import Email

Username = Annotated[str, Field(min_length=3, max_length=50, pattern=r"^[\w-]+$")]


class CrisisContact(BaseModel):
    """Whom to call for this player."""

    primary_contact_name: str | None = Field(default=None, max_length=100)
    primary_contact_phone: str | None = Field(default=None, max_length=20)
    therapist_name: str | None = Field(default=None, max_length=100)
    therapist_phone: str | None = Field(default=None, max_length=20)
    crisis_hotline_preference: str | None = Field(default=None, max_length=20)
    emergency_instructions: str | None = Field(default=None, max_length=500)


class Preferences(BaseModel):
    """How a player wants to be treated."""

    intensity_level: Literal["low", "medium", "high"] = "medium"
    preferred_approaches: list[str] = Field(default_factory=list, max_length=5)
    trigger_warnings: list[str] = Field(default_factory=list)
    comfort_topics: list[str] = Field(default_factory=list)
    avoid_topics: list[str] = Field(default_factory=list)
    session_duration_preference: int = Field(default=30, ge=10, le=120)
    reminder_frequency: str = "weekly"
    crisis_contact_info: CrisisContact | None = None


class Privacy(BaseModel):
    """What a player allows."""

    data_collection_consent: bool = True
    research_participation_consent: bool = False
    progress_sharing_enabled: bool = False
    anonymous_analytics_enabled: bool = True
    session_recording_enabled: bool = False
    data_retention_period_days: int = Field(default=365, ge=30, le=2555)
    third_party_sharing_consent: bool = False
    collect_interaction_patterns: bool = True
    collect_emotional_responses: bool = True
    collect_therapeutic_outcomes: bool = True
    collect_usage_statistics: bool = True


class ProgressSummary(BaseModel):
    """How far a player has come."""

    total_sessions: int = 0
    total_time_minutes: int = 0
    milestones_achieved: int = 0
    current_streak_days: int = 0
    longest_streak_days: int = 0
    favorite_therapeutic_approach: str | None = None
    most_effective_world_type: str | None = None
    last_session_date: str | None = None
    next_recommended_session: str | None = None


class NewProfile(BaseModel):
    """What someone sends to get a profile."""

    username: Username
    email: Email
    password: str | None = Field(
        default=None, min_length=8
    )  # the platform takes one, and ignores it
    therapeutic_preferences: Preferences | None = None
    privacy_settings: Privacy | None = None


class Changes(BaseModel):
    """What a player sends to change their profile: only what is there changes."""

    username: Username | None = None
    email: Email | None = None
    therapeutic_preferences: Preferences | None = None
    privacy_settings: Privacy | None = None


class Profile(BaseModel):
    """What is kept of a player, and shown to them."""

    player_id: str = Field(default_factory=lambda: str(uuid4()))
    username: str
    email: str
    created_at: str = Field(default_factory=clock.stamp)
    last_login: str | None = None
    is_active: bool = True
    characters: list[str] = Field(default_factory=list)
    therapeutic_preferences: Preferences = Field(default_factory=Preferences)
    privacy_settings: Privacy = Field(default_factory=Privacy)
    progress_summary: ProgressSummary = Field(default_factory=ProgressSummary)


Profiles = Annotated[Shelf[Profile], Depends(shelf_of(Profile))]
"""The parameter of a route that reads or writes profiles."""

"""A world as one player wants it: words from several generations of clients, one set of values."""

from typing import Final

from pydantic import BaseModel

from examples.tta.worlds.world import Difficulty, Parameters

_PACES: Final = {
    "collaborative": "medium",
    "exploratory": "slow",
    "reflective": "slow",
    "directive": "fast",
}
_LEVELS: Final[dict[str, Difficulty]] = {
    "easy": "BEGINNER",
    "beginner": "BEGINNER",
    "medium": "INTERMEDIATE",
    "intermediate": "INTERMEDIATE",
    "hard": "ADVANCED",
    "advanced": "ADVANCED",
}
_LENGTHS: Final = {"short": 30, "standard": 60, "long": 90}
_INTENSITIES: Final = {"low": 0.3, "medium": 0.5, "high": 0.8}


class Customization(BaseModel):
    """What a client asks for: only what is there changes, and unknown words change nothing."""

    difficulty_level: str | None = None
    therapeutic_intensity: float | str | None = None
    narrative_style: str | None = None
    session_length: str | None = None
    narrative_pace: str | None = None
    interaction_frequency: str | None = None
    challenge_level: Difficulty | None = None
    focus_areas: list[str] | None = None
    avoid_topics: list[str] | None = None
    session_length_preference: int | None = None

    def applied(self, defaults: Parameters) -> Parameters:
        """Return the world's defaults with what was asked for in their place."""
        asked = {
            "therapeutic_intensity": self._intensity(),
            "narrative_pace": self.narrative_pace or _PACES.get(self.narrative_style or ""),
            "interaction_frequency": self.interaction_frequency,
            "challenge_level": self.challenge_level or _LEVELS.get(self.difficulty_level or ""),
            "focus_areas": self.focus_areas,
            "avoid_topics": self.avoid_topics,
            "session_length_preference": self._length(),
        }
        given = {name: value for name, value in asked.items() if value is not None}
        return defaults.model_copy(update=given)

    def _intensity(self) -> float | None:
        asked = self.therapeutic_intensity
        if isinstance(asked, str):
            return _INTENSITIES.get(asked.lower())
        return None if asked is None else max(0.0, min(1.0, asked))

    def _length(self) -> int | None:
        asked = self.session_length_preference
        if asked is None:
            return _LENGTHS.get((self.session_length or "").lower())
        return max(10, min(120, asked))

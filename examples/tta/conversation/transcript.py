"""A conversation by HTTP: what was said, and the themes that came up."""

from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from examples.tta.chassis import clock

THEMES: Final = {  # found by bare substrings, as on the platform: "slow" contains "low"
    "anxiety": ("anxious", "anxiety", "worried", "nervous"),
    "stress": ("stress", "overwhelmed", "pressure"),
    "depression": ("sad", "depressed", "down", "low"),
}


class Entry(BaseModel):
    """One message of a conversation."""

    role: Literal["user", "assistant"]
    content: str
    timestamp: str = Field(default_factory=clock.stamp)
    metadata: dict[str, Any] = {}


class Transcript(BaseModel):
    """A conversation of one player in one session."""

    session_id: str
    player_id: str
    messages: list[Entry] = []
    themes: list[str] = []
    created_at: str = Field(default_factory=clock.stamp)
    last_activity: str = Field(default_factory=clock.stamp)

    def after(self, said: Entry, answered: Entry) -> "Transcript":
        """Return the conversation with one more exchange."""
        found = dict.fromkeys((*self.themes, *themes(said.content)))
        update = {
            "messages": [*self.messages, said, answered],
            "themes": list(found),
            "last_activity": answered.timestamp,
        }
        return self.model_copy(update=update)


def themes(text: str) -> list[str]:
    """Return the themes of a text, the most pressing first."""
    low = text.lower()
    return [theme for theme, words in THEMES.items() if any(word in low for word in words)]

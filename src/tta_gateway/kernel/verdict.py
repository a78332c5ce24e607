"""What was found in what somebody has said; never the words themselves."""

from typing import Final, Literal, Protocol, TypeAlias

import msgspec

Category: TypeAlias = Literal[
    "suicide",
    "self_harm",
    "abuse",
    "neglect",
    "eating_disorder",
    "psychosis",
    "substance_misuse",
    "violence",
]

NONE: Final = 0
ELEVATED: Final = 1
"""Passive, past, denied, or a worry about somebody else."""
HIGH: Final = 2
"""Active thoughts or urges, disclosed abuse, other signs that somebody should hear of soon."""
IMMINENT: Final = 3
"""Plan, means, intent or an act under way; a child in danger; a threat to a named person."""


class Verdict(msgspec.Struct, frozen=True):
    """What a detector makes of a text.

    `level` is one of the four above, whose words are aligned with C-SSRS and are no diagnosis;
    `categories` come most urgent first; `rules` names what was hit, `version` lexicon and weights;
    `score` is what the model makes of it, 0 to 1.
    """

    level: int = NONE
    categories: tuple[Category, ...] = ()
    rules: tuple[str, ...] = ()
    version: str = ""
    score: float = 0.0


class Detector(Protocol):
    """Who looks into texts; pure, and quick enough for the loop of a worker."""

    def of_person(self, text: str) -> Verdict:
        """Return how much at risk somebody is who writes this."""

    def of_service(self, text: str) -> Verdict:
        """Return how harmful this is to be shown: encouragement, method or instruction."""

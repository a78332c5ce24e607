"""Explanations: why somebody does what others will ask about, in the bodies of requests."""

from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, Field

SHORTEST: Final = 10
"""characters, blanks around it left out"""


def explained(reason: str) -> str:
    """Return a reason without blanks around it; ValueError if it hardly says anything."""
    said = reason.strip()
    if len(said) < SHORTEST:
        raise ValueError(f"must say why, in {SHORTEST} characters or more")
    return said


Explanation: TypeAlias = Annotated[str, Field(max_length=1000), AfterValidator(explained)]

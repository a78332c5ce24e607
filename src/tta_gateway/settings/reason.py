"""Reasons: why something is so that is refused otherwise, for whoever reads it later."""

from typing import Annotated, TypeAlias

from pydantic import AfterValidator

from tta_gateway.support.config import Line


def _reason(text: str) -> str:
    """Return a reason without blanks around it; ValueError if nothing is left."""
    stripped = text.strip()
    if not stripped:
        raise ValueError("holds blanks alone: say why, for whoever reads it later")
    return stripped


Reason: TypeAlias = Annotated[Line, AfterValidator(_reason)]

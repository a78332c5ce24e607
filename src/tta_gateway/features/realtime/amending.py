"""Messages as whoever allows them has them published."""

from dataclasses import replace
from typing import Final

from tta_gateway.features.realtime.doorkeeper import Amended
from tta_gateway.features.realtime.publication import Keeping, Publication

_NOT_KEPT: Final = Keeping()


def amended(
    publication: Publication, keeping: Keeping, allowed: Amended | None
) -> tuple[Publication, Keeping]:
    """Return what is published, and how it is kept."""
    if allowed is None:
        return publication, keeping
    data = allowed.data or publication.data
    made = replace(publication, data=data, tags={**publication.tags, **allowed.tags})
    return made, keeping if allowed.is_kept else _NOT_KEPT

"""Profiles: defaults for a platform, laid under what the operator writes."""

from collections.abc import Mapping
from typing import Final

from tta_gateway.settings.complaint import Source
from tta_gateway.settings.document import Document, Value

PROFILES: Final[Mapping[str, Mapping[tuple[str, str], Value]]] = {
    # Today's clients of the platform show the member `message` of an error.
    "tta": {("problem", "message"): True},
}


def underlay(document: Document) -> None:
    """Set what the profile says, where the operator says nothing."""
    tree = document.tree
    name = tree.get("profile") if isinstance(tree, dict) else None
    if not isinstance(tree, dict) or not isinstance(name, str):
        return
    for (feature, key), value in PROFILES.get(name, {}).items():
        section = tree.setdefault(feature, {})
        if isinstance(section, dict) and key not in section:
            section[key] = value
            document.places[feature, key] = Source(f"profile {name}")

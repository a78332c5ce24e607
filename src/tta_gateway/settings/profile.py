"""Profiles: defaults for a platform, laid under what the operator writes."""

from collections.abc import Iterator, Mapping
from typing import Final

from tta_gateway.settings.complaint import Path, Source
from tta_gateway.settings.document import Document, Value

PROFILES: Final[Mapping[str, Mapping[tuple[str, str], Value]]] = {
    # Today's clients of the platform show the member `message` of an error, and look for
    # `metadata.safety`.
    "tta": {("problem", "message"): True, ("safety", "nested"): True},
}

# What it says of the breaker of every service, and of every route that has one of its own.
BREAKERS: Final[Mapping[str, Mapping[str, Value]]] = {
    # The platform's own: closed, open after five failures, half open after a minute.
    "tta": {"failures": 5, "open": "60s"},
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
    for path, owner in _with_breakers(tree):
        _underlay_breaker(document, path, owner, name)


def _with_breakers(tree: Mapping[str, Value]) -> Iterator[tuple[Path, dict[str, Value]]]:
    services, routes = tree.get("services"), tree.get("routes")
    for name, service in services.items() if isinstance(services, dict) else ():
        if isinstance(service, dict):
            yield ("services", name), service
    for index, route in enumerate(routes if isinstance(routes, list) else ()):
        if isinstance(route, dict) and "breaker" in route:
            yield ("routes", index), route


def _underlay_breaker(
    document: Document, path: Path, owner: dict[str, Value], profile: str
) -> None:
    written = owner.get("breaker", "on")
    breaker = {} if written == "on" else written
    if not isinstance(breaker, dict):
        return  # it is off, or refused
    for key, value in BREAKERS.get(profile, {}).items():
        owner["breaker"] = breaker
        if key not in breaker:
            breaker[key] = value
            document.places[(*path, "breaker", key)] = Source(f"profile {profile}")

"""Conflicts: two routes that would take the same request, found at load, shown by a path."""

from collections.abc import Sequence

from tta_gateway.kernel.route import Route
from tta_gateway.routing.template import Segment, other_slash, parse


def conflicts(routes: Sequence[Route]) -> list[tuple[int, int, str]]:
    """Return each pair of routes that nothing tells apart, and a sentence that shows it."""
    seen: dict[tuple[object, ...], list[int]] = {}
    found: dict[tuple[int, int], str] = {}
    for index, route in enumerate(routes):
        for segments in _templates(route):
            earlier = seen.setdefault(_key(route, segments), [])
            for other in earlier:
                method = _shared_method(routes[other], route)
                if method is not None:
                    sentence = _sentence(routes[other], method, witness(segments))
                    found.setdefault((other, index), sentence)
            earlier.append(index)
    return [(one, other, sentence) for (one, other), sentence in found.items()]


def _templates(route: Route) -> list[tuple[Segment, ...]]:
    """Return the shapes of the paths that the route takes: two, where either slash will do."""
    segments = parse(route.path)
    return [one for one in (segments, other_slash(route, segments)) if one]


def _key(route: Route, segments: tuple[Segment, ...]) -> tuple[object, ...]:
    shape = tuple(_shape(segment) for segment in segments)
    conditions = frozenset((one.name.lower(), one.value) for one in route.conditions)
    return route.host.lower(), shape, conditions


def _shape(segment: Segment) -> bytes | int:
    if segment.tail:
        return 2
    return 1 if segment.name else segment.literal


def _shared_method(one: Route, other: Route) -> str | None:
    """Return a method that both take, or None."""
    if bool(one.methods) != bool(other.methods):
        return None  # the one that names its methods is more specific
    if not one.methods:
        return "GET"
    shared = _taken(one) & _taken(other)
    return min(shared) if shared else None


def _taken(route: Route) -> set[str]:
    """Return the methods that a route takes: HEAD with GET (RFC 9110 9.3.2)."""
    return {*route.methods, "HEAD"} if "GET" in route.methods else set(route.methods)


def _sentence(one: Route, method: str, path: str) -> str:
    return f"takes {method} {path}, and so does the route `{one.name}`"


def witness(segments: tuple[Segment, ...]) -> str:
    """Return a path that matches the template."""
    parts = [
        ("a/b" if segment.tail else segment.name[:1]) if segment.name else segment.literal.decode()
        for segment in segments
    ]
    return "/" + "/".join(parts)

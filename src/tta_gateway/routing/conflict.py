"""Conflicts: two routes that would take the same request, found at load, shown by a path."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from tta_gateway.kernel.route import Condition, Route
from tta_gateway.routing.template import Segment, other_slash, parse

SHOWN: Final = 8
"""Of the routes that take one method in one place, with how many a later one is shown."""
Place: TypeAlias = tuple[object, ...]
"""What routes must share to take the same requests, beside a method."""


def conflicts(routes: Sequence[Route]) -> list[tuple[int, int, str]]:
    """Return pairs of routes that nothing tells apart, and a sentence that shows it.

    Each pair is there, but where many are equal: of these a later one is shown with the first few.
    """
    seen: dict[Place, dict[str, list[int]]] = {}
    found: dict[tuple[int, int], str] = {}
    for index, route in enumerate(routes):
        for segments in _templates(route):
            by_method = seen.setdefault((route.internal, *_place(route, segments)), {})
            named = _taken(route) or {""}  # the one that names its methods is more specific
            earlier = {one for method in named for one in by_method.get(method, ())}
            for other in sorted(earlier):
                sentence = _sentence(routes[other], _shared(routes[other], route), segments)
                found.setdefault((other, index), sentence)
            for method in named:
                first = by_method.setdefault(method, [])
                if len(first) < SHOWN:
                    first.append(index)
    return [(one, other, sentence) for (one, other), sentence in found.items()]


class Owners:
    """Who takes which requests: of all that are added, the first.

    To add a route, or to ask who is in its way, costs the same however many there are.
    """

    def __init__(self) -> None:
        """Begin with nobody."""
        self._first: dict[Place, dict[str, int]] = {}

    def add(self, route: Route, index: int) -> None:
        """Let a route, which names its methods, have what nobody has yet."""
        for place in _places(route):
            first = self._first.setdefault(place, {})
            for method in _taken(route):
                first.setdefault(method, index)

    def of(self, route: Route) -> dict[str, int]:
        """Return who has what such a route would take, by the method; the first comes first."""
        found: dict[str, int] = {}
        for place in _places(route):
            first = self._first.get(place)
            if first is not None:
                here = [(first[method], method) for method in _taken(route) if method in first]
                for index, method in sorted(here):
                    found.setdefault(method, index)
        return found


def wanted(route: Route) -> Iterator[tuple[Place, str]]:
    """Yield each place and method that a route, which names its methods, would take."""
    methods = sorted(_taken(route))
    for place in _places(route):
        for method in methods:
            yield place, method


def _templates(route: Route) -> list[tuple[Segment, ...]]:
    """Return the shapes of the paths that the route takes: two, where either slash will do."""
    segments = parse(route.path)
    return [one for one in (segments, other_slash(route, segments)) if one]


def _places(route: Route) -> tuple[Place, ...]:
    found = _places_of(route.path, route.trailing_slash, route.host, route.conditions)
    return tuple((*one, route.internal) for one in found) if route.internal else found


@lru_cache(maxsize=16384)  # what is declared is looked at again with every change of any of it
def _places_of(
    path: str,
    slash: Literal["strict", "either"],
    host: str,
    conditions: tuple[Condition, ...],
) -> tuple[Place, ...]:
    route = Route(name="", path=path, trailing_slash=slash, host=host, conditions=conditions)
    return tuple(_place(route, segments) for segments in _templates(route))


def _place(route: Route, segments: tuple[Segment, ...]) -> Place:
    shape = tuple(_shape(segment) for segment in segments)
    conditions = frozenset((one.name.lower(), one.value) for one in route.conditions)
    return route.host.lower(), shape, conditions


def _shape(segment: Segment) -> bytes | int:
    if segment.tail:
        return 2
    return 1 if segment.name else segment.literal


def _shared(one: Route, other: Route) -> str:
    """Return a method that both take; any, where neither names one."""
    return min(_taken(one) & _taken(other), default="GET")


def _taken(route: Route) -> set[str]:
    """Return the methods that a route takes: HEAD with GET (RFC 9110 9.3.2)."""
    return {*route.methods, "HEAD"} if "GET" in route.methods else set(route.methods)


def _sentence(one: Route, method: str, segments: tuple[Segment, ...]) -> str:
    return f"takes {method} {witness(segments)}, and so does the route `{one.name}`"


def witness(segments: tuple[Segment, ...]) -> str:
    """Return a path that matches the template."""
    parts = [
        ("a/b" if segment.tail else segment.name[:1]) if segment.name else segment.literal.decode()
        for segment in segments
    ]
    return "/" + "/".join(parts)

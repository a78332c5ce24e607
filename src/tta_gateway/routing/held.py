"""Held routes: what services declare at the moment, kept so that one more is looked at by itself.

What an instance declares is asked of this with every sign of life.  Whatever else is declared, that
costs what its own routes cost: places and methods are looked up, and what there is, is counted.
"""

from collections.abc import Container, Iterable, Sequence
from typing import TypeAlias, TypeVar

from tta_gateway.kernel.registered import Declared
from tta_gateway.kernel.route import Route
from tta_gateway.routing.conflict import Owners, Place, wanted
from tta_gateway.routing.declared import (
    MOST_IN_ALL,
    MOST_OF_SERVICE,
    by_operator,
    by_service,
    route_of,
    spelt,
)

T = TypeVar("T")
Key: TypeAlias = tuple[str, Declared]


class Held:
    """Who declares what: a route that several instances of a service declare is one."""

    def __init__(self) -> None:
        """Begin with nothing, and no routes of an operator."""
        self._operators: tuple[Route, ...] = ()
        self._owners = Owners()
        self._instances: dict[Key, int] = {}  # how many declare each
        self._of_service: dict[str, int] = {}  # how many routes each declares
        # By place and method: the services, and how many of their routes take that.
        self._by_place: dict[tuple[Place, str], dict[str, int]] = {}

    def govern(self, operators: Sequence[Route]) -> None:
        """Have these be the operator's routes from now on."""
        self._operators = tuple(operators)
        self._owners = Owners()
        for at, one in enumerate(spelt(operators)):
            self._owners.add(one, at)

    def add(self, service: str, routes: Iterable[Declared]) -> None:
        """Take what one more instance declares."""
        for declared in dict.fromkeys(routes):
            key = service, declared
            _count(self._instances, key, 1)
            if self._instances[key] == 1:
                _count(self._of_service, service, 1)
                for place in _places(service, declared):
                    _count(self._by_place.setdefault(place, {}), service, 1)

    def drop(self, service: str, routes: Iterable[Declared]) -> None:
        """Forget what an instance has declared that was added."""
        for declared in dict.fromkeys(routes):
            key = service, declared
            _count(self._instances, key, -1)
            if key not in self._instances:
                _count(self._of_service, service, -1)
                for place in _places(service, declared):
                    _count(self._by_place[place], service, -1)
                    if not self._by_place[place]:
                        del self._by_place[place]

    def taken(
        self, service: str, routes: Iterable[Declared], among: Container[str]
    ) -> tuple[str, str]:
        """Return a route that an instance of a service cannot have, and who has it; else nothing.

        The operator's are in its way, and those of other services that are `among` these.
        """
        for declared in routes:
            (route,) = spelt([route_of(service, declared)])
            for first in self._owners.of(route).values():
                return declared.name, by_operator(self._operators[first])
            for place in wanted(route):
                for other in self._by_place.get(place, ()):
                    if other != service and other in among:
                        return declared.name, by_service(other)
        return "", ""

    def excess(self, service: str, routes: Iterable[Declared], before: Iterable[Declared]) -> str:
        """Return why there is no room for what an instance declares; empty if there is.

        What it declared `before`, and was added, makes room.
        """
        alone = {one for one in before if self._instances.get((service, one)) == 1}
        new = [
            one
            for one in dict.fromkeys(routes)
            if one in alone or (service, one) not in self._instances
        ]
        of_service = self._of_service.get(service, 0) - len(alone) + len(new)
        in_all = len(self._instances) - len(alone) + len(new)
        if new and of_service > MOST_OF_SERVICE:
            return (
                f"with these, the instances of `{service}` would declare {of_service} routes, and "
                f"those of a service may declare {MOST_OF_SERVICE}"
            )
        if new and in_all > MOST_IN_ALL:
            return (
                f"with these, services would declare {in_all} routes, and all together may declare "
                f"{MOST_IN_ALL}"
            )
        return ""


def _count(counts: dict[T, int], key: T, by: int) -> None:
    """Count up or down; what comes to nothing is not kept."""
    counts[key] = counts.get(key, 0) + by
    if not counts[key]:
        del counts[key]


def _places(service: str, declared: Declared) -> list[tuple[Place, str]]:
    """Return what a route takes; nothing if it is none: it was looked at when it came."""
    (route,) = spelt([route_of(service, declared)])
    try:
        return list(wanted(route))
    except ValueError:
        return []

"""Dependencies between services: each exists, and none of them leads back to where it began.

And somebody must look: control does, which is there where `admin` is.
"""

from collections.abc import Iterator
from typing import Final, TypeAlias

from tta_gateway.settings.complaint import Path
from tta_gateway.settings.document import Value
from tta_gateway.settings.nearest import nearest

Mapping: TypeAlias = dict[str, Value]
Edges: TypeAlias = dict[str, list[tuple[Path, str]]]
KEY: Final = "depends_on"


def dependencies(services: Mapping) -> Iterator[tuple[Path, str]]:
    """Complain about services that do not exist or are named twice, and about circles."""
    edges = {name: list(_of(name, service)) for name, service in services.items()}
    for name, found in edges.items():
        seen = set[str]()
        for path, other in found:
            if other not in services:
                known = [one for one in services if one != name]
                yield path, f"there is no service `{other}`: {nearest(other, known)}"
            elif other in seen:
                yield path, f"names `{other}` twice: keep one of them"
            seen.add(other)
    yield from _circles(edges)


def unwatched(tree: Mapping, services: Mapping) -> Iterator[tuple[Path, str]]:
    """Complain about what nobody would look at, because there is no control."""
    if tree.get("admin") != "off":
        return
    for name, service in services.items():
        for key in ("health", KEY):
            written = service.get(key) if isinstance(service, dict) else None
            if written not in (None, "off", []):
                yield (
                    ("services", name, key),
                    "is looked after by the process that `admin: off` leaves out: write an address "
                    "for `admin`, or take the line out",
                )


def _of(name: str, service: Value) -> Iterator[tuple[Path, str]]:
    """Yield what a service depends on, with the place where that is written."""
    written = service.get(KEY) if isinstance(service, dict) else None
    for index, one in enumerate(written if isinstance(written, list) else ()):
        other = one.get("service") if isinstance(one, dict) else one
        if isinstance(other, str):
            below: Path = ("service",) if isinstance(one, dict) else ()
            yield ("services", name, KEY, index, *below), other


def _circles(edges: Edges) -> Iterator[tuple[Path, str]]:
    """Complain about each circle once, at the dependency that closes it."""
    done = set[str]()
    for start in edges:
        yield from _walk(start, edges, [], done)


def _walk(name: str, edges: Edges, way: list[str], done: set[str]) -> Iterator[tuple[Path, str]]:
    if name in done:
        return
    way.append(name)
    for path, other in edges[name]:
        if other in way:
            circle = " -> ".join([*way[way.index(other) :], other])
            yield path, f"leads back to where it began ({circle}): take one of them out"
        elif other in edges:
            yield from _walk(other, edges, way, done)
    way.pop()
    done.add(name)

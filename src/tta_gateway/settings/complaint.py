"""Complaints: what is wrong with a configuration, and where it stands."""

import json
import re
from dataclasses import dataclass
from typing import Final, TypeAlias

# Keys and positions that lead to a value: `("routes", 3, "service")`.
Path: TypeAlias = tuple[str | int, ...]

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+")
# Where an operator chooses the keys: a name stands for all of them in a pattern.
NAMED: Final = frozenset(
    {
        "services",
        "services.<name>.health.headers",
        "access.roles",
        "access.scopes",
        "escalation.contacts",
        "identity.issuers[].levels",
        "ratelimit.limits",
        "realtime.channels",
        "realtime.procedures",
        "realtime.procedures.<name>.access.permissions",
        "realtime.channels.<name>.history.access.permissions",
        "realtime.channels.<name>.presence.access.permissions",
        "realtime.channels.<name>.publish.access.permissions",
        "realtime.channels.<name>.subscribe.access.permissions",
        "routes[].access.permissions",
        "routes[].headers",
        "routes[].request_headers",
        "routes[].response_headers",
        "safety.texts",
        "security_headers.add",
    }
)


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in the file, counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """Where else a value came from: an environment variable, or a profile."""

    name: str


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is wrong: where it stands, which key it is, what to do about it."""

    place: Mark | Source
    path: Path
    sentence: str

    def line(self, file: str) -> str:
        """Return the complaint as operators read it, on one line whatever it quotes."""
        place = self.place
        where = place.name if isinstance(place, Source) else f"{file}:{place.line}:{place.column}"
        subject = f"{where} {text(self.path)}" if self.path else where
        said = f"{subject}: {self.sentence}"
        return "".join(character if character.isprintable() else "�" for character in said)


def lines(complaints: list[Complaint], file: str) -> list[str]:
    """Return the complaints in the order of their places, each once: the file's, then others."""
    ordered = sorted(complaints, key=_order)
    return list(dict.fromkeys(complaint.line(file) for complaint in ordered))


def _order(complaint: Complaint) -> tuple[int, Mark, str]:
    place = complaint.place
    return (0, place, "") if isinstance(place, Mark) else (1, Mark(0, 0), place.name)


def text(path: Path) -> str:
    """Return the path as operators read it: `routes[3].service`."""
    return "".join(_step(key) for key in path).removeprefix(".")


def _step(key: str | int) -> str:
    if isinstance(key, int):
        return f"[{key}]"
    return f".{key}" if _PLAIN.fullmatch(key) else f"[{json.dumps(key, ensure_ascii=False)}]"


def pattern(path: Path) -> str:
    """Return the path with `[]` for each position, `<name>` for each name that operators choose."""
    found = ""
    for key in path:
        if isinstance(key, int):
            found += "[]"
        else:
            found += ".<name>" if found in NAMED else f".{key}" if found else key
    return found

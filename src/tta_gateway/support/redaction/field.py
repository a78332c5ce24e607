"""Fields: what a line of the log may say, name by name, and as what.

    id       a name that the gateway or its operator has given: a service, a route, a place in code
    text     words, of an exception or of another program: scrubbed, and cut
    person   somebody: their pseudonym of today
    numbers pass as they are, under any name of these but a person's

What is not on the list is withheld, whatever it is.  A label of a metric is an id, and so is what
an alert is about.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from tta_gateway.support.redaction.scrub import scrub

Kind: TypeAlias = Literal["id", "text", "person"]
People: TypeAlias = Callable[[str], str]
"""Returns the pseudonym of somebody."""
WITHHELD: Final = "[withheld]"
NOBODY_IN_PARTICULAR: Final = frozenset(
    (
        *("", "admin", "administration", "administrator", "control", "database", "found", "node"),
        "unknown",
    )
)
"""Who is called by these names is no person."""
_IDS: Final = (
    *(
        "address",
        "addresses",
        "after",
        "alert",
        "before",
        "args",
        "asked",
        "at",
        "bans",
        "begin",
        "behind",
        "blocked",
    ),
    *("burst", "categories", "certificate", "change", "channel", "code", "contact", "count"),
    *("cost", "does", "draining", "end", "endpoint", "engine", "entry", "expires", "factor"),
    *("factors", "failed", "file", "folder", "generation", "how", "id", "in_flight", "incident"),
    *("issuer", "kept", "keys", "kind", "labels", "lapsed", "lasts", "left", "level", "limit"),
    *("log", "method", "more", "most_from", "name", "names", "next_in", "node", "of", "offset"),
    *("open", "over", "p99", "path", "peers_p99", "penalised", "per", "per_worker", "pid"),
    *("points", "proof", "provider", "ratio", "reachable", "read", "record", "report"),
    *("request_id", "requests", "retry", "route", "section", "segment", "server", "service"),
    *("services", "severity", "shadow", "sink", "size", "slot", "source", "sources", "state"),
    *("status", "step", "store", "store_away", "strikes", "task", "topic", "turn", "unwritten"),
    *("until", "version", "waiting", "wanted", "weight", "what", "where", "works", "window"),
    *("client", "enabled", "for", "seconds", "proposed", "holder", "lock", "on"),
)
_TEXTS: Final = (
    *("about", "advice", "cause", "complaints", "error", "message", "reason", "recovery", "why"),
)
_PEOPLE: Final = ("by", "carer", "person", "proposed_by", "session", "subject", "user")
FIELDS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(_IDS, "id"),
    **dict.fromkeys(_TEXTS, "text"),
    **dict.fromkeys(_PEOPLE, "person"),
}
_ID: Final = re.compile(r"[A-Za-z0-9_.:+/={}*\[\]~,-]{0,200}")
_DEEPEST: Final = 4
_MOST: Final = 100  # members of a list
_encode: Final = msgspec.json.Encoder().encode


def shown(name: str, value: object, people: People) -> object:
    """Return what a line may say of a field."""
    kind = FIELDS.get(name)
    if kind is None:
        return WITHHELD
    return _shown(kind, value, people, _DEEPEST)


def _shown(kind: Kind, value: object, people: People, deep: int) -> object:
    if value is None or (isinstance(value, (bool, int, float)) and kind != "person"):
        return value
    if isinstance(value, str):
        return _word(kind, value, people)
    if not deep:
        return WITHHELD
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_shown(kind, one, people, deep - 1) for one in list(value)[:_MOST]]
    if isinstance(value, dict):
        members = list(value.items())[:_MOST]
        return {label(str(one)): _shown(kind, told, people, deep - 1) for one, told in members}
    return WITHHELD


def _word(kind: Kind, value: str, people: People) -> str:
    value = _whole(value)
    if kind == "person":
        return value if value in NOBODY_IN_PARTICULAR else people(value)
    return label(value) if kind == "id" else scrub(value)


def label(value: str) -> str:
    """Return a name as a label may be: as it is, or scrubbed where it is more than a name."""
    if _ID.fullmatch(value) and "eyJ" not in value:
        return value
    return scrub(_whole(value))


def _whole(value: str) -> str:
    """Return a text that can be written: what stands for no character is a question mark."""
    return value.encode(errors="replace").decode()


def line(moment: str, event: str, fields: Mapping[str, object], people: People) -> bytes:
    """Return a line of the log."""
    told: dict[str, object] = {"ts": moment, "event": label(event)}
    for name, value in fields.items():
        told[name if name in FIELDS else label(name)] = shown(name, value, people)
    return _encode(told)

"""Keys whose features are not built yet: an operator who writes one must hear that nothing acts.

Take a key out of the table when its feature is there.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from tta_gateway.settings.complaint import Path, pattern
from tta_gateway.settings.document import Document, Value

# By pattern: what nothing here would do.
NOT_YET: Final[Mapping[str, str]] = {
    "consent": "check consent",
    "cache": "cache",
    "compose": "compose answers",
    "negotiate": "negotiate formats",
    "audit": "keep an audit trail",
    "events": "pass events on",
    "sagas": "coordinate transactions",
    "telemetry": "export spans",
    "console": "show a console",
    "routes[].cache": "cache",
    "routes[].audit": "keep an audit trail",
    "routes[].consent": "check consent",
}


def take_out(document: Document) -> None:
    """Complain about every key of the table, and take it out of the document."""
    for owner, path in list(_mappings(document.tree, ())):
        for key in list(owner):
            nothing = NOT_YET.get(pattern((*path, key)))
            if nothing is not None:
                del owner[key]
                document.complain((*path, key), sentence(key, nothing))


def sentence(key: str, nothing: str) -> str:
    """Say that a key is not built yet, and what would therefore not happen."""
    return f"`{key}` is not built yet: take the line out; nothing here would {nothing}"


def _mappings(value: Value, path: Path) -> Iterator[tuple[dict[str, Value], Path]]:
    """Yield every mapping with its path."""
    if isinstance(value, dict):
        yield value, path
        for key, below in value.items():
            yield from _mappings(below, (*path, key))
    if isinstance(value, list):
        for index, below in enumerate(value):
            yield from _mappings(below, (*path, index))

"""The environment, laid over the file: `TTA_GATEWAY__SERVICES__PLAYERS__BALANCE=weighted`.

A double underscore leads one level down, a number to a place in a list, and the value is YAML.  A
name is taken in lower case, as the key that is there already where one differs only in `-` for `_`.
A value replaces what stood there whole.
"""

import re
from collections.abc import Mapping
from typing import Final

from tta_gateway.settings.complaint import Complaint, Path, Source, text
from tta_gateway.settings.document import Document, Value, child, read

PREFIX: Final = "TTA_GATEWAY__"
_POSITION: Final = re.compile("[0-9]{1,6}")


def overlay(document: Document, environ: Mapping[str, str]) -> None:
    """Lay each variable that begins with the prefix over the document."""
    for name in sorted(environ):
        if name.startswith(PREFIX):
            try:
                _lay(document, name, environ[name])
            except _Refused as refused:
                complaint = Complaint(Source(name), refused.path, str(refused))
                document.complaints.append(complaint)


class _Refused(Exception):
    """A variable leads nowhere, or holds no value."""

    def __init__(self, path: Path, sentence: str) -> None:
        super().__init__(sentence)
        self.path = path


def _lay(document: Document, name: str, written: str) -> None:
    levels = name.removeprefix(PREFIX).split("__")
    if not all(levels):
        raise _Refused((), "names an empty level: write each level between two underscores")
    if document.tree is None:
        document.tree = {}
    at: Value = document.tree
    path: Path = ()
    for level in levels[:-1]:
        at, path = _down(at, path, level)
    key = _key(at, path, levels[-1])
    value = _value(written, (*path, key))
    _put(at, key, value)
    _claim(document, (*path, key), Source(name))


def _down(at: Value, path: Path, level: str) -> tuple[Value, Path]:
    """Return the value one level down, made where it is missing."""
    key = _key(at, path, level)
    try:
        below = child(at, key)
    except LookupError:
        below = None
    if below is None:
        below = {}
        _put(at, key, below)
    return below, (*path, key)


def _key(at: Value, path: Path, level: str) -> str | int:
    """Return the key or position that a level of the variable's name means."""
    if isinstance(at, list):
        return _position(at, path, level)
    if not isinstance(at, dict):
        where = f"`{text(path)}`" if path else "the file"
        raise _Refused(path, f"leads into {where}, which holds no keys")
    wanted = level.lower()
    found = [key for key in at if key.lower().replace("-", "_") == wanted]
    if len(found) > 1:
        both = " and ".join(f"`{key}`" for key in found)
        raise _Refused(path, f"could mean {both}: write it in the file")
    return found[0] if found else wanted


def _position(at: list[Value], path: Path, level: str) -> int:
    if _POSITION.fullmatch(level) and int(level) < len(at):
        return int(level)
    raise _Refused(path, f"has no entry `{level}`: it holds {len(at)}, which are counted from 0")


def _put(at: Value, key: str | int, value: Value) -> None:
    if isinstance(at, list) and isinstance(key, int):
        at[key] = value
    if isinstance(at, dict) and isinstance(key, str):
        at[key] = value


def _value(written: str, path: Path) -> Value:
    """Return what the variable's value stands for."""
    document = read(written)
    for complaint in document.complaints:
        raise _Refused((*path, *complaint.path), complaint.sentence)
    return document.tree


def _claim(document: Document, path: Path, source: Source) -> None:
    """Take note that all at and below the path comes from the source."""
    depth = len(path)
    for known in [known for known in document.places if known[:depth] == path]:
        del document.places[known]
    document.places[path] = source

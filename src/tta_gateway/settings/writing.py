"""YAML, written: plain values as operators would write them."""

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from tta_gateway.settings.complaint import Path
from tta_gateway.settings.document import Value, resolve

# What stands behind a key; nothing for most.
Comment: TypeAlias = Callable[[Path], str]

_PLAIN: Final = re.compile(r"[A-Za-z0-9_./](?:[A-Za-z0-9_./+\-]|:(?=[A-Za-z0-9_./]))*")
_INDENT: Final = "  "


def flow(value: Value) -> str:
    """Return a value on one line."""
    if isinstance(value, list):
        return f"[{', '.join(flow(one) for one in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{flow(key)}: {flow(one)}' for key, one in value.items())}}}"
    if isinstance(value, str):
        return _text(value)
    return "null" if value is None else str(value).lower()


def block(value: dict[str, Value], comment: Comment) -> Iterator[str]:
    """Yield the lines of a mapping, each key on its own."""
    return _mapping(value, (), comment)


def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and isinstance(resolve(text), str):
        return text
    return f'"{"".join(_escaped(character) for character in text)}"'


def _escaped(character: str) -> str:
    if " " <= character <= "~" and character not in '"\\':
        return character
    return f"\\U{ord(character):08x}"


def _mapping(value: dict[str, Value], path: Path, comment: Comment) -> Iterator[str]:
    for key, one in value.items():
        below = (*path, key)
        said = f"  # {comment(below)}" if comment(below) else ""
        if _is_long(one):
            yield f"{_text(key)}:{said}"
            yield from _lines(one, below, comment)
        else:
            yield f"{_text(key)}: {flow(one)}{said}"


def _is_long(value: Value) -> bool:
    """Tell whether a value takes lines of its own: a mapping, or a list of mappings."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(one, dict) and one for one in value)
    return isinstance(value, dict) and bool(value)


def _lines(value: Value, path: Path, comment: Comment) -> Iterator[str]:
    if isinstance(value, dict):
        for line in _mapping(value, path, comment):
            yield _INDENT + line
    if isinstance(value, list):
        for index, one in enumerate(value):
            yield from _entry(one, (*path, index), comment)


def _entry(value: Value, path: Path, comment: Comment) -> Iterator[str]:
    """Yield the lines of a mapping in a list."""
    assert isinstance(value, dict)  # see _is_long
    start = f"{_INDENT}- "
    if comment(path):
        yield f"{_INDENT}# {comment(path)}"
    for line in _mapping(value, path, comment):
        yield start + line
        start = f"{_INDENT}{_INDENT}"

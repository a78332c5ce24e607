"""Shapes: what the platform's answers look like, whatever they say.

A shape is JSON, kept in shapes/<name>.json under `body`, beside the `status` it comes with:

* "string", "integer", "number", "boolean", "null", "any", and "string|null" for either;
* "=text" for exactly this text, "@name" for the shape of that name;
* [shape] for a list of such things;
* {"key": shape} for an object of exactly these keys, of which "key?" may be missing;
* {"*": shape} for an object of any keys.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

Shape: TypeAlias = str | list["Shape"] | dict[str, "Shape"]

_FOLDER: Final = Path(__file__).with_name("shapes")
_TYPES: Final[Mapping[str, Callable[[object], bool]]] = {
    "any": lambda _: True,
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


def status(name: str) -> int:
    """Return the status that answers of this name come with."""
    return int(_load(name)["status"])


def differences(value: object, shape: Shape, at: str = "$") -> list[str]:
    """Return where the value has not the shape, one sentence each."""
    if isinstance(shape, str):
        return _word(value, shape, at)
    if isinstance(shape, list):
        return list(_items(value, shape, at))
    return list(_members(value, shape, at))


def _word(value: object, shape: str, at: str) -> list[str]:
    if shape.startswith("@"):
        return differences(value, _load(shape[1:])["body"], at)
    if shape.startswith("="):
        return [] if value == shape[1:] else [f"{at}: {value!r} is not {shape[1:]!r}"]
    if any(_TYPES[kind](value) for kind in shape.split("|")):
        return []
    return [f"{at}: {value!r} is no {shape}"]


def _items(value: object, shape: list[Shape], at: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{at}: {value!r} is no list"
        return
    for index, item in enumerate(value):
        yield from differences(item, shape[0], f"{at}[{index}]")


def _members(value: object, shape: dict[str, Shape], at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{at}: {value!r} is no object"
        return
    known = dict.fromkeys(value, shape["*"]) if "*" in shape else _without_marks(shape)
    for key, member in value.items():
        if key not in known:
            yield f"{at}.{key}: is too much"
            continue
        yield from differences(member, known[key], f"{at}.{key}")
    for key in known:
        if key not in value and f"{key}?" not in shape:
            yield f"{at}.{key}: is missing"


def _without_marks(shape: dict[str, Shape]) -> dict[str, Shape]:
    return {key.removesuffix("?"): member for key, member in shape.items()}


def _load(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text())
    return document

"""The reference: a row for every key that an operator may write, in the order of the tree."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final, NamedTuple, TypeAlias

from tta_gateway.settings.schema import REF, Json, schema
from tta_gateway.settings.writing import flow

Schema: TypeAlias = Mapping[str, Json]

REQUIRED: Final = "required"
_WORDS: Final = {
    "string": "text",
    "integer": "whole number",
    "boolean": "true or false",
    "null": "null",
}


class Row(NamedTuple):
    """One key: `routes[].timeouts.total`, `duration`, `1m`, and what it is in a sentence.

    The default is `required` where there is none to fall back on, and empty where the key may be
    left out or is a mapping whose keys have theirs.
    """

    path: str
    type: str
    default: str
    sentence: str


@cache
def rows() -> tuple[Row, ...]:
    """Return a row for every key."""
    whole = schema()
    definitions = _mapping(whole["definitions"])
    return tuple(_Walk(definitions).below(whole, ""))


def keys(pattern: str) -> list[str]:
    """Return the keys that may stand in the mapping at a pattern; the file's own is empty."""
    start = f"{pattern}." if pattern else ""
    below = [row.path.removeprefix(start) for row in rows() if row.path.startswith(start)]
    return [path for path in below if "." not in path and "[" not in path]


def sentence(pattern: str) -> str:
    """Return what the key at a pattern is, or nothing if there is no such key."""
    return next((row.sentence for row in rows() if row.path == pattern), "")


class _Walk:
    """A walk over the schema."""

    def __init__(self, definitions: Schema) -> None:
        self._definitions = definitions

    def below(self, made: Json, path: str) -> Iterator[Row]:
        """Yield the rows of all that may stand in a value."""
        for branch in self._branches(_mapping(made)):
            if "items" in branch:
                yield from self.below(branch["items"], f"{path}[]")
            if isinstance(others := branch.get("additionalProperties"), dict):
                yield from self.below(others, f"{path}.<name>")
            for name, prop in _mapping(branch.get("properties", {})).items():
                below = f"{path}.{name}" if path else name
                yield self._row(branch, name, below)
                yield from self.below(prop, below)

    def _branches(self, made: Schema) -> list[Schema]:
        """Return the forms that a value may have, each without references."""
        if "$ref" in made:
            name = str(made["$ref"]).removeprefix(REF)
            return self._branches(_mapping(self._definitions[name]))
        inner = made.get("anyOf") or made.get("allOf")
        if isinstance(inner, list):
            return [branch for one in inner for branch in self._branches(_mapping(one))]
        return [made]

    def _row(self, owner: Schema, name: str, path: str) -> Row:
        prop = _mapping(_mapping(owner["properties"])[name])
        kind = self._type(prop)
        required = owner.get("required", [])
        default = "" if kind == "mapping" or "default" not in prop else flow(prop["default"])
        if isinstance(required, list) and name in required:
            default = REQUIRED
        return Row(path, kind, default, str(prop["description"]))

    def _type(self, made: Schema) -> str:
        return " or ".join(dict.fromkeys(self._form(branch) for branch in self._branches(made)))

    def _form(self, branch: Schema) -> str:
        """Return a word for one form of a value."""
        choices = branch.get("enum", [branch["const"]] if "const" in branch else None)
        if isinstance(choices, list):
            return ", ".join(f"`{flow(choice)}`" for choice in choices)
        if branch.get("type") == "array":
            return f"list of {self._type(_mapping(branch['items']))}"
        if branch.get("type") == "object":
            others = branch.get("additionalProperties")
            return (
                f"mapping of names to {self._type(others)}"
                if isinstance(others, dict)
                else "mapping"
            )
        return str(branch["title"] if "title" in branch else _WORDS[str(branch["type"])])


def _mapping(made: Json) -> Schema:
    assert isinstance(made, dict)  # JSON Schema has it so
    return made

"""Sentences: what pydantic found, in words for operators: what is wrong, what would be right."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tta_gateway.settings import reference
from tta_gateway.settings.complaint import Path, pattern
from tta_gateway.settings.document import Document
from tta_gateway.settings.nearest import nearest

_LONGEST: Final = 60  # characters of a value that are quoted
Sentence: TypeAlias = Callable[[ErrorDetails, Path], str]


def report(error: ValidationError, document: Document) -> None:
    """Complain about everything that the error holds."""
    for details in error.errors(include_url=False):
        if _is_echo(details):
            continue
        path: Path = details["loc"]
        known = path if details["type"] == "missing" else document.known(path)
        document.complain(known, _SENTENCES.get(details["type"], _own)(details, known))


def _is_echo(details: ErrorDetails) -> bool:
    """Tell whether a list is called too short only because its members are bad."""
    return details["type"] == "too_short" and len(details["input"]) >= details["ctx"]["min_length"]


def _missing(_: ErrorDetails, path: Path) -> str:
    return f"is missing. {reference.sentence(pattern(path))}"


def _extra(_: ErrorDetails, path: Path) -> str:
    if path[-1] == "<<":
        return "a merge key is not read (YAML 1.2 has none): write the keys out"
    keys = reference.keys(pattern(path[:-1]))
    return f"is not a key here: {nearest(str(path[-1]), keys)}"


def _choice(details: ErrorDetails, _: Path) -> str:
    expected = details["ctx"]["expected"].replace("'", "`").replace(" or ", ", ")
    given = details["input"]
    near = nearest(given, expected.replace("`", "").split(", ")) if isinstance(given, str) else ""
    question = f"; {near}" if near.endswith("?") else ""
    choice = f"one of {expected}" if ", " in expected else expected
    return f"must be {choice}, not {described(given)}{question}"


def _form(words: str) -> Sentence:
    """Return what says that a value is of the wrong kind."""

    def sentence(details: ErrorDetails, _: Path) -> str:
        return f"must be {words}, not {described(details['input'])}"

    return sentence


def _bound(words: str, name: str) -> Sentence:
    """Return what says that a number is out of bounds."""

    def sentence(details: ErrorDetails, _: Path) -> str:
        return f"must be {words} {details['ctx'][name]}, not {described(details['input'])}"

    return sentence


def _length(words: str, name: str) -> Sentence:
    """Return what says that a list is too short or too long."""

    def sentence(details: ErrorDetails, _: Path) -> str:
        return f"{words} {details['ctx'][name]}"

    return sentence


def _own(details: ErrorDetails, _: Path) -> str:
    """Return what our own check says."""
    return str(details.get("ctx", {}).get("error", details["msg"]))


def described(value: object) -> str:
    """Return a value in words."""
    if value is None:
        return "empty"
    if isinstance(value, str):
        return f"the text `{value if len(value) <= _LONGEST else value[:_LONGEST] + '…'}`"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return f"`{str(value).lower()}`"


_MAPPING: Final = _form("a mapping, one `key: value` a line")
_LIST: Final = _form("a list, `- ` before each entry or all of them in `[…]`")
_SENTENCES: Final[Mapping[str, Sentence]] = {
    "missing": _missing,
    "extra_forbidden": _extra,
    "literal_error": _choice,
    "string_type": _form("text, in quotes where YAML takes it for something else"),
    "int_type": _form("a whole number"),
    "bool_type": _form("`true` or `false`"),
    "tuple_type": _LIST,
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "greater_than": _bound("more than", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than_equal": _bound("at most", "le"),
    "too_short": _length("holds too few: write at least", "min_length"),
    "too_long": _length("holds too many: write at most", "max_length"),
}

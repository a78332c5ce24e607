"""What operators write: the base of every settings model, and the words for time, size and fields.

Control's side alone imports this: a worker knows only what settings compile into, and stays without
pydantic.
"""

import os
import re
from decimal import Decimal
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

# Before the first model is made, Pydantic looks through all that is installed for plugins, which is
# a tenth of a start, and would run what it finds.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

T = TypeVar("T")


class Config(BaseModel):
    """Base of what an operator may write: frozen, and a key that it does not know is an error."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        hide_input_in_errors=True,  # it may be a secret
    )


# --- time ----------------------------------------------------------------------------------------

_TIME: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)(ms|s|m|h)")
_SECONDS: Final = {"h": Decimal(3600), "m": Decimal(60), "s": Decimal(1), "ms": Decimal("0.001")}
_LONGEST: Final = 365 * 24 * 3600


def duration(value: object) -> float:
    """Return seconds; ValueError if the value is no duration."""
    seconds = _seconds(value)
    if seconds is None or not 0 <= seconds <= _LONGEST:
        raise ValueError(
            "must be a duration: `30s`, `500ms`, `1m`, `1h` or a number of seconds, at most 8760h"
        )
    return seconds


def _seconds(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    return float(Decimal(match[1]) * _SECONDS[match[2]]) if match else None


def duration_text(seconds: float) -> str | float:
    """Return the shortest way to write it: `90s`, `1m`; a number where no unit fits."""
    unit = _unit(seconds)
    text = f"{seconds / float(_SECONDS[unit]):.9g}{unit}"
    return text if _TIME.fullmatch(text) and duration(text) == seconds else seconds


def _unit(seconds: float) -> str:
    """Return the largest unit of which it is a whole number; `s` and `ms` may have a fraction."""
    for unit in ("h", "m"):
        if seconds and seconds % float(_SECONDS[unit]) == 0:
            return unit
    return "ms" if 0 < seconds < 1 else "s"


_DURATION_SCHEMA: Final = WithJsonSchema(
    {"title": "duration", "type": ["string", "number"], "pattern": f"^{_TIME.pattern}$"}
)
DurationOrZero: TypeAlias = Annotated[
    float, BeforeValidator(duration), PlainSerializer(duration_text), _DURATION_SCHEMA
]
Duration: TypeAlias = Annotated[
    float,
    BeforeValidator(duration),
    Field(gt=0),
    PlainSerializer(duration_text),
    _DURATION_SCHEMA,
]

# --- size ----------------------------------------------------------------------------------------

_SIZE: Final = re.compile(r"([0-9]{1,12})(B|kB|KB|MB|GB|KiB|MiB|GiB)")
_BYTES: Final = {
    "GiB": 2**30,
    "MiB": 2**20,
    "KiB": 2**10,
    "GB": 10**9,
    "MB": 10**6,
    "kB": 10**3,
    "KB": 10**3,
    "B": 1,
}
_LARGEST: Final = 2**50


def size(value: object) -> int:
    """Return bytes; ValueError if the value is no size."""
    count = _count(value)
    if count is None or not 0 <= count <= _LARGEST:
        raise ValueError(
            "must be a size: `64KiB`, `10MiB`, `10MB` or a number of bytes, at most 1048576GiB"
        )
    return count


def _count(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    return int(match[1]) * _BYTES[match[2]] if match else None


def size_text(count: int) -> str | int:
    """Return the shortest way to write it: `64KiB`; a number of bytes where no unit fits."""
    for unit, length in _BYTES.items():
        if count and unit != "B" and count % length == 0:
            return f"{count // length}{unit}"
    return count


Size: TypeAlias = Annotated[
    int,
    BeforeValidator(size),
    PlainSerializer(size_text),
    WithJsonSchema(
        {"title": "size", "type": ["string", "integer"], "pattern": f"^{_SIZE.pattern}$"}
    ),
]

# --- text ----------------------------------------------------------------------------------------


def line(text: str) -> str:
    """Return the text; ValueError if it is empty or holds a control character."""
    if not text or not text.isprintable():
        raise ValueError("must be text without line breaks or control characters, and not empty")
    return text


# RFC 9110 5.1: a field's name is a token.
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?")


def field_name(text: str) -> str:
    """Return the name of a header field in lower case; ValueError if it is none."""
    if not _TOKEN.fullmatch(text):
        raise ValueError(
            f"`{text}` is not the name of a header field: letters, digits and - . _ make one"
        )
    return text.lower()


def field_value(text: str) -> str:
    """Return the value of a header field; ValueError if it cannot be one."""
    if not _VALUE.fullmatch(text):
        raise ValueError(
            "is not the value of a header field: visible ASCII characters make one, with spaces "
            "between them and none around them"
        )
    return text


def apart(value: object) -> object:
    """Return the mapping; ValueError if two of its names differ in case alone."""
    if isinstance(value, dict):
        seen: dict[str, str] = {}
        for name in value:
            other = seen.setdefault(str(name).lower(), name)
            if other != name:
                raise ValueError(f"`{other}` and `{name}` are one header field: keep one of them")
    return value


def _titled(title: str) -> WithJsonSchema:
    return WithJsonSchema({"title": title, "type": "string"})


Line: TypeAlias = Annotated[str, AfterValidator(line), _titled("text")]
FieldName: TypeAlias = Annotated[str, AfterValidator(field_name), _titled("header name")]
FieldValue: TypeAlias = Annotated[str, AfterValidator(field_value), _titled("header value")]
Method: TypeAlias = Literal[
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "TRACE"
]

# --- lists ---------------------------------------------------------------------------------------

# A list in the file, a tuple in the settings; each member is still checked strictly.
Items: TypeAlias = Annotated[tuple[T, ...], Field(strict=False)]

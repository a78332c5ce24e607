"""Keys: what of a request sticks to a service or an endpoint, as operators write it."""

import re
from typing import Annotated, Final, Literal

from pydantic import Field, PlainSerializer, PlainValidator, ValidationInfo, WithJsonSchema
from pydantic import field_validator as validator

from tta_gateway.kernel.route import Key
from tta_gateway.support.config import Config, Line, duration, duration_text, field_name

_COOKIE: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 6265 4.1.1: a token
_SESSION: Final = "session"


def _ttl(value: object) -> float | None:
    """Return seconds, 0 for as long as the browser runs; ValueError if it is neither."""
    if value is None:
        return None
    if value == _SESSION:
        return 0.0
    try:
        seconds = duration(value)
    except ValueError as error:
        raise ValueError(f"{error}; or `{_SESSION}`, for as long as the browser runs") from None
    if seconds < 1 or seconds != int(seconds):
        raise ValueError("must be whole seconds, one or more: cookies know no fractions")
    return seconds


def _ttl_text(seconds: float | None) -> str | float | None:
    return _SESSION if seconds == 0 else seconds and duration_text(seconds)


class KeyConfig(Config):
    """What of a request it goes by."""

    by: Literal["path", "header", "cookie", "client_address", "principal"]
    """A parameter of the route's path, a header field, a cookie, the client's address, or who is
    asking, by the subject of their token."""

    name: Annotated[Line | None, Field(validate_default=True)] = None
    """The name of the parameter, the field or the cookie."""

    ttl: Annotated[
        float | None,
        PlainValidator(_ttl),
        PlainSerializer(_ttl_text),
        WithJsonSchema(
            {
                "anyOf": [
                    {"title": "duration", "type": ["string", "number"]},
                    {"const": _SESSION},
                    {"type": "null"},
                ]
            }
        ),
    ] = None
    """How long a cookie lasts that the gateway itself gives, from the first request on, or
    `session`: as long as the browser runs.  Left out, the cookie is the service's own."""

    @validator("name")
    @classmethod
    def _fits(cls, name: str | None, info: ValidationInfo) -> str | None:
        by = info.data.get("by")
        if by in ("client_address", "principal") and name is not None:
            raise ValueError(f"has no effect with `by: {by}`: take the line out")
        if by in ("path", "header", "cookie") and name is None:
            raise ValueError(f"is missing: write the name of the {_WORDS[by]}")
        if by == "header" and name is not None:
            return field_name(name)
        if by == "cookie" and name is not None and not _COOKIE.fullmatch(name):
            raise ValueError(
                f"`{name}` is not the name of a cookie: letters, digits and - . _ make one"
            )
        return name

    @validator("ttl")
    @classmethod
    def _is_a_cookie_s(cls, ttl: float | None, info: ValidationInfo) -> float | None:
        if ttl is not None and info.data.get("by") not in ("cookie", None):
            raise ValueError("has no effect without `by: cookie`: take the line out")
        return ttl


_WORDS: Final = {"path": "parameter", "header": "field", "cookie": "cookie"}


def compiled(config: KeyConfig) -> Key:
    """Return the key as a worker needs it."""
    return Key(by=config.by, name=config.name or "", ttl=config.ttl)

"""Claims: what instances may declare of routes, as operators write it for whoever tells of them."""

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, WithJsonSchema

from tta_gateway.routing.template import TemplateError, parse


def _prefix(text: str) -> str:
    try:
        segments = parse(text)
    except TemplateError as error:
        raise ValueError(f"`{text}` is not how a path begins: {error}") from None
    if "%" in text or any(one.name for one in segments):
        raise ValueError(f"`{text}` must be literal: no `{{name}}`, and no escapes")
    return text


def fitting(auth_none: bool, routes: object) -> bool:
    """Return `auth_none` as it stands beside these prefixes; ValueError in words if it cannot."""
    if auth_none and routes == ():
        raise ValueError("has no effect without `routes`: take the line out")
    return auth_none


Prefix: TypeAlias = Annotated[
    str, AfterValidator(_prefix), WithJsonSchema({"title": "path", "type": "string"})
]

"""Declaring: the routes that an instance declares in a registry, as a tag or as JSON says them.

    tta-gateway.route=GET,POST /api/v1/players/{id} auth=none
    [{"path": "/api/v1/players/{id}", "methods": ["GET", "POST"], "auth": "none"}]

Methods and `auth` may be left out: then it is all methods, and `required`.  What cannot be read is
a route with its fault, so that whoever looks for it is told why it is not there.
"""

from collections.abc import Iterable
from typing import Final, Literal, get_args

import msgspec

from tta_gateway.kernel.registered import Declared

TAG: Final = "tta-gateway.route="
"""Begins a tag that declares a route."""
ANNOTATION: Final = "tta-gateway/routes"
"""The annotation of an EndpointSlice that declares the routes of all its endpoints."""
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"]
Auth = Literal["required", "optional", "none"]
_METHODS: Final = frozenset(get_args(Method))
_SHOWN: Final = 100  # characters of what cannot be read
_LONGEST: Final = 1024


class _Said(msgspec.Struct, forbid_unknown_fields=True):
    """A route, in JSON."""

    path: str
    methods: tuple[Method, ...] = ()
    auth: Auth = "required"


_AUTH: Final[dict[str, Auth]] = {
    "": "required",
    "auth=required": "required",
    "auth=optional": "optional",
    "auth=none": "none",
}
_ROUTES: Final = msgspec.json.Decoder(tuple[_Said, ...])


def of_tags(tags: Iterable[str]) -> tuple[Declared, ...]:
    """Return what tags declare; all others are nobody's business."""
    return tuple(_of_tag(one.removeprefix(TAG).strip()) for one in tags if one.startswith(TAG))


def of_json(data: bytes) -> tuple[Declared, ...]:
    """Return what a list in JSON declares."""
    try:
        routes = _ROUTES.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return (_unread(data.decode(errors="replace"), f"is not a list of routes: {error}"),)
    return tuple(_declared(one.path, one.methods, one.auth) for one in routes)


def _declared(path: str, methods: tuple[str, ...], auth: Auth) -> Declared:
    if len(path) > _LONGEST:
        return _unread(path, f"is longer than {_LONGEST} characters")
    return Declared(path=path, methods=tuple(dict.fromkeys(methods)), auth=auth)


def _unread(text: str, fault: str) -> Declared:
    return Declared(path=text[:_SHOWN], fault=fault)


def _of_tag(text: str) -> Declared:
    """Read `[METHODS ]PATH[ auth=WHO]`."""
    words = text.split()
    methods: tuple[str, ...] = ()
    if words and not words[0].startswith("/"):
        methods = tuple(words.pop(0).split(","))
    unknown = [one for one in methods if one not in _METHODS]
    if not words:
        return _unread(text, f"has no path: write `{TAG}/a/path`")
    if unknown:
        return _unread(text, f"`{unknown[0]}` is no method: {', '.join(sorted(_METHODS))} are")
    path, *rest = words
    auth = _AUTH.get(" ".join(rest))
    if auth is None:
        return _unread(
            text, "a path is followed by nothing but `auth=required`, `optional` or `none`"
        )
    return _declared(path, methods, auth)

"""Rules: what must agree beyond one value.

They look at the document, not at the settings: what is wrong in one place must not hide what is
wrong in another.  So each takes whatever stands there, and leaves alone what is not of its kind.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from tta_gateway.routing.path import normal
from tta_gateway.routing.template import TemplateError, names, parse
from tta_gateway.settings.complaint import Path
from tta_gateway.settings.document import Document, Value
from tta_gateway.settings.nearest import nearest

Mapping: TypeAlias = dict[str, Value]
Complaints: TypeAlias = Iterator[tuple[Path, str]]

DESTINATIONS: Final = ("service", "redirect", "respond")
_FIXED: Final = ("status", "body", "content_type")  # of an answer
_NEEDS_SERVICE: Final = (
    "rewrite",
    "timeouts",
    "retries",
    "replay_body",
    "upgrade",
    "origins",
    "request_headers",
)
_HELD: Final = re.compile(r"\{([^{}]*)\}")


def check(document: Document) -> None:
    """Complain about what does not agree."""
    tree = document.tree if isinstance(document.tree, dict) else {}
    services = _mapping(tree.get("services"))
    for name, service in services.items():
        for path, sentence in _weights(_mapping(service)):
            document.complain(("services", name, *path), sentence)
    routes = tree.get("routes")
    for index, route in enumerate(routes if isinstance(routes, list) else ()):
        if isinstance(route, dict):
            for path, sentence in _of_route(route, services):
                document.complain(("routes", index, *path), sentence)


def effective(route: Mapping) -> Mapping:
    """Return a route without what does nothing in it."""
    kept = {key: value for key, value in route.items() if key not in _idle_keys(route)}
    respond = _mapping(route.get("respond"))
    if "missing_service" in respond:
        kept["respond"] = {"missing_service": respond["missing_service"]}
    return kept


def _idle_keys(route: Mapping) -> frozenset[str]:
    """Return the keys that do nothing in a route, for want of what they belong to."""
    idle = set() if route.get("redirect") is not None else {"redirect_status"}
    if route.get("service") is None:
        idle.update(_NEEDS_SERVICE)
    return frozenset(idle)


def _of_route(route: Mapping, services: Mapping) -> Complaints:
    for rule in _RULES:
        yield from rule(route)
    yield from _service(route, services)
    yield from _missing_service(route, services)


def _mapping(value: Value) -> Mapping:
    return value if isinstance(value, dict) else {}


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


# --- services ------------------------------------------------------------------------------------


def _weights(service: Mapping) -> Complaints:
    endpoints = service.get("endpoints")
    if service.get("balance") != "round_robin" or not isinstance(endpoints, list):
        return
    for index, endpoint in enumerate(endpoints):
        if _mapping(endpoint).get("weight", 1) != 1:
            yield (
                ("endpoints", index, "weight"),
                "has no effect with `balance: round_robin`: write `balance: weighted`",
            )


# --- routes --------------------------------------------------------------------------------------


def _service(route: Mapping, services: Mapping) -> Complaints:
    name = _text(route.get("service"))
    if name and name not in services:
        yield ("service",), f"there is no service `{name}`: {nearest(name, services)}"


def _missing_service(route: Mapping, services: Mapping) -> Complaints:
    respond = _mapping(route.get("respond"))
    name = _text(respond.get("missing_service"))
    if name in services:
        yield ("respond", "missing_service"), f"`{name}` is not missing: write `service: {name}`"
    for key in _FIXED:
        if name and key in respond:
            yield ("respond", key), "has no effect beside `missing_service`: take the line out"


def _destination(route: Mapping) -> Complaints:
    found = [key for key in DESTINATIONS if route.get(key) is not None]
    if not found:
        yield (), "leads nowhere: write one of `service`, `redirect` and `respond`"
    for key in found[1:]:
        yield (key,), f"stands beside `{found[0]}`: keep one of them"


def _idle(route: Mapping) -> Complaints:
    if not any(route.get(key) is not None for key in DESTINATIONS):
        return
    for key in sorted(_idle_keys(route) & route.keys()):
        owner = "redirect" if key == "redirect_status" else "service"
        yield (key,), f"has no effect without `{owner}`: take the line out"


def _encoded(route: Mapping) -> Complaints:
    try:
        literals = [segment.literal for segment in parse(_text(route.get("path")))]
    except TemplateError:
        return
    if route.get("allow_encoded") is not True and any(normal(b"/" + one)[1] for one in literals):
        yield ("path",), "holds what no path may hold without `allow_encoded: true`: write that too"


def _rewrite(route: Mapping) -> Complaints:
    rewrite = _mapping(route.get("rewrite"))
    path, prefix = _text(route.get("path")), _text(rewrite.get("strip_prefix"))
    yield from _unknown(("rewrite", "path"), path, rewrite.get("path"))
    if prefix and rewrite.get("path") is not None:
        yield ("rewrite", "strip_prefix"), "stands beside `path`, which wins: keep one of them"
    if prefix and path and not _begins(path, prefix):
        yield (
            ("rewrite", "strip_prefix"),
            f"`{prefix}` is not how `{path}` begins: write whole segments of it, from the first, "
            "without a slash at the end",
        )


def _begins(path: str, prefix: str) -> bool:
    literal = "{" not in prefix and not prefix.endswith("/")
    return literal and (path == prefix or path.startswith(f"{prefix}/"))


def _origins(route: Mapping) -> Complaints:
    upgrade = route.get("upgrade", ["websocket"])
    protocols = upgrade if isinstance(upgrade, list) else []
    if route.get("origins") and "websocket" not in protocols:
        yield ("origins",), "has no effect where `upgrade` holds no `websocket`: take the line out"


def _redirect(route: Mapping) -> Complaints:
    yield from _unknown(("redirect",), _text(route.get("path")), route.get("redirect"))
    if route.get("redirect") is not None and route.get("allow_encoded") is True:
        yield (
            ("allow_encoded",),
            "would let a link choose the host that `redirect` leads to: take the line out",
        )


def _unknown(key: Path, path: str, target: Value) -> Complaints:
    """Complain about names in a target that the path does not have."""
    try:
        known = names(path)
    except TemplateError:
        return
    for name in _HELD.findall(_text(target)):
        if name.removesuffix(":path") not in known:
            yield key, f"`{{{name}}}` is not in `{path}`: {nearest(name, known)}"


_RULES: Final[tuple[Callable[[Mapping], Complaints], ...]] = (
    _destination,
    _idle,
    _encoded,
    _rewrite,
    _origins,
    _redirect,
)

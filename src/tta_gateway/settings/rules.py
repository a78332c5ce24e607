"""Rules: what must agree beyond one value.

They look at the document, not at the settings: what is wrong in one place must not hide what is
wrong in another.  So each takes whatever stands there, and leaves alone what is not of its kind.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from tta_gateway.kernel.own import OWN
from tta_gateway.routing.path import normal
from tta_gateway.routing.template import TemplateError, names, parse
from tta_gateway.settings import (
    access,
    caller,
    declaring,
    delegated,
    escalation,
    fallback,
    own_limits,
    providers,
    ratelimit,
    realtime,
    registering,
    safety,
    second_factor,
    tether,
    token,
)
from tta_gateway.settings.complaint import Path
from tta_gateway.settings.depends import dependencies, unwatched
from tta_gateway.settings.document import Document, Value
from tta_gateway.settings.nearest import nearest
from tta_gateway.settings.split import check_route, check_service

Mapping: TypeAlias = dict[str, Value]
Complaints: TypeAlias = Iterator[tuple[Path, str]]

DESTINATIONS: Final = ("service", "split", "redirect", "respond")
_FIXED: Final = ("status", "body", "content_type")  # of an answer
_NEEDS_SERVICE: Final = (
    "rewrite",
    "timeouts",
    "retries",
    "breaker",
    "fallback",
    "replay_body",
    "upgrade",
    "origins",
    "socket",
    "tether",
    "request_headers",
    "canary",
    "mirror",
)
_NEEDS_TLS: Final = (
    "ca",
    "server_name",
    "spiffe_id",
    "client_certificate",
    "client_key",
    "verification",
)
_HELD: Final = re.compile(r"\{([^{}]*)\}")


def _unproved(tree: Mapping) -> Complaints:
    """Complain about routes that ask for a token where none is believed."""
    if declaring.believes(tree):
        return
    routes = tree.get("routes")
    for at, route in enumerate(routes if isinstance(routes, list) else ()):
        asked = _mapping(route).get("auth", "required")
        if isinstance(route, dict) and asked in ("required", "optional"):
            path: Path = ("routes", at, "auth") if "auth" in route else ("routes", at)
            others = "leave it to the certificate" if route.get("callers") else "let everybody in"
            yield (
                path,
                f"asks for an access token (`auth: {asked}`), and none is believed: write "
                "`identity: {issuers: […]}` or `identity: {issuing: …}`, or "
                f"{others}: `auth: none`",
            )


def _published(tree: Mapping) -> Complaints:
    """Complain about keys that nobody would fetch."""
    if tree.get("admin") != "off":
        return
    issuers = _mapping(tree.get("identity")).get("issuers")
    for at, one in enumerate(issuers if isinstance(issuers, list) else ()):
        for key in ("keys_url", "discover"):
            if _mapping(one).get(key):
                yield (
                    ("identity", "issuers", at, key),
                    "keys are fetched by the process that `admin: off` leaves out: write an "
                    "address for `admin`, or `keys: {file: …}` here",
                )


def _issuing(tree: Mapping) -> Complaints:
    """Complain about tokens that nobody would issue, or only one of several nodes."""
    issuing = _mapping(tree.get("identity")).get("issuing")
    if not isinstance(issuing, dict):
        return
    if tree.get("admin") == "off":
        yield (
            ("identity", "issuing"),
            "tokens are issued by the process that `admin: off` leaves out: write an address for "
            "`admin`, or take this out",
        )
    if tree.get("database_url") is not None and issuing.get("key") is None:
        yield (
            ("identity", "issuing"),
            "must say `key: {file: …}` beside `database_url`: all nodes seal the keys there with "
            "one secret; `openssl rand -hex 32` makes it",
        )


def _session_roles(tree: Mapping) -> Complaints:
    """Complain about sessions of roles that nobody has."""
    issuing = _mapping(_mapping(tree.get("identity")).get("issuing"))
    known = access.roles(tree)
    for role in _mapping(_mapping(issuing.get("sessions")).get("roles")):
        if role not in known:
            path = ("identity", "issuing", "sessions", "roles", role)
            yield path, f"there is no role `{role}`: {nearest(role, known)}"


def check(document: Document) -> None:
    """Complain about what does not agree."""
    tree = document.tree if isinstance(document.tree, dict) else {}
    services = _mapping(tree.get("services"))
    for path, sentence in _of_sections(tree, services):
        document.complain(path, sentence)
    routes = tree.get("routes")
    known = [_mapping(route) for route in (routes if isinstance(routes, list) else ())]
    for name, value in services.items():
        service = _mapping(value)
        found = _discovery(service, tree) if isinstance(value, dict) else ()
        beside = (*fallback.check(service, name, services), *found)
        for path, sentence in (*_of_service(name, service, known), *beside):
            document.complain(("services", name, *path), sentence)
    for index, route in enumerate(routes if isinstance(routes, list) else ()):
        if isinstance(route, dict):
            own = (*_own_service(route, tree), *registering.leads_inside(route))
            for path, sentence in (*_of_route(route, services), *own):
                document.complain(("routes", index, *path), sentence)


def _of_sections(tree: Mapping, services: Mapping) -> tuple[tuple[Path, str], ...]:
    """Return what is said of sections that do not agree with one another."""
    return (
        *_stores(tree),
        *dependencies(services),
        *unwatched(tree, services),
        *registering.complaints(tree),
        *declaring.complaints(tree),
        *access.complaints(tree),
        *caller.complaints(tree),
        *_alerts(tree),
        *_unproved(tree),
        *token.complaints(tree),
        *safety.unlike(tree),
        *_published(tree),
        *_issuing(tree),
        *_session_roles(tree),
        *delegated.complaints(tree),
        *providers.complaints(tree),
        *second_factor.complaints(tree),
        *ratelimit.complaints(tree),
        *realtime.complaints(tree),
        *escalation.complaints(tree),
        *tether.of_channels(tree),
        *own_limits.complaints(tree),
    )


def effective_stores(tree: Mapping) -> Mapping:
    """Return what is written of the embedded Valkey, without what does nothing beside a URL."""
    idle = {key for url, keys in _EMBEDDED for key in keys if tree.get(url) is not None}
    return {key: value for key, value in _mapping(tree["valkey"]).items() if key not in idle}


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
    if route.get("service") is None and route.get("split") is None:
        idle.update(_NEEDS_SERVICE)
    return frozenset(idle)


def _of_service(name: str, service: Mapping, routes: list[Mapping]) -> Complaints:
    yield from _weights(service)
    yield from _pace(service)
    yield from _encryption(service)
    yield from check_service(name, service, routes)


def _of_route(route: Mapping, services: Mapping) -> Complaints:
    for rule in _RULES:
        yield from rule(route)
    yield from _service(route, services)
    yield from fallback.check(route, _text(route.get("service")), services)
    yield from _missing_service(route, services)
    yield from check_route(route, services)


def _mapping(value: Value) -> Mapping:
    return value if isinstance(value, dict) else {}


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


# --- stores --------------------------------------------------------------------------------------

ONE_SERVER: Final = (
    "is the server for state too, and a cache throws away what it has no room for: name another, "
    "or take the line out for an embedded one"
)
UNSEALED: Final = (
    "may be shared with others, and what people write in channels would stand there in clear: "
    "write `encryption: {keys: […]}`, the same at all nodes, or why it may in "
    "`encryption: {unsealed: …}`"
)
NEEDS_CONTROL: Final = (
    "names Sentinels or a cluster, and who serves there is found out by the process that "
    "`admin: off` leaves out: write an address for `admin`, or name one server"
)
# Keys that are about the embedded server in the place of a URL.
_EMBEDDED: Final = (
    ("valkey_url", ("max_memory", "durable")),
    ("cache_url", ("cache_memory",)),
)


def _stores(tree: Mapping) -> Complaints:
    if tree.get("valkey_url") is not None and tree["valkey_url"] == tree.get("cache_url"):
        yield ("cache_url",), ONE_SERVER  # and again in settings/load.py, by what they stand for
    for url, keys in _EMBEDDED:
        for key in keys:
            if tree.get(url) is not None and key in _mapping(tree.get("valkey")):
                yield (("valkey", key), f"has no effect beside `{url}`: take the line out")


# --- services ------------------------------------------------------------------------------------


def _alerts(tree: Mapping) -> Complaints:
    """Yield sinks that nobody would tell anything."""
    alerts = _mapping(tree.get("alerts"))
    for key in ("alertmanagers", "webhooks", "mail"):
        if alerts.get(key) and tree.get("admin") == "off":
            yield (
                ("alerts", key),
                "alerts are sent by the process that `admin: off` leaves out: write an address for "
                "`admin`, or take this out",
            )


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


def _pace(service: Mapping) -> Complaints:
    slow = _mapping(service.get("outliers")).get("slow")
    if slow is not None and service.get("balance", "peak_ewma") != "peak_ewma":
        yield (
            ("outliers", "slow"),
            "has no effect without `balance: peak_ewma`, which alone looks at times: take it out",
        )


def _discovery(service: Mapping, tree: Mapping) -> Complaints:
    if service.get("discover") is not None and tree.get("admin") == "off":
        yield (
            ("discover",),
            "is done by the process that `admin: off` leaves out: write an address for `admin`, "
            "or the endpoints here",
        )


def _encryption(service: Mapping) -> Complaints:
    """Complain about keys of TLS that do nothing."""
    if not _is_encrypted(service):
        for key in _NEEDS_TLS:
            if service.get(key) is not None and (key != "verification" or _mode(service) != "on"):
                yield (key,), "has no effect without an endpoint `https://…`: take the line out"
        return
    if "client_key" in service and service.get("client_certificate") is None:
        yield ("client_key",), "has no effect without `client_certificate`: write that too"
    for key in ("ca", "spiffe_id"):
        if key in service and _mode(service) == "off":
            yield (key,), "has no effect with `verification` off: take one of them out"
    if service.get("spiffe_id") is not None and service.get("ca") is None:
        yield (
            ("spiffe_id",),
            "is worth nothing by the authorities of this machine, which know nobody by such ids: "
            "name your own, `ca: …`",
        )


def _mode(service: Mapping) -> Value:
    said = service.get("verification")
    return said.get("mode") if isinstance(said, dict) else said


def _is_encrypted(service: Mapping) -> bool:
    if _mapping(service.get("discover")).get("scheme") == "https":
        return True
    endpoints = service.get("endpoints")
    urls = [
        _text(one.get("url") if isinstance(one, dict) else one)
        for one in (endpoints if isinstance(endpoints, list) else ())
    ]
    return not urls or any(url.lower().startswith("https:") for url in urls)


# --- routes --------------------------------------------------------------------------------------


def _service(route: Mapping, services: Mapping) -> Complaints:
    name = _text(route.get("service"))
    if name and name not in services and name != OWN:
        yield ("service",), f"there is no service `{name}`: {nearest(name, services)}"


def _own_service(route: Mapping, tree: Mapping) -> Complaints:
    if route.get("service") == OWN and tree.get("admin") == "off":
        yield (
            ("service",),
            f"`{OWN}` is served by the process that `admin: off` leaves out: write an address for "
            "`admin`, or another service",
        )


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
        yield (), "leads nowhere: write one of `service`, `split`, `redirect` and `respond`"
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
    for key in ("origins", "socket"):
        if route.get(key) and "websocket" not in protocols:
            yield (key,), "has no effect where `upgrade` holds no `websocket`: take the line out"


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


def _asked_in_the_query(route: Mapping) -> Complaints:
    if route.get("auth_query") is None:
        return
    upgrade = route.get("upgrade", ["websocket"])
    if (isinstance(upgrade, list) and "websocket" not in upgrade) or upgrade == "off":
        yield ("auth_query",), "has no effect: no WebSocket is opened here; take the line out"
    elif route.get("auth") == "none":
        yield ("auth_query",), "has no effect with `auth: none`: take the line out"


def _opened_by_tickets(route: Mapping) -> Complaints:
    if route.get("auth_ticket") is not True:
        return
    if route.get("auth") == "none":
        yield ("auth_ticket",), "has no effect with `auth: none`: take the line out"
    query = route.get("auth_query")
    named = query.get("token") if isinstance(query, dict) else query
    if named == "ticket":
        yield ("auth_query",), "`ticket` is the parameter of tickets: choose another"


_RULES: Final[tuple[Callable[[Mapping], Complaints], ...]] = (
    _destination,
    _idle,
    _encoded,
    _rewrite,
    _origins,
    _asked_in_the_query,
    _opened_by_tickets,
    tether.complaints,
    safety.complaints,
    _redirect,
)

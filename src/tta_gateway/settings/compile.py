"""Compile: from settings to the snapshot that workers decide from."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final, TypedDict

import msgspec

from tta_gateway.features.access import config as access
from tta_gateway.features.access.table import ROLES
from tta_gateway.features.access_log import config as access_log
from tta_gateway.features.admission import config as admission
from tta_gateway.features.admission.bound import RouteAdmission
from tta_gateway.features.cors import config as cors
from tta_gateway.features.error_records import config as error_records
from tta_gateway.features.health import config as health
from tta_gateway.features.metrics import config as metrics
from tta_gateway.features.nodes.bound import NodesBound
from tta_gateway.features.problem import config as problem
from tta_gateway.features.realtime.bound import RealtimeBound
from tta_gateway.features.safety.bound import RouteSafety
from tta_gateway.features.security_headers import config as security_headers
from tta_gateway.features.shield import config as shield
from tta_gateway.features.shield.bound import RouteShield
from tta_gateway.features.trace import config as trace
from tta_gateway.kernel.route import (
    Breaker,
    Condition,
    Endpoint,
    EndpointLimits,
    Key,
    Maintenance,
    Outliers,
    Panic,
    Part,
    Respond,
    Rewrite,
    Route,
    Service,
    Timeouts,
)
from tta_gateway.kernel.timing import ClientTimeouts, ConnectionLimits
from tta_gateway.settings import (
    alerts,
    breaker,
    caller,
    discovery,
    encryption,
    escalation,
    fallback,
    identity,
    own_limits,
    ratelimit,
    realtime,
    registration,
    safety,
    socket,
    tether,
    token,
)
from tta_gateway.settings.address import HTTPS, Address
from tta_gateway.settings.credentials import Credentials
from tta_gateway.settings.fallback import FallbackConfig
from tta_gateway.settings.fitness import OutliersConfig
from tta_gateway.settings.key import compiled as compiled_key
from tta_gateway.settings.listener import ListenerConfig
from tta_gateway.settings.nodes import guarded, guarded_as_asked
from tta_gateway.settings.overheard import may_be_plain
from tta_gateway.settings.public import forwarded, own_routes, own_services
from tta_gateway.settings.route import Change, RespondConfig, RouteConfig
from tta_gateway.settings.secret import secrets_of
from tta_gateway.settings.service import EndpointConfig, ServiceConfig
from tta_gateway.settings.split import Ends
from tta_gateway.settings.step_up import stepped_up
from tta_gateway.settings.tree import Settings
from tta_gateway.settings.valkey import embedded, store
from tta_gateway.snapshot.model import Listener, SecretFile, Snapshot
from tta_gateway.support.sql.url import DatabaseUrl
from tta_gateway.wire.limits import Limits

# By the key of the feature, which is the name of its folder: its settings as a worker needs them.
_BOUND: Final[dict[str, Callable[[Settings], msgspec.Struct]]] = {
    "access": lambda settings: access.compile(settings.access),
    "access_log": lambda settings: access_log.compile(settings.access_log),
    "admission": lambda settings: admission.compile(settings.admission),
    "alerts": lambda settings: alerts.compile(settings.alerts, settings.admin),
    "callers": lambda settings: caller.compile(
        settings.identity.services, settings.identity.withdrawn
    ),
    "cors": lambda settings: cors.compile(settings.cors),
    "discovery": lambda settings: discovery.compile(
        settings.discovery, settings.services, partial(_declared_route, settings)
    ),
    "error_records": lambda settings: error_records.compile(settings.error_records),
    "escalation": lambda settings: escalation.compile(
        settings.escalation, settings.admin, settings.alerts.node or ""
    ),
    "health": lambda settings: health.compile(settings.services),
    "metrics": lambda settings: metrics.compile(settings.metrics),
    "nodes": lambda settings: NodesBound(shared=settings.valkey_url is not None),
    "problem": lambda settings: problem.compile(settings.problem),
    "registration": lambda settings: registration.compile(
        settings.registration, partial(_declared_route, settings)
    ),
    "identity": lambda settings: identity.compile(
        settings.identity, _pages(settings), access.compile(settings.access).roles or ROLES
    ),
    "safety": lambda settings: safety.compile(
        settings.safety, [name for name, one in settings.services.items() if one.tell_safety]
    ),
    "security_headers": lambda settings: security_headers.compile(settings.security_headers),
    "shield": lambda settings: shield.compile(settings.shield),
    "token_relay": lambda settings: token.compile(
        {name: one.token for name, one in settings.services.items()}
    ),
    "trace": lambda settings: trace.compile(settings.trace),
}


def compile_snapshot(settings: Settings, version: int) -> Snapshot:
    """Return the settings as workers decide from them; ConfigError if a file has changed since."""
    credentials = Credentials()
    routes = compiled_routes(settings)
    features = {name: _encoded(bound(settings)) for name, bound in _BOUND.items()}
    own = _own_routes(settings)
    channels = _judged_as_routes(settings)
    features["realtime"] = _encoded(channels)
    limited = (*routes, *own, *_likes(settings), *realtime.routes(channels))
    features["ratelimit"] = _encoded(ratelimit.compile(settings.ratelimit, limited))
    sockets = Path(settings.state_dir) / "valkey"
    return Snapshot(
        version=version,
        state_dir=settings.state_dir,
        workers=settings.workers or 0,
        probe=None if settings.probe is None else _address(settings.probe),
        admin=None if settings.admin is None else _address(settings.admin),
        open_metrics=settings.admin_metrics == "open",
        listeners=tuple(_listener(one, credentials) for one in settings.listen),
        services=_services(settings, credentials),
        routes=stepped_up((*routes, *own), settings),
        limits=Limits(**dict(settings.limits)),
        client_timeouts=ClientTimeouts(**dict(settings.client_timeouts)),
        connections=ConnectionLimits(**dict(settings.connections)),
        state=credentials.store(store(settings.valkey_url, socket=sockets / "state.sock")),
        cache=credentials.store(store(settings.cache_url, socket=sockets / "cache.sock")),
        database=_database(settings, credentials),
        embedded=embedded(settings.valkey, state=settings.valkey_url, cache=settings.cache_url),
        authorities=credentials.authorities,
        secret_files=secret_files(settings),
        encryption_keys=encryption.keys(settings.encryption),
        may_be_unsealed=settings.encryption.unsealed is not None,
        volatile_journal=settings.journal.in_memory == "allow",
        features=features,
    )


def _services(settings: Settings, credentials: Credentials) -> tuple[Service, ...]:
    """Return the operator's services, and the gateway's own."""
    named = (_service(name, one, credentials, settings) for name, one in settings.services.items())
    return (*named, *own_services(settings))


def _own_routes(settings: Settings) -> tuple[Route, ...]:
    """Return the routes of the gateway's own, with their limits."""
    ours = map(safety.own, (*own_routes(settings), *_forwarded(settings)))
    return own_limits.limited(tuple(ours), settings.ratelimit)


def _database(settings: Settings, credentials: Credentials) -> DatabaseUrl | None:
    url = settings.database_url
    return None if url is None else credentials.database(url.value)


def secret_files(settings: Settings) -> tuple[SecretFile, ...]:
    """Return each file that a secret came from, the policy of escalation, and the help lines."""
    found = (
        *(secret.file for _, secret in secrets_of(settings)),
        settings.escalation.policy,
    )
    others = dict.fromkeys(file for file in found if file is not None)
    return (*others, *safety.watched(settings.safety))


def compiled_routes(settings: Settings) -> tuple[Route, ...]:
    """Return the operator's routes, in the order of the file."""
    pages = _pages(settings)
    held = access.compile(settings.access).roles or ROLES
    made = ((one, _route(one, settings.services, pages)) for one in settings.routes)
    return tuple(
        ratelimit.limited(guarded(route, config, held), config.rate_limit, settings.ratelimit)
        for config, route in made
    )


def _judged_as_routes(settings: Settings) -> RealtimeBound:
    """Return channels, whose rules ask for all that routes of such content ask for."""
    held = access.compile(settings.access).roles or ROLES

    def judged(route: Route | None) -> Route | None:
        if route is None:
            return None
        (raised,) = stepped_up((route,), settings)
        return guarded_as_asked(raised, held)

    plain = partial(_plain_route, settings)
    bound = realtime.compile(settings.realtime, settings.ratelimit, plain)
    channels = tuple(
        msgspec.structs.replace(
            one,
            subscribe=judged(one.subscribe),
            publish=judged(one.publish),
            presence=judged(one.presence),
            history=judged(one.history),
        )
        for one in bound.channels
    )
    procedures = tuple(
        msgspec.structs.replace(one, rule=judged(one.rule) or one.rule) for one in bound.procedures
    )
    return msgspec.structs.replace(bound, channels=channels, procedures=procedures)


def _plain_route(settings: Settings, service: str) -> Route:
    """Return the route to a service of which the operator says nothing but that."""
    return _route(
        RouteConfig(path="/", service=service, auth="none"), settings.services, _pages(settings)
    )


def _declared_route(settings: Settings, service: str) -> Route:
    """Return what a route is like that a service declares: as one that says nothing of limits."""
    plain = _plain_route(settings, service)
    named = msgspec.structs.replace(plain, name=f"declared by {service}")
    limited = ratelimit.limited(named, None, settings.ratelimit)
    return msgspec.structs.replace(limited, name=plain.name)


def _likes(settings: Settings) -> Iterator[Route]:
    """Yield what routes are like that services may declare."""
    route_to = partial(_declared_route, settings)
    yield from registration.compile(settings.registration, route_to).likes.values()
    yield from discovery.compile(settings.discovery, settings.services, route_to).likes.values()


def _forwarded(settings: Settings) -> tuple[Route, ...]:
    """Return the gateway's own routes to an operator's service, as plain as those of its own."""
    return tuple(
        msgspec.structs.replace(
            _plain_route(settings, one.service),
            name=one.name,
            path=one.path,
            methods=one.methods,
            auth=one.auth,
            rewrite=one.rewrite,
            upgrade=(),
            origins=(),
        )
        for one in forwarded(settings)
    )


def _pages(settings: Settings) -> tuple[str, ...]:
    return tuple(origin for origin in settings.cors.origins if origin != "*")


def _encoded(bound: msgspec.Struct) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(bound))


def _address(address: Address) -> Listener:
    return Listener(host=address.host, port=address.port, unix=address.unix)


def _listener(config: ListenerConfig, credentials: Credentials) -> Listener:
    redirect = config.redirect_to_https
    return msgspec.structs.replace(
        _address(config.address),
        trusted=config.trusted_proxies,
        tls=None
        if config.tls is None
        else credentials.listener(config.tls, internal=config.internal),
        proxy_protocol=config.proxy_protocol,
        redirect_port=HTTPS if redirect is True else int(redirect),
        internal=config.internal,
    )


def _service(
    name: str, config: ServiceConfig, credentials: Credentials, settings: Settings
) -> Service:
    found = config.discover is not None and config.discover.scheme == "https"
    # One that registers alone may do so with `https://`.
    alone = config.discover is None and not config.endpoints
    encrypted = found or alone or any(one.url.is_encrypted for one in config.endpoints)
    return Service(
        name=name,
        endpoints=tuple(_endpoint(one) for one in config.endpoints),
        balance=config.balance,
        sticky=_key(config),
        load_bound=config.load_bound,
        outliers=_outliers(config.outliers),
        panic=Panic(**dict(config.panic)),
        slow_start=config.slow_start,
        host=config.host or "",
        limits=EndpointLimits(**dict(config.limits)),
        tls=credentials.service(config, settings.identity.withdrawn) if encrypted else None,
        plaintext=may_be_plain(config, settings),
    )


def _outliers(config: OutliersConfig | None) -> Outliers | None:
    if config is None:
        return None
    return Outliers(**{**dict(config), "slow": config.slow or 0.0})


def _key(config: ServiceConfig) -> Key | None:
    """Return what sticks to an endpoint of the service."""
    if config.sticky is not None:
        return compiled_key(config.sticky)
    return Key(by="client_address") if config.balance == "consistent_hash" else None


def _endpoint(config: EndpointConfig) -> Endpoint:
    url = config.url
    return Endpoint(
        host=url.host, port=url.port, unix=url.unix, weight=config.weight, tls=url.is_encrypted
    )


def _route(
    config: RouteConfig, services: Mapping[str, ServiceConfig], pages: tuple[str, ...]
) -> Route:
    """Return a route; `pages` are the origins that may open a WebSocket anywhere."""
    resting = frozenset(name for name, one in services.items() if one.maintenance is not None)
    ends = Ends(config.service, config.split, config.canary, config.mirror, resting)
    opens = bool(ends.service) and "websocket" in config.upgrade
    main, parts = _parts(config, ends, services)
    return Route(
        name=_name(config),
        path=config.path,
        host=config.host or "",
        methods=config.methods or (),
        conditions=_conditions(config),
        service=ends.service,
        auth=config.auth,
        internal=config.internal,
        redirect=config.redirect or "",
        redirect_status=config.redirect_status,
        respond=_respond(config.respond),
        maintenance=_maintenance(services.get(ends.service)),
        rewrite=Rewrite(**{key: value for key, value in config.rewrite if value is not None}),
        timeouts=Timeouts(**dict(config.timeouts)),
        tries=config.retries + 1,
        breaker=main.breaker,
        fallback=main.fallback,
        parts=parts,
        max_body=config.max_body,
        replay_body=config.replay_body,
        upgrade=config.upgrade,
        origins=tuple(dict.fromkeys((*config.origins, *pages))) if opens else (),
        sockets=socket.compiled(config.socket),
        allow_from=config.allow_from or (),
        trailing_slash=config.trailing_slash,
        allow_encoded=config.allow_encoded,
        socket=tether.socket_of(config.tether),
        features={**ends.features(_keys(services)), **_asked(config)},
        **_fields(config),
    )


class _Fields(TypedDict):
    """What a route does to fields, on the way to the service and on the way back."""

    request_fields: tuple[tuple[str, str | None], ...]
    request_appended: tuple[tuple[str, str], ...]
    response_fields: tuple[tuple[str, str | None], ...]
    response_appended: tuple[tuple[str, str], ...]


def _fields(config: RouteConfig) -> _Fields:
    return {
        "request_fields": _set(config.request_headers),
        "request_appended": _appended(config.request_headers),
        "response_fields": _set(config.response_headers),
        "response_appended": _appended(config.response_headers),
    }


def _parts(
    config: RouteConfig, ends: Ends, services: Mapping[str, ServiceConfig]
) -> tuple[Part, tuple[Part, ...]]:
    """Return a route's service, and where there are several each of them."""
    parts = tuple(_part(config, name, weight, services) for name, weight in ends.all_parts)
    return _part(config, ends.service, 1, services), parts


def _part(
    config: RouteConfig, end: str, weight: int, services: Mapping[str, ServiceConfig]
) -> Part:
    """Return when a service of a route is not asked, and what answers then.

    What the route says itself is so for each of its services, but that none stands in for itself.
    """

    def of(name: str) -> tuple[Breaker | None, FallbackConfig | None]:
        service = services.get(name)
        if service is None:  # the gateway's own has none
            return None, None
        return breaker.compiled(service.breaker), service.fallback

    breaks, falls_back = of(end)
    if config.breaker is not None:
        breaks = breaker.compiled(config.breaker)
    own = frozenset({end})
    instead = fallback.compiled(config.fallback or falls_back, of, own)
    return Part(service=end, weight=weight, breaker=breaks, fallback=instead)


def _asked(config: RouteConfig) -> dict[str, msgspec.Raw]:
    """Return what a route asks of who calls, and where it looks for that."""
    found = access.compile_route(config.access, config.roles or ())
    asked = {} if found is None else {"access": _encoded(found)}
    if config.auth_query is not None or config.auth_ticket:
        query = identity.compile_query(config.auth_query, ticket=config.auth_ticket)
        asked["identity"] = _encoded(query)
    if config.traffic_class is not None:
        asked["admission"] = _encoded(RouteAdmission(traffic=config.traffic_class))
    looked_at = safety.compiled_route(config.safety, config.traffic_class)
    if looked_at != RouteSafety():
        asked["safety"] = _encoded(looked_at)
    if config.traffic_class == "crisis":
        asked["shield"] = _encoded(RouteShield())
    if config.tether is not None:
        asked["tether"] = _encoded(tether.compiled(config.tether))
    if config.callers is not None:
        asked["callers"] = _encoded(caller.compile_route(config.callers))
    return asked


def _keys(services: Mapping[str, ServiceConfig]) -> dict[str, Key]:
    found = ((name, _key(one)) for name, one in services.items())
    return {name: key for name, key in found if key is not None}


def _set(changes: Mapping[str, Change]) -> tuple[tuple[str, str | None], ...]:
    """Return the fields that are set or removed."""
    return tuple((name, one) for name, one in changes.items() if not isinstance(one, tuple))


def _appended(changes: Mapping[str, Change]) -> tuple[tuple[str, str], ...]:
    """Return the fields that are added."""
    lists = ((name, one) for name, one in changes.items() if isinstance(one, tuple))
    return tuple((name, value) for name, values in lists for value in values)


def _name(config: RouteConfig) -> str:
    """Return what logs and metrics call the route; nothing but the route itself decides it."""
    methods = ",".join(config.methods or ())
    headers = ", ".join(
        name if value is True else f"{name}: {value}" for name, value in config.headers.items()
    )
    place = f"{config.host or ''}{config.path}"
    side = "(internal)" if config.internal else ""
    return " ".join(part for part in (methods, place, headers and f"({headers})", side) if part)


def _conditions(config: RouteConfig) -> tuple[Condition, ...]:
    return tuple(
        Condition(name=name, value=None if value is True else value)
        for name, value in config.headers.items()
    )


def _maintenance(service: ServiceConfig | None) -> Maintenance | None:
    if service is None or service.maintenance is None:
        return None
    config = service.maintenance
    return Maintenance(text=config.text, retry_after=int(config.retry_after))


def _respond(config: RespondConfig | None) -> Respond | None:
    if config is None:
        return None
    return Respond(**{key: value for key, value in config if value is not None})

"""What operators may write about limits, and how that compiles."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from tta_gateway.features.ratelimit.bound import Limit, Of, Part
from tta_gateway.routing.template import TemplateError, parse
from tta_gateway.support.config import Config, Duration, Items

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_PLACES: Final = ("route", "service", "all")
Written: TypeAlias = Literal[
    "user", "role", "client", "tenant", "address", "route", "service", "all"
]
Amount: TypeAlias = Annotated[int, Field(ge=1, le=1_000_000_000)]


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(
            f"`{text}` is not the name of a limit: small letters, digits, - and _ make one, and a "
            "letter begins it"
        )
    return text


LimitName: TypeAlias = Annotated[
    str, AfterValidator(_name), WithJsonSchema({"title": "name of a limit", "type": "string"})
]


class LimitConfig(Config):
    """A limit: so many `requests` or `messages` in a time, or so many `concurrent`."""

    requests: Amount | None = None
    """How many requests, in the time `per`."""

    messages: Amount | None = None
    """How many messages of a socket or a stream, in the time `per`."""

    concurrent: Amount | None = None
    """How many requests and open sockets at the same time, on one node."""

    per: Duration | None = None
    """In which time."""

    burst: Amount | None = None
    """How many of them at once; left out, all of them."""

    quota: bool = False
    """Whether they are counted in fixed windows of the clock (UTC), each as long as `per`, instead
    of trickling back; then twice as many may pass around the moment when one ends."""

    key: Annotated[Items[Written], Field(min_length=1)] = ("user",)
    """For each of what the limit is there: users (their addresses, where nobody has shown who they
    are), `role`, `client`, `tenant`, `address` (IPv6 by /64), `route`, `service`, several of these
    together, or `all` for one limit in all."""

    cost: Amount = 1
    """What one request takes of it."""

    exact: bool = False
    """Whether the store is asked for each request, within 50 ms: one count for all nodes, strictly.
    Left out, workers decide alone and tell each other."""

    on_store_failure: Literal["local", "refuse"] = "local"
    """What becomes of requests while the store does not answer, where the limit is `exact`: decided
    by what the worker knows, or refused with 503."""

    dry_run: bool = False
    """Whether what would be refused is only told, in the access log and by a metric."""

    adaptive: bool = False
    """Whether there is less of it while the service is ill: by the endpoints that are up, and by
    the share of its answers that fail; a tenth is always left."""

    @model_validator(mode="after")
    def _whole(self) -> "LimitConfig":
        """Refuse what means nothing together."""
        for sentence in _complaints(self):
            raise ValueError(sentence)
        return self


class RouteLimitConfig(LimitConfig):
    """A limit of one route, or one of those in `ratelimit.limits` by its name."""

    use: LimitName | None = None
    """The name of a limit of `ratelimit.limits`, which routes that use it have together; beside it
    stands `cost` alone."""

    name: LimitName | None = None
    """What clients and operators call it; left out, what it counts."""

    @model_validator(mode="after")
    def _alone(self) -> "RouteLimitConfig":
        """Refuse what would be overlooked."""
        beside = self.model_fields_set - {"use", "cost"}
        if self.use is not None and beside:
            raise ValueError(
                f"`{min(beside)}` has no effect beside `use`: write it in `ratelimit.limits`"
            )
        return self


def _complaints(limit: LimitConfig) -> Iterator[str]:
    """Yield what is wrong with a limit."""
    if isinstance(limit, RouteLimitConfig) and limit.use is not None:
        return
    written = [name for name in ("requests", "messages", "concurrent") if getattr(limit, name)]
    if len(written) != 1:
        yield (
            "must say one of `requests`, `messages` and `concurrent`: how many there may be; "
            "several limits stand in a list"
        )
        return
    yield from _beside(limit, written[0])


def _beside(limit: LimitConfig, kind: str) -> Iterator[str]:
    """Yield what has no effect, or no sense, beside what it counts."""
    idle = ("per", "burst", "quota", "exact", "adaptive") if kind == "concurrent" else ()
    for key in idle:
        if getattr(limit, key):
            yield f"`{key}` has no effect beside `concurrent`: take it out"
    if limit.per is None and not idle:
        yield f"`{kind}` needs `per`, the time in which there may be so many: `per: 1m`"
    if kind == "messages" and limit.exact:
        yield "`exact` is for requests: messages are counted by the worker that has the socket"
    if limit.on_store_failure == "refuse" and not limit.exact:
        yield "`on_store_failure` has no effect without `exact: true`: take it out"
    most = limit.burst or limit.requests or limit.messages or limit.concurrent or 0
    if limit.cost > most:
        yield f"`cost: {limit.cost}` is more than there ever is ({most}): nobody would get through"
    if limit.quota:
        yield from _beside_quota(limit)


def _beside_quota(limit: LimitConfig) -> Iterator[str]:
    if limit.burst is not None:
        yield "`burst` has no effect with `quota`, of which all may be spent at once: take it out"
    if limit.adaptive:
        yield "`adaptive` has no effect with `quota`: take one of the two out"


def _status(path: str) -> str:
    if path == "off":
        return path
    try:
        segments = parse(path)
    except TemplateError as error:
        raise ValueError(str(error)) from None
    if any(one.name for one in segments):
        raise ValueError(f"`{path}` must be one path, without names in it, or `off`")
    return path


StatusPath: TypeAlias = Annotated[
    str, AfterValidator(_status), WithJsonSchema({"title": "path, or `off`", "type": "string"})
]


class RateLimitConfig(Config):
    """Limits that several routes have together, and how limits are kept."""

    limits: dict[LimitName, LimitConfig] = Field(default_factory=dict)
    """Limits by name; a route has one by `rate_limit: NAME`."""

    default: Items[LimitName] = ()
    """The names of those that every route has which says nothing of `rate_limit`."""

    keys: Annotated[int, Field(ge=1_000, le=10_000_000)] = 50_000
    """How many keys of each limit a worker remembers; one takes about 400 bytes."""

    tenant: Annotated[Items[str], Field(min_length=1)] = ("tenant",)
    """The claims of access tokens that say whose tenant somebody is; the first that is there."""

    client: Annotated[Items[str], Field(min_length=1)] = ("client_id", "azp")
    """The claims of access tokens that say which client somebody uses; likewise."""

    status: StatusPath = "/api/v1/limits"
    """Where callers are told what is left of their limits, or `off`; it is there where there are
    limits."""


class Place:
    """Where a limit stands: the route by its name, and the service that it leads to.

    `usual` is what a limit is called that stands there without a name; empty: what it counts.
    """

    def __init__(self, route: str, service: str, usual: str = "") -> None:
        """Stand there."""
        self.route = route
        self.service = service
        self.usual = usual

    def handle(self, name: str) -> str:
        """Return what operators call a limit that stands there alone."""
        return self.route if name == self.usual else f"{self.route}: {name}"


def compile_route(
    written: tuple[RouteLimitConfig, ...] | None, config: RateLimitConfig, place: Place
) -> tuple[Limit, ...]:
    """Return the limits of a route; None where nothing is written of them."""
    if written is None:
        written = tuple(RouteLimitConfig(use=name) for name in config.default)
    names: dict[str, int] = {}
    found = []
    for one in written:
        if one.use is None:
            name = _shown(one, names, place.usual)
            found.append(_limit(one, name, place.handle(name), place))
        elif one.use in config.limits:  # else settings/ratelimit.py has complained
            shared = config.limits[one.use]
            cost = one.cost if "cost" in one.model_fields_set else shared.cost
            limit = shared.model_copy(update={"cost": cost})
            found.append(_limit(limit, one.use, one.use, place, shared=True))
    return tuple(found)


def _shown(limit: RouteLimitConfig, names: dict[str, int], usual: str) -> str:
    """Return what a limit of a route alone is called, which no other of the route is."""
    name = limit.name or usual or ("quota" if limit.quota else _kind(limit))
    names[name] = names.get(name, 0) + 1
    return name if names[name] == 1 else f"{name}-{names[name]}"


def _kind(limit: LimitConfig) -> Of:
    if limit.messages:
        return "messages"
    return "concurrent" if limit.concurrent else "requests"


def _limit(
    config: LimitConfig, name: str, handle: str, place: Place, *, shared: bool = False
) -> Limit:
    """Return a limit as it is for one route."""
    parts: Mapping[str, str] = {"route": place.route, "service": place.service}
    own = [f"{one} {parts[one]}" for one in ("route", "service") if one in config.key]
    amount = config.requests or config.messages or config.concurrent or 1
    key: tuple[Part, ...] = tuple(one for one in config.key if one not in _PLACES)  # type: ignore[misc]  # mypy does not narrow literals by `in`
    return Limit(
        id=" ".join((handle, *own)) if shared else handle,
        name=name,
        handle=handle,
        of=_kind(config),
        amount=amount,
        per=config.per or 0.0,
        burst=config.burst or amount,
        quota=config.quota,
        key=key,
        cost=config.cost,
        exact=config.exact,
        refuses=config.on_store_failure == "refuse",
        dry_run=config.dry_run,
        adaptive=place.service if config.adaptive else "",
    )

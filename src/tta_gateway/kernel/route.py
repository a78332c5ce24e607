"""Routes and services as a worker needs them: compiled, checked, sent in the snapshot."""

from typing import Literal

import msgspec

Balance = Literal["peak_ewma", "least_request", "round_robin", "weighted", "consistent_hash"]
Auth = Literal["required", "optional", "none"]
"""Who may call a route; `required` and `optional` come with identity, which enforces them."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One address of a service: host and port, or a unix socket's path.

    Where `host` is an address that a name was resolved to, `authority` is that name with its port:
    who speaks TLS there must have a certificate for the name, and may name itself by it in URLs.
    """

    host: str
    port: int
    unix: str = ""
    weight: int = 1
    tls: bool = False
    authority: str = ""

    @property
    def name(self) -> str:
        """Return the address as operators write it."""
        if self.unix:
            return f"unix:{self.unix}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def server_name(self) -> str:
        """Return the name that its certificate must have, where the service names no other."""
        return self.authority.rpartition(":")[0] or self.host


class EndpointLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much one endpoint is asked at once, by one worker."""

    connections: int = 256
    pending: int = 1024
    in_flight: int = 1024


class ServiceTls(msgspec.Struct, frozen=True, kw_only=True):
    """How a service is spoken to where its endpoints say `https://`.

    `ca` is the digest of the authorities, which stand in the snapshot under it; `pem` is what the
    gateway shows, with its key, and `certificate` the path of the file that it was read from.
    `spiffe_id` is whom the service must prove to be, instead of having a name in DNS, by none of
    the `withdrawn` certificates.  So a service whose certificates have been replaced, or withdrawn,
    is another one, whose connections are made anew.
    """

    ca: str = ""
    server_name: str = ""
    spiffe_id: str = ""
    certificate: str = ""
    pem: bytes = b""
    verified: bool = True
    withdrawn: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Say how it is spoken to, and nothing of the key."""
        return f"<tls to {self.server_name or 'its host'}, verified: {self.verified}>"


class Outliers(msgspec.Struct, frozen=True, kw_only=True):
    """When an endpoint that fails is left out, and for how long, in seconds.

    `failures` in a row, or many more than the peers have of `least_asked` answers in an `interval`.
    Each ejection lasts `shortest` longer than the one before, at most `longest`; no more than the
    share `most` of the endpoints is left out at a time.  One that is penalised for its pace is left
    out too when a probe takes `slow` times as long as is typical (0: never).
    """

    failures: int = 5
    interval: float = 10.0
    least_asked: int = 20
    shortest: float = 30.0
    longest: float = 300.0
    most: float = 0.5
    slow: float = 0.0


class Panic(msgspec.Struct, frozen=True, kw_only=True):
    """Below which share of good endpoints all are asked again, or nobody is."""

    below: float = 0.3
    then: Literal["spread", "fail"] = "spread"


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """When a route's service is not asked for a while; times in seconds.

    It opens when of at least `least` requests within `window` the share `ratio` failed, or when the
    `quantile` of the times to an answer is over `slow` (0: time does not count), or after
    `failures` in a row (0: a row does not count).  It stays open for `open`, each time in a row
    twice as long, up to `longest`; then the share that is let through grows for `ramp`.
    """

    failures: int = 0
    window: float = 10.0
    least: int = 20
    ratio: float = 0.5
    slow: float = 0.0
    quantile: float = 0.95
    open: float = 10.0
    longest: float = 60.0
    ramp: float = 10.0


class Fallback(msgspec.Struct, frozen=True, kw_only=True):
    """What answers while a service cannot: `respond`, or the other service `service`.

    `breaker` and `fallback` are the other service's own.
    """

    respond: "Respond | None" = None
    service: str = ""
    breaker: Breaker | None = None
    fallback: "Fallback | None" = None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One of several services that a route leads to, with its own breaker and fallback.

    `weight` is its share of the requests; a canary and a shadow have none.
    """

    service: str
    weight: int = 0
    breaker: Breaker | None = None
    fallback: Fallback | None = None


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What of a request sticks to a service or an endpoint.

    `name` is that of the path's parameter, the field or the cookie.  `ttl` is None, or how long a
    cookie lasts that the gateway itself gives, in seconds; 0 says: as long as the browser runs.
    """

    by: Literal["path", "header", "cookie", "client_address", "principal"]
    name: str = ""
    ttl: float | None = None


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A named group of endpoints.  `host` replaces the client's Host field, where set.

    `sticky` is what sticks to an endpoint; with `consistent_hash`, up to `load_bound` times the
    endpoint's share of the load.

    `slow_start` is how long an endpoint that is new, or back, takes to its full share, in seconds.

    `plaintext`: it may be spoken to in the clear beyond this machine.
    """

    name: str
    endpoints: tuple[Endpoint, ...]
    balance: Balance = "peak_ewma"
    sticky: Key | None = None
    load_bound: float = 1.25
    outliers: Outliers | None = Outliers()
    panic: Panic = Panic()
    slow_start: float = 10.0
    host: str = ""
    limits: EndpointLimits = EndpointLimits()
    tls: ServiceTls | None = None
    plaintext: bool = False


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """How long an exchange may take, in seconds (architecture, table of defaults)."""

    connect: float = 1.0
    first_byte: float = 30.0
    total: float = 60.0  # until the answer's head, all tries together
    idle: float = 60.0  # of the answer's body
    body_idle: float = 30.0  # of the request's body
    tunnel_idle: float = 300.0


class Rewrite(msgspec.Struct, frozen=True, kw_only=True):
    """What the service sees instead: a path (template), a method, or the path less a prefix."""

    path: str = ""
    method: str = ""
    strip_prefix: str = ""


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """A request field that must be there; with `value`, it must have that value."""

    name: str
    value: str | None = None


class Sockets(msgspec.Struct, frozen=True, kw_only=True):
    """How WebSockets that a route's service answers are treated, where messages are looked at.

    `profile` names the form of their messages; `deflate` on which side they may be deflated.
    """

    profile: Literal["", "chat"] = ""
    deflate: Literal["off", "client", "both"] = "off"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One rule of where requests go.

    Exactly one of `service`, `redirect` and `respond` is set.  `methods` empty means all of them,
    `allow_from` empty everybody.  `maintenance` is its service's, which then is not asked.
    `…_fields` are set, or removed where the value is None; `…_appended` stand behind what is there.
    `breaker` and `fallback` are its service's; where there are several, `parts` has those of each.
    `internal`: only listeners that are internal lead there, and nowhere else.
    `socket` names what of the gateway itself answers WebSockets there, in its own service's place;
    `stream` what answers requests there, likewise.
    `features` holds each feature's settings of this route, as its bound struct encodes them.
    """

    name: str
    path: str
    host: str = ""
    methods: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    service: str = ""
    auth: Auth = "none"
    internal: bool = False
    socket: str = ""
    stream: str = ""
    redirect: str = ""
    redirect_status: int = 307
    respond: "Respond | None" = None
    maintenance: "Maintenance | None" = None
    rewrite: Rewrite = Rewrite()
    timeouts: Timeouts = Timeouts()
    tries: int = 3
    breaker: Breaker | None = None
    fallback: Fallback | None = None
    parts: tuple[Part, ...] = ()
    max_body: int = 10 * 1024 * 1024
    replay_body: int = 64 * 1024
    upgrade: tuple[str, ...] = ("websocket",)
    origins: tuple[str, ...] = ()  # of pages that may open a WebSocket (or stream), beside its own
    sockets: Sockets = Sockets()
    allow_from: tuple[str, ...] = ()
    trailing_slash: Literal["strict", "either"] = "strict"
    allow_encoded: bool = False
    request_fields: tuple[tuple[str, str | None], ...] = ()
    request_appended: tuple[tuple[str, str], ...] = ()
    response_fields: tuple[tuple[str, str | None], ...] = ()
    response_appended: tuple[tuple[str, str], ...] = ()
    features: dict[str, msgspec.Raw] = {}


class Respond(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that the gateway gives itself: a fixed one, or the problem of a missing service."""

    status: int = 200
    body: str = ""
    content_type: str = "application/json"
    missing_service: str = ""


class Maintenance(msgspec.Struct, frozen=True, kw_only=True):
    """What clients are told while a service is being looked after; seconds until it may be back."""

    text: str = "It will be back shortly. Please try again then."
    retry_after: int = 300


def leading_to(route: Route, service: str) -> Route:
    """Return a route as it leads to one of its parts: by that service's breaker and fallback."""
    for one in route.parts:
        if one.service == service:
            return msgspec.structs.replace(
                route, service=service, breaker=one.breaker, fallback=one.fallback
            )
    return route

"""Routes: where requests go, as operators write them."""

import re
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)

from tta_gateway.features.access.config import RoleName, RouteAccessConfig
from tta_gateway.features.allow_from.algorithm import UNIX
from tta_gateway.features.cors.config import Origin
from tta_gateway.kernel.route import Auth, Respond, Route, Timeouts
from tta_gateway.kernel.traffic import TrafficClass
from tta_gateway.routing.path import normal
from tta_gateway.routing.template import parse
from tta_gateway.settings.address import host
from tta_gateway.settings.breaker import WrittenBreaker
from tta_gateway.settings.caller import Callers
from tta_gateway.settings.fallback import WrittenFallback, final
from tta_gateway.settings.identity import WrittenQuery
from tta_gateway.settings.listener import network
from tta_gateway.settings.ratelimit import RouteLimitsWritten
from tta_gateway.settings.safety import WrittenSafety
from tta_gateway.settings.shorthand import Shorthand
from tta_gateway.settings.socket import SocketConfig
from tta_gateway.settings.split import CanaryConfig, MirrorConfig, SplitConfig
from tta_gateway.settings.tether import TetherConfig
from tta_gateway.support.config import (
    Config,
    Duration,
    FieldName,
    FieldValue,
    Items,
    Line,
    Method,
    Size,
    apart,
    duration_text,
    field_value,
)
from tta_gateway.wire.field import Kind, known

_ROUTE: Final = Route(name="", path="/")
_TIMEOUTS: Final = Timeouts()
_RESPOND: Final = Respond()
TEMPLATE: Final = WithJsonSchema({"title": "path", "type": "string"})
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_LOCATION: Final = re.compile(r"(?:/(?!/)|https?://[^\s/?#{}@\\]+(?:/|$))[^\s?#\\\x00-\x1f\x7f]*")
_PROTOCOL: Final = re.compile(r"[a-z0-9!$&'*+\-.^_`|~]+(?:/[a-z0-9.]+)?")
CREDENTIALS: Final = frozenset({"authorization", "cookie", "x-api-key", "x-auth-token"})
APPEND: Final = "append"
# Beside those that a codec refuses to see twice: no lists, so that a second one would be an error,
# or the reader's to choose from (RFC 9110 5.3).
_ONCE: Final = frozenset(
    (
        "access-control-allow-credentials",
        "access-control-allow-origin",
        "access-control-max-age",
        "age",
        "content-disposition",
        "content-location",
        "content-range",
        "date",
        "etag",
        "expires",
        "from",
        "if-modified-since",
        "if-range",
        "if-unmodified-since",
        "last-modified",
        "location",
        "max-forwards",
        "referer",
        "retry-after",
        "server",
        "strict-transport-security",
        "user-agent",
        "x-content-type-options",
        "x-frame-options",
    )
)


# --- where it stands, and which requests it takes ------------------------------------------------


def _template(text: str) -> str:
    """Return a path template; ValueError if it is none, or one that no path could match."""
    for segment in parse(text):
        literal = "/" + segment.literal.decode()
        if _BROKEN_ESCAPE.search(literal):
            raise ValueError(f"`{literal}` holds a `%` without two hexadecimal digits: write `%25`")
        made = (normal(literal.encode())[0] or b"/").decode()
        if made != literal:
            raise ValueError(f"`{literal}` never matches, paths being made normal: write `{made}`")
    return text


def _host(text: str) -> str:
    try:
        made = host(text.removeprefix("*."))
    except ValueError:
        raise ValueError(
            f"`{text}` is not a host: write a name such as `api.example.org` or `*.example.org`, "
            "without a port"
        ) from None
    return ("*." if text.startswith("*.") else "") + (f"[{made}]" if ":" in made else made)


def _condition(value: object) -> str | Literal[True]:
    if value is True:
        return True
    if not isinstance(value, str):
        raise ValueError("must be the value that the field must have, in quotes, or `true` for any")  # noqa: TRY004
    return field_value(value)


def _free(name: str) -> str:
    """Return the name of a field; ValueError if it is one that routes neither see nor change."""
    if known(name.encode())[1] not in (Kind.PLAIN, Kind.SINGLE):
        raise ValueError(
            f"`{name}` frames the message or tells the way here, and is the gateway's alone: take "
            "it out"
        )
    return name


Template: TypeAlias = Annotated[str, AfterValidator(_template), TEMPLATE]
HostPattern: TypeAlias = Annotated[
    str, AfterValidator(_host), WithJsonSchema({"title": "host", "type": "string"})
]
ConditionValue: TypeAlias = Annotated[
    str | Literal[True],
    PlainValidator(_condition),
    WithJsonSchema({"anyOf": [{"title": "header value", "type": "string"}, {"const": True}]}),
]

FreeName: TypeAlias = Annotated[FieldName, AfterValidator(_free)]
Conditions: TypeAlias = Annotated[dict[FreeName, ConditionValue], BeforeValidator(apart)]

# --- where it leads ------------------------------------------------------------------------------


def _location(text: str) -> str:
    if not _LOCATION.fullmatch(text):
        raise ValueError(
            f"`{text}` is not a place to lead to: write a path or an `http://` or `https://` URL, "
            "with names of the route's path after the host alone, and without a query (the "
            "request's own is added)"
        )
    return text


RedirectStatus: TypeAlias = Literal[301, 302, 303, 307, 308]


def _answered_with_a_body(method: Method) -> Method:
    if method == "HEAD":
        raise ValueError("cannot be HEAD: a client that sent another method waits for the body")
    return method


class RewriteConfig(Config):
    """What the service sees instead of what the client asked for."""

    path: Template | None = None
    """The path, which may hold names of the route's path: `/v1/players/{player_id}`."""

    method: Annotated[Method, AfterValidator(_answered_with_a_body)] | None = None
    """The method; not HEAD, whose answer has no body for a client that asked otherwise."""

    strip_prefix: Template | None = None
    """What the path loses at its beginning: `/api`."""


class RespondConfig(Config):
    """An answer of the gateway's own."""

    status: Annotated[int, Field(ge=200, le=599), AfterValidator(final)] = _RESPOND.status
    """Its status."""

    body: str = _RESPOND.body
    """Its body."""

    content_type: FieldValue = _RESPOND.content_type
    """What the body is."""

    missing_service: Line | None = None
    """In place of all that, a problem that names a service which this installation has not."""


# --- how it treats them --------------------------------------------------------------------------


class TimeoutsConfig(Config):
    """How long an exchange may take."""

    connect: Duration = _TIMEOUTS.connect
    """Until a connection to the service is made."""

    first_byte: Duration = _TIMEOUTS.first_byte
    """Until the answer's head comes, in one try."""

    total: Duration = _TIMEOUTS.total
    """Until the answer's head has come, all tries together."""

    idle: Duration = _TIMEOUTS.idle
    """Between two parts of the answer's body."""

    body_idle: Duration = _TIMEOUTS.body_idle
    """Between two parts of the request's body."""

    tunnel_idle: Duration = _TIMEOUTS.tunnel_idle
    """Without a byte either way, once the protocol has changed."""

    @model_validator(mode="after")
    def _within_total(self) -> "TimeoutsConfig":
        """Refuse a patience that the default of `total` would cut short unsaid."""
        longest = max(self.connect, self.first_byte)
        if longest > self.total and "total" not in self.model_fields_set:
            raise ValueError(
                f"`total` is {duration_text(self.total)} where nothing is written, and would end "
                "sooner: write `total` too"
            )
        return self


def _upgrade(value: object) -> object:
    if value == "off":
        return []
    raise ValueError("must be a list of protocols, `[websocket]`, or `off`")


def _upgrade_text(protocols: tuple[str, ...]) -> list[str] | str:
    return list(protocols) or "off"


def _protocol(text: str) -> str:
    if text.lower() == "h2c":
        raise ValueError("`h2c` would carry requests past every rule here: take it out")
    if not _PROTOCOL.fullmatch(text):
        raise ValueError(f"`{text}` is not a protocol: write `websocket`, in lower case")
    return text


def _change(value: object) -> str | tuple[str, ...] | None:
    """Return what becomes of a field: set to a value, removed (None), or values behind its own."""
    if value is None or isinstance(value, str):
        return value if value is None else field_value(value)
    if not isinstance(value, dict) or list(value) != [APPEND]:
        raise ValueError(
            "must be the value that the field gets, in quotes, null, or values that are added: "
            f"`{{{APPEND}: …}}`"
        )
    values = value[APPEND] if isinstance(value[APPEND], list) else [value[APPEND]]
    if not values or not all(isinstance(one, str) for one in values):
        raise ValueError(f"`{APPEND}` must be a value in quotes, or a list of one or more of them")
    return tuple(field_value(one) for one in values)


def _change_text(change: str | tuple[str, ...] | None) -> str | dict[str, list[str]] | None:
    return {APPEND: list(change)} if isinstance(change, tuple) else change


def _permitted(fields: "dict[str, Change]") -> "dict[str, Change]":
    for name, change in fields.items():
        if name in CREDENTIALS and change is not None:
            raise ValueError(f"`{name}` would be a secret in plain text: null alone is taken here")
        if isinstance(change, tuple) and (name in _ONCE or known(name.encode())[1] == Kind.SINGLE):
            raise ValueError(f"`{name}` may stand in a message once: set it, with a value alone")
    return fields


Protocol: TypeAlias = Annotated[
    str, AfterValidator(_protocol), WithJsonSchema({"title": "protocol", "type": "string"})
]
Change: TypeAlias = Annotated[
    str | tuple[str, ...] | None,
    PlainValidator(_change),
    PlainSerializer(_change_text),
    WithJsonSchema(
        {
            "anyOf": [
                {"title": "header value", "type": "string"},
                {"type": "null"},
                {
                    "type": "object",
                    "properties": {
                        APPEND: {
                            "anyOf": [
                                {"title": "header value", "type": "string"},
                                {
                                    "type": "array",
                                    "items": {"title": "header value", "type": "string"},
                                    "minItems": 1,
                                },
                            ],
                            "description": "Values that are added behind those that the field has "
                            "already, each as a field of its own.",
                        }
                    },
                    "required": [APPEND],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
Changes: TypeAlias = Annotated[
    dict[FreeName, Change], BeforeValidator(apart), AfterValidator(_permitted)
]


def _client(text: str) -> str:
    if text == UNIX:
        return text
    try:
        return network(text)
    except ValueError as error:
        raise ValueError(f"{error}; or `{UNIX}`, for who connects to a unix socket") from None


Clients: TypeAlias = Annotated[
    str, AfterValidator(_client), WithJsonSchema({"title": "network", "type": "string"})
]


class RouteConfig(Config):
    """One rule of where requests go: exactly one of `service`, `split`, `redirect`, `respond`."""

    path: Template
    """The paths it takes: `/players/{player_id}/characters`; `{rest:path}` at the end is all that
    follows.  The most specific route wins."""

    host: HostPattern | None = None
    """The host it takes requests for, `*.` for any below; left out, every host."""

    methods: Annotated[Items[Method], Field(min_length=1)] | None = None
    """The methods it takes, HEAD with GET; left out, all but TRACE."""

    headers: Conditions = Field(default_factory=dict)
    """Header fields that a request must have, each with its value, or `true` for any."""

    service: str | None = None
    """The service that answers."""

    split: SplitConfig | None = None
    """The services that answer, each its share by weight."""

    canary: CanaryConfig | None = None
    """A service for requests with a header, whatever the weights."""

    mirror: MirrorConfig | None = None
    """A service that gets copies, and whose answers nobody gets."""

    redirect: Annotated[Line, AfterValidator(_location)] | None = None
    """Where clients are sent instead; the path may hold names of the route's."""

    redirect_status: RedirectStatus = 307
    """With which status they are sent there."""

    respond: RespondConfig | None = None
    """The answer that the gateway gives itself."""

    internal: bool = False
    """Whether it is for services, at internal listeners, instead of clients at the others."""

    callers: Callers | None = None
    """The services that may call it, by the SPIFFE ids of their certificates.  `auth` is about
    tokens, beside that: `none` leaves it to the certificate, `required` asks for both."""

    auth: Auth = "required"
    """Who may call: who shows an access token (`required`), everybody, but no token that is not
    believed (`optional`), or everybody (`none`)."""

    auth_query: WrittenQuery | None = None
    """The parameter of the query in which WebSockets may show their token, too; it is taken out.
    Addresses are written down in many places: pages do better to show it among the protocols."""

    auth_ticket: bool = False
    """Whether a ticket of `/api/v1/auth/ticket` opens it once, as `?ticket=`: a WebSocket, or an
    answer of events."""

    roles: Annotated[Items[RoleName], Field(min_length=1)] | None = None
    """Roles of which the caller must have one; left out, none is asked for."""

    access: RouteAccessConfig | None = None
    """What the caller must be permitted, and whose data it is; left out, every caller whose token
    is believed gets through."""

    traffic_class: Annotated[TrafficClass | None, Field(alias="class")] = None
    """How much depends on it, where there is too much to do: `crisis`, `therapeutic` (where nothing
    is written), `standard` or `background`, in this order."""

    safety: WrittenSafety | None = None
    """How what people write there is looked at: `scan`, `parallel`, `async`, `observe` or `off`;
    left out, `scan` where its class is therapeutic, else `off`.  A therapeutic route of which
    nobody would hear (`off`, `observe`) says why: `{mode: off, reason: …}`."""

    rewrite: RewriteConfig = RewriteConfig()
    """What the service sees instead of what the client asked for."""

    timeouts: TimeoutsConfig = TimeoutsConfig()
    """How long an exchange may take."""

    retries: Annotated[int, Field(ge=0, le=10)] = _ROUTE.tries - 1
    """Tries beyond the first, made where that is safe."""

    breaker: WrittenBreaker | None = None
    """When the service is not asked for a while on this route, or `off`; left out, the service's
    own.  Written, none of the service's values applies."""

    fallback: WrittenFallback | None = None
    """What answers while the service cannot be asked; left out, the service's own."""

    rate_limit: RouteLimitsWritten | None = None
    """How much callers may ask: a limit, the name of one of `ratelimit.limits`, a list of these, or
    `off`; left out, `ratelimit.default`."""

    max_body: Size = _ROUTE.max_body
    """The largest body that a request may have."""

    replay_body: Size = _ROUTE.replay_body
    """The largest body that is kept so that a try can be repeated."""

    upgrade: Annotated[
        Items[Protocol],
        Shorthand(_upgrade, {"const": "off"}),
        PlainSerializer(_upgrade_text),
    ] = _ROUTE.upgrade
    """Protocols that a connection may change to, or `off`."""

    origins: Items[Origin] = _ROUTE.origins
    """Origins whose pages may open a WebSocket, beside the host's own and `cors.origins`; `*` is
    every one."""

    socket: SocketConfig | None = None
    """How its WebSockets are treated; left out, what is said in them is nothing to the gateway."""

    tether: TetherConfig | None = None
    """How its WebSockets outlive the connections of client and service: the gateway keeps both
    sides, and who comes back goes on.  Left out, a socket ends when one of its sides does."""

    allow_from: Annotated[Items[Clients], Field(min_length=1)] | None = None
    """Networks whose clients may use it, `unix` for those on a unix socket; left out, everybody."""

    trailing_slash: Literal["strict", "either"] = _ROUTE.trailing_slash
    """Whether a slash at the end of the path must be as written, or may be either way."""

    allow_encoded: bool = _ROUTE.allow_encoded
    """Whether paths may hold what services read differently: `//`, `;`, a backslash, and these or
    `/` and NUL percent-encoded."""

    request_headers: Changes = Field(default_factory=dict)
    """Header fields set on the way to the service; null removes one, `{append: …}` adds to it."""

    response_headers: Changes = Field(default_factory=dict)
    """Header fields set on the way back; null removes one, `{append: …}` adds to it."""

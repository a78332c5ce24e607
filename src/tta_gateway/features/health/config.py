"""What an operator may write about how services are looked at, and what they depend on."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Protocol, TypeAlias

from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema, field_validator

from tta_gateway.features.health.assertion import parse
from tta_gateway.features.health.bound import Check, HealthBound, Kind, Need
from tta_gateway.support.config import (
    Config,
    Duration,
    FieldName,
    FieldValue,
    Items,
    Size,
    apart,
)

_CHECK: Final = Check()
# What each kind of check has no use for.
_IDLE: Final[Mapping[str, tuple[str, ...]]] = {
    "http": (),
    "tcp": ("path", "headers", "status", "body", "max_body"),
    "websocket": ("status", "body", "max_body"),
}
_FRAMING: Final = frozenset(
    ("connection", "content-length", "expect", "te", "trailer", "transfer-encoding", "upgrade")
)


def _path(text: str) -> str:
    if not text.startswith("/") or not all("!" <= one <= "~" for one in text) or "#" in text:
        raise ValueError(
            "must be a path, `/health` or `/health?deep=1`: visible ASCII characters from a slash "
            "on, others percent-encoded"
        )
    return text


def _assertion(text: str) -> str:
    parse(text)
    return text


def _fields(fields: dict[str, str]) -> dict[str, str]:
    for name in fields:
        if name in _FRAMING or name.startswith("sec-websocket-"):
            raise ValueError(f"`{name}` is the gateway's own to write: take it out")
    return fields


CheckPath: TypeAlias = Annotated[
    str, AfterValidator(_path), WithJsonSchema({"title": "path", "type": "string"})
]
JsonAssertion: TypeAlias = Annotated[
    str, AfterValidator(_assertion), WithJsonSchema({"title": "assertion", "type": "string"})
]
Status: TypeAlias = Annotated[int, Field(ge=200, le=599)]
Jitter: TypeAlias = Annotated[
    float,
    Field(ge=0, le=0.5, allow_inf_nan=False),
    WithJsonSchema({"title": "share, 0 to 0.5", "type": "number", "minimum": 0, "maximum": 0.5}),
]
Times: TypeAlias = Annotated[int, Field(ge=1, le=100)]


class HealthConfig(Config):
    """How the endpoints of a service are looked at."""

    kind: Kind = _CHECK.kind
    """`http`: a GET is answered as it should be; `tcp`: a connection (with TLS where the endpoint
    is `https://`) comes about; `websocket`: a WebSocket opens."""

    path: CheckPath = _CHECK.path
    """What is asked for."""

    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """The port that is looked at; left out, each endpoint's own."""

    headers: Annotated[
        dict[FieldName, FieldValue], Field(default_factory=dict), AfterValidator(_fields)
    ]
    """Header fields of the request; `Host`, left out, is the service's `host`, or the endpoint."""

    status: Items[Status] = _CHECK.status
    """The statuses that are good; none written, every 2xx."""

    body: JsonAssertion | None = None
    """What must be so of the JSON in the answer, such as `$.status == "healthy"`: some services
    answer 200 while they are not well."""

    max_body: Annotated[Size, Field(ge=1, le=16 * 2**20)] = _CHECK.max_body
    """How much of an answer is read for that; a longer one fails."""

    interval: Duration = _CHECK.interval
    """From one look at an endpoint to the next; a quarter of it while something changes (0.25 s at
    the least), four times it while no client has asked the service for a minute."""

    timeout: Duration = _CHECK.timeout
    """How long a look may take."""

    jitter: Jitter = _CHECK.jitter
    """By which share intervals vary, so that looks do not fall together."""

    unhealthy: Times = _CHECK.unhealthy
    """So many failures in a row, and an endpoint is down."""

    healthy: Times = _CHECK.healthy
    """So many successes in a row, and one that was down is up; the first, for a new one."""

    @field_validator("headers", mode="before")
    @classmethod
    def _apart(cls, value: object) -> object:
        return apart(value)

    @field_validator("path", "headers", "status", "body", "max_body")
    @classmethod
    def _is_of_use(cls, value: object, info: ValidationInfo) -> object:
        kind = info.data.get("kind", _CHECK.kind)
        name = info.field_name or ""
        if name in _IDLE[kind] and value and value != getattr(_CHECK, name, None):
            raise ValueError(f"has no effect with `kind: {kind}`: take the line out")
        return value


class HealthDefaultsConfig(Config):
    """What the checks of all services take, where a service's own say nothing."""

    path: CheckPath = _CHECK.path
    """What is asked for; not with `kind: tcp`."""

    interval: Duration = _CHECK.interval
    """From one look at an endpoint to the next."""

    timeout: Duration = _CHECK.timeout
    """How long a look may take."""

    jitter: Jitter = _CHECK.jitter
    """By which share intervals vary."""

    unhealthy: Times = _CHECK.unhealthy
    """So many failures in a row, and an endpoint is down."""

    healthy: Times = _CHECK.healthy
    """So many successes in a row, and one that was down is up."""


class NeedConfig(Config):
    """A service that another depends on."""

    service: Annotated[str, WithJsonSchema({"title": "service", "type": "string"})]
    """Its name."""

    kind: Literal["hard", "soft"] = "hard"
    """`hard`: the service is unhealthy without it; `soft`: it is degraded, and asked all the same.
    """


class HasHealth(Protocol):
    """A service, as far as this feature is concerned."""

    @property
    def health(self) -> HealthConfig | None:
        """How it is looked at."""

    @property
    def depends_on(self) -> tuple[NeedConfig, ...]:
        """What it depends on."""


def compile(services: Mapping[str, HasHealth]) -> HealthBound:
    """Return what control needs of it."""
    return HealthBound(
        checks={
            name: _check(one.health) for name, one in services.items() if one.health is not None
        },
        needs={
            name: tuple(Need(service=need.service, kind=need.kind) for need in one.depends_on)
            for name, one in services.items()
            if one.depends_on
        },
    )


def _check(config: HealthConfig) -> Check:
    return Check(
        kind=config.kind,
        path=config.path,
        port=config.port or 0,
        fields=tuple(config.headers.items()),
        status=config.status,
        body=config.body or "",
        max_body=config.max_body,
        interval=config.interval,
        timeout=config.timeout,
        jitter=config.jitter,
        unhealthy=config.unhealthy,
        healthy=config.healthy,
    )

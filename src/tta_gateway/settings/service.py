"""Services: named groups of endpoints, as operators write them."""

import re
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from tta_gateway.features.health.config import HealthConfig, NeedConfig
from tta_gateway.kernel.own import OWN
from tta_gateway.kernel.route import Balance, EndpointLimits, Maintenance, Service
from tta_gateway.settings.address import Address, endpoint, host
from tta_gateway.settings.breaker import BreakerConfig, WrittenBreaker
from tta_gateway.settings.caller import SpiffeId
from tta_gateway.settings.certificate import check_key
from tta_gateway.settings.discover import DiscoverConfig
from tta_gateway.settings.fallback import WrittenFallback
from tta_gateway.settings.fitness import OutliersConfig, PanicConfig
from tta_gateway.settings.key import KeyConfig
from tta_gateway.settings.reason import Reason
from tta_gateway.settings.shorthand import URL, Shorthand
from tta_gateway.settings.tls import AuthoritiesFile, ChainFile, File
from tta_gateway.settings.token import RelayConfig, WrittenToken
from tta_gateway.support.config import Config, Duration, DurationOrZero, Items, Line
from tta_gateway.wire.target import is_host

_LIMITS: Final = EndpointLimits()
_SERVICE: Final = Service(name="", endpoints=())
_MAINTENANCE: Final = Maintenance()
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")


def _name(text: str) -> str:
    if text == OWN:
        raise ValueError(
            f"`{OWN}` is the gateway's own service: choose another name; routes may lead to it"
        )
    if not _NAME.fullmatch(text):
        raise ValueError(
            "is not the name of a service: lower-case letters, digits, - and _ make one, and it "
            "begins with a letter"
        )
    return text


def _authority(text: str) -> str:
    if not text.isascii() or not is_host(text.encode()):
        raise ValueError(f"`{text}` is not a host: write a name or address, and a port if need be")
    return text


def _distinct(endpoints: "tuple[EndpointConfig, ...]") -> "tuple[EndpointConfig, ...]":
    seen = set[Address]()
    for one in endpoints:
        if one.url in seen:
            raise ValueError(f"names `{one.url.url}` twice: keep one of them, and see `weight`")
        seen.add(one.url)
    return endpoints


def _url(address: Address) -> str:
    return address.url


ServiceName: TypeAlias = Annotated[
    str, AfterValidator(_name), WithJsonSchema({"title": "name", "type": "string"})
]
EndpointUrl: TypeAlias = Annotated[
    Address,
    PlainValidator(endpoint),
    PlainSerializer(_url, return_type=str),
    WithJsonSchema(URL),
]
Authority: TypeAlias = Annotated[
    str, AfterValidator(_authority), WithJsonSchema({"title": "host", "type": "string"})
]
HostName: TypeAlias = Annotated[
    str, AfterValidator(host), WithJsonSchema({"title": "host", "type": "string"})
]
Count: TypeAlias = Annotated[int, Field(ge=1, le=10_000_000)]


class EndpointConfig(Config):
    """One address of a service."""

    url: EndpointUrl
    """`http://` or `https://` with host and port, or `unix:` and a path."""

    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    """How much of the load it takes, beside the others; `round_robin` does not ask."""


class EndpointLimitsConfig(Config):
    """How much each endpoint is asked at once, by one worker."""

    connections: Count = _LIMITS.connections
    """Connections."""

    pending: Annotated[int, Field(ge=0, le=10_000_000)] = _LIMITS.pending
    """Requests that wait for a connection."""

    in_flight: Count = _LIMITS.in_flight
    """Requests, waiting or under way."""


class VerificationConfig(Config):
    """Whether it is checked that an encrypted connection leads to the service."""

    mode: Literal["on", "off"] = "on"
    """`off` is for a while at most: whoever stands between can then read and change everything."""

    reason: Annotated[Line | None, Field(validate_default=True)] = None
    """Why it is off."""

    @field_validator("reason")
    @classmethod
    def _is_given(cls, reason: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("mode") == "off" and reason is None:
            raise ValueError("is missing: write why, `{mode: off, reason: …}`, or verify")
        if info.data.get("mode") == "on" and reason is not None:
            raise ValueError("has no effect with `mode: on`: take the line out")
        return reason


def _whole(seconds: float) -> float:
    if seconds != int(seconds):
        raise ValueError("must be whole seconds: Retry-After knows no fractions")
    return seconds


class MaintenanceConfig(Config):
    """What clients are told while a service is being looked after."""

    text: Line = _MAINTENANCE.text
    """A sentence or two for people: what is going on, and what they can do meanwhile."""

    retry_after: Annotated[Duration, AfterValidator(_whole)] = float(_MAINTENANCE.retry_after)
    """When they may try again."""


def _maintenance(value: object) -> object:
    if value == "off":
        return None
    raise ValueError("must be a mapping, `{text: …, retry_after: 10m}` or `{}`, or `off`")


def _nothing(value: object) -> object:
    if value == "off":
        return None
    raise ValueError("must be a mapping, or `off`")


_Need: TypeAlias = Annotated[
    NeedConfig,
    Shorthand(lambda value: {"service": value}, {"title": "service", "type": "string"}),
]
_Entry: TypeAlias = Annotated[EndpointConfig, Shorthand(lambda value: {"url": value}, URL)]


class ServiceConfig(Config):
    """A named group of endpoints that answer the same requests."""

    discover: DiscoverConfig | None = None
    """Registries in which more endpoints are looked for."""

    endpoints: Annotated[
        Items[_Entry], AfterValidator(_distinct), Field(validate_default=True)
    ] = ()
    """Where it answers: one URL or more; none need be known here with
    `discover`, or if it registers (`registration`)."""

    balance: Balance = "peak_ewma"
    """How requests are shared out: the less busy of two drawn by lot, fewer to those that answer
    slowly beside their peers (`peak_ewma`); the same without looking at time (`least_request`);
    each endpoint in its turn (`round_robin`), or in its turn by weight (`weighted`); or by a hash
    of what is `sticky`, else of the client's address, as far as the load allows
    (`consistent_hash`)."""

    sticky: KeyConfig | None = None
    """What of a request stays with one endpoint, as long as that is fit: for services that keep
    state in memory.  Requests without it go as `balance` says."""

    load_bound: Annotated[
        float,
        Field(gt=1, le=100, allow_inf_nan=False),
        WithJsonSchema({"title": "number, 1 to 100", "type": "number"}),
    ] = _SERVICE.load_bound
    """With `consistent_hash`: how many times its share of the load an endpoint has at most, in one
    worker; what is beyond goes to the next of the key."""

    outliers: Annotated[
        OutliersConfig | None,
        Shorthand(_nothing, {"const": "off"}),
        PlainSerializer(lambda config: "off" if config is None else config),
    ] = OutliersConfig()
    """When an endpoint that fails beside its peers is left out, and for how long; or `off`."""

    health: Annotated[
        HealthConfig | None,
        Shorthand(_nothing, {"const": "off"}),
        PlainSerializer(lambda config: "off" if config is None else config),
    ] = None
    """How its endpoints are looked at, `{}` for a GET of `/health`; left out or `off`: not."""

    plaintext: Reason | None = None
    """Why nobody can listen who should not, where it is spoken to beyond this machine by `http://`,
    which is refused without a reason: in `endpoints`, and wherever registries and registrations say
    that it is; `plaintext.services` gives one for all services."""

    depends_on: Items[_Need] = ()
    """The services that it cannot do without, and those that it can (`kind: soft`)."""

    panic: PanicConfig = PanicConfig()
    """What becomes of the service when too few of its endpoints are good."""

    breaker: WrittenBreaker = BreakerConfig()
    """When the service is not asked for a while, on each of its routes by itself; or `off`."""

    fallback: WrittenFallback | None = None
    """What answers while it cannot be asked: `{respond: {status: …, body: …}}`, or the name of
    another service."""

    slow_start: DurationOrZero = 10.0
    """How long an endpoint that is new, or back, takes to its full share."""

    host: Authority | None = None
    """What the service reads as Host; left out, what the client wrote."""

    limits: EndpointLimitsConfig = EndpointLimitsConfig()
    """How much each endpoint is asked at once, by one worker."""

    token: WrittenToken = RelayConfig()
    """What it is shown of who is asking: `pass` the access token on, `strip` it, or `{mode: mint,
    …}` one of the gateway's own."""

    tell_safety: bool = False
    """Whether it is told who may be at risk: requests have `X-Safety-Level` and
    `X-Safety-Categories`, so has what it is asked by `ask`, and in WebSockets a message of the
    gateway's own comes ahead of theirs."""

    ca: AuthoritiesFile | None = None
    """A file in PEM with the authorities of its certificates; left out, those of this machine."""

    server_name: HostName | None = None
    """The name that its certificates must have; left out, the host of each endpoint."""

    spiffe_id: SpiffeId | None = None
    """What its certificates must say instead of a name: `spiffe://domain/service`, by authorities
    that are named in `ca`."""

    client_certificate: ChainFile | None = None
    """A file in PEM with the gateway's own certificate, and those that lead to an authority."""

    client_key: Annotated[File | None, Field(validate_default=True)] = None
    """A file in PEM with its private key; left out, the certificate's file holds it too."""

    verification: Annotated[
        VerificationConfig, Shorthand(lambda value: {"mode": value}, {"enum": ["on", "off"]})
    ] = VerificationConfig()
    """Whether it is checked that its certificates are good, and its own."""

    @field_validator("client_key")
    @classmethod
    def _fits(cls, key: str | None, info: ValidationInfo) -> str | None:
        path = info.data.get("client_certificate")
        if path is not None:
            check_key(key or path, path)
        return key

    maintenance: Annotated[
        MaintenanceConfig | None,
        Shorthand(_maintenance, {"const": "off"}),
        PlainSerializer(lambda config: "off" if config is None else config),
    ] = None
    """Written: the service is not asked, and all its routes answer 503 `service_maintenance`."""

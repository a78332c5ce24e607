"""Where the endpoints of a service are looked for, as operators write it."""

import re
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from tta_gateway.settings.address import LARGEST_PORT, host
from tta_gateway.settings.claim import Prefix, fitting
from tta_gateway.settings.shorthand import Shorthand
from tta_gateway.support.config import Config, Items, Line

_DIGITS: Final = re.compile(r"[0-9.]+")
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")  # RFC 1123
_NAMED: Final = re.compile(r"(.*?)(?::([0-9]{1,5}))?")


def _name(text: str) -> str:
    if ":" in text or _DIGITS.fullmatch(text):
        raise ValueError(f"`{text}` is not a name of the DNS: write an address into `endpoints`")
    return host(text)


def _dns(value: object) -> object:
    """Write a name with or without a port out."""
    match = _NAMED.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return {"name": value}
    return {"name": match[1], "port": int(match[2])} if match[2] else {"name": match[1]}


def _label(text: str) -> str:
    if not _LABEL.fullmatch(text):
        raise ValueError(
            f"`{text}` is not a name in Kubernetes: lower-case letters, digits and - make one"
        )
    return text


def _segment(text: str) -> str:
    if "/" in text:
        raise ValueError("is one part of a key, without `/`: see `discovery.etcd.prefix`")
    return text


def _service(value: object) -> object:
    return {"service": value}


def _port_name(value: object) -> object:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else value


_TEXT: Final = {"title": "name", "type": "string"}
DnsNameText: TypeAlias = Annotated[str, AfterValidator(_name), WithJsonSchema(_TEXT)]
Label: TypeAlias = Annotated[str, AfterValidator(_label), WithJsonSchema(_TEXT)]
Segment: TypeAlias = Annotated[Line, AfterValidator(_segment)]
PortName: TypeAlias = Annotated[
    Line, BeforeValidator(_port_name), WithJsonSchema({"title": "port", "type": "string"})
]


class DnsLookupConfig(Config):
    """A name of the DNS: `players.example:9001`, or `_http._tcp.players.example`."""

    name: DnsNameText
    """The name."""

    port: Annotated[int, Field(ge=1, le=LARGEST_PORT)] | None = None
    """The port of every address of the name; left out, SRV records say host, port and weight."""


class ConsulLookupConfig(Config):
    """A service of Consul's catalogue; of its instances those that pass their checks."""

    service: Line
    """Its name there."""

    tags: Items[Line] = ()
    """Tags that an instance must have, all of them."""


class KubernetesLookupConfig(Config):
    """A service of Kubernetes."""

    service: Label
    """Its name there."""

    namespace: Label | None = None
    """Its namespace; left out, that of `discovery.kubernetes`."""

    port: PortName | None = None
    """Its port, by name or number, as its EndpointSlices have it; left out, the first."""


class DiscoverConfig(Config):
    """Where the endpoints of a service are looked for: one registry or several."""

    dns: Annotated[DnsLookupConfig, Shorthand(_dns, _TEXT)] | None = None
    """A name of the DNS: with a port its addresses, without one its SRV records."""

    consul: Annotated[ConsulLookupConfig, Shorthand(_service, _TEXT)] | None = None
    """A service of Consul's catalogue."""

    etcd: Segment | None = None
    """Keys of etcd: `<prefix><this>/<id>`, each with an instance as JSON."""

    kubernetes: Annotated[KubernetesLookupConfig, Shorthand(_service, _TEXT)] | None = None
    """A service of Kubernetes."""

    docker: Line | None = None
    """Containers of Docker whose label `tta-gateway.service` is this."""

    scheme: Literal["http", "https"] = "http"
    """How what is found is spoken to."""

    routes: Items[Prefix] = ()
    """How the paths begin that its instances may declare routes for: in tags of Consul, values of
    etcd, annotations of Kubernetes and labels of Docker."""

    auth_none: Annotated[bool, Field(validate_default=True)] = False
    """Whether such a route may let in who shows no access token: `auth: none`, or `optional`."""

    @field_validator("routes")
    @classmethod
    def _can_be_declared(cls, routes: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        somewhere = ("consul", "etcd", "kubernetes", "docker")
        if routes and all(info.data.get(name) is None for name in somewhere):
            raise ValueError("has no effect: the DNS declares no routes; take it out")
        return routes

    @field_validator("auth_none")
    @classmethod
    def _fits(cls, auth_none: bool, info: ValidationInfo) -> bool:
        return fitting(auth_none, info.data.get("routes"))

    @model_validator(mode="after")
    def _looks_somewhere(self) -> "DiscoverConfig":
        if not (self.dns or self.consul or self.etcd or self.kubernetes or self.docker):
            raise ValueError("must name one of `dns`, `consul`, `etcd`, `kubernetes` and `docker`")
        return self

"""Registries, as operators write them, and how they compile into what control needs."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema, field_validator

from tta_gateway.features.discovery.bound import (
    Consul,
    ConsulService,
    DiscoveryBound,
    Dns,
    DnsName,
    Docker,
    Etcd,
    Family,
    Kubernetes,
    KubernetesService,
    RegistryOrigin,
    Wanted,
)
from tta_gateway.kernel.route import Route
from tta_gateway.settings.address import Address, listening
from tta_gateway.settings.discover import (
    DiscoverConfig,
    DnsLookupConfig,
    KubernetesLookupConfig,
    Label,
)
from tta_gateway.settings.secret import Holds, Secret
from tta_gateway.settings.service import EndpointUrl, ServiceConfig
from tta_gateway.settings.tls import FILE, AuthoritiesFile
from tta_gateway.support.config import Config, Duration, Items, Line

_DNS: Final = Dns()
_BOUND: Final = DiscoveryBound()
_ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")


def _token(value: object) -> str:
    text = value if isinstance(value, str) else ""
    if not _VISIBLE.fullmatch(text):
        raise ValueError("must be visible ASCII characters, without spaces")
    return text


def _password(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError("must be text")


def _server(text: str) -> str:
    bare = ":" not in text or (text.count(":") > 1 and not text.startswith("["))
    host = f"[{text}]" if bare and ":" in text else text
    address = listening(f"{host}:53" if bare else text)
    try:
        ipaddress.ip_address(address.host)
    except ValueError:
        raise ValueError(
            f"`{text}` is not the address of a server: write `10.0.0.2` or `[::1]:5353`"
        ) from None
    return str(address)


def _prefix(text: str) -> str:
    if not text.endswith("/"):
        raise ValueError(f"must end with a slash: write `{text}/`")
    return text


Token: TypeAlias = Annotated[Secret[str], Holds(_token)]
Password: TypeAlias = Annotated[Secret[str], Holds(_password)]
Server: TypeAlias = Annotated[
    str, AfterValidator(_server), WithJsonSchema({"title": "address", "type": "string"})
]
SomeFile: TypeAlias = Annotated[Line, WithJsonSchema(FILE)]


class DnsConfig(Config):
    """How names are resolved."""

    servers: Items[Server] = ()
    """Servers to ask, as addresses, with a port where it is not 53; left out, those of this
    machine, and its hosts file before them."""

    timeout: Duration = _DNS.timeout
    """How long to wait for an answer, all servers together."""

    family: Family = _DNS.family
    """Which addresses of a name are asked: IPv4, and IPv6 where there are none (`prefer_ipv4`), the
    other way round (`prefer_ipv6`), or both."""

    endpoints: bool = True
    """Whether host names in `endpoints` are resolved here, to all their addresses, again and again;
    `false`: by each worker, when it connects."""


class ConsulConfig(Config):
    """A Consul agent."""

    address: EndpointUrl = Address("127.0.0.1", 8500)
    """Where it answers."""

    token: Token | None = None
    """A token that may read services and nodes."""

    datacenter: Line | None = None
    """The datacenter to look in; left out, the agent's own."""

    ca: AuthoritiesFile | None = None
    """A file in PEM with the authorities of its certificate; left out, those of this machine."""


class EtcdConfig(Config):
    """An etcd cluster."""

    endpoints: Annotated[Items[EndpointUrl], Field(min_length=1)] = (Address("127.0.0.1", 2379),)
    """Where its members answer; if one does not, the next is asked."""

    prefix: Annotated[Line, AfterValidator(_prefix)] = "/services/"
    """What the keys of all services begin with."""

    user: Line | None = None
    """The user to log in as; left out, nobody logs in."""

    password: Annotated[Password | None, Field(validate_default=True)] = None
    """The user's password."""

    ca: AuthoritiesFile | None = None
    """A file in PEM with the authorities of its certificates; left out, those of this machine."""

    @field_validator("password")
    @classmethod
    def _belongs(cls, password: Secret[str] | None, info: ValidationInfo) -> Secret[str] | None:
        if (info.data.get("user") is None) != (password is None):
            raise ValueError("`user` and `password` stand together: write both, or none")
        return password


class KubernetesConfig(Config):
    """The API of a Kubernetes cluster; what is not said is as a pod finds it."""

    address: EndpointUrl = Address("kubernetes.default.svc", 443, is_encrypted=True)
    """Where it answers."""

    token_file: SomeFile | None = f"{_ACCOUNT}/token"
    """A file with a token that may list and watch EndpointSlices; read anew each time."""

    ca_file: SomeFile | None = f"{_ACCOUNT}/ca.crt"
    """A file in PEM with the authorities of its certificate; read when it is needed."""

    namespace: Label = "default"
    """The namespace of services, where they name none."""


class DockerConfig(Config):
    """A Docker Engine."""

    address: EndpointUrl = Address(unix="/var/run/docker.sock")
    """Where its API answers: `unix:` and the path of its socket, or `http://` and a proxy of it."""


class DiscoveryConfig(Config):
    """Registries that services are looked for in, and how names are resolved."""

    quiet: Duration = _BOUND.quiet
    """How long no more must change before a change is told."""

    latest: Duration = _BOUND.latest
    """How long after the first change all is told, quiet or not."""

    dns: DnsConfig = DnsConfig()
    """The DNS."""

    consul: ConsulConfig = ConsulConfig()
    """Consul, which is asked if a service is looked for there."""

    etcd: EtcdConfig = EtcdConfig()
    """etcd, likewise."""

    kubernetes: KubernetesConfig = KubernetesConfig()
    """Kubernetes, likewise."""

    docker: DockerConfig = DockerConfig()
    """Docker, likewise."""


def compile(
    config: DiscoveryConfig,
    services: Mapping[str, ServiceConfig],
    route_to: Callable[[str], Route],
) -> DiscoveryBound:
    """Return what control needs; of registries those that a service is looked for in.

    `route_to` returns a service's route without a path.
    """
    wanted = {
        name: _wanted(one.discover) for name, one in services.items() if one.discover is not None
    }
    looked = list(wanted.values())
    in_kubernetes = any(one.kubernetes for one in looked)
    return DiscoveryBound(
        quiet=config.quiet,
        latest=max(config.quiet, config.latest),
        resolve=config.dns.endpoints,
        dns=_dns(config.dns),
        consul=_consul(config.consul) if any(one.consul for one in looked) else None,
        etcd=_etcd(config.etcd) if any(one.etcd for one in looked) else None,
        kubernetes=_kubernetes(config.kubernetes) if in_kubernetes else None,
        docker=_docker(config.docker) if any(one.docker for one in looked) else None,
        services=wanted,
        likes={name: route_to(name) for name, one in sorted(wanted.items()) if one.routes},
    )


def _wanted(config: DiscoverConfig) -> Wanted:
    return Wanted(
        tls=config.scheme == "https",
        dns=_name(config.dns) if config.dns else None,
        consul=ConsulService(**dict(config.consul)) if config.consul else None,
        etcd=config.etcd or "",
        docker=config.docker or "",
        kubernetes=_in_kubernetes(config.kubernetes) if config.kubernetes else None,
        routes=config.routes,
        auth_none=config.auth_none,
    )


def _name(config: DnsLookupConfig) -> DnsName:
    return DnsName(name=config.name, port=config.port or 0, srv=config.port is None)


def _in_kubernetes(config: KubernetesLookupConfig) -> KubernetesService:
    return KubernetesService(
        service=config.service, namespace=config.namespace or "", port=config.port or ""
    )


def _dns(config: DnsConfig) -> Dns:
    servers = [listening(one) for one in config.servers]
    return Dns(
        servers=tuple((one.host, one.port) for one in servers),
        timeout=config.timeout,
        family=config.family,
    )


def _consul(config: ConsulConfig) -> Consul:
    return Consul(
        origin=_origin(config.address, config.ca),
        token=config.token.value if config.token else "",
        datacenter=config.datacenter or "",
    )


def _etcd(config: EtcdConfig) -> Etcd:
    return Etcd(
        origins=tuple(_origin(one, config.ca) for one in config.endpoints),
        prefix=config.prefix,
        user=config.user or "",
        password=config.password.value if config.password else "",
    )


def _kubernetes(config: KubernetesConfig) -> Kubernetes:
    return Kubernetes(
        origin=_origin(config.address, config.ca_file),
        token_file=config.token_file or "",
        namespace=config.namespace,
    )


def _docker(config: DockerConfig) -> Docker:
    return Docker(origin=_origin(config.address, None))


def _origin(address: Address, ca: str | None) -> RegistryOrigin:
    return RegistryOrigin(
        host=address.host,
        port=address.port,
        unix=address.unix,
        tls=address.is_encrypted,
        ca=ca or "",
    )

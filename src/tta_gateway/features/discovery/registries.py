"""Which registries there are: a provider for each that a configuration makes use of."""

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec

from tta_gateway.features.discovery.bound import DiscoveryBound, DnsName, Wanted
from tta_gateway.features.discovery.consul_provider import ConsulProvider
from tta_gateway.features.discovery.docker_provider import DockerProvider
from tta_gateway.features.discovery.etcd_provider import EtcdProvider
from tta_gateway.features.discovery.kubernetes_provider import KubernetesProvider
from tta_gateway.features.discovery.provider import Provider
from tta_gateway.kernel.route import Endpoint, Service

if TYPE_CHECKING:
    from tta_gateway.features.discovery.dns_provider import DnsProvider

T = TypeVar("T")
_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Tools:
    """What providers are given: time, chance, and who hears of entries that cannot be read."""

    now: Callable[[], float]
    chance: Callable[[], float]
    misread: Callable[[str, str, str], None]


@dataclass(frozen=True, slots=True)
class Watched:
    """A registry to watch; `likeness` differs if it is to be watched otherwise than before.

    `endpoint` is the host and port of the configuration that it resolves, `services` are those of
    which it tells.
    """

    provider: Provider
    likeness: bytes
    services: tuple[str, ...]
    endpoint: str = ""


def registries(
    bound: DiscoveryBound, services: Iterable[Service], tools: Tools
) -> dict[str, Watched]:
    """Return all that are to be watched, by name."""
    known = list(services)
    names = {one.name for one in known}
    wanted = {name: one for name, one in bound.services.items() if name in names}
    found = [
        *_names(bound, known, tools),
        *_lookups(bound, wanted, tools),
        *_catalogues(bound, wanted, tools),
    ]
    return {one.provider.name: one for one in found}


def is_resolved(endpoint: Endpoint) -> bool:
    """Tell whether control resolves an endpoint's host: `localhost` is nobody's to tell."""
    host = endpoint.host.removesuffix(".")
    if endpoint.unix or host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False


def _dns_provider() -> "type[DnsProvider]":
    # Its library is large, and not every node has a name to resolve.
    from tta_gateway.features.discovery.dns_provider import DnsProvider

    return DnsProvider


def _names(bound: DiscoveryBound, services: Iterable[Service], tools: Tools) -> Iterator[Watched]:
    """Yield one for each endpoint of the configuration whose host is a name."""
    for service in services if bound.resolve else ():
        for endpoint in filter(is_resolved, service.endpoints):
            name = DnsName(name=endpoint.host, port=endpoint.port)
            provider = _dns_provider()(
                bound.dns, name, service=service.name, endpoint=endpoint, chance=tools.chance
            )
            likeness = _encode((bound.dns, endpoint))
            yield Watched(provider, likeness, (service.name,), endpoint.name)


def _lookups(bound: DiscoveryBound, wanted: dict[str, Wanted], tools: Tools) -> Iterator[Watched]:
    for name, one in wanted.items():
        if one.dns is not None:
            provider = _dns_provider()(
                bound.dns,
                one.dns,
                service=name,
                endpoint=None,
                tls=one.tls,
                chance=tools.chance,
            )
            yield Watched(provider, _encode((bound.dns, one.dns, one.tls)), (name,))


def _catalogues(
    bound: DiscoveryBound, wanted: dict[str, Wanted], tools: Tools
) -> Iterator[Watched]:
    consul = _asked(wanted, lambda one: one.consul)
    if bound.consul is not None and consul:
        yield _watched(ConsulProvider(bound.consul, consul, now=tools.now), bound.consul, consul)
    etcd = _asked(wanted, lambda one: one.etcd or None)
    if bound.etcd is not None and etcd:
        misread = partial(tools.misread, EtcdProvider.name)
        yield _watched(EtcdProvider(bound.etcd, etcd, misread=misread), bound.etcd, etcd)
    kubernetes = _asked(wanted, lambda one: one.kubernetes)
    if bound.kubernetes is not None and kubernetes:
        provider = KubernetesProvider(bound.kubernetes, kubernetes)
        yield _watched(provider, bound.kubernetes, kubernetes)
    docker = _asked(wanted, lambda one: one.docker or None)
    if bound.docker is not None and docker:
        misread = partial(tools.misread, DockerProvider.name)
        yield _watched(DockerProvider(bound.docker, docker, misread=misread), bound.docker, docker)


def _asked(
    wanted: dict[str, Wanted], part: Callable[[Wanted], T | None]
) -> dict[str, tuple[T, bool]]:
    """Return what is looked for in one registry, by our names, and whether it speaks TLS."""
    return {
        name: (found, one.tls) for name, one in wanted.items() if (found := part(one)) is not None
    }


def _watched(
    provider: Provider, settings: msgspec.Struct, services: dict[str, tuple[T, bool]]
) -> Watched:
    return Watched(provider, _encode((settings, services)), tuple(services))

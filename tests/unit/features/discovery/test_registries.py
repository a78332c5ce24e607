"""Which registries there are."""

import msgspec
import pytest

from tta_gateway.features.discovery.bound import (
    Consul,
    ConsulService,
    DiscoveryBound,
    DnsName,
    Docker,
    Etcd,
    Kubernetes,
    KubernetesService,
    RegistryOrigin,
    Wanted,
)
from tta_gateway.features.discovery.registries import Tools, Watched, is_resolved, registries
from tta_gateway.kernel.route import Endpoint, Service

ORIGIN = RegistryOrigin(host="a", port=1)
HEARD: list[tuple[str, str, str]] = []
TOOLS = Tools(lambda: 0.0, lambda: 0.0, lambda *said: HEARD.append(said))
BOUND = DiscoveryBound(
    consul=Consul(origin=ORIGIN),
    etcd=Etcd(origins=(ORIGIN,), prefix="/s/"),
    kubernetes=Kubernetes(origin=ORIGIN),
    docker=Docker(origin=ORIGIN),
    services={
        "players": Wanted(dns=DnsName(name="players.example", port=1), etcd="players"),
        "chat": Wanted(consul=ConsulService(service="chat"), etcd="chat", tls=True),
        "mail": Wanted(kubernetes=KubernetesService(service="mail"), docker="mail"),
        "gone": Wanted(etcd="gone"),
    },
)


def service(name: str, *endpoints: Endpoint) -> Service:
    return Service(name=name, endpoints=endpoints)


SERVICES = [
    service("players", Endpoint(host="players.local", port=80), Endpoint(host="10.0.0.1", port=80)),
    service("chat"),
    service("mail"),
]


def found(bound: DiscoveryBound = BOUND) -> dict[str, Watched]:
    return registries(bound, SERVICES, TOOLS)


def test_there_is_one_for_each_that_is_made_use_of_and_one_for_each_name() -> None:
    assert {name: (one.services, one.endpoint) for name, one in found().items()} == {
        "dns/players/players.local:80": (("players",), "players.local:80"),
        "dns/players": (("players",), ""),
        "consul": (("chat",), ""),
        "etcd": (("players", "chat"), ""),
        "kubernetes": (("mail",), ""),
        "docker": (("mail",), ""),
    }


def test_what_is_as_before_is_alike_and_what_is_not_differs() -> None:
    before, again = found(), found()
    assert all(before[name].likeness == again[name].likeness for name in before)
    other = msgspec.structs.replace(
        BOUND, consul=Consul(origin=ORIGIN, token="t"), services={**BOUND.services}
    )
    after = found(other)
    differ = [name for name in before if before[name].likeness != after[name].likeness]
    assert differ == ["consul"]


def test_names_in_endpoints_may_be_left_to_the_workers() -> None:
    assert "dns/players/players.local:80" not in found(
        msgspec.structs.replace(BOUND, resolve=False)
    )


def test_nothing_is_watched_that_nobody_looks_for() -> None:
    assert registries(DiscoveryBound(), [service("chat")], TOOLS) == {}
    assert registries(BOUND, [], TOOLS) == {}


@pytest.mark.parametrize(
    ("host", "is_so"),
    [
        ("players.local", True),
        ("players", True),
        ("10.0.0.1", False),
        ("::1", False),
        ("localhost", False),
        ("a.localhost.", False),
    ],
)
def test_a_name_is_resolved_and_an_address_is_not(host: str, *, is_so: bool) -> None:
    assert is_resolved(Endpoint(host=host, port=80)) == is_so
    assert not is_resolved(Endpoint(host=host, port=80, unix="/run/a"))

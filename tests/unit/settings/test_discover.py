"""Where the endpoints of a service are looked for."""

import pytest

from tests.helpers.configuration import loaded, refusals
from tta_gateway.settings.discover import DiscoverConfig


def service(written: str) -> str:
    return (
        f"services: {{players: {{discover: {written}}}}}\n"
        "routes: [{path: /, service: players, auth: none}]\n"
    )


def discover(written: str) -> DiscoverConfig:
    found = loaded(service(written)).settings.services["players"].discover
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("written", "name", "port"),
    [
        ("'Players.example:9001'", "players.example", 9001),
        ("_http._tcp.players.example", "_http._tcp.players.example", None),
        ("{name: players.example, port: 9001}", "players.example", 9001),
        ("players.example.", "players.example.", None),
    ],
)
def test_a_name_with_a_port_has_addresses_and_one_without_srv(
    written: str, name: str, port: int | None
) -> None:
    dns = discover(f"{{dns: {written}}}").dns
    assert dns is not None
    assert (dns.name, dns.port) == (name, port)


def test_a_service_may_be_looked_for_in_several_registries() -> None:
    found = discover("{etcd: players, consul: p, kubernetes: {service: p, port: 80}}")
    assert found.consul is not None
    assert found.kubernetes is not None
    assert (found.etcd, found.consul.service) == ("players", "p")
    assert (found.kubernetes.service, found.kubernetes.port) == ("p", "80")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("{}", "must name one of"),
        ("{scheme: https}", "must name one of"),
        ("{dns: '10.0.0.1:80'}", "write an address into `endpoints`"),
        ("{dns: '[::1]:80'}", "not a name of the DNS"),
        ("{dns: a b}", "is not a host"),
        ("{dns: 7}", "must be text"),
        ("{dns: 'a:70000'}", "at most 65535"),
        ("{etcd: a/b}", "see `discovery.etcd.prefix`"),
        ("{kubernetes: A}", "is not a name in Kubernetes"),
        ("{kubernetes: {service: a, port: true}}", "must be text"),
        ("{zookeeper: a}", "is not a key here"),
    ],
)
def test_what_is_wrong_is_said(written: str, words: str) -> None:
    (said,) = refusals(service(written))
    assert said.startswith("gateway.yaml:1:")
    assert words in said


def test_its_instances_may_declare_routes_where_the_operator_says_so() -> None:
    found = discover("{consul: players, routes: [/live/, /own], auth_none: true}")
    assert (found.routes, found.auth_none) == (("/live/", "/own"), True)


def test_the_dns_declares_none() -> None:
    written = "{dns: 'players.example:80', routes: [/live/], auth_none: true}"
    said = "\n".join(refusals(service(written)))
    assert "the DNS declares no routes" in said

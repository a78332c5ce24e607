"""The DNS as a registry, on a real BIND (Debian's bind9)."""

import time
from collections.abc import Iterator

import pytest

from tests.helpers.found import Told, in_loop, watched
from tests.helpers.gateway import free_port
from tests.helpers.named_server import ZONE, NamedServer, named_server
from tta_gateway.features.discovery.bound import Dns, DnsName, Family
from tta_gateway.features.discovery.dns_provider import DnsProvider
from tta_gateway.kernel.route import Endpoint

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NamedServer]:
    with named_server(tmp_path_factory.mktemp("named")) as one:
        yield one


def provider(
    port: int,
    name: str,
    *,
    at: int = 9001,
    family: Family = "prefer_ipv4",
    endpoint: Endpoint | None = None,
) -> DnsProvider:
    settings = Dns(servers=(("127.0.0.1", port),), timeout=1.0, family=family)
    wanted = DnsName(name=f"{name}.{ZONE}", port=at, srv=at == 0)
    return DnsProvider(settings, wanted, service="players", endpoint=endpoint, chance=lambda: 0.5)


@in_loop
async def test_all_addresses_of_a_name_are_found_and_followed(named: NamedServer) -> None:
    named.put("players", "A", "10.0.0.1", "10.0.0.2")
    async with watched(provider(named.port, "players")) as told:
        await told.until("players", "10.0.0.1:9001", "10.0.0.2:9001")
        named.put("players", "A", "10.0.0.2", "10.0.0.3")
        await told.until("players", "10.0.0.2:9001", "10.0.0.3:9001")
        now = told.now("players")
        assert now is not None
        assert now[0].endpoint.authority == f"players.{ZONE}:9001"
        assert now[0].endpoint.server_name == f"players.{ZONE}"


@in_loop
async def test_a_name_is_asked_again_when_its_time_is_over_and_not_before(
    named: NamedServer,
) -> None:
    named.put("slow", "A", "10.0.0.1", ttl=3)
    async with watched(provider(named.port, "slow")) as told:
        await told.until("players", "10.0.0.1:9001")
        begun = time.monotonic()
        named.put("slow", "A", "10.0.0.2", ttl=3)
        await told.until("players", "10.0.0.2:9001")
        assert 2.5 < time.monotonic() - begun < 4.5


@in_loop
async def test_what_may_not_be_kept_at_all_is_asked_for_every_few_seconds(
    named: NamedServer,
) -> None:
    named.put("zero", "A", "10.0.0.1", ttl=0)
    async with watched(provider(named.port, "zero")) as told:
        await told.until("players", "10.0.0.1:9001")
        begun = time.monotonic()
        named.put("zero", "A", "10.0.0.2", ttl=0)
        await told.until("players", "10.0.0.2:9001")
        assert 0.9 < time.monotonic() - begun < 5.5
        assert len(told.all) == 2


@pytest.mark.parametrize(
    ("family", "places"),
    [
        ("prefer_ipv4", ["10.0.0.1:9001"]),
        ("prefer_ipv6", ["[2001:db8::1]:9001"]),
        ("both", ["10.0.0.1:9001", "[2001:db8::1]:9001"]),
    ],
)
@in_loop
async def test_which_addresses_are_asked_is_the_operator_s_to_say(
    named: NamedServer, family: Family, places: list[str]
) -> None:
    named.put("two", "A", "10.0.0.1")
    named.put("two", "AAAA", "2001:db8::1")
    async with watched(provider(named.port, "two", family=family)) as told:
        await told.until("players", *places)


@pytest.mark.parametrize("family", ["prefer_ipv4", "both"])
@in_loop
async def test_a_name_with_ipv6_alone_is_found_too(named: NamedServer, family: Family) -> None:
    named.put("six", "AAAA", "2001:db8::6")
    async with watched(provider(named.port, "six", family=family)) as told:
        await told.until("players", "[2001:db8::6]:9001")


@in_loop
async def test_srv_says_host_port_and_weight_and_the_first_priority_alone_is_asked(
    named: NamedServer,
) -> None:
    named.put("a", "A", "10.0.0.1")
    named.put("b", "A", "10.0.0.2")
    records = [f"{one}.{ZONE}." for one in "ab"]
    named.put(
        "_http._tcp.srv",
        "SRV",
        f"10 30 9001 {records[0]}",
        f"10 10 9002 {records[1]}",
        f"20 50 9003 {records[1]}",
    )
    async with watched(provider(named.port, "_http._tcp.srv", at=0)) as told:
        await told.until("players", "10.0.0.1:9001", "10.0.0.2:9002")
        now = told.now("players")
        assert now is not None
        assert [one.endpoint.weight for one in now] == [30, 10]
        assert [one.endpoint.authority for one in now] == [f"a.{ZONE}:9001", f"b.{ZONE}:9002"]
        named.put("_http._tcp.srv", "SRV", f"20 0 9003 {records[1]}")
        await told.until("players", "10.0.0.2:9003")


@in_loop
async def test_an_alias_lives_as_long_as_its_shortest_part(named: NamedServer) -> None:
    named.put("target", "A", "10.0.0.1", ttl=300)
    named.put("alias", "CNAME", f"target.{ZONE}.", ttl=1)
    named.put("other", "A", "10.0.0.2", ttl=300)
    async with watched(provider(named.port, "alias")) as told:
        await told.until("players", "10.0.0.1:9001")
        named.put("alias", "CNAME", f"other.{ZONE}.", ttl=1)
        await told.until("players", "10.0.0.2:9001")


@in_loop
async def test_a_name_that_is_gone_and_one_without_records_are_told_as_unreachable(
    named: NamedServer,
) -> None:
    named.put("going", "A", "10.0.0.1")
    async with watched(provider(named.port, "going")) as told:
        await told.until("players", "10.0.0.1:9001")
        named.put("going", "A")
        assert "does not exist in the DNS" in await told.ends()
        assert told.places("players") == ["10.0.0.1:9001"]  # nothing else has been told
    named.put("text", "TXT", "hello")
    told = Told()
    await told.watch(provider(named.port, "text"))
    assert "without records" in told.unreachable[0]
    told = Told()
    await told.watch(provider(named.port, "none", at=0))
    assert "does not exist" in told.unreachable[0]


@in_loop
async def test_a_server_that_refuses_or_does_not_answer_is_told(named: NamedServer) -> None:
    told = Told()
    wanted = DnsName(name="elsewhere.example", port=1)
    settings = Dns(servers=(("127.0.0.1", named.port),), timeout=1.0)
    await told.watch(
        DnsProvider(settings, wanted, service="players", endpoint=None, chance=lambda: 0.5)
    )
    assert "every server of the DNS fails" in told.unreachable[0]
    begun = time.monotonic()
    told = Told()
    await told.watch(provider(free_port(), "players"))
    assert "look whether they answer" in told.unreachable[0]
    assert time.monotonic() - begun < 3.0


@in_loop
async def test_a_host_of_the_configuration_keeps_its_name_weight_and_tls(
    named: NamedServer,
) -> None:
    named.put("named", "A", "10.0.0.1")
    like = Endpoint(host=f"named.{ZONE}", port=443, weight=7, tls=True)
    one = provider(named.port, "named", at=443, endpoint=like)
    async with watched(one) as told:
        await told.until("players", "10.0.0.1:443")
        now = told.now("players")
        assert now is not None
        found = now[0].endpoint
        assert (found.weight, found.tls, found.authority) == (7, True, f"named.{ZONE}:443")

    assert one.name == f"dns/players/named.{ZONE}:443"

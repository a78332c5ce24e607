"""The DNS: what a hosts file says, and what errors are called.  The rest: tests/e2e/discovery."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path

import dns.asyncresolver
import dns.exception
import dns.resolver
import pytest

from tests.helpers.found import Told
from tta_gateway.features.discovery import hosts_file
from tta_gateway.features.discovery.bound import Dns, DnsName, Family
from tta_gateway.features.discovery.dns_provider import DnsProvider, _of_family, _why

HOSTS = "10.0.0.1 players.local\n2001:db8::1 players.local\n"
SERVERS = dns.asyncresolver.Resolver(configure=False)
BOTH = ("10.0.0.1", "2001:db8::1")


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine whose hosts file we know."""
    (tmp_path / "hosts").write_text(HOSTS)
    (tmp_path / "resolv.conf").write_text("")
    monkeypatch.setattr(hosts_file, "HOSTS", tmp_path / "hosts")


def test_the_hosts_file_comes_before_the_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(dns.asyncresolver, "Resolver", lambda **_: SERVERS)
    one = DnsProvider(
        Dns(family="both"),
        DnsName(name="Players.local", port=80),
        service="players",
        endpoint=None,
        chance=lambda: 0.0,
    )
    watch: Coroutine[None, None, None] = one.watch(told.found)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(watch)
    assert told.places("players") == ["10.0.0.1:80", "[2001:db8::1]:80"]
    now = told.now("players")
    assert now is not None
    assert now[0].endpoint.authority == "players.local:80"
    assert pauses == [5.0]


@pytest.mark.parametrize(
    ("family", "known", "found"),
    [
        ("both", BOTH, list(BOTH)),
        ("prefer_ipv4", BOTH, ["10.0.0.1"]),
        ("prefer_ipv6", BOTH, ["2001:db8::1"]),
        ("prefer_ipv6", BOTH[:1], ["10.0.0.1"]),
        ("prefer_ipv4", BOTH[1:], ["2001:db8::1"]),
    ],
)
def test_which_addresses_are_asked(
    family: Family, known: tuple[str, ...], found: list[str]
) -> None:
    assert _of_family(known, family) == found


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (dns.resolver.NXDOMAIN, "does not exist in the DNS"),
        (dns.resolver.NoNameservers, "every server of the DNS fails"),
        (dns.resolver.LifetimeTimeout, "look whether they answer"),
        (dns.exception.FormError, "cannot be resolved: FormError"),
    ],
)
def test_every_error_says_what_to_do(error: type[dns.exception.DNSException], words: str) -> None:
    said = _why(error.__new__(error), "players.local")
    assert words in said
    assert "`players.local`" in said

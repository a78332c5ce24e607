"""The DNS as a registry: A, AAAA and SRV, asked again when what was said may be kept no longer.

A name that cannot be resolved, or does not exist any more, is no news: what it stood for last stays
in force.  What the hosts file of the machine says comes first, where no servers are named.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
from dns.rdtypes.IN.SRV import SRV

from tta_gateway.features.discovery.algorithm import merged, preferred, refresh
from tta_gateway.features.discovery.bound import Dns, DnsName
from tta_gateway.features.discovery.hosts_file import of_machine
from tta_gateway.features.discovery.provider import Found, Unreachable
from tta_gateway.kernel.route import Endpoint
from tta_gateway.kernel.standing import Instance

_HOSTS_TTL: Final = 5.0  # seconds: a file has none
_MOST: Final = 256  # endpoints of a name

Addresses = tuple[list[str], float]
"""Addresses, and for how many seconds they may be kept."""


class DnsProvider:
    """One name, for one service."""

    def __init__(
        self,
        settings: Dns,
        wanted: DnsName,
        *,
        service: str,
        endpoint: Endpoint | None,
        tls: bool = False,
        chance: Callable[[], float],
    ) -> None:
        """Look for a service's endpoints; `endpoint` is that of the configuration to resolve."""
        self.name = f"dns/{service}/{endpoint.name}" if endpoint else f"dns/{service}"
        self._settings = settings
        self._wanted = wanted
        self._service = service
        self._like = endpoint or Endpoint(host=wanted.name, port=wanted.port, tls=tls)
        self._chance = chance

    async def watch(self, found: Found) -> None:
        """Ask, and again whenever it is time to."""
        resolver = self._resolver()
        while True:
            try:
                instances, ttl = await self._ask(resolver)
            except dns.exception.DNSException as error:
                raise Unreachable(_why(error, self._wanted.name)) from error
            except OSError as error:
                raise Unreachable(f"no server of the DNS can be asked: {error}") from error
            found(self._service, instances)
            await asyncio.sleep(refresh(ttl, self._chance()))

    def _resolver(self) -> dns.asyncresolver.Resolver:
        """Return what asks; Unreachable if the machine names no servers."""
        servers = self._settings.servers
        try:
            resolver = dns.asyncresolver.Resolver(configure=not servers)
        except dns.resolver.NoResolverConfiguration as error:
            raise Unreachable(
                "this machine's /etc/resolv.conf names no servers: write `discovery.dns.servers`"
            ) from error
        if servers:
            resolver.domain = dns.name.root  # names are whole: this machine's own domain is no part
            resolver.nameservers = [dns.nameserver.Do53Nameserver(*one) for one in servers]
        resolver.lifetime = self._settings.timeout
        resolver.timeout = self._settings.timeout / 2
        return resolver

    async def _ask(
        self, resolver: dns.asyncresolver.Resolver
    ) -> tuple[tuple[Instance, ...], float]:
        name = self._wanted.name
        if self._wanted.srv:
            return await self._services(resolver)
        addresses, ttl = await self._addresses(resolver, name)
        return merged(self._instance(one, name) for one in addresses[:_MOST]), ttl

    async def _services(
        self, resolver: dns.asyncresolver.Resolver
    ) -> tuple[tuple[Instance, ...], float]:
        answer = await resolver.resolve(self._wanted.name, dns.rdatatype.SRV, search=True)
        records = [one for one in answer if isinstance(one, SRV)][:_MOST]
        weights = preferred((one.priority, one.weight) for one in records)
        instances: list[Instance] = []
        ttls = [float(answer.chaining_result.minimum_ttl)]
        for record, weight in zip(records, weights, strict=True):
            if not weight or not record.port:
                continue  # RFC 2782: of another priority; a target `.` is none at all
            host = record.target.to_text(omit_final_dot=True)
            addresses, ttl = await self._addresses(resolver, host)
            ttls.append(ttl)
            instances += [
                self._instance(one, host, port=record.port, weight=weight) for one in addresses
            ]
        return merged(instances), min(ttls)

    async def _addresses(self, resolver: dns.asyncresolver.Resolver, name: str) -> Addresses:
        """Return what a name stands for; DNSException if that cannot be found out."""
        known = () if self._settings.servers else await asyncio.to_thread(of_machine, name)
        if known:
            return _of_family(known, self._settings.family), _HOSTS_TTL
        if self._settings.family == "both":
            return await self._both(resolver, name)
        kinds = [dns.rdatatype.A, dns.rdatatype.AAAA]
        if self._settings.family == "prefer_ipv6":
            kinds.reverse()
        try:
            return await _records(resolver, name, kinds[0])
        except dns.resolver.NoAnswer:
            return await _records(resolver, name, kinds[1])

    async def _both(self, resolver: dns.asyncresolver.Resolver, name: str) -> Addresses:
        found: list[str] = []
        ttls: list[float] = []
        for kind in (dns.rdatatype.A, dns.rdatatype.AAAA):
            try:
                addresses, ttl = await _records(resolver, name, kind)
            except dns.resolver.NoAnswer:
                if kind == dns.rdatatype.AAAA and not found:
                    raise
                continue
            found += addresses
            ttls.append(ttl)
        return found, min(ttls)

    def _instance(self, address: str, host: str, *, port: int = 0, weight: int = 0) -> Instance:
        like = self._like
        port = port or like.port
        endpoint = Endpoint(
            host=address,
            port=port,
            weight=weight or like.weight,
            tls=like.tls,
            authority=f"{host.removesuffix('.').lower()}:{port}",
        )
        return Instance(id=endpoint.name, endpoint=endpoint)


async def _records(
    resolver: dns.asyncresolver.Resolver, name: str, kind: dns.rdatatype.RdataType
) -> Addresses:
    answer = await resolver.resolve(name, kind, search=True)
    return [str(one) for one in answer], float(answer.chaining_result.minimum_ttl)


def _of_family(addresses: Iterable[str], family: str) -> list[str]:
    known = list(addresses)
    if family == "both":
        return known
    is_wanted = [(":" in one) == (family == "prefer_ipv6") for one in known]
    wanted = [one for one, good in zip(known, is_wanted, strict=True) if good]
    return wanted or known


def _why(error: dns.exception.DNSException, name: str) -> str:
    """Return why a name is not resolved, and what to do."""
    if isinstance(error, dns.resolver.NXDOMAIN):
        return f"`{name}` does not exist in the DNS: look at its spelling, or write it there"
    if isinstance(error, dns.resolver.NoAnswer):
        return f"`{name}` exists in the DNS without records of the kind that is looked for"
    if isinstance(error, dns.resolver.LifetimeTimeout):
        return f"no server of the DNS says in time what `{name}` is: look whether they answer"
    if isinstance(error, dns.resolver.NoNameservers):
        return f"every server of the DNS fails at `{name}`: look whether they answer for its zone"
    return f"`{name}` cannot be resolved: {type(error).__name__}"

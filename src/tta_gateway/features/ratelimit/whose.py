"""Whose limit it is: what of an exchange makes the key of its bucket.

Nobody is one person: who has not shown who they are is known by their address, whatever the limit
asks for.  Whoever has is known by issuer and subject: what one issuer says of somebody spends
nothing of another's.  An IPv6 address stands for its /64, of which one customer has all.
"""

from ipaddress import IPv6Address, ip_address
from typing import Final

from tta_gateway.features.ratelimit.bound import Part
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.principal import Principal

_MOST: Final = 8192  # addresses that are remembered as networks
_UNIX: Final = "unix"
_BETWEEN: Final = "\x1f"
_NOBODY: Final = "\x00"  # no name begins so


def network(address: str) -> str:
    """Return what an address counts as."""
    if ":" not in address:
        return address or _UNIX
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return f"{IPv6Address(int(found) >> 64 << 64)}/64"


class Whose:
    """Makes keys; `tenant` and `client` are the claims that name these."""

    def __init__(self, tenant: tuple[str, ...], client: tuple[str, ...]) -> None:
        """Look at these claims, the first that is there."""
        self._tenant = tenant
        self._client = client
        self._networks: dict[str, str] = {}

    def key(self, parts: tuple[Part, ...], exchange: Exchange) -> str:
        """Return the key of an exchange."""
        if not parts:
            return ""
        if len(parts) == 1:
            return self._part(parts[0], exchange)
        return _BETWEEN.join([self._part(part, exchange) for part in parts])

    def _part(self, part: Part, exchange: Exchange) -> str:
        if part == "address":
            return self.address(exchange.client)
        principal = exchange.principal
        if principal is None:
            return _NOBODY + self.address(exchange.client)
        if part == "user":
            return principal.key
        if part == "role":
            return ",".join(sorted(principal.roles))
        return self._claimed(self._tenant if part == "tenant" else self._client, principal)

    def _claimed(self, claims: tuple[str, ...], principal: Principal) -> str:
        """Return what a token says; of one that says nothing, who its subject is."""
        for claim in claims:
            said = principal.claims.get(claim)
            if isinstance(said, str) and said:
                return said
        return _NOBODY + principal.key

    def address(self, address: str) -> str:
        """Return what an address counts as, worked out once."""
        found = self._networks.get(address)
        if found is None:
            if len(self._networks) >= _MOST:
                self._networks.clear()
            found = self._networks[address] = network(address)
        return found

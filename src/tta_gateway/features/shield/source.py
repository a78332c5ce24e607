"""Where a request comes from: an address as one client, and the network around it.

Clients of IPv6 have a /64 each, and change their address within it as they like.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Network = IPv4Network | IPv6Network
_CLIENT: Final = 64  # bits of an IPv6 client
_SITE: Final = 48  # of the network around it
_SITE_OF_4: Final = 24


def client_of(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or a /64; empty if it is no address."""
    if address.find(":") < 0:
        return address if _is_ipv4(address) else ""
    try:
        parsed = IPv6Address(address.partition("%")[0])
    except ValueError:
        return ""
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed), _CLIENT), strict=False))


def site_of(client: str) -> str:
    """Return the network around a client that `client_of` has returned."""
    if client.find(":") < 0:
        return f"{client.rpartition('.')[0]}.0/{_SITE_OF_4}"
    network = int(ip_address(client.partition("/")[0]))
    return str(ip_network((network, _SITE), strict=False))


def _is_ipv4(address: str) -> bool:
    try:
        IPv4Address(address)
    except ValueError:
        return False
    return True


def is_site(source: str) -> bool:
    """Tell whether it is a network around clients, and no client."""
    return source.endswith((f"/{_SITE_OF_4}", f"/{_SITE}"))


def sources_of(written: str) -> str:
    """Return the client or network that somebody has written; ValueError says what to write.

    What can be blocked is what is counted: a wider or narrower network is nobody's.
    """
    network = ip_network(written.strip(), strict=False)
    if isinstance(network, IPv4Network):
        if network.prefixlen == 32:
            return str(network.network_address)
        if network.prefixlen == _SITE_OF_4:
            return str(network)
        raise ValueError("write an IPv4 address, or a network of /24")
    if network.prefixlen >= _CLIENT:
        return client_of(str(network.network_address))
    if network.prefixlen == _SITE:
        return str(network)
    raise ValueError("write an IPv6 address or its /64, or a network of /48")


def is_within(source: str, networks: list[Network]) -> bool:
    """Tell whether a client or a network overlaps one of these."""
    if not networks:
        return False
    mine = ip_network(source)
    for network in networks:
        if isinstance(mine, IPv4Network) and isinstance(network, IPv4Network):
            if mine.overlaps(network):
                return True
        elif (
            isinstance(mine, IPv6Network)
            and isinstance(network, IPv6Network)
            and mine.overlaps(network)
        ):
            return True
    return False

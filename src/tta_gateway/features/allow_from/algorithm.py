"""Whether an address is in one of some networks."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

UNIX = "unix"  # stands for neighbours on a unix socket, which have no address


def is_within(client: str, networks: Sequence[IPv4Network | IPv6Network], *, unix: bool) -> bool:
    """Tell whether a client is in one of the networks; what is no address is nowhere."""
    if not client:
        return unix
    try:
        address = ip_address(client)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        mapped = address.ipv4_mapped  # the same client, as a socket for both families names it
        return any(mapped in network for network in networks)
    return any(address in network for network in networks)

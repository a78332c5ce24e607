"""The machine's addresses, as the kernel lists them."""

import ipaddress
import itertools
from pathlib import Path

from tta_gateway.node.here import Address


def listed() -> list[Address]:
    """Those that the kernel lists of this machine's."""
    lines = Path("/proc/net/fib_trie").read_text().splitlines()
    named = [
        line.split()[-1]
        for line, below in itertools.pairwise(lines)
        if below.strip() == "/32 host LOCAL"
    ]
    sixes = Path("/proc/net/if_inet6")
    rows = sixes.read_text().splitlines() if sixes.exists() else []
    return [
        *(ipaddress.ip_address(one) for one in sorted(set(named))),
        *(ipaddress.IPv6Address(int(row.split()[0], 16)) for row in rows),
    ]

"""The hosts file of the machine (hosts(5)), which comes before the DNS."""

import ipaddress
from pathlib import Path
from typing import Final

HOSTS: Final = Path("/etc/hosts")


def addresses(name: str, text: str) -> tuple[str, ...]:
    """Return the addresses that a hosts file has for a name, in its order."""
    wanted = name.removesuffix(".").lower()
    found = []
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if wanted in (one.lower() for one in names) and _is_address(address):
            found.append(address)
    return tuple(dict.fromkeys(found))


def of_machine(name: str) -> tuple[str, ...]:
    """Return what this machine's own has, as it is now; nothing if it cannot be read."""
    try:
        return addresses(name, HOSTS.read_text(errors="replace"))
    except OSError:
        return ()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True

"""Server names: which certificates answer to the name that a TLS client asks for (RFC 6066 3).

Certificates are told apart by their place in the operator's list.  For one name there may be one
of each kind of key, of which OpenSSL takes the one that the client can use.
"""

from collections.abc import Sequence
from typing import TypeAlias

Together: TypeAlias = tuple[int, ...]
"""The places of certificates that are offered together."""


def pattern(name: str) -> str:
    """Return what a certificate for all names beside this one is made out to: `*.example.org`."""
    return "*." + name.partition(".")[2]


def offers(certificates: Sequence[tuple[str, Sequence[str]]]) -> dict[str, Together]:
    """Return the certificates for each name or pattern, and under "" those for any other name.

    Each certificate is the kind of its key, and its names.  Of two with the same kind, one that
    has the very name goes before one with a pattern, then the first of the list.
    """
    made: dict[str, Together] = {}
    for _, names in certificates:
        for name in names:
            if name not in made:
                made[name] = _together(certificates, name)
    first = certificates[0][1]
    made[""] = made[first[0]] if first and 0 in made[first[0]] else (0,)
    return made


def _together(certificates: Sequence[tuple[str, Sequence[str]]], name: str) -> Together:
    exact = [place for place, (_, names) in enumerate(certificates) if name in names]
    wide = [place for place, (_, names) in enumerate(certificates) if pattern(name) in names]
    chosen: dict[str, int] = {}
    for place in [*exact, *wide]:
        chosen.setdefault(certificates[place][0], place)
    return tuple(sorted(chosen.values()))

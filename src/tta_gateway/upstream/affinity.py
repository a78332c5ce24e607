"""Affinity: which endpoint belongs to a key, the same in every worker and on every node.

Rendezvous hashing (Thaler and Ravishankar 1998): each endpoint draws a number for the key, heavier
ones a higher one on average (Schindelhauer and Schomaker 2005), and the highest has it.  So a key
moves only if its endpoint goes, or if one comes that draws higher: nothing is shared or remembered.
With a bound on the load (Mirrokni, Thorup and Zadimoghaddam 2018) the highest that is not too busy
has it.

A session that the gateway itself marks has an id and the tag of its endpoint, which is a hash of
both: it stays where it is although others come, and when its endpoint goes it is marked anew.
"""

from collections.abc import Sequence
from math import ceil, log
from typing import Final, Protocol, TypeVar
from zlib import crc32

from tta_gateway.kernel.route import Endpoint

ID: Final = 16
"""Hexadecimal digits of a session's id."""
MARKED: Final = ID + 6
"""Those of a session that has an endpoint."""
_WORD: Final = 0xFFFFFFFF
_TAG: Final = 8  # bits that a tag leaves out
_LOWEST: Final = -1.0e9


class Seeded(Protocol):
    """An endpoint as the choice sees it."""

    endpoint: Endpoint
    seed: int
    in_flight: int

    @property
    def is_full(self) -> bool:
        """Tell whether it has as many requests as it may have."""


E = TypeVar("E", bound=Seeded)


def mixed(number: int) -> int:
    """Return 32 bits, each of which depends on every one of the number's."""
    # Factors of 30 bits: no product leaves the integers that mypyc keeps in a register.
    number ^= number >> 15
    number = number * 0x2C1B3C6D & _WORD
    number ^= number >> 12
    number = number * 0x297A2D39 & _WORD
    return number ^ number >> 15


def seed_of(name: str) -> int:
    """Return what stands for an endpoint, by its name."""
    return mixed(crc32(name.encode()))


def share_of(key: bytes) -> float:
    """Return where a key stands, from 0 up to 1, evenly spread over keys."""
    return mixed(crc32(key) ^ 0x5EED5EED) / (_WORD + 1)


def highest(pools: Sequence[E], key: bytes) -> E:
    """Return the endpoint that a key belongs to."""
    number = crc32(key)
    found, best = pools[0], _drawn(pools[0], number)
    for pool in pools:
        drawn = _drawn(pool, number)
        if drawn > best:
            found, best = pool, drawn
    return found


def bounded(pools: Sequence[E], key: bytes, bound: float) -> E:
    """Return the one that a key belongs to, of those whose load is within the bound.

    The bound is this many times the load that is an endpoint's share by weight.
    """
    total, weights = 1, 0
    for pool in pools:
        total += pool.in_flight
        weights += pool.endpoint.weight
    each = bound * total / max(1, weights)
    roomy = [
        pool
        for pool in pools
        if pool.in_flight < ceil(each * pool.endpoint.weight) and not pool.is_full
    ]
    return highest(roomy or [pool for pool in pools if not pool.is_full] or pools, key)


def tagged(pools: Sequence[E], key: bytes) -> E | None:
    """Return the endpoint whose tag the key of a session has, None if it is not among these."""
    tag = _tag(key)
    number = crc32(key[:ID])
    for pool in pools:
        if mixed(number ^ pool.seed) >> _TAG == tag:
            return pool
    return None


def marked(key: bytes, seed: int) -> bytes:
    """Return a session's key with the tag of the endpoint of this seed."""
    name = key[:ID]
    return name + b"%06x" % (mixed(crc32(name) ^ seed) >> _TAG)


def is_session(key: bytes) -> bool:
    """Tell whether a key is one that the gateway gives to a session, with a tag or without."""
    return len(key) in (ID, MARKED) and _number(key) >= 0


def new_session(one: float, other: float) -> bytes:
    """Return the key of a new session, from two numbers from 0 up to 1."""
    return b"%08x%08x" % (int(one * (_WORD + 1)), int(other * (_WORD + 1)))


def _drawn(pool: Seeded, number: int) -> float:
    """Return what an endpoint draws: the logarithm of an even draw, over the weight."""
    weight = pool.endpoint.weight
    if weight <= 0:  # a registry may say so
        return _LOWEST
    return log((mixed(number ^ pool.seed) + 0.5) / (_WORD + 1)) / weight


def _tag(key: bytes) -> int:
    return _number(key[ID:]) if len(key) == MARKED else -1


def _number(digits: bytes) -> int:
    """Return what hexadecimal digits say, below 0 if they are none."""
    if not digits.isalnum():
        return -1
    try:
        return int(digits, 16)
    except ValueError:
        return -1

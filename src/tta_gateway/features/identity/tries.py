"""Failed logins: how long the next one has to wait.

A try counts before the password is looked at, so that a hundred at once are no more than a hundred
in a row; one that succeeds is taken back.  A name counts whether there is such a user or not.
"""

from dataclasses import dataclass

from tta_gateway.features.identity.bound import Lockout


@dataclass(frozen=True, slots=True)
class Tries:
    """How many have failed in a row for a name or from an address, the last one when."""

    failures: int = 0
    last: float = 0.0
    waits_until: float = 0.0


def taken(before: Tries, free: int, lockout: Lockout, *, now: float) -> tuple[Tries, float]:
    """Take one more; return what is known then, and the seconds to wait: 0 means it may be made.

    `free` failures cost nothing; the wait after each further one is twice the last.
    """
    if before.waits_until > now:
        return before, before.waits_until - now
    known = before if now - before.last < lockout.forgotten else Tries()
    failures = known.failures + 1
    beyond = failures - free
    wait = 0.0
    if beyond >= 0:
        wait = min(lockout.longest, lockout.first * 2.0 ** min(beyond, 32))
    return Tries(failures, now, now + wait), 0.0


def taken_back(before: Tries) -> Tries:
    """Return what is known once one of them has turned out to be good."""
    return Tries(max(0, before.failures - 1), before.last, 0.0)

"""Families of refresh tokens: what becomes of one that is shown (RFC 9700 4.14.2).

All refresh tokens of a session are one family, a chain: each is used once, and then its successor
counts.  Five tabs that refresh at once all show the same token, so that one that was used a moment
ago leads to its successor instead; one that was used before that has been stolen from somebody, and
nobody can tell from whom: the session ends.
"""

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What becomes of a refresh token that is shown."""

    ROTATE = "rotate"  # it is used now, and its successor is issued
    FOLLOW = "follow"  # its successor is looked at in its place
    REUSED = "reused"  # the session ends
    IDLE = "idle"  # the session has ended by itself
    OVER = "over"  # likewise: no session lasts longer
    ENDED = "ended"  # somebody has ended it before, or the user has been disabled


@dataclass(frozen=True, slots=True)
class Family:
    """A session, as far as its refresh tokens go; `ended` where anything has ended it."""

    last: float
    ends: float
    ended: bool = False


def judge(family: Family, used: float | None, *, now: float, grace: float, idle: float) -> Verdict:
    """Return what becomes of a token that was used then, or not yet.

    That it has been reused counts even where the session is over: somebody should hear of it, and
    nothing is lost.
    """
    if used is not None and now - used > grace:
        return Verdict.ENDED if family.ended else Verdict.REUSED
    if family.ended:
        return Verdict.ENDED
    if now >= family.ends:
        return Verdict.OVER
    if now - family.last > idle:
        return Verdict.IDLE
    return Verdict.ROTATE if used is None else Verdict.FOLLOW

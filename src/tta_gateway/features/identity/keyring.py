"""Which key signs, and when the next one is made: arithmetic over the keys that there are.

    published          signs              proves              gone
    |--- ahead --------|--- every --------|--- an access token's life ---|

A key is published a while before it signs, for those who remember the key set, and proves until the
last token that it has signed has expired.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

_SOON: Final = 5.0  # seconds in which every node has read a key


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A signing key; `private` is sealed.  `proves_until` is None while nothing has replaced it."""

    id: str
    algorithm: str
    public: str
    private: bytes = field(repr=False)
    signs_from: float
    proves_until: float | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long a key signs, and before that is published; how long tokens are left behind it."""

    every: float
    ahead: float
    lasting: float


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of the keys: one made that signs from then, these end, these go.

    `revoked` says that tokens issued until then count no more, and when none of them is left.
    """

    signs_from: float | None = None
    proves_until: tuple[tuple[str, float], ...] = ()
    gone: tuple[str, ...] = ()
    revoked: tuple[float, float] | None = None

    @property
    def is_needed(self) -> bool:
        """Tell whether anything is to change."""
        return self.signs_from is not None or bool(self.proves_until) or bool(self.gone)


def signing(
    keys: Sequence[StoredKey], is_ours: Callable[[StoredKey], bool], now: float
) -> StoredKey | None:
    """Return the key that signs now: the newest of those that can; None if there is none."""
    able = [one for one in proving(keys, now) if one.signs_from <= now and is_ours(one)]
    return max(able, key=lambda one: one.signs_from, default=None)


def proving(keys: Sequence[StoredKey], now: float) -> list[StoredKey]:
    """Return the keys that count."""
    return [one for one in keys if one.proves_until is None or one.proves_until > now]


def due(
    keys: Sequence[StoredKey],
    is_ours: Callable[[StoredKey], bool],
    schedule: Schedule,
    *,
    now: float,
) -> Change:
    """Return what is due by the schedule; `is_ours` tells whether this node can sign with one."""
    current = signing(keys, is_ours, now)
    gone = tuple(one.id for one in keys if one not in proving(keys, now))
    if current is None:
        return Change(signs_from=now, gone=gone)
    older = (one for one in keys if one.signs_from < current.signs_from)
    ends = tuple((one.id, now + schedule.lasting) for one in older if one.proves_until is None)
    upon = max(current.signs_from + schedule.every, now + schedule.ahead)
    is_made = any(one.signs_from > now and is_ours(one) for one in keys)
    is_time = current.signs_from + schedule.every - schedule.ahead <= now
    return Change(upon if is_time and not is_made else None, ends, gone)


def rotated(keys: Sequence[StoredKey], schedule: Schedule, *, at_once: bool, now: float) -> Change:
    """Return what a rotation by hand does: a new key signs in a moment, the others end.

    At once, because one may be in other hands: then nothing that they have signed counts any more.
    """
    if at_once:
        gone = tuple(one.id for one in keys)
        return Change(signs_from=now, gone=gone, revoked=(now, now + schedule.lasting))
    until = now + _SOON + schedule.lasting
    lasting = [one for one in keys if one.proves_until is None and one.signs_from <= now]
    return Change(
        signs_from=now + _SOON,
        proves_until=tuple((one.id, until) for one in lasting),
        gone=tuple(one.id for one in keys if one.signs_from > now),
    )

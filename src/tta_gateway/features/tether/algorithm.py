"""The states of a tether, as a table, and the pauses between tries.

A tether holds a client's side and a service's side together, and outlives the connection of
either.  It parts when it is to go on at another worker: what the service still says is taken, and
then all of it is handed over.  It ends when the client says so, when the service says so for good,
when nobody may go on, and when one of them has been away for too long.  What is over stays over.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

_FIRST: Final = 0.1  # seconds
_LONGEST: Final = 2.0
_DOUBLINGS: Final = 10


class State(Enum):
    """Who is there."""

    ATTACHED = "attached"
    CLIENT_AWAY = "client away"
    SERVICE_AWAY = "service away"
    BOTH_AWAY = "both away"
    PARTING = "parting"
    OVER = "over"


class Event(Enum):
    """What happens."""

    CLIENT_CAME = "client came"
    CLIENT_WENT = "client went"
    SERVICE_CAME = "service came"
    SERVICE_WENT = "service went"
    PARTED = "parted"
    ENDED = "ended"


NEXT: Final[Mapping[tuple[State, Event], State]] = {
    (State.ATTACHED, Event.CLIENT_WENT): State.CLIENT_AWAY,
    (State.ATTACHED, Event.SERVICE_WENT): State.SERVICE_AWAY,
    (State.ATTACHED, Event.ENDED): State.OVER,
    (State.CLIENT_AWAY, Event.CLIENT_CAME): State.ATTACHED,
    (State.CLIENT_AWAY, Event.SERVICE_WENT): State.BOTH_AWAY,
    (State.CLIENT_AWAY, Event.PARTED): State.PARTING,
    (State.CLIENT_AWAY, Event.ENDED): State.OVER,
    (State.SERVICE_AWAY, Event.SERVICE_CAME): State.ATTACHED,
    (State.SERVICE_AWAY, Event.CLIENT_WENT): State.BOTH_AWAY,
    (State.SERVICE_AWAY, Event.ENDED): State.OVER,
    (State.BOTH_AWAY, Event.CLIENT_CAME): State.SERVICE_AWAY,
    (State.BOTH_AWAY, Event.SERVICE_CAME): State.CLIENT_AWAY,
    (State.BOTH_AWAY, Event.PARTED): State.PARTING,
    (State.BOTH_AWAY, Event.ENDED): State.OVER,
    (State.PARTING, Event.ENDED): State.OVER,
}


def after(state: State, event: Event) -> State:
    """Return the state behind an event; KeyError if it cannot happen in this one."""
    return NEXT[state, event]


def has_client(state: State) -> bool:
    """Tell whether the client is there."""
    return state in (State.ATTACHED, State.SERVICE_AWAY)


def has_service(state: State) -> bool:
    """Tell whether the service is there."""
    return state in (State.ATTACHED, State.CLIENT_AWAY)


def pause(tries: int, chance: float) -> float:
    """Return the seconds before the next try, behind so many that failed.

    Each is twice the one before, and by up to a half shorter by chance: many clients lose a service
    in the same moment, and should not all come back in one.
    """
    whole = min(_LONGEST, _FIRST * float(2 ** min(tries, _DOUBLINGS)))
    return whole * (1.0 - chance / 2.0)

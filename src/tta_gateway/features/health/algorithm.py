"""How an endpoint is, by what its checks have come to; and when the next one is due.  Pure.

One that comes is STARTING until its first success: nobody knows how long it takes to start.  One
that was there before the gateway is UNPROVED until its first success or enough failures.  One
that is UP and fails is FAILING, and still asked, until it has failed `unhealthy` times in a row;
one that is DOWN and passes is RECOVERING, and not asked yet, until it has passed `healthy` times.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from tta_gateway.kernel import standing

HURRIED: Final = 0.25
"""Of the interval, while something changes."""
LEAST: Final = 0.25
"""Seconds: no check comes sooner after the one before it."""
QUIET: Final = 4.0
"""Times the interval, while no client asks the service."""
QUIET_AFTER: Final = 60.0
"""Seconds without a request."""


class State(Enum):
    """How an endpoint is."""

    STARTING = "starting"
    UNPROVED = "unproved"
    UP = "up"
    FAILING = "failing"
    DOWN = "down"
    RECOVERING = "recovering"


class Event(Enum):
    """What a check has come to; ENOUGH: as often in a row as it takes."""

    PASSED = "passed"
    PASSED_ENOUGH = "passed often enough"
    FAILED = "failed"
    FAILED_ENOUGH = "failed often enough"


NEXT: Final[Mapping[tuple[State, Event], State]] = {
    (State.STARTING, Event.PASSED): State.UP,
    (State.STARTING, Event.PASSED_ENOUGH): State.UP,
    (State.STARTING, Event.FAILED): State.STARTING,
    (State.STARTING, Event.FAILED_ENOUGH): State.STARTING,
    (State.UNPROVED, Event.PASSED): State.UP,
    (State.UNPROVED, Event.PASSED_ENOUGH): State.UP,
    (State.UNPROVED, Event.FAILED): State.UNPROVED,
    (State.UNPROVED, Event.FAILED_ENOUGH): State.DOWN,
    (State.UP, Event.PASSED): State.UP,
    (State.UP, Event.PASSED_ENOUGH): State.UP,
    (State.UP, Event.FAILED): State.FAILING,
    (State.UP, Event.FAILED_ENOUGH): State.DOWN,
    (State.FAILING, Event.PASSED): State.UP,
    (State.FAILING, Event.PASSED_ENOUGH): State.UP,
    (State.FAILING, Event.FAILED): State.FAILING,
    (State.FAILING, Event.FAILED_ENOUGH): State.DOWN,
    (State.DOWN, Event.PASSED): State.RECOVERING,
    (State.DOWN, Event.PASSED_ENOUGH): State.UP,
    (State.DOWN, Event.FAILED): State.DOWN,
    (State.DOWN, Event.FAILED_ENOUGH): State.DOWN,
    (State.RECOVERING, Event.PASSED): State.RECOVERING,
    (State.RECOVERING, Event.PASSED_ENOUGH): State.UP,
    (State.RECOVERING, Event.FAILED): State.DOWN,
    (State.RECOVERING, Event.FAILED_ENOUGH): State.DOWN,
}
_CHANGING: Final = (State.STARTING, State.UNPROVED, State.FAILING, State.RECOVERING)
_STREAK: Final = (State.UNPROVED, State.FAILING, State.RECOVERING)
_TOLD: Final[Mapping[State, standing.State]] = {
    State.STARTING: "starting",
    State.UNPROVED: "unproved",
    State.UP: "up",
    State.FAILING: "up",
    State.DOWN: "down",
    State.RECOVERING: "down",
}
_KNOWN: Final[Mapping[str, State]] = {
    "starting": State.STARTING,
    "unproved": State.UNPROVED,
    "up": State.UP,
    "down": State.DOWN,
}


@dataclass(frozen=True, slots=True)
class Progress:
    """A state, and how many checks in a row speak against it by now."""

    state: State
    streak: int = 0


def begun(told: standing.State) -> Progress:
    """Return where to begin with an endpoint of which workers have been told this."""
    return Progress(_KNOWN[told])


def told(state: State) -> standing.State:
    """Return what workers are told of an endpoint in this state."""
    return _TOLD[state]


def learn(
    before: Progress, *, passed: bool, unhealthy: int, healthy: int, held: bool = False
) -> Progress:
    """Return what a check makes of it; while it is `held`, failures do not bring it down."""
    if passed:
        enough = before.streak + 1 >= healthy
        event = Event.PASSED_ENOUGH if enough else Event.PASSED
    else:
        enough = before.streak + 1 >= unhealthy and not held
        event = Event.FAILED_ENOUGH if enough else Event.FAILED
    state = NEXT[before.state, event]
    if state not in _STREAK:
        return Progress(state)
    return Progress(state, 1 if held and not passed else before.streak + 1)


def pause(state: State, *, interval: float, jitter: float, idle: float, chance: float) -> float:
    """Return the seconds from the beginning of one check to that of the next.

    `idle` is how long no client has asked the service; `chance` is drawn from 0 to 1.
    """
    if state in _CHANGING:
        base = min(interval, max(LEAST, interval * HURRIED))
    else:
        base = interval * QUIET if idle >= QUIET_AFTER else interval
    return base * (1.0 + jitter * (2.0 * chance - 1.0))

"""The table of a tether, and the pauses between tries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.tether.algorithm import (
    NEXT,
    Event,
    State,
    after,
    has_client,
    has_service,
    pause,
)

ALIVE = [one for one in State if one is not State.OVER]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_each_event_is_in_the_table_or_cannot_happen(state: State, event: Event) -> None:
    """Who comes was away, and who goes was there; what is over stays over."""
    can_happen = {
        Event.CLIENT_CAME: not has_client(state),
        Event.CLIENT_WENT: has_client(state),
        Event.SERVICE_CAME: not has_service(state),
        Event.SERVICE_WENT: has_service(state),
        Event.PARTED: not has_client(state),
        Event.ENDED: True,
    }[event]
    is_alive = state is not State.PARTING or event is Event.ENDED
    assert ((state, event) in NEXT) is (can_happen and is_alive and state is not State.OVER)


@pytest.mark.parametrize(("state", "event"), NEXT)
def test_an_event_changes_the_side_that_it_is_about_alone(state: State, event: Event) -> None:
    then = after(state, event)
    client, service = has_client(state), has_service(state)
    expected = {
        Event.CLIENT_CAME: (True, service),
        Event.CLIENT_WENT: (False, service),
        Event.SERVICE_CAME: (client, True),
        Event.SERVICE_WENT: (client, False),
        Event.PARTED: (False, False),
        Event.ENDED: (False, False),
    }[event]
    assert (has_client(then), has_service(then)) == expected
    assert (then is State.OVER) is (event is Event.ENDED)


def test_what_cannot_happen_is_a_fault() -> None:
    with pytest.raises(KeyError):
        after(State.OVER, Event.CLIENT_CAME)


@given(st.integers(0, 100), st.floats(0, 1))
def test_pauses_grow_up_to_two_seconds_and_are_shortened_by_up_to_a_half(
    tries: int, chance: float
) -> None:
    longest = min(2.0, 0.1 * 2.0 ** min(tries, 10))
    assert longest / 2 <= pause(tries, chance) <= longest

"""The waiting room: as many as can be seen to in time, and no more."""

import pytest

from tta_gateway.features.identity.waiting_room import WaitingRoom


def a_room(*, at_once: int = 1, longest: float = 1.0, each: float = 0.1) -> WaitingRoom:
    """A room that has seen very many take so many seconds."""
    room = WaitingRoom(at_once, longest=longest)
    for _ in range(200):
        room.took(each)
    return room


def filled(room: WaitingRoom) -> int:
    """Return how many have come in until it was full."""
    count = 0
    while not room.is_full:
        room.enter()
        count += 1
    return count


@pytest.mark.parametrize(
    ("each", "at_once", "count"), [(0.095, 1, 11), (0.02375, 1, 43), (0.095, 4, 46), (3.0, 2, 2)]
)
def test_as_many_come_in_as_are_seen_to_within_the_longest_wait(
    each: float, at_once: int, count: int
) -> None:
    assert filled(a_room(at_once=at_once, each=each)) == count


def test_whoever_comes_while_one_is_free_never_waits() -> None:
    room = a_room(at_once=2, longest=0.0, each=60.0)
    assert (room.wait, room.is_full) == (0.0, False)
    room.enter()
    assert (room.wait, room.is_full) == (0.0, False)
    room.enter()
    assert room.is_full
    room.leave()
    assert not room.is_full


def test_it_is_closed_until_half_of_them_have_gone() -> None:
    room = a_room()
    filled(room)
    assert room.closed_for == pytest.approx(room.wait / 2)
    assert a_room().closed_for == 0.05


def test_it_learns_how_long_each_takes() -> None:
    room = a_room(each=0.1)
    assert filled(room) == 11
    for _ in range(11):
        room.leave()
        room.took(1.0)
    assert filled(room) <= 3

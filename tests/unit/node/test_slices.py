"""Work in slices."""

from tta_gateway.node.slices import Slices


def turns(slices: Slices, *much: int) -> list[int]:
    """How much of this is done in each turn."""
    done = [0]

    async def work() -> None:
        for one in much:
            await slices.room_for(one)
            done[-1] += one

    steps = work()
    while True:
        try:
            steps.send(None)
        except StopIteration:
            return done
        done.append(0)


def test_a_turn_has_no_more_than_there_is_room_for() -> None:
    assert turns(Slices(10), 4, 4, 4, 10, 1) == [8, 4, 10, 1]


def test_what_is_larger_than_a_turn_has_one_to_itself() -> None:
    assert turns(Slices(10), 25, 1, 25) == [25, 1, 25]


def test_a_little_takes_no_turn() -> None:
    assert turns(Slices(10), 10) == [10]

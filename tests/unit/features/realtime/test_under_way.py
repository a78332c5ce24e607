"""What is under way to other workers: bounded together and for each session, then let go."""

from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.realtime.under_way import (
    A_FRAME,
    MOST,
    MOST_OF_ONE,
    UnderWay,
    weight,
)

FULL = 65_536


def test_all_together_are_bounded() -> None:
    under_way = UnderWay(MOST)
    begun = [under_way.begin(str(number), FULL) for number in range(65)]
    assert begun == [True] * 64 + [False]
    under_way.end("7", FULL)
    assert under_way.begin("another", FULL)
    assert not under_way.begin("another", A_FRAME)


def test_one_session_leaves_room_for_others() -> None:
    under_way = UnderWay(MOST)
    begun = [under_way.begin("one", FULL) for _ in range(17)]
    assert begun == [True] * 16 + [False]
    assert under_way.begin("other", FULL)
    under_way.end("one", FULL)
    assert under_way.begin("one", FULL)


def test_the_smallest_weigh_something_too() -> None:
    assert [weight(b""), weight(b"x" * A_FRAME), weight(b"x" * FULL)] == [A_FRAME, A_FRAME, FULL]
    under_way = UnderWay(MOST)
    begun = [under_way.begin("one", weight(b"x")) for _ in range(300)]
    assert begun.count(True) == MOST_OF_ONE // A_FRAME


def test_one_that_is_alone_may_have_any_weight() -> None:
    under_way = UnderWay(A_FRAME)
    assert under_way.begin("one", MOST)
    assert not under_way.begin("one", A_FRAME)
    assert not under_way.begin("other", A_FRAME)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(A_FRAME, FULL)), max_size=60))
def test_when_all_have_ended_nothing_is_left(frames: list[tuple[str, int]]) -> None:
    under_way = UnderWay(MOST_OF_ONE)
    begun = [one for one in frames if under_way.begin(*one)]
    assert sum(size for _, size in begun) <= MOST_OF_ONE
    assert len(under_way) == len({session for session, _ in begun})
    for session, size in begun:
        under_way.end(session, size)
    assert len(under_way) == 0
    assert under_way.begin("a", MOST_OF_ONE)

"""What is kept for whoever is away, against lists that keep everything."""

from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.tether.backlog import Backlog, Bounds, Queue, Said
from tta_gateway.kernel.said import Hearing, Need

SIZES = st.lists(st.integers(0, 300), max_size=60)


def _of(size: int, number: int) -> Said:
    return Said(b"%d" % number + b"." * size, is_text=True)


@given(SIZES, st.integers(1, 20), st.integers(200, 3000), st.data())
def test_a_backlog_keeps_the_newest_within_its_bounds(
    sizes: list[int], messages: int, size: int, data: st.DataObject
) -> None:
    backlog = Backlog(Bounds(messages=messages, size=size))
    every = [_of(length, number) for number, length in enumerate(sizes, start=1)]
    for one in every:
        backlog.add(one)
    kept = list(backlog.after(0))
    assert kept == every[backlog.floor :]
    assert len(kept) <= messages
    assert sum(one.size for one in kept) <= size
    number = data.draw(st.integers(0, len(every)))
    assert list(backlog.after(number)) == every[max(number, backlog.floor) :]
    assert backlog.missing(number) == max(0, backlog.floor - number)


@given(SIZES, st.integers(0, 70))
def test_what_is_confirmed_is_kept_no_longer(sizes: list[int], number: int) -> None:
    backlog = Backlog(Bounds(messages=1000, size=1 << 20))
    for one in sizes:
        backlog.add(_of(one, 0))
    backlog.confirmed(number)
    assert backlog.floor == min(number, len(sizes))
    assert backlog.said == len(sizes)
    assert len(list(backlog.after(0))) == len(sizes) - backlog.floor


def test_a_message_larger_than_all_that_may_be_kept_is_not() -> None:
    backlog = Backlog(Bounds(messages=10, size=100))
    backlog.add(_of(200, 1))
    assert (list(backlog.after(0)), backlog.floor) == ([], 1)


def test_a_queue_gives_back_in_order_what_it_had_room_for() -> None:
    queue = Queue(Bounds(messages=2, size=1000))
    one, two = _of(1, 1), _of(1, 2)
    assert [queue.add(one), queue.add(two), queue.add(_of(1, 3))] == [True, True, False]
    assert len(queue) == 2
    assert [queue.take(), queue.take(), queue.take()] == [one, two, None]


def test_a_queue_takes_no_more_bytes_than_it_may() -> None:
    queue = Queue(Bounds(messages=10, size=200))
    assert queue.add(_of(100, 1))
    assert not queue.add(_of(100, 2))
    queue.clear()
    assert queue.add(_of(100, 2))
    assert len(queue) == 1


def test_of_what_waited_in_vain_those_who_listen_hear_and_of_what_was_taken_not() -> None:
    queue, lost = Queue(Bounds(messages=10, size=1000)), list[str]()

    def heard(name: str) -> Said:
        message = Said(b"", is_text=True)
        message.hearing = Hearing()
        message.hearing.done(Need(3, is_spared=True, undelivered=lambda: lost.append(name)))
        return message

    for one in (heard("taken"), _of(1, 1), heard("left"), heard("left too")):
        assert queue.add(one)
    queue.take()
    assert [one is None for one in queue.hearings()] == [True, False, False]
    queue.clear()
    assert lost == ["left", "left too"]
    assert len(queue) == 0


def test_what_is_kept_is_packed_and_kept_elsewhere_under_the_same_numbers() -> None:
    here, there = Backlog(Bounds(messages=3, size=1000)), Backlog(Bounds(messages=3, size=1000))
    for number in range(5):
        here.add(Said(b"%d" % number, is_text=number != 3))
    there.unpack(here.said, here.packed())
    assert (there.floor, there.said) == (here.floor, here.said) == (2, 5)
    assert [(one.payload, one.is_text) for one in there.after(3)] == [(b"3", False), (b"4", True)]


def test_elsewhere_no_more_is_kept_than_there_is_room_for() -> None:
    there = Backlog(Bounds(messages=1, size=1000))
    there.unpack(7, [(b"6", True), (b"7", True)])
    assert (there.floor, there.said, there.packed()) == (6, 7, [(b"7", True)])


def test_what_waits_is_packed_in_order() -> None:
    queue = Queue(Bounds(messages=3, size=1000))
    queue.add(Said(b"a", is_text=True))
    queue.add(Said(b"b", is_text=False))
    for need in (Need(2, is_spared=True, undelivered=lambda: None), None):
        message = Said(b"c", is_text=True)
        message.hearing = Hearing()
        message.hearing.done(need)
        queue.put(message)
    assert queue.packed() == [
        (b"a", True, False),
        (b"b", False, False),
        (b"c", True, True),
        (b"c", True, False),
    ]

"""Events on their way to whoever wants to know."""

import socket
from collections.abc import Iterator

import msgspec
import pytest

from tta_gateway.kernel.events import BreakerChanged, EndpointChanged, Event
from tta_gateway.support.bus import (
    LARGEST,
    MOST_OWED,
    TOGETHER,
    Bus,
    Notes,
    NotesReader,
    pair,
)

DOWN = EndpointChanged(service="players", endpoint="h:1", change="down", cause="silence", at=1.0)
OPEN = BreakerChanged(service="players", route="all", state="open", at=2.0, until=12.0)


class Line:
    """Both ends of the way from workers to control."""

    def __init__(self) -> None:
        self.heard, self.told = pair()
        self.bus = Bus()
        self.events: list[Event] = []
        self.errors: list[str] = []
        self.bus.subscribe(self.events.append)
        self.notes = Notes(self.told)
        self.reader = NotesReader(self.heard, self.bus, misread=self.errors.append)


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    with made.heard, made.told:
        yield made


def test_everybody_who_listens_hears_every_event_in_order(line: Line) -> None:
    others: list[Event] = []
    line.bus.subscribe(others.append)
    for event in (DOWN, OPEN):
        line.bus.publish(event)
    assert line.events == others == [DOWN, OPEN]


def test_what_a_worker_tells_is_published_in_control(line: Line) -> None:
    for event in (DOWN, OPEN):
        line.notes.put(event)
    line.reader.hear()
    assert line.events == [DOWN, OPEN]


def many(count: int) -> list[Event]:
    """Events that can be told from each other."""
    return [msgspec.structs.replace(DOWN, at=2.0 + number) for number in range(count)]


def test_nobody_waits_for_a_control_that_does_not_listen_and_it_hears_all_later(
    line: Line,
) -> None:
    told = many(MOST_OWED // 2)
    for event in told:
        line.notes.put(event)
    assert (line.notes.take_dropped(), line.events) == (0, [])
    while line.events != told:
        line.notes.flush()
        line.reader.hear()
    assert line.notes.take_dropped() == 0


def test_of_too_many_the_oldest_are_lost_and_counted(line: Line) -> None:
    while line.notes.show([DOWN]):
        """Fill the way."""
    told = many(MOST_OWED + 100)
    for event in told:
        line.notes.put(event)
    assert [line.notes.take_dropped() for _ in range(2)] == [100, 0]
    before = -1
    while len(line.events) > before:
        before = len(line.events)
        line.notes.flush()
        line.reader.hear()
    assert [one for one in line.events if one != DOWN] == told[100:]


def test_what_no_datagram_holds_is_lost_and_holds_up_nothing(line: Line) -> None:
    line.notes.put(msgspec.structs.replace(DOWN, cause="x" * LARGEST))
    line.notes.put(DOWN)
    line.reader.hear()
    assert (line.notes.take_dropped(), line.events) == (1, [DOWN])


def test_many_go_together_as_far_as_they_fit(line: Line) -> None:
    events = many(3 * TOGETHER)
    assert line.notes.show(events) == TOGETHER
    large = [msgspec.structs.replace(DOWN, cause="x" * (LARGEST // 3))] * 5
    assert line.notes.show(large) == 2
    assert line.notes.show([]) == 0
    for _ in range(3):
        line.reader.hear()
    assert line.events == [*events[:TOGETHER], *large[:2]]


def test_what_is_worth_nothing_later_waits_for_what_is_owed(line: Line) -> None:
    while line.notes.show([DOWN]):
        """Fill the way."""
    line.notes.put(OPEN)
    while not line.events:
        line.reader.hear()
    assert line.notes.show([DOWN]) == 0
    line.notes.flush()
    assert line.notes.show([DOWN]) == 1


def test_a_worker_before_this_one_tells_one_at_a_time(line: Line) -> None:
    line.told.send(msgspec.msgpack.encode(DOWN))
    line.reader.hear()
    assert line.events == [DOWN]


def test_a_note_that_cannot_be_read_is_told_and_left_out(line: Line) -> None:
    line.told.send(b"nonsense")
    line.notes.put(DOWN)
    line.reader.hear()
    assert (line.events, len(line.errors)) == ([DOWN], 1)


def test_no_turn_of_a_loop_takes_all_of_many(line: Line) -> None:
    for _ in range(3):
        line.notes.show(many(TOGETHER))
    line.reader.hear()
    assert len(line.events) == TOGETHER


def test_control_may_have_gone_for_good() -> None:
    heard, told = pair()
    heard.close()
    notes = Notes(told)
    for event in many(MOST_OWED + 1):
        notes.put(event)
    assert (notes.take_dropped(), notes.show([DOWN])) == (1, 0)
    told.close()
    assert isinstance(told, socket.socket)

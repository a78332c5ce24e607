"""Events on their way to whoever wants to know."""

import socket
from collections.abc import Iterator

import pytest

from tta_gateway.kernel.events import BreakerChanged, EndpointChanged, Event
from tta_gateway.support.bus import Bus, Notes, NotesReader, pair

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


def test_nobody_waits_for_a_control_that_does_not_listen(line: Line) -> None:
    told = 0
    while not line.notes.dropped:
        line.notes.put(DOWN)
        told += 1
    while len(line.events) < told - 1:
        line.reader.hear()
    line.reader.hear()
    assert line.events == [DOWN] * (told - 1)


def test_a_note_that_cannot_be_read_is_told_and_left_out(line: Line) -> None:
    line.told.send(b"nonsense")
    line.notes.put(DOWN)
    line.reader.hear()
    assert (line.events, len(line.errors)) == ([DOWN], 1)


def test_no_turn_of_a_loop_takes_all_of_many(line: Line) -> None:
    for _ in range(100):
        line.notes.put(DOWN)
    line.reader.hear()
    assert 0 < len(line.events) < 100


def test_control_may_have_gone_for_good() -> None:
    heard, told = pair()
    heard.close()
    notes = Notes(told)
    notes.put(DOWN)
    assert notes.dropped == 1
    told.close()
    assert isinstance(told, socket.socket)

"""A companion without a process: the test is the other end of its channel."""

import selectors
import signal
from collections.abc import Iterator
from typing import Any, cast

import pytest

from tests.helpers.fake_clock import FakeClock
from tests.helpers.fake_process import FakeProcess
from tta_gateway.node.child import Child, Said
from tta_gateway.node.companion import Companion
from tta_gateway.node.slot import LIVED, LONGEST_START, State

LONGEST_END = 5.0  # seconds


class House:
    """A companion, and what it has done."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.told: list[str] = []
        self.left_behind: list[int] = []
        self.heard_of: list[tuple[bytes, int]] = []
        self.processes: list[FakeProcess] = []
        self.selector = selectors.DefaultSelector()
        self.refuse = False
        self.companion = Companion(
            "helper",
            spawn=self._spawn,
            selector=self.selector,
            clock=self.clock.monotonic,
            log=cast("Any", self),
            owner=cast("Any", self),
        )

    def left(self, child: Child) -> None:
        self.left_behind.append(child.segment)

    def heard(self, _: Child, said: Said) -> None:
        self.heard_of.append((said.word, said.version))

    def _spawn(self) -> Child:
        if self.refuse:
            raise OSError(11, "no more")
        self.told.append("started")
        return self.another()

    def another(self) -> Child:
        """A process that counts in a segment of its own."""
        self.processes.append(FakeProcess())
        made = self.processes[-1]
        return Child(cast("Any", made), made.channel, len(self.processes) - 1)

    def event(self, name: str, **fields: object) -> None:
        self.told.append(" ".join([name, *map(str, fields.values())]))

    def turn(self) -> None:
        self.companion.start_due()
        for key, _ in self.selector.select(0):
            key.data()
        self.companion.reap()

    def serving(self) -> "House":
        self.turn()
        self.processes[-1].say(b"ready 1")
        self.turn()
        return self

    def take(self) -> list[str]:
        told, self.told = self.told, []
        return told

    def close(self) -> None:
        self.selector.close()
        for one in self.processes:
            one.close()


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.close()


def test_it_is_started_once(house: House) -> None:
    house.turn()
    house.turn()
    assert (house.take(), house.companion.state) == (["started"], State.STARTING)


def test_it_serves_when_it_says_so(house: House) -> None:
    house.serving()
    assert house.companion.state is State.SERVING


def test_it_serves_on_when_it_says_that_it_has_applied_a_snapshot(house: House) -> None:
    house.serving()
    house.processes[0].say(b"applied 2")
    house.turn()
    assert house.companion.state is State.SERVING


def test_one_that_dies_is_named_and_replaced_and_leaves_its_segment(house: House) -> None:
    house.serving().take()
    house.processes[0].die(-9)
    house.turn()
    house.turn()
    assert house.take() == ["helper_died 137", "started"]
    assert house.left_behind == [0]


def test_one_that_keeps_dying_is_replaced_more_and_more_slowly(house: House) -> None:
    house.turn()
    for _ in range(4):
        house.processes[-1].die(1)
        house.turn()
        house.clock.advance(max(0.0, house.companion.due - house.clock.monotonic()))
        house.turn()
    house.processes[-1].die(1)
    house.turn()
    assert house.companion.due - house.clock.monotonic() == pytest.approx(0.8)


def test_one_that_has_lived_is_replaced_at_once(house: House) -> None:
    house.serving()
    house.clock.advance(LIVED)
    house.processes[0].die(1)
    house.turn()
    assert house.companion.due <= house.clock.monotonic()


def test_one_that_cannot_be_started_is_named_and_tried_again(house: House) -> None:
    house.refuse = True
    house.turn()
    house.turn()
    house.turn()
    assert house.take() == ["helper_not_started no more", "helper_not_started no more"]
    house.refuse = False
    house.clock.advance(house.companion.due - house.clock.monotonic())
    house.turn()
    assert house.take() == ["started"]


def test_one_that_never_says_that_it_serves_is_killed(house: House) -> None:
    house.turn()
    house.clock.advance(LONGEST_START + 1.0)
    house.turn()
    assert (house.processes[0].killed, house.take()) == (1, ["started", "helper_hangs"])


def test_every_word_of_it_is_passed_on(house: House) -> None:
    house.serving()
    house.processes[0].say(b"applied 2")
    house.turn()
    assert house.heard_of == [(b"ready", 1), (b"applied", 2)]


def test_the_last_words_of_one_that_has_ended_are_heard(house: House) -> None:
    house.serving()
    for word in (b"away 0", b"applied 2"):
        house.processes[0].say(word)
    house.processes[0].die(1)
    house.companion.reap()
    assert house.heard_of == [(b"ready", 1), (b"away", 0), (b"applied", 2)]


def test_the_last_words_of_one_are_not_taken_for_those_of_the_next(house: House) -> None:
    house.turn()
    for word in (b"away 0", b"ready 1"):
        house.processes[0].say(word)
    house.processes[0].die(1)
    house.companion.reap()
    for _ in range(3):
        house.turn()
    assert (len(house.processes), house.companion.state) == (2, State.STARTING)


def test_one_that_is_not_there_gets_no_signal(house: House) -> None:
    house.companion.signal(signal.SIGUSR1)
    assert (house.take(), house.companion.is_over) == ([], True)


def test_it_gets_signals(house: House) -> None:
    house.serving()
    house.companion.signal(signal.SIGUSR2)
    assert house.processes[0].signals == [signal.SIGUSR2]


def test_it_is_asked_to_end_and_none_follows_it(house: House) -> None:
    house.serving().take()
    house.companion.stop()
    assert (house.processes[0].signals, house.companion.is_over) == ([signal.SIGTERM], False)
    house.processes[0].die(0)
    house.turn()
    house.clock.advance(1000.0)
    house.turn()
    assert (house.take(), house.companion.is_over) == ([], True)


def test_one_that_has_never_begun_does_not_begin_after_the_end(house: House) -> None:
    house.companion.stop()
    house.turn()
    assert (house.take(), house.companion.is_over) == ([], True)


def test_one_that_does_not_end_when_it_is_asked_to_is_killed(house: House) -> None:
    house.serving().take()
    house.companion.stop()
    house.clock.advance(LONGEST_END - 0.1)
    house.turn()
    assert house.processes[0].killed == 0
    house.clock.advance(0.2)
    house.turn()
    assert (house.processes[0].killed, house.take()) == (1, ["helper_hangs"])


def test_one_from_before_an_upgrade_is_asked_to_end_and_a_new_one_follows(house: House) -> None:
    house.companion.renew(house.another())
    house.turn()
    assert (house.processes[0].signals, house.take()) == ([signal.SIGTERM], [])
    house.processes[0].die(0)
    house.turn()
    house.turn()
    assert (house.take(), house.left_behind) == (["started"], [0])


def test_one_from_before_is_none_that_has_died_young(house: House) -> None:
    house.companion.renew(house.another())
    house.processes[0].die(1)
    house.turn()
    house.serving()
    assert (house.take(), house.companion.state) == (["started"], State.SERVING)


def test_one_that_dies_with_a_snapshot_unread_is_only_dead(house: House) -> None:
    house.serving()
    house.processes[0].channel.send(b"snapshot")
    house.processes[0].die(-9)
    house.turn()
    assert house.processes[0].returncode == -9
    assert house.companion.child is None or house.companion.child.process.poll() is None


def test_one_that_makes_no_room_is_killed(house: House) -> None:
    house.companion.renew(house.another())
    house.clock.advance(1000)
    house.turn()
    assert house.processes[0].killed == 1


def test_none_follows_one_that_made_room_at_the_end(house: House) -> None:
    house.companion.renew(house.another())
    house.companion.stop()
    house.processes[0].die(0)
    house.turn()
    house.turn()
    assert house.take() == []


def test_one_that_hangs_is_named_once_in_a_while(house: House) -> None:
    house.serving()
    house.companion.stop()
    house.clock.advance(6.0)
    house.take()
    for _ in range(5):
        house.turn()
    assert len(house.take()) == 1

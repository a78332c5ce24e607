"""A crowd is given what happens in slices, and each reader hears what it would hear at once."""

from collections import defaultdict
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.features.realtime.test_channel import Desk, a_session, reader, said
from tta_gateway.features.realtime.backlog import LARGEST, Message
from tta_gateway.features.realtime.broker import Stored
from tta_gateway.features.realtime.command import SubscribeResult
from tta_gateway.features.realtime.fanout import (
    IN_A_TURN,
    Announced,
    Changed,
    FanOut,
    Job,
    Parted,
    Readers,
    Said,
    Turn,
)
from tta_gateway.features.realtime.json_codec import JsonCodec
from tta_gateway.features.realtime.publication import NOWHERE, ClientInfo, Position, Publication
from tta_gateway.features.realtime.session import Session, Subscription

JSON: Final = JsonCodec()


class Crowd:
    """Readers in one way, and what waits for them."""

    def __init__(
        self, count: int, *, turn: Turn, takes_deltas: bool = False, urgent: bool = False
    ) -> None:
        self.dirty: list[Session] = []
        self.group = Readers(JSON, takes_deltas=takes_deltas)
        self.fan_out = FanOut(turn, self.dirty, urgent=urgent)
        self.ended: list[Subscription] = []
        for number in range(count):
            self.come(str(number))

    def come(self, name: str, *, is_ours: bool = False, hears_others: bool = True) -> Subscription:
        session = a_session(name)
        one = Subscription(session, "a", is_ours=is_ours, hears_others=hears_others)
        session.subscribe(one, SubscribeResult(), now=0.0)
        self.group.add(one)
        return one

    def say(self, data: bytes = b"1", offset: int = 0) -> None:
        self.fan_out.give(Said(self.group.now(), Message(data, "a"), offset))

    def part(self) -> None:
        self.fan_out.give(Parted(self.group.now(), self.ended.append))

    def heard(self) -> list[int]:
        """Return how much each has been given since."""
        return [len(said(each.session)) for each in self.group.now()]


def test_a_few_are_given_it_at_once_and_a_crowd_in_turns() -> None:
    turn = Turn(4)
    few, crowd = Crowd(3, turn=turn), Crowd(6, turn=turn)
    few.say()
    crowd.say()
    assert (few.heard(), crowd.heard()) == ([1, 1, 1], [0] * 6)
    assert (turn.is_idle, crowd.fan_out.waits) == (False, True)
    turn.go_on()
    assert crowd.heard() == [1, 1, 1, 1, 0, 0]
    few.say()  # there is no room left in this turn
    assert few.heard() == [0, 0, 0]
    turn.go_on()
    assert (crowd.heard(), few.heard()) == ([0] * 4 + [1, 1], [1, 1, 0])
    turn.go_on()
    assert (few.heard(), turn.is_idle, turn.left) == ([0, 0, 1], True, 3)
    assert len(crowd.dirty) == 6


def test_what_follows_waits_behind_what_is_not_given_yet() -> None:
    turn = Turn(2)
    crowd = Crowd(3, turn=turn)
    for data in (b"1", b"2", b"3"):
        crowd.say(data)
    while not turn.is_idle:
        turn.go_on()
    assert [said(each.session) for each in crowd.group.now()] == [[1, 2, 3]] * 3


def test_who_comes_meanwhile_stands_behind_it_and_who_leaves_is_given_nothing() -> None:
    turn = Turn(1)
    crowd = Crowd(3, turn=turn)
    crowd.say()
    second = crowd.group.now()[1]
    second.is_over = True
    crowd.group.remove(second)
    crowd.group.remove(second)
    late = crowd.come("late")
    while not turn.is_idle:
        turn.go_on()
    assert crowd.heard() == [1, 1, 0]
    assert (said(second.session), late.offset) == ([], 0)
    assert crowd.group.now() is crowd.group.now()


def test_who_is_ahead_is_not_given_again_what_it_has() -> None:
    crowd = Crowd(2, turn=Turn())
    crowd.group.now()[0].offset = 7
    crowd.say(offset=7)
    assert crowd.heard() == [0, 1]
    assert [each.offset for each in crowd.group.now()] == [7, 7]


def test_an_urgent_channel_goes_first() -> None:
    turn = Turn(2)
    calm, urgent = Crowd(3, turn=turn), Crowd(3, turn=turn, urgent=True)
    calm.say()
    urgent.say()
    turn.go_on()
    assert (calm.heard(), urgent.heard()) == ([0, 0, 0], [1, 1, 0])
    turn.go_on()
    assert (calm.heard(), urgent.heard()) == ([1, 0, 0], [0, 0, 1])


def test_the_others_are_given_theirs_beside_a_large_crowd() -> None:
    turn = Turn(2)
    large, small = Crowd(9, turn=turn), Crowd(3, turn=turn)
    large.say()
    small.say()
    for _ in range(3):
        turn.go_on()
    assert (sum(small.heard()), sum(large.heard())) == (2, 4)


def test_what_somebody_fails_at_does_not_stop_what_waits() -> None:
    turn = Turn(2)
    crowd = Crowd(3, turn=turn)
    crowd.fan_out.give(Job(crowd.group.now(), 1))
    crowd.say()
    for _ in range(2):
        with pytest.raises(NotImplementedError):
            turn.go_on()
    assert crowd.heard() == [0, 0, 0]
    for _ in range(2):
        turn.go_on()
    assert crowd.heard() == [1, 1, 1]


def test_who_is_parted_from_is_told_and_others_hear_of_it() -> None:
    turn = Turn(40)
    crowd = Crowd(3, turn=turn)
    ours = crowd.come("ours", is_ours=True)
    gone = crowd.come("gone")
    gone.is_over = True
    crowd.part()
    assert crowd.ended == []
    turn.go_on()
    assert len(crowd.ended) == 2  # it is much more work than a message
    while not turn.is_idle:
        turn.go_on()
    assert crowd.ended == crowd.group.now()[:4]
    assert all(each.is_over and not each.session.subscriptions for each in crowd.ended)
    assert crowd.heard() == [1, 1, 1, 0, 0]
    assert ours.session.closing is not None


def test_what_is_given_up_is_not_given_but_for_the_end() -> None:
    turn = Turn(1)
    crowd = Crowd(3, turn=turn)
    assert not crowd.fan_out.is_full()
    crowd.say(b"1" * LARGEST)
    assert crowd.fan_out.is_full()
    crowd.part()
    crowd.fan_out.give_up()
    assert not crowd.fan_out.is_full()
    while not turn.is_idle:
        turn.go_on()
    assert (crowd.heard(), len(crowd.ended)) == ([1, 1, 1], 3)
    crowd.say()
    crowd.fan_out.give_up()
    turn.go_on()
    assert (turn.is_idle, crowd.fan_out.waits) == (True, False)
    for _ in range(250):
        crowd.say()
    assert (crowd.fan_out.is_full(part=4), crowd.fan_out.is_full()) == (True, False)


def test_nobody_is_given_nothing() -> None:
    turn = Turn(0)
    nobody, crowd = Crowd(0, turn=turn), Crowd(2, turn=turn)
    nobody.say()
    assert turn.is_idle
    crowd.say()
    crowd.fan_out.give(Said([], Message(b"1"), 0))
    assert (turn.is_idle, nobody.fan_out.waits) == (False, False)
    assert Turn().left == IN_A_TURN


def test_deltas_and_arrivals_are_written_once_for_all() -> None:
    turn = Turn(2)
    crowd = Crowd(4, turn=turn, takes_deltas=True)
    crowd.come("deaf", hears_others=False)
    crowd.group.now()[3].is_over = True
    for data in (b'"%b1"' % (b"x" * 40), b'"%b2"' % (b"x" * 40), b"3"):
        job = Changed(crowd.group, "a", Publication(data), last=b'"%b1"' % (b"x" * 40), offset=0)
        crowd.fan_out.give(job)
    crowd.fan_out.give(Announced(crowd.group, "a", ClientInfo("u", "c"), joined=True))
    while not turn.is_idle:
        turn.go_on()
    assert crowd.heard() == [4, 4, 4, 0, 3]


STEPS: Final = st.lists(
    st.tuples(st.sampled_from("pppgglcsx"), st.integers(0, 5)), min_size=10, max_size=60
)


class Talk:
    """A channel and its readers, by any of whom the same is done at the same places."""

    def __init__(self, in_a_turn: int, *, keeps: bool, deltas: bool) -> None:
        self.desk = Desk(keeps=keeps, in_a_turn=in_a_turn)
        if keeps:
            self.desk.channel.place(None, Stored((), Position(0, "e")))
        self.deltas = deltas
        self.offset = 0
        self.times = 0
        self.readers: dict[int, Session] = {}
        self.heard: dict[str, list[bytes]] = defaultdict(list)
        self.begun: dict[str, int] = {}
        self.gone: list[Session] = []
        for which in range(5):
            self.come(which)

    def do(self, what: str, which: int) -> None:
        """Publish, go on, leave, come, close, or lose all."""
        if what == "p":
            self.publish()
        elif what == "g":
            self.desk.turn.go_on()
        elif what == "c" and which not in self.readers:
            self.come(which)
        elif what in "ls" and which in self.readers:
            self.leave(which, is_lost=what == "s")
        elif what == "x" and which == 0:
            self.lose()

    def publish(self) -> None:
        self.offset += 1
        data = b'"%b%d"' % (b"x" * 30, self.offset)
        at = Position(self.offset, "e") if self.desk.channel.keeps else NOWHERE
        self.desk.channel.published(Publication(data, at.offset), at)

    def come(self, which: int) -> None:
        self.times += 1
        name = f"{which}-{self.times}"
        takes_deltas = self.deltas and which % 2 == 0
        self.readers[which] = reader(self.desk.channel, name, takes_deltas=takes_deltas)
        self.begun[name] = self.offset

    def leave(self, which: int, *, is_lost: bool) -> None:
        session = self.readers.pop(which)
        for subscription in list(session.subscriptions.values()):
            self.desk.channel.detach(subscription)
            session.unsubscribe("a")
        if is_lost:
            session.leave()
        self.listen(session)
        self.gone.append(session)

    def lose(self) -> None:
        """Lose the data of the store: another stream, in which nobody can go on."""
        if self.desk.channel.keeps:
            self.desk.channel.asks()
            self.desk.channel.caught_up(Stored((), Position(self.offset, "f")))
            self.desk.channel.asks()
            self.desk.channel.caught_up(Stored((), Position(self.offset, "e")))

    def listen(self, session: Session) -> list[bytes]:
        frames = self.heard[session.client]
        while frame := session.take():
            frames += frame.split(b"\n")
        return frames

    def settle(self) -> None:
        while not self.desk.turn.is_idle:
            self.desk.turn.go_on()
        for session in self.readers.values():
            self.listen(session)
        assert [session.take() for session in self.gone] == [b""] * len(self.gone), "behind the end"


@given(steps=STEPS, in_a_turn=st.integers(1, 5), keeps=st.booleans(), deltas=st.booleans())
def test_in_slices_each_hears_what_it_would_hear_at_once(
    steps: list[tuple[str, int]], in_a_turn: int, keeps: bool, deltas: bool
) -> None:
    slowly = Talk(in_a_turn, keeps=keeps, deltas=deltas)
    at_once = Talk(10**9, keeps=keeps, deltas=deltas)
    for talk in (slowly, at_once):
        for what, which in steps:
            talk.do(what, which)
        talk.settle()
    assert slowly.begun == at_once.begun
    gone = slowly.begun.keys() - {each.client for each in slowly.readers.values()}
    for name in slowly.begun:
        whole, heard = at_once.heard[name], slowly.heard[name]
        if name in gone:  # it left before it was given all
            assert heard == whole[: len(heard)]
        else:
            assert heard == whole
    assert len(slowly.desk.ended) <= len(at_once.desk.ended)

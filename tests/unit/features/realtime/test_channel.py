"""A channel: whatever is lost, late or twice, readers hear all in order, or that they do not."""

import json
from collections.abc import Callable
from typing import Final

import pytest
from centrifuge import fossil
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.helpers.client_schema import Json
from tests.helpers.client_words import in_json
from tta_gateway.features.realtime import codes
from tta_gateway.features.realtime.broker import Stored
from tta_gateway.features.realtime.channel import (
    LARGEST_RECOVERED,
    MOST_RECOVERED,
    Channel,
    Place,
    is_recovered,
)
from tta_gateway.features.realtime.codec import Codec
from tta_gateway.features.realtime.command import ConnectResult, SubscribeResult
from tta_gateway.features.realtime.fanout import Turn
from tta_gateway.features.realtime.json_codec import JsonCodec
from tta_gateway.features.realtime.protobuf_codec import ProtobufCodec
from tta_gateway.features.realtime.publication import NOWHERE, ClientInfo, Position, Publication
from tta_gateway.features.realtime.session import Session, Subscription, Terms

JSON: Final = JsonCodec()
TERMS: Final = Terms(ping=0)


class Desk:
    """A channel, with what it tells of."""

    def __init__(
        self, name: str = "a", *, keeps: bool = True, urgent: bool = False, in_a_turn: int = 10**9
    ) -> None:
        self.dirty: list[Session] = []
        self.ended: list[Subscription] = []
        self.turn = Turn(in_a_turn)
        self.channel = Channel(
            name,
            keeps=keeps,
            urgent=urgent,
            dirty=self.dirty,
            ended=self.ended.append,
            turn=self.turn,
        )


def a_session(client: str = "c", codec: Codec = JSON) -> Session:
    session = Session(codec, client, terms=TERMS, now=0.0, chance=0.0)
    session.receive(in_json({"id": 1, "connect": {}}) if codec is JSON else b"\x04\x08\x01\x22\x00")
    assert session.next() is not None
    session.connected(ConnectResult(client=client), now=0.0)
    while session.take():
        pass
    return session


def reader(
    channel: Channel,
    client: str = "c",
    *,
    place: Place | None = None,
    is_ours: bool = False,
    hears_others: bool = False,
    takes_deltas: bool = False,
    codec: Codec = JSON,
) -> Session:
    """Let somebody read a channel from a place on, which is its top unless another is given."""
    session = a_session(client, codec)
    subscription = Subscription(
        session,
        channel.name,
        is_ours=is_ours,
        hears_others=hears_others,
        takes_deltas=takes_deltas,
    )
    begin = place or channel.place(None, None)
    assert begin is not None
    session.subscribe(subscription, SubscribeResult(), now=0.0)
    channel.attach(subscription, begin)
    return session


def said(session: Session) -> list[Json]:
    out: list[Json] = []
    while frame := session.take():
        out += [json.loads(line) for line in frame.split(b"\n")]
    return out


def offsets(session: Session) -> list[int]:
    """Return the offsets of what was pushed, 0 for the end of the subscription."""
    found = []
    for told in said(session):
        assert isinstance(told, dict)
        push = told["push"]
        assert isinstance(push, dict)
        pub = push.get("pub")
        found.append(pub["offset"] if isinstance(pub, dict) else 0)
    return found  # type: ignore[return-value]


def numbered(first: int, last: int, *, size: int = 1) -> list[Publication]:
    return [Publication(b"1" * size, offset) for offset in range(first, last + 1)]


def stored(first: int, last: int, top: int | None = None, *, epoch: str = "e") -> Stored:
    return Stored(numbered(first, last), Position(last if top is None else top, epoch))


def publish(channel: Channel, *wanted: int, epoch: str = "e") -> None:
    for offset in wanted:
        channel.published(Publication(b"1", offset), Position(offset, epoch))


def catch_up(channel: Channel, told: Stored) -> None:
    channel.asks()
    channel.caught_up(told)


def behind(channel: Channel) -> bool:
    return channel.is_behind


def known(at: int = 0, name: str = "a", *, urgent: bool = False) -> Desk:
    desk = Desk(name, urgent=urgent)
    assert desk.channel.place(None, Stored((), Position(at, "e"))) is not None
    return desk


def placed(place: Place | None) -> tuple[bool, list[int], Position, int]:
    assert place is not None
    return place.recovered, [each.offset for each in place.missed], place.position, place.offset


def test_what_is_not_kept_is_given_as_it_comes() -> None:
    desk = Desk(keeps=False)
    session = reader(desk.channel)
    desk.channel.published(Publication(b"1"), NOWHERE)
    desk.channel.published(Publication(b"1"), NOWHERE)
    assert len(said(session)) == 2
    assert desk.dirty == [session]
    assert placed(desk.channel.place(Position(3, "e"), None)) == (False, [], NOWHERE, 0)


def test_each_reader_gets_what_follows_once() -> None:
    channel = known(5).channel
    sessions = [reader(channel, name) for name in "ab"]
    publish(channel, 6, 6, 5, 7, 7, 6)
    assert [offsets(each) for each in sessions] == [[6, 7], [6, 7]]
    assert (channel.position, channel.count()) == (Position(7, "e"), 2)
    assert repr(channel) == "<channel heard at 7, 2 readers>"


def test_readers_of_both_codecs_get_the_same() -> None:
    channel = known(0).channel
    first, second = reader(channel, "a"), reader(channel, "b", codec=ProtobufCodec())
    publish(channel, 1)
    assert first.take() == JSON.publication("a", Publication(b"1", 1))
    assert second.take() == ProtobufCodec().publication("a", Publication(b"1", 1))


def test_who_has_left_gets_nothing() -> None:
    channel = known().channel
    session = reader(channel)
    subscription = session.subscriptions["a"]
    channel.detach(subscription)
    channel.detach(subscription)
    publish(channel, 1)
    assert offsets(session) == []
    channel.detach(Subscription(a_session("p", ProtobufCodec()), "a"))


def test_who_is_ahead_is_not_given_again_what_it_has() -> None:
    channel = known(5).channel
    place = channel.place(Position(4, "e"), stored(5, 7))
    assert placed(place) == (True, [5, 6, 7], Position(4, "e"), 7)
    session = reader(channel, place=place)
    publish(channel, 6, 7, 8)
    assert offsets(session) == [8]


def test_a_gap_is_read_and_what_was_heard_meanwhile_follows() -> None:
    channel = known(1).channel
    session = reader(channel)
    publish(channel, 4, 5)
    assert behind(channel)
    assert channel.place(None, None) is None
    catch_up(channel, stored(2, 4))
    assert not behind(channel)
    assert offsets(session) == [2, 3, 4, 5]


def test_a_long_gap_is_read_in_pieces() -> None:
    channel = known(1).channel
    session = reader(channel)
    publish(channel, 9)
    catch_up(channel, stored(2, 4, top=9))
    assert behind(channel)
    catch_up(channel, stored(5, 9))
    assert not behind(channel)
    assert offsets(session) == [2, 3, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("told", "stands"),
    [
        (Stored((), Position(5, "e")), Position(5, "e")),  # nothing is kept any more
        (stored(4, 5), Position(5, "e")),  # the first is not
        (stored(2, 2, top=5, epoch="f"), Position(5, "f")),
        (Stored((), Position(0, "e")), Position(0, "e")),  # gone back in time
    ],
)
def test_what_cannot_be_read_any_more_ends_the_subscription(told: Stored, stands: Position) -> None:
    desk = known(1)
    theirs, ours = reader(desk.channel, "a"), reader(desk.channel, "b", is_ours=True)
    catch_up(desk.channel, told)
    assert offsets(theirs) == [0]
    assert theirs.closing is None
    assert ours.closing == codes.POSITION_LOST
    assert [each.session for each in desk.ended] == [theirs, ours] == desk.dirty
    assert not ours.subscriptions
    assert not theirs.subscriptions
    assert desk.channel.position == stands
    assert desk.channel.count() == 0


def test_a_check_that_tells_nothing_new_changes_nothing() -> None:
    channel = known(1).channel
    session = reader(channel)
    assert channel.asks() == Position(1, "e")
    publish(channel, 2, 3)
    channel.caught_up(stored(2, 2))
    catch_up(channel, Stored((), Position(3, "e")))
    assert offsets(session) == [2, 3]
    assert not behind(channel)


def test_a_check_that_the_live_messages_overtook_reads_on() -> None:
    channel = known(1).channel
    channel.asks()
    publish(channel, 2, 3, 4)
    channel.caught_up(stored(2, 3, top=9))
    assert behind(channel)
    assert channel.position.offset == 4


def test_another_epoch_is_asked_about_before_it_is_believed() -> None:
    channel = known(3).channel
    session = reader(channel)
    publish(channel, 4, epoch="old")
    assert behind(channel)
    channel.asks()
    publish(channel, 2, epoch="new")
    channel.caught_up(Stored((), Position(3, "e")))
    assert behind(channel)  # by what has come since it was asked
    assert offsets(session) == []
    catch_up(channel, Stored(numbered(1, 2), Position(2, "new")))
    assert not behind(channel)
    assert offsets(session) == [0]


def test_what_is_of_the_past_is_not_asked_about_for_ever() -> None:
    channel = known(3).channel
    session = reader(channel)
    publish(channel, 9, epoch="old")
    channel.asks()
    channel.asked_in_vain()
    assert not channel.is_reading
    publish(channel, 4)
    catch_up(channel, Stored((), Position(3, "e")))
    assert not behind(channel)
    assert offsets(session) == [4]


def test_too_much_that_is_held_is_read_instead() -> None:
    channel = known(0).channel
    session = reader(channel)
    publish(channel, *range(2, 1003))
    catch_up(channel, stored(1, 300, top=1002))
    assert behind(channel)
    catch_up(channel, stored(301, 900, top=900))
    assert behind(channel)
    catch_up(channel, stored(901, 1002))
    assert not behind(channel)
    assert len(session.take()) > 0
    assert channel.position.offset == 1002


def test_nothing_is_heard_before_it_is_known_where_the_channel_stands() -> None:
    channel = Desk().channel
    assert (channel.place(None, None), channel.is_known()) == (None, False)
    publish(channel, 4, 5)
    place = channel.place(Position(2, "e"), stored(3, 4))
    assert placed(place) == (True, [3, 4, 5], Position(2, "e"), 5)
    assert repr(channel) == "<channel heard at 5, 0 readers>"
    assert repr(Desk().channel) == "<channel new at 0, 0 readers>"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Position(5, "e"), (True, [], Position(5, "e"), 5)),
        (Position(3, "e"), (True, [4, 5], Position(3, "e"), 5)),
        (Position(3, ""), (True, [4, 5], Position(3, "e"), 5)),
        (Position(3, "f"), (False, [], Position(5, "e"), 5)),
        (None, (False, [], Position(5, "e"), 5)),
    ],
)
def test_what_was_heard_lately_need_not_be_read(
    wanted: Position | None, expected: tuple[bool, list[int], Position, int]
) -> None:
    channel = known(2).channel
    publish(channel, 3, 4, 5)
    assert placed(channel.place(wanted, None)) == expected


@pytest.mark.parametrize("wanted", [Position(1, "e"), Position(6, "e")])
def test_what_was_not_heard_here_is_read(wanted: Position) -> None:
    channel = known(2).channel
    publish(channel, 3, 4, 5)
    assert channel.place(wanted, None) is None


def test_what_is_kept_here_is_bounded() -> None:
    channel = known(0).channel
    publish(channel, *range(1, 302))
    assert channel.place(Position(100, "e"), None) is None
    assert placed(channel.place(Position(152, "e"), None))[1] == list(range(153, 302))
    for offset in range(302, 310):
        channel.published(Publication(b"1" * 40_000, offset), Position(offset, "e"))
    assert channel.place(Position(302, "e"), None) is None


def test_what_is_kept_here_is_forgotten_after_a_while() -> None:
    channel = known(0).channel
    publish(channel, 1, 2)
    channel.forget_old()
    publish(channel, 3)
    assert placed(channel.place(Position(0, "e"), None))[1] == [1, 2, 3]
    channel.forget_old()
    assert channel.place(Position(0, "e"), None) is None
    assert placed(channel.place(Position(2, "e"), None))[1] == [3]
    publish(channel, *range(4, 310))
    channel.forget_old()
    assert placed(channel.place(Position(308, "e"), None))[1] == [309]


def test_what_was_read_for_one_need_not_be_read_for_the_next() -> None:
    channel = known(9).channel
    publish(channel, 10)
    assert channel.place(Position(5, "e"), None) is None
    assert placed(channel.place(Position(5, "e"), stored(6, 9)))[1] == [6, 7, 8, 9, 10]
    assert placed(channel.place(Position(5, "e"), None))[1] == [6, 7, 8, 9, 10]
    assert channel.place(Position(4, "e"), None) is None
    assert placed(channel.place(Position(3, "e"), stored(4, 12)))[1] == [*range(4, 13)]
    assert placed(channel.place(Position(3, "e"), None))[1] == [*range(4, 11)]
    assert placed(channel.place(Position(10, "e"), stored(11, 12)))[1] == [11, 12]
    publish(channel, 11, 12)
    channel.forget_old()
    assert placed(channel.place(Position(3, "e"), None))[1] == [*range(4, 13)]
    channel.forget_old()
    assert channel.place(Position(3, "e"), None) is None


def test_what_was_read_is_kept_within_bounds() -> None:
    channel = known(400).channel
    assert placed(channel.place(Position(100, "e"), stored(101, 400)))[0]
    publish(channel, 401)
    assert channel.place(Position(100, "e"), None) is None
    assert placed(channel.place(Position(300, "e"), None))[1] == [*range(301, 402)]
    large = known(9).channel
    told = Stored(numbered(1, 9, size=100_000), Position(9, "e"))
    assert placed(large.place(Position(0, "e"), told))[1] == [*range(1, 10)]
    assert large.place(Position(0, "e"), None) is None
    assert placed(large.place(Position(7, "e"), None))[1] == [8, 9]


def test_what_is_gone_is_gone_for_all_who_have_missed_more() -> None:
    channel = known(9).channel
    assert channel.place(Position(3, "e"), None) is None
    assert placed(channel.place(Position(3, "e"), stored(5, 9))) == (False, [], Position(9, "e"), 9)
    for offset in (0, 2, 3):
        place = channel.place(Position(offset, "e"), None)
        assert placed(place) == (False, [], Position(9, "e"), 9)
    assert channel.place(Position(4, "e"), None) is None
    catch_up(channel, Stored((), Position(2, "f")))
    publish(channel, 3, epoch="f")
    assert channel.place(Position(0, "f"), None) is None


def test_who_has_missed_too_much_is_told_so() -> None:
    channel = known(0).channel
    many = stored(1, MOST_RECOVERED + 1)
    assert placed(channel.place(Position(0, "e"), many)) == (False, [], Position(301, "e"), 301)
    channel = known(0).channel
    large = Stored(numbered(1, 2, size=LARGEST_RECOVERED), Position(2, "e"))
    assert placed(channel.place(Position(0, "e"), large)) == (False, [], Position(2, "e"), 2)


def test_an_answer_that_is_too_old_is_asked_for_again() -> None:
    channel = known(0).channel
    publish(channel, *range(1, 302))
    assert channel.place(Position(3, "e"), stored(4, 5)) is None
    assert placed(channel.place(Position(3, "e"), stored(5, 6)))[0] is False


def test_an_answer_of_another_epoch_makes_the_channel_look() -> None:
    channel = known(3).channel
    assert channel.place(None, Stored((), Position(1, "f"))) is None
    assert behind(channel)
    assert repr(channel) == "<channel behind at 3, 0 readers>"


def test_who_takes_deltas_is_told_what_has_changed_from_what_it_has() -> None:
    channel = known(0).channel
    first, plain = reader(channel, "a", takes_deltas=True), reader(channel, "b")
    ahead = channel.place(Position(0, "e"), stored(1, 1))
    texts = [b'{"text":"%b%d"}' % (b"x" * 30, number) for number in range(4)]
    late = reader(channel, "c", place=ahead, takes_deltas=True)
    for offset, text in enumerate(texts[:3], 1):
        channel.published(Publication(text, offset), Position(offset, "e"))
    later, also = [reader(channel, name, takes_deltas=True) for name in "de"]
    channel.published(Publication(texts[3], 4), Position(4, "e"))
    channel.published(Publication(b"1", 5), Position(5, "e"))
    whole = [*texts, b"1"]
    assert len(said(plain)) == 5
    assert [_restored(each) for each in (first, late)] == [whole, whole[1:]]
    assert [_restored(each) for each in (later, also)] == [whole[3:], whole[3:]]


def test_deltas_of_what_is_not_kept() -> None:
    channel = Desk(keeps=False).channel
    session = reader(channel, takes_deltas=True)
    texts = [b'"%b%d"' % (b"x" * 40, number) for number in range(2)]
    for text in texts:
        channel.published(Publication(text), NOWHERE)
    channel.detach(session.subscriptions["a"])
    channel.published(Publication(b"1"), NOWHERE)
    assert _restored(session) == texts


def _restored(session: Session) -> list[bytes]:
    """Return what a client makes of what it is told: what it has, and what has changed."""
    found: list[bytes] = []
    for told in said(session):
        pub = told["push"]["pub"]  # type: ignore[index, call-overload]
        assert isinstance(pub, dict)
        text = str(pub["data"]).encode()
        found.append(bytes(fossil.apply_delta(found[-1], text)) if pub.get("delta") else text)
    return found


def test_those_who_want_to_hear_who_comes_and_goes() -> None:
    desk = known()
    wants = [reader(desk.channel, name, hears_others=True) for name in "ab"]
    other = reader(desk.channel, "c")
    protobuf = reader(desk.channel, "d", codec=ProtobufCodec())
    desk.channel.announced(ClientInfo("u", "x"), joined=True)
    desk.channel.announced(ClientInfo("u", "x"), joined=False)
    info = b'{"info":{"user":"u","client":"x"}}'
    told = [b'{"push":{"channel":"a","%b":%b}}' % (name, info) for name in (b"join", b"leave")]
    assert wants[0].take().split(b"\n") == told
    assert desk.dirty == wants
    assert (said(other), protobuf.take()) == ([], b"")


def test_a_channel_of_crises_overtakes_others() -> None:
    crisis, other = known(0, "b", urgent=True).channel, known().channel
    session = reader(other)
    publish(other, 1)
    place = crisis.place(None, None)
    assert place is not None
    crisis.attach(Subscription(session, "b"), place)
    crisis.published(Publication(b'"help"', 1), Position(1, "e"))
    assert b"help" in session.take().split(b"\n")[0]


@pytest.mark.parametrize(
    ("wanted", "told", "recovered"),
    [
        (Position(0, ""), Stored((), NOWHERE), True),
        (Position(3, "e"), Stored((), Position(3, "e")), True),
        (Position(3, ""), stored(4, 5), True),
        (Position(3, "f"), stored(4, 5), False),
        (Position(3, "e"), stored(5, 6), False),
        (Position(3, "e"), stored(4, 5, top=6), False),
        (Position(3, "e"), Stored((), Position(4, "e")), False),
        (Position(9, "e"), Stored((), Position(4, "e")), False),
        (
            Position(3, "e"),
            Stored([Publication(b"1", 4), Publication(b"1", 6)], Position(6, "e")),
            False,
        ),
    ],
)
def test_all_that_was_missed_or_nothing(wanted: Position, told: Stored, recovered: bool) -> None:
    assert is_recovered(wanted, told) is recovered


def test_who_cannot_keep_up_with_a_channel_is_told_to_come_back() -> None:
    desk = known(0)
    desk.turn.left = 0
    sessions = [reader(desk.channel, name) for name in "ab"]
    for offset in range(1, 40):
        desk.channel.published(Publication(b"1" * 60_000, offset), Position(offset, "e"))
    late = reader(desk.channel, "late")
    desk.channel.published(Publication(b"1", 40), Position(40, "e"))
    while not desk.turn.is_idle:
        desk.turn.go_on()
    assert [len(said(each)) for each in sessions] == [1, 1]
    assert len(desk.ended) == 2
    assert len(said(late)) == 1
    assert desk.channel.count() == 1


def test_arrivals_are_not_told_where_much_waits() -> None:
    desk = Desk(keeps=False)
    desk.turn.left = 0
    session = reader(desk.channel, hears_others=True)
    for _ in range(300):
        desk.channel.announced(ClientInfo("u", "x"), joined=True)
    desk.channel.published(Publication(b"1"), NOWHERE)
    while not desk.turn.is_idle:
        desk.turn.go_on()
    assert len(said(session)) == 251


class Reader:
    """A client: it checks what the protocol promises it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.session: Session | None = None
        self.position: Position | None = None
        self.heard: list[bytes] = []

    def began(self, place: Place) -> None:
        if place.recovered:
            assert self.position is not None
            assert place.position.offset == self.position.offset
        self.position = place.position
        for publication in place.missed:
            self._take(publication.offset, publication.data)

    def listen(self) -> None:
        """Read all that was written; its own position is its only measure."""
        session = self.session
        if session is None:
            return
        for told in said(session):
            assert isinstance(told, dict)
            push = told["push"]
            assert isinstance(push, dict)
            pub = push.get("pub")
            if isinstance(pub, dict):
                self._take(int(str(pub["offset"])), json.dumps(pub["data"]).encode())
            else:
                self.session = None

    def _take(self, offset: int, data: bytes) -> None:
        assert self.position is not None
        assert offset == self.position.offset + 1, "no gap, and nothing twice"
        assert json.loads(data) == f"{self.position.epoch}-{offset}", "what the store has there"
        self.position = Position(offset, self.position.epoch)


class AnyFaults(RuleBasedStateMachine):
    """A store of one order, a line to the worker that loses, delays and breaks, three readers.

    In a turn of the loop one reader is given something, or two, or all are.
    """

    def __init__(self) -> None:
        super().__init__()
        self.begin(10**9)
        self.epochs = 1
        self.kept: list[Publication] = []
        self.top = Position(0, "1")
        self.line: list[tuple[Publication, Position]] = []
        self.answers: list[Callable[[], None]] = []
        self.readers = [Reader(name) for name in "abc"]

    @initialize(in_a_turn=st.sampled_from([1, 2, 10**9]))
    def begin(self, in_a_turn: int) -> None:
        desk = Desk(in_a_turn=in_a_turn)
        self.channel, self.turn = desk.channel, desk.turn

    @rule(count=st.integers(1, 3))
    def go_on(self, count: int) -> None:
        for _ in range(count):
            self.turn.go_on()

    def history(self, since: Position | None, limit: int) -> Stored:
        if since is None:
            return Stored((), self.top)
        return Stored([each for each in self.kept if each.offset > since.offset][:limit], self.top)

    @rule(count=st.integers(1, 4))
    def publish(self, count: int) -> None:
        for _ in range(count):
            self.top = Position(self.top.offset + 1, self.top.epoch)
            data = json.dumps(f"{self.top.epoch}-{self.top.offset}").encode()
            self.kept.append(Publication(data, self.top.offset))
            self.line.append((self.kept[-1], self.top))

    @precondition(lambda self: self.line)
    @rule(count=st.integers(1, 3))
    def hear(self, count: int) -> None:
        for publication, top in self.line[:count]:
            self.channel.published(publication, top)
        del self.line[:count]

    @precondition(lambda self: self.line)
    @rule(at=st.integers(0, 3))
    def lose(self, at: int) -> None:
        del self.line[at : at + 1]

    @precondition(lambda self: self.line)
    @rule()
    def hear_twice(self) -> None:
        self.channel.published(*self.line[0])

    @rule(left=st.integers(0, 2))
    def trim(self, left: int) -> None:
        self.kept = self.kept[len(self.kept) - left :] if left < len(self.kept) else self.kept

    @rule()
    def begin_anew(self) -> None:
        """Lose the data of the store: another epoch."""
        self.epochs += 1
        self.kept, self.top = [], Position(0, str(self.epochs))

    @rule(limit=st.sampled_from([1, 2, 300]))
    def look(self, limit: int) -> None:
        """Ask the store where the channel stands, as each check does."""
        if not self.channel.is_known() or self.channel.is_reading:
            return
        told = self.history(self.channel.asks(), limit)
        self.answers.append(lambda: self.channel.caught_up(told))

    @rule(which=st.integers(0, 2), limit=st.sampled_from([1, 300]))
    def come(self, which: int, limit: int) -> None:
        """Subscribe: by what is known here, or by what the store tells, later."""
        reader_ = self.readers[which]
        if reader_.session is None and not self._place(reader_, None):
            told = self.history(reader_.position, limit)
            self.answers.append(lambda: self._come_later(reader_, told))

    def _come_later(self, reader_: Reader, told: Stored) -> None:
        if reader_.session is None:
            self._place(reader_, told)

    def _place(self, reader_: Reader, told: Stored | None) -> bool:
        place = self.channel.place(reader_.position, told)
        if place is None:
            return False
        reader_.began(place)
        reader_.session = reader(self.channel, reader_.name, place=place)
        return True

    @rule(which=st.integers(0, 2))
    def go(self, which: int) -> None:
        session = self.readers[which].session
        if session is not None:
            self.readers[which].listen()
            for subscription in list(session.subscriptions.values()):
                self.channel.detach(subscription)
            self.readers[which].session = None

    @precondition(lambda self: self.answers)
    @rule(at=st.integers(0, 3))
    def answer(self, at: int) -> None:
        self.answers.pop(min(at, len(self.answers) - 1))()

    @invariant()
    def hear_all_in_order(self) -> None:
        for each in self.readers:
            each.listen()

    def teardown(self) -> None:
        """Once nothing is lost any more, everybody comes to have all."""
        while self.answers:
            self.answers.pop(0)()
        self.hear(len(self.line))
        for _ in range(50):
            self.look(300)
            while self.answers:
                self.answers.pop(0)()
            if not self.channel.is_behind:
                break
        assert not self.channel.is_behind
        while not self.turn.is_idle:
            self.turn.go_on()
        for each in self.readers:
            each.listen()
            if each.session is not None:
                assert each.position == self.top


TestAnyFaults = AnyFaults.TestCase
TestAnyFaults.settings = settings(stateful_step_count=40)

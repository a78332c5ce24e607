"""What is followed, over a connection that comes and goes."""

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.following import Following


class Line:
    """A subscriber and its server: commands and confirmations, each in its order."""

    def __init__(self) -> None:
        self.listener: Following | None = None
        self.is_open = False
        self.names: dict[bytes, None] = {}
        self.sent: list[tuple[str, bytes]] = []  # what the server has not seen yet
        self.said: list[tuple[bytes, bytes | None]] = []  # what we have not seen yet
        self.server: set[bytes] = set()
        self.renewed: list[str] = []

    def subscribe(self, *channels: bytes) -> None:
        self.names.update(dict.fromkeys(channels))
        if self.is_open:
            self.sent += [("+", name) for name in channels]

    def unsubscribe(self, *channels: bytes) -> None:
        for name in channels:
            self.names.pop(name, None)
        if self.is_open:
            self.sent += [("-", name) for name in channels]

    def renew(self, reason: str) -> None:
        self.renewed.append(reason)

    def open(self) -> None:
        self.is_open = True
        self.sent = [("+", name) for name in self.names]

    def serve(self) -> None:
        verb, name = self.sent.pop(0)
        if verb == "+":
            self.server.add(name)
            self.said.append((name, None))
        else:
            self.server.discard(name)

    def publish(self, name: bytes, message: bytes) -> None:
        if name in self.server:
            self.said.append((name, message))

    def hear(self) -> None:
        assert self.listener is not None
        name, message = self.said.pop(0)
        if message is not None:
            self.listener.heard(name, message)
        elif name in self.names:
            self.listener.joined(name)

    def cut(self) -> None:
        assert self.listener is not None
        self.is_open = False
        self.sent, self.said, self.server = [], [], set()
        self.listener.parted()


NAMES = st.sampled_from([b"a", b"b"])


class Story(RuleBasedStateMachine):
    """Whoever is told that he follows hears all that is published from then on, or `lost`."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.line = Line()
        self.heard: dict[bytes, list[bytes]] = {}
        self.due: dict[bytes, list[bytes]] = {}  # published since it is followed, or since `lost`
        self.tasks: dict[bytes, asyncio.Task[None]] = {}
        self.following = Following(
            lambda name, message: self.heard.setdefault(name, []).append(message), self.lost
        )
        self.line.listener = self.following
        self.following.use(self.line)
        self.count = 0

    def lost(self) -> None:
        for name in self.due:
            self.due[name], self.heard[name] = [], []

    def turn(self) -> None:
        for _ in range(4):
            self.loop.run_until_complete(asyncio.sleep(0))
        for name, task in list(self.tasks.items()):
            if task.done():
                del self.tasks[name]
                if task.exception() is None and name not in self.due:
                    self.due[name], self.heard[name] = [], []

    @rule(name=NAMES)
    def follow(self, name: bytes) -> None:
        if name not in self.tasks:
            self.tasks[name] = self.loop.create_task(self.following.follow(name))
        self.turn()

    @rule(name=NAMES)
    def leave(self, name: bytes) -> None:
        self.following.leave(name)
        self.due.pop(name, None)
        self.turn()

    @precondition(lambda self: self.line.sent)
    @rule()
    def serve(self) -> None:
        self.line.serve()

    @precondition(lambda self: self.line.said)
    @rule()
    def hear(self) -> None:
        self.line.hear()
        self.turn()

    @precondition(lambda self: self.line.is_open)
    @rule(amount=st.integers(1, 3), more=st.booleans())
    def flow(self, amount: int, *, more: bool) -> None:
        for _ in range(amount):
            if self.line.sent:
                self.line.serve()
            if self.line.said and more:
                self.line.hear()
        self.turn()

    @rule(name=NAMES)
    def publish(self, name: bytes) -> None:
        self.count += 1
        message = b"%d" % self.count
        self.line.publish(name, message)
        if name in self.due:
            self.due[name].append(message)

    @precondition(lambda self: self.line.is_open)
    @rule(really=st.integers(0, 3))
    def cut(self, really: int) -> None:
        if really == 0:
            self.line.cut()
        self.turn()

    @precondition(lambda self: not self.line.is_open)
    @rule()
    def open(self) -> None:
        self.line.open()

    def settle(self) -> None:
        if not self.line.is_open:
            self.line.open()
        while self.line.sent or self.line.said:
            while self.line.sent:
                self.line.serve()
            while self.line.said:
                self.line.hear()
            self.turn()

    @invariant()
    def nothing_is_heard_twice(self) -> None:
        for name, messages in self.heard.items():
            assert len(set(messages)) == len(messages), name

    def teardown(self) -> None:
        self.settle()
        for name, due in self.due.items():
            heard = self.heard[name]
            # What was on its way when `lost` was told, or he began, may come too, before all else.
            assert heard[len(heard) - len(due) :] == due, (name, heard, due)
        assert self.line.server == set(self.due)
        assert not self.tasks
        self.loop.close()


Story.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestStory = Story.TestCase


def run(line: Line) -> Following:
    following = Following(lambda *_: None, lambda: None)
    line.listener = following
    following.use(line)
    return following


def test_what_nobody_confirms_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tta_gateway.features.realtime.following.PATIENCE", 0.0)

    async def body() -> None:
        line = Line()
        line.open()
        with pytest.raises(Away, match="does not confirm") as away:
            await run(line).follow(b"a")
        assert not away.value.may_be_done
        while line.sent:
            line.serve()
        assert line.said
        line.hear()
        line.serve()
        assert line.server == set()

    asyncio.run(body())


def test_without_a_store_nothing_is_followed() -> None:
    async def body() -> None:
        following = Following(lambda *_: None, lambda: None)
        with pytest.raises(Away):
            await following.follow(b"a")
        following.leave(b"a")
        following.renew("why")

    asyncio.run(body())


def test_another_subscriber_is_asked_for_all_of_it() -> None:
    async def body() -> None:
        told: list[str] = []
        following = Following(lambda *_: None, lambda: told.append("lost"))
        for _ in range(2):
            line = Line()
            line.listener = following
            line.open()
            following.use(line)
            waiting = asyncio.gather(following.follow(b"a"), following.follow(b"b"))
            await asyncio.sleep(0)
            while line.sent or line.said:
                line.serve() if line.sent else line.hear()
            await waiting
            assert following.names == {b"a", b"b"}
            following.renew("why")
            assert line.renewed == ["why"]
        assert told == ["lost"]

    asyncio.run(body())


def test_a_name_that_was_left_before_it_was_heard_is_heard_when_it_is_said_to_be() -> None:
    """Red where leaving lets go at once: the first confirmation is taken for the second."""

    async def body() -> None:
        heard: list[bytes] = []
        following = Following(lambda _, message: heard.append(message), lambda: None)
        line = Line()
        line.listener = following
        line.open()
        following.use(line)
        first = asyncio.ensure_future(following.follow(b"a"))
        await asyncio.sleep(0)
        following.leave(b"a")
        second = asyncio.ensure_future(following.follow(b"a"))
        with pytest.raises(Away, match="left"):
            await first
        while not second.done():
            line.serve() if line.sent else None
            line.hear() if line.said else None
            await asyncio.sleep(0)
        while line.sent:
            line.serve()
        line.publish(b"a", b"x")
        line.hear()
        assert heard == [b"x"]

    asyncio.run(body())


def test_lost_is_told_when_the_last_is_heard_again() -> None:
    async def body() -> None:
        told: list[str] = []
        following = Following(
            lambda _, message: told.append(message.decode()), lambda: told.append("lost")
        )
        line = Line()
        line.listener = following
        line.open()
        following.use(line)
        waiting = asyncio.gather(*(following.follow(name) for name in (b"a", b"b", b"c")))
        await asyncio.sleep(0)
        while line.sent or line.said:
            line.serve() if line.sent else line.hear()
        await waiting
        line.cut()
        line.open()
        following.leave(b"c")
        line.serve()
        line.hear()
        line.publish(b"b", b"missed")
        line.publish(b"a", b"heard")
        line.hear()
        assert told == ["heard"]
        while line.sent or line.said:
            line.serve() if line.sent else line.hear()
        assert told == ["heard", "lost"]
        assert following.names == {b"a", b"b"}

    asyncio.run(body())

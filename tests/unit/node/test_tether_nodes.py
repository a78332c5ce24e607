"""Tethers handed over between workers that share a store in memory."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.fake_clock import FakeClock
from tests.helpers.hub_house import on_a_loop, settle
from tests.helpers.memory_broker import MemoryBroker, MemoryStore
from tta_gateway.features.realtime.broker import Away, Published
from tta_gateway.features.realtime.publication import ClientInfo, Keeping, Publication
from tta_gateway.features.tether.doubles import Memory
from tta_gateway.features.tether.parcel import Contents, Parcel
from tta_gateway.features.tether.relay import Ask
from tta_gateway.kernel.principal import Principal
from tta_gateway.node import tether_nodes
from tta_gateway.node.tether_nodes import RENEWED, At, TetherNodes, erase_tethers, name_of

ADA = Principal(subject="ada", issuer="today", session="login 1")
KEY = ("today/ada", "chat /ws", "s1")
CONTENTS = Contents(
    has_begun=True,
    said=2,
    kept=[(b"2", True)],
    queue=[(b"a", True, False)],
    aside=[],
    card=None,
    unanswered=0,
    doubles=Memory([], [], []),
)


def a_parcel(token: str = "t", **said: object) -> Parcel:
    made = Parcel(
        token=token,
        key=KEY,
        principal=ADA,
        route="chat /ws",
        session="session",
        legs=1,
        resume=60.0,
        seat=None,
        contents=CONTENTS,
    )
    return msgspec.structs.replace(made, **said)


def an_ask(token: str = "t", **said: object) -> Ask:
    made = Ask(
        token=token,
        key=KEY,
        principal=ADA,
        route="chat /ws",
        received=-1,
        target=b"/ws",
        fields=[(b"authorization", b"Bearer secret")],
        shown=b"secret",
        proved=b"secret",
    )
    return msgspec.structs.replace(made, **said)


@dataclass
class Worker:
    """One of them, and the tethers that it has."""

    name: str
    store: MemoryStore
    clock: FakeClock
    has: dict[str, Parcel] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    wanted: list[Ask] = field(default_factory=list)
    is_deaf: bool = False
    """whether it dies with what is asked of it"""
    is_slow: bool = False

    def __post_init__(self) -> None:
        self.broker = MemoryBroker(self.store)
        self.nodes = TetherNodes(
            self.broker,
            worker=self.name,
            give=self.give,
            clock=self.clock.monotonic,
            tell=self.tell,
            died=lambda name, error: self.told.append(f"{name} {error!r}"),
        )
        self.broker.listener = self.nodes

    def tell(self, name: str, **fields: object) -> None:
        self.told.append(name)
        assert "text" not in fields

    async def begin(self) -> "Worker":
        self.nodes.tick()
        await settle()
        return self

    def hold(self, parcel: Parcel) -> None:
        self.has[parcel.token] = parcel
        self.nodes.holds(parcel.token, parcel.key)

    def give(self, ask: Ask, told: Callable[[bool], None]) -> bool:
        self.wanted.append(ask)
        for token, parcel in self.has.items():
            is_meant = token == ask.token if ask.token else parcel.key == ask.key
            if is_meant and parcel.principal == ask.principal:
                del self.has[token]
                if not self.is_slow:
                    self.nodes.put_down(parcel, told)
                return True
        return False

    async def seek(self, ask: Ask) -> Parcel | None:
        future: asyncio.Future[Parcel | None] = asyncio.get_running_loop().create_future()
        assert self.nodes.seek(ask, future.set_result)
        found = await future
        if found is not None:
            self.hold(found)
            await settle()
        return found


async def workers(*names: str) -> list[Worker]:
    store, clock = MemoryStore(), FakeClock()
    return [await Worker(name, store, clock).begin() for name in names]


@on_a_loop
async def test_what_another_has_is_handed_over_to_who_asks_by_its_token() -> None:
    one, two = await workers("one", "two")
    one.hold(a_parcel())
    await settle()
    assert await two.seek(an_ask()) == a_parcel()
    assert (one.has, list(two.has), one.told, two.told) == ({}, ["t"], [], [])
    assert await one.seek(an_ask()) == a_parcel()


@on_a_loop
async def test_and_by_its_session() -> None:
    one, two = await workers("one", "two")
    one.hold(a_parcel())
    one.hold(a_parcel("u", key=(*KEY[:2], "s2")))
    await settle()
    assert await two.seek(an_ask("")) == a_parcel()
    assert list(one.has) == ["u"]


@on_a_loop
async def test_nothing_that_shows_who_asks_goes_along() -> None:
    one, two = await workers("one", "two")
    one.hold(a_parcel())
    await settle()
    await two.seek(an_ask())
    (asked,) = one.wanted
    assert (asked.fields, asked.shown, asked.proved, asked.target) == ([], b"", b"", b"")
    assert not any(b"secret" in one.data for one in one.store.published)


@on_a_loop
async def test_what_nobody_has_is_known_at_once() -> None:
    one, two = await workers("one", "two")
    assert await two.seek(an_ask()) is None
    assert await two.seek(an_ask("")) is None
    one.hold(a_parcel())
    await settle()
    one.has.clear()
    assert await two.seek(an_ask()) is None
    assert two.told == []
    assert await one.seek(an_ask()) is None


@on_a_loop
async def test_nobody_else_is_given_it() -> None:
    one, two = await workers("one", "two")
    one.hold(a_parcel())
    await settle()
    other = Principal(subject="eve", issuer="today")
    assert await two.seek(an_ask(principal=other)) is None
    assert list(one.has) == ["t"]


@pytest.mark.parametrize(
    ("said", "is_had"),
    [
        ({}, True),
        ({"principal": Principal(subject="ada", issuer="today", session="login 2")}, False),
        ({"principal": Principal(subject="eve", issuer="today", session="login 1")}, False),
        ({"principal": None}, False),
        ({"route": "another"}, False),
    ],
)
def test_what_is_put_down_is_of_the_same_person_and_login_alone(
    said: dict[str, object], *, is_had: bool
) -> None:
    @on_a_loop
    async def work() -> None:
        one, two = await workers("one", "two")
        told: list[bool] = []
        one.nodes.put_down(a_parcel(), told.append)
        await settle()
        found = await two.seek(an_ask("t", **said))
        assert (told, found is not None) == ([True], is_had)

    work()


@on_a_loop
async def test_nobodys_is_anybodys_who_knows_its_token() -> None:
    one, two = await workers("one", "two")
    one.nodes.put_down(a_parcel(principal=None), lambda _: None)
    await settle()
    assert await two.seek(an_ask(principal=None)) is not None


@on_a_loop
async def test_of_two_who_would_take_it_one_does() -> None:
    one, two, three = await workers("one", "two", "three")
    one.nodes.put_down(a_parcel(), lambda _: None)
    await settle()
    found = await asyncio.gather(two.seek(an_ask()), three.seek(an_ask()))
    assert sorted(one is None for one in found) == [False, True]


@on_a_loop
async def test_who_is_gone_is_waited_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tether_nodes, "ANSWERS", 0.01)
    one, two = await workers("one", "two")
    one.hold(a_parcel())
    await settle()
    one.broker.followed.clear()
    assert await two.seek(an_ask()) is None
    assert two.told == ["tether_holder_silent"]


@on_a_loop
async def test_so_is_who_has_it_and_does_not_put_it_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tether_nodes, "PATIENCE", 0.01)
    one, two = await workers("one", "two")
    one.is_slow = True
    one.hold(a_parcel())
    await settle()
    assert await two.seek(an_ask()) is None
    assert two.told == ["tether_holder_silent"]


@on_a_loop
async def test_what_is_too_large_or_meets_no_store_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = await workers("one", "two")
    told: list[bool] = []
    monkeypatch.setattr(tether_nodes, "LARGEST", 10)
    one.hold(a_parcel())
    await settle()
    assert await two.seek(an_ask()) is None
    monkeypatch.setattr(tether_nodes, "LARGEST", 10_000)
    monkeypatch.setattr(tether_nodes, "AGAIN", ())
    one.store.is_away = True
    one.nodes.put_down(a_parcel(), told.append)
    await settle()
    assert (told, one.told) == ([False], ["tether_too_large", "tether_not_handed_over"])
    assert await two.seek(an_ask()) is None
    assert two.told == ["tether_not_sought"]


class Lapses(MemoryBroker):
    """A way to the store on which answers get lost: those to what is published next."""

    def __init__(self, store: MemoryStore, lapses: list[str]) -> None:
        super().__init__(store)
        self.lapses = lapses

    async def publish(
        self, channel: str, publication: Publication, *, keeping: Keeping, key: str = ""
    ) -> Published:
        lapse = self.lapses.pop(0) if self.lapses and key else ""
        if lapse != "not done":
            told = await super().publish(channel, publication, keeping=keeping, key=key)
            if not lapse:
                return told
        raise Away("it has not answered", may_be_done=lapse != "refused")


@pytest.mark.parametrize(
    ("lapses", "is_down"),
    [(["not done"], True), (["done", "not done"], True), (["done"] * 3, False)],
)
def test_what_is_put_down_is_tried_again_and_stands_there_once(
    monkeypatch: pytest.MonkeyPatch, lapses: list[str], *, is_down: bool
) -> None:
    """Red where one answer that comes too late costs all that a client would come back to."""
    monkeypatch.setattr(tether_nodes, "AGAIN", (0.0, 0.0))

    @on_a_loop
    async def work() -> None:
        (one,) = await workers("one")
        one.nodes._broker = Lapses(one.store, [*lapses])  # type: ignore[misc]
        told: list[bool] = []
        one.nodes.put_down(a_parcel(), told.append)
        await settle()
        assert told == [is_down]
        assert one.store.tops[f"!tether:{name_of('t')}"] == 1
        assert one.told == ([] if is_down else ["tether_not_handed_over"])

    work()


@pytest.mark.parametrize(
    ("lapse", "is_had"), [("done", True), ("not done", True), ("refused", False)]
)
def test_who_has_taken_it_has_it_though_the_store_has_not_answered(
    lapse: str, *, is_had: bool
) -> None:
    """Red where a tether is gone for good with one answer that is lost."""

    @on_a_loop
    async def work() -> None:
        one, two, three = await workers("one", "two", "three")
        one.nodes.put_down(a_parcel(), lambda _: None)
        await settle()
        two.nodes._broker = Lapses(two.store, [lapse])  # type: ignore[misc]
        assert (await two.seek(an_ask()) is not None) is is_had
        assert (await three.seek(an_ask()) is not None) is is_had  # where two hands it over

    work()


@on_a_loop
async def test_who_was_second_has_not_taken_it_though_the_store_has_not_answered() -> None:
    one, two, three = await workers("one", "two", "three")
    one.nodes.put_down(a_parcel(), lambda _: None)
    await settle()
    two.nodes._broker = Lapses(two.store, ["not done"])  # type: ignore[misc]
    found = await asyncio.gather(three.seek(an_ask()), two.seek(an_ask()))
    assert [one is None for one in found] == [False, True]


@on_a_loop
async def test_who_has_given_one_vouches_for_no_other() -> None:
    """Red where a login that has ended meanwhile is had by another, behind a tether of now."""
    one, two, three = await workers("one", "two", "three")
    one.hold(a_parcel("old"))
    await settle()
    one.nodes.put_down(one.has.pop("old"), lambda _: None)
    three.nodes.holds("new", KEY)
    await settle()

    def give(ask: Ask, told: Callable[[bool], None]) -> bool:
        told(True)  # and the card of another has been taken meanwhile
        return ask.token == ""

    three.nodes._give = give  # type: ignore[misc]
    login = Principal(subject="ada", issuer="today", session="login 2")
    assert await two.seek(an_ask("", principal=login)) is None
    assert await two.seek(an_ask("")) == a_parcel("old")


@on_a_loop
async def test_who_cannot_answer_says_so_in_the_log() -> None:
    (one,) = await workers("one")
    one.store.is_away = True
    await one.nodes._send("two", At("one"))  # type: ignore[arg-type]  # whatever it is
    assert one.told == ["tether_unanswered"]


@on_a_loop
async def test_nobody_can_be_asked_before_the_store_is_there_nor_too_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = Worker("one", MemoryStore(), FakeClock())
    one.store.is_away = True
    await one.begin()
    assert not one.nodes.seek(an_ask(), lambda _: None)
    one.hold(a_parcel())
    one.store.is_away = False
    await settle()
    await one.begin()
    assert one.nodes.is_there
    assert one.store.published == []
    one.clock.advance(3.0)
    await one.begin()
    assert len(one.store.published) == 2
    monkeypatch.setattr(tether_nodes, "_MOST_ASKED", 0)
    assert not one.nodes.seek(an_ask(), lambda _: None)


@on_a_loop
async def test_what_is_here_is_said_again_until_it_is_not() -> None:
    (one,) = await workers("one")
    one.hold(a_parcel())
    await settle()
    first = len(one.store.published)
    one.clock.advance(RENEWED)
    one.nodes.tick()
    await settle()
    assert len(one.store.published) == 2 * first
    one.store.is_away = True
    one.clock.advance(RENEWED)
    one.nodes.tick()
    await settle()
    one.store.is_away = False
    one.nodes.forget("t")
    one.clock.advance(RENEWED)
    one.nodes.tick()
    await settle()
    assert len(one.store.published) == 2 * first


@on_a_loop
async def test_what_is_put_down_is_not_said_to_be_here_behind_that() -> None:
    one, two = await workers("one", "two")
    one.broker.turns = 5
    one.nodes.holds("t", None)
    told: list[bool] = []
    one.nodes.put_down(a_parcel(), told.append)
    await settle()
    assert told == [True]
    assert await two.seek(an_ask()) is not None


@on_a_loop
async def test_what_has_been_put_down_is_deleted_once_its_person_is_erased() -> None:
    """Red without `_enlist`."""
    one, two = await workers("one", "two")
    ben = Principal(subject="ben", issuer="today", session="login 1")
    ours = [a_parcel("t1"), a_parcel("t2", key=None)]
    others = [a_parcel("t3", principal=ben, key=None), a_parcel("t4", principal=None, key=None)]
    for parcel in (*ours, *others):
        one.nodes.put_down(parcel, lambda _: None)
        await settle()
    kept = set(one.store.kept)
    unknown = Publication(b"\xff")  # of a newer gateway
    listed = tether_nodes._channel_about("today/ada")
    await one.broker.publish(listed, unknown, keeping=Keeping(size=9, seconds=9))
    await erase_tethers(one.broker, "today/ada", is_last=False)
    assert {name for name in kept if name in one.store.kept} == kept - {
        f"!tether:{name_of('t1')}",
        f"!tether:{name_of('t2')}",
        f"!tethers:{name_of(repr(KEY))}",
    }
    assert await two.seek(an_ask("t1")) is None
    assert await two.seek(an_ask("t3", key=None, principal=ben)) is not None
    assert await two.seek(an_ask("t4", key=None, principal=None)) is not None
    one.nodes.put_down(ours[0], lambda _: None)  # it was on its way
    await settle()
    await erase_tethers(one.broker, "today/ada", is_last=True)
    assert await two.seek(an_ask("t1")) is None
    assert listed not in one.store.kept


@on_a_loop
async def test_what_a_newer_gateway_says_is_passed_over() -> None:
    one, two = await workers("one", "two")
    one.store.put("!tether-worker:one", b"\xc1", Keeping())
    one.store.put(f"!tether:{name_of('t')}", b"\xc1", Keeping(size=1, seconds=60))
    await settle()
    assert await two.seek(an_ask()) is None
    assert (one.told, two.told) == (["tether_unknown"], ["tether_unknown"])
    one.nodes.joined("a", ClientInfo())
    one.nodes.left("a", ClientInfo())
    one.nodes.lost()


@on_a_loop
async def test_an_answer_that_nobody_waits_for_is_passed_over() -> None:
    (two,) = await workers("two")
    two.nodes._answered(tether_nodes.Answer(99, "here"))
    assert two.told == []


Story = list[tuple[int, bool]]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=12))
def test_wherever_somebody_comes_they_alone_have_what_is_theirs(story: Story) -> None:
    """They come to one of three workers, by token or session; what puts down leaves to the next."""
    asyncio.run(_told(story))


async def _told(story: Story) -> None:
    all_of_them = await workers("0", "1", "2")
    all_of_them[0].hold(a_parcel())
    await settle()
    for number, is_named in story:
        at = all_of_them[number]
        if not at.has:
            assert await at.seek(an_ask("t" if is_named else "")) == a_parcel()
        assert [one.name for one in all_of_them if one.has] == [at.name]
    assert [one.told for one in all_of_them] == [[], [], []]

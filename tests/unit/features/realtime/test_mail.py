"""Mail: who is posted what, once, and what is said of the disk."""

import asyncio
from dataclasses import replace

import pytest

from tests.helpers.hub_house import on_a_loop
from tests.helpers.memory_broker import MemoryBroker, MemoryStore
from tests.helpers.memory_inbox import MemoryInbox
from tta_gateway.features.realtime.bound import ChannelRule, Receipts
from tta_gateway.features.realtime.broker import Away, Published
from tta_gateway.features.realtime.inbox import Letter, Posted
from tta_gateway.features.realtime.kinds import Kinds
from tta_gateway.features.realtime.mail import Boxes, Mail, Posting, record_of
from tta_gateway.features.realtime.publication import ClientInfo, Keeping, Position, Publication

KEPT = Keeping(10, 60)
DURABLE = replace(KEPT, durable=True)
ADA = ClientInfo("ada", "1")
SAID = Publication(b'"hello"', info=ADA)
KINDS = Kinds(
    (
        ChannelRule(prefix="user:", parameter="user", receipts=Receipts(to="user", seconds=30.0)),
        ChannelRule(prefix="news", receipts=Receipts(seconds=30.0)),
        ChannelRule(prefix="safe", receipts=Receipts(seconds=30.0, durable=True)),
        ChannelRule(prefix="plain"),
    )
)


class Told(MemoryBroker):
    """A broker of a disk that is quick."""

    async def publish(
        self, channel: str, publication: Publication, *, keeping: Keeping, key: str = ""
    ) -> Published:
        told = await super().publish(channel, publication, keeping=keeping, key=key)
        return replace(told, durable=keeping.durable)


class House:
    """Mail, and a broker behind it."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.plain = MemoryInbox(self.store)
        self.sure = MemoryInbox(self.store, durable=True)
        names = iter(range(100))
        self.mail = Mail(
            Boxes(self.plain, self.sure),
            kinds=lambda: KINDS,
            fresh=lambda: f"new{next(names)}",
            wall=lambda: 2.0,
        )
        self.broker = Told(self.store)
        self.posting = Posting(self.broker, self.mail)

    def ids(self, user: str, inbox: MemoryInbox | None = None) -> list[str]:
        box = (inbox or self.plain).boxes.get(user)
        return [] if box is None else list(box.kept)


@on_a_loop
async def test_a_message_is_a_letter_for_whomever_its_channel_is_about() -> None:
    house = House()
    told = await house.posting.publish("user:ben", SAID, keeping=KEPT)
    assert told == Published(Position(1, "1"))
    (letter,) = (await house.plain.drain("ben")).letters
    expected = Publication(b'"hello"', 0, ADA, {"channel": "user:ben", "letter": "new0"}, 2000)
    assert letter == expected
    assert house.plain.boxes["ben"].kept["new0"].letter.expires == 32_000


@on_a_loop
async def test_what_is_published_again_under_its_key_is_posted_once() -> None:
    house = House()
    for channel in ("user:ben", "user:ben", "user:cleo"):
        await house.posting.publish(channel, SAID, keeping=KEPT, key="k")
    await house.posting.publish("user:ben", SAID, keeping=KEPT, key="other")
    ben, other = house.ids("ben")
    assert len({ben, other, *house.ids("cleo")}) == 3


@on_a_loop
async def test_what_was_published_and_not_posted_is_posted_when_it_is_sent_again() -> None:
    house = House()
    house.store.add("user:ben", SAID, KEPT, "k")  # and then its worker was killed
    other = Publication(b'"other"')
    told = await house.posting.publish("user:ben", other, keeping=KEPT, key="k")
    assert told.repeated
    (letter,) = (await house.plain.drain("ben")).letters
    assert (letter.data, letter.info, letter.offset) == (b'"hello"', ADA, 0)  # as it was published
    assert len(house.store.kept["user:ben"]) == 1


@on_a_loop
async def test_whom_a_service_names_is_posted_it_too_and_nobody_twice() -> None:
    house = House()
    posted = await house.mail.copy("user:ben", SAID, durable=False, to=["ada", "ben", "ada"])
    assert len(posted) == 2
    assert house.ids("ada") == house.ids("ben") == ["new0"]
    assert await house.mail.copy("news", SAID, durable=False) == []
    assert len(await house.mail.copy("news", SAID, durable=False, to=["ben"])) == 1
    assert house.ids("ben") == ["new0", "new2"]


@on_a_loop
async def test_other_channels_post_nothing() -> None:
    house = House()
    for channel in ("plain", "unknown", "!orders"):
        assert await house.mail.copy(channel, SAID, durable=False, to=["ben"]) == ()
    assert house.plain.boxes == {}


@on_a_loop
async def test_it_is_durable_if_all_of_it_is() -> None:
    house = House()
    assert (await house.posting.publish("user:ben", SAID, keeping=DURABLE)).durable
    assert house.ids("ben", house.sure) == ["new0"]
    house.sure.durable = False
    assert not (await house.posting.publish("user:ben", SAID, keeping=DURABLE)).durable
    assert (await house.posting.publish("plain", SAID, keeping=DURABLE)).durable
    await house.mail.copy("safe", SAID, durable=False, to=["ann"])
    assert len(house.ids("ann", house.sure)) == 1
    assert house.mail.name() == "new3"


@on_a_loop
async def test_where_it_cannot_be_posted_nobody_says_that_it_was() -> None:
    house = House()
    house.store.is_away = True
    with pytest.raises(Away):
        await house.mail.copy("user:ben", SAID, durable=False)


@on_a_loop
async def test_all_else_is_asked_of_the_broker() -> None:
    house = House()
    posting, store = house.posting, house.store
    await posting.follow("a")
    assert house.broker.followed == {"a"}
    posting.leave("a")
    assert house.broker.followed == set()
    store.put("a", b"1", KEPT)
    stored = await posting.history("a", since=Position(0, "1"), limit=1, reverse=False)
    assert [one.data for one in stored.publications] == [b"1"]
    await posting.appear("a", ADA, seconds=5)
    assert await posting.present("a") == [ADA]
    await posting.vanish("a", ADA)
    assert await posting.present("a") == []
    await posting.announce("a", ADA, joined=True)
    assert house.broker.asked[-1] == "announce"


class Failing(MemoryInbox):
    """An inbox that cannot be reached for one user, and takes a turn for each other."""

    async def post(self, user: str, letter: Letter) -> Posted:
        if user == "away":
            raise Away("the store is away", may_be_done=False)
        for _ in range(3):
            await asyncio.sleep(0)
        return await super().post(user, letter)


@on_a_loop
async def test_once_one_cannot_be_posted_the_others_are_not_posted_in_vain() -> None:
    inbox = Failing(MemoryStore())
    mail = Mail(inbox.both(), kinds=lambda: KINDS, fresh=lambda: "new", wall=lambda: 2.0)
    with pytest.raises(Away):
        await mail.post(["a", "away", "b"], SAID, id="1", seconds=1.0, durable=False)
    for _ in range(10):
        await asyncio.sleep(0)
    assert inbox.boxes == {}


@on_a_loop
async def test_what_stands_there_no_more_is_posted_as_it_is_said() -> None:
    house = House()
    house.store.add("user:ben", SAID, KEPT, "k")
    house.store.kept["user:ben"].clear()
    await house.posting.publish("user:ben", replace(SAID, data=b"2"), keeping=KEPT, key="k")
    (letter,) = (await house.plain.drain("ben")).letters
    assert letter.data == b"2"
    assert await record_of(house.broker, "user:ben", Position()) is None
    house.store.put("user:ben", b"3", KEPT)
    assert await record_of(house.broker, "user:ben", Position(2, "0")) is None
    assert not house.mail.takes("plain")
    assert not house.mail.takes("unknown")

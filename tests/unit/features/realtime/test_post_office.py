"""The post office: open while there are inboxes, and letters wait as long as those say."""

from tests.helpers.hub_house import on_a_loop
from tests.helpers.memory_broker import MemoryStore
from tests.helpers.memory_inbox import MemoryInbox
from tta_gateway.features.realtime.bound import ChannelRule, InboxBound, Receipts
from tta_gateway.features.realtime.inbox import Outcome, Posted
from tta_gateway.features.realtime.kinds import Kinds
from tta_gateway.features.realtime.mail import Boxes, Mail
from tta_gateway.features.realtime.post_office import PostOffice
from tta_gateway.features.realtime.publication import Publication

KINDS = Kinds((ChannelRule(prefix="news", receipts=Receipts(seconds=5.0)),))
SAID = Publication(b"1")


class House:
    """A post office, and what the configuration says of inboxes."""

    def __init__(self) -> None:
        store = MemoryStore()
        self.plain, self.sure = MemoryInbox(store), MemoryInbox(store, durable=True)
        boxes = Boxes(self.plain, self.sure)
        mail = Mail(boxes, kinds=lambda: KINDS, fresh=lambda: "new", wall=lambda: 1.0)
        self.bound: InboxBound | None = InboxBound(seconds=60.0)
        self.office = PostOffice(mail, lambda: self.bound)

    def expires(self, inbox: MemoryInbox, id: str) -> int:
        return inbox.boxes["ada"].kept[id].letter.expires


@on_a_loop
async def test_a_letter_waits_as_long_as_it_says_or_as_inboxes_do() -> None:
    house = House()
    id, posted = await house.office.post(["ada"], SAID, id="", seconds=None)
    assert (id, posted) == ("new", [Posted(Outcome.NEW)])
    await house.office.post(["ada"], SAID, id="own", seconds=5.0)
    assert (house.expires(house.plain, "new"), house.expires(house.plain, "own")) == (61_000, 6000)


@on_a_loop
async def test_where_inboxes_are_durable_the_disk_is_waited_for() -> None:
    house = House()
    house.bound = InboxBound(seconds=60.0, durable=True)
    _, posted = await house.office.post(["ada"], SAID, id="", seconds=None)
    assert posted == [Posted(Outcome.NEW, durable=True)]


@on_a_loop
async def test_it_is_open_while_there_are_inboxes() -> None:
    house = House()
    assert house.office.is_open()
    house.bound = None
    assert not house.office.is_open()


@on_a_loop
async def test_what_is_published_is_posted_to_those_who_are_named() -> None:
    house = House()
    await house.office.copy("news", SAID, durable=False, key="k", to=["ada"])
    await house.office.copy("news", SAID, durable=False, key="k", to=["ada"])
    assert len(house.plain.boxes["ada"].kept) == 1

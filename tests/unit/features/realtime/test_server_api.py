"""What services may ask of channels, over a store in memory."""

import asyncio
import json
from dataclasses import replace
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.memory_broker import MemoryBroker, MemoryStore
from tests.helpers.memory_inbox import MemoryInbox
from tta_gateway.features.realtime.bound import ChannelRule, InboxBound, Receipts
from tta_gateway.features.realtime.broker import Published
from tta_gateway.features.realtime.codes import FORCE_NO_RECONNECT, UNSUBSCRIBED
from tta_gateway.features.realtime.doorkeeper import Caller
from tta_gateway.features.realtime.errand import Disconnect, Order, Unsubscribe
from tta_gateway.features.realtime.inbox import MOST as MOST_LETTERS
from tta_gateway.features.realtime.kinds import Kinds
from tta_gateway.features.realtime.mail import Mail
from tta_gateway.features.realtime.post_office import PostOffice
from tta_gateway.features.realtime.publication import ClientInfo, Keeping, Publication
from tta_gateway.features.realtime.sending import key_of
from tta_gateway.features.realtime.server_api import CALLS, ServerApi
from tta_gateway.kernel.route import Route

ANYBODY = Route(name="anybody", path="/")
KINDS = Kinds(
    (
        ChannelRule(prefix="session:", parameter="id", size=10, seconds=60.0, largest=20),
        ChannelRule(prefix="news", presence=ANYBODY),
        ChannelRule(
            prefix="user:",
            parameter="user_id",
            size=10,
            seconds=60.0,
            durable=True,
            receipts=Receipts(to="user_id", seconds=30.0),
        ),
    )
)


class House:
    """The API, the store behind it, and what workers are told to do."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.orders: list[Order] = []
        self.api = ServerApi(
            lambda: KINDS, MemoryBroker(self.store), self, self, post=self.office()
        )

    def office(self) -> PostOffice:
        self.inbox = MemoryInbox(self.store, durable=True)
        self.bound: InboxBound | None = InboxBound(seconds=60.0)
        mail = Mail(self.inbox.both(), kinds=lambda: KINDS, fresh=lambda: "new", wall=self.wall)
        return PostOffice(mail, lambda: self.bound)

    async def order(self, order: Order) -> None:
        self.orders.append(order)

    def wall(self) -> float:
        return 1000.5

    def ask(self, call: str, **body: object) -> dict[str, Any]:
        """Return what a service is answered."""
        told = asyncio.run(self.api.run(call, body))
        return cast("dict[str, Any]", json.loads(msgspec.json.encode(told)))

    def refused(self, call: str, **body: object) -> int:
        """Return the code by which it is refused."""
        return int(self.ask(call, **body)["error"]["code"])


@pytest.fixture
def house() -> House:
    return House()


def test_what_is_published_is_kept_with_its_tags_and_time(house: House) -> None:
    told = house.ask("publish", channel="session:a", data={"x": 1}, tags={"a": "b"})
    assert told == {"result": {"offset": 1, "epoch": "1"}}
    (kept,) = house.store.kept["session:a"]
    assert (kept.data, kept.tags, kept.time) == (b'{"x":1}', {"a": "b"}, 1_000_500)


def test_where_nothing_is_kept_there_is_no_position(house: House) -> None:
    assert house.ask("publish", channel="news", data=None) == {"result": {}}
    told = house.ask("publish", channel="session:a", data=1, skip_history=True)
    assert told == {"result": {}}


def test_a_key_makes_it_happen_once(house: House) -> None:
    for _ in range(2):
        told = house.ask("publish", channel="session:a", data=1, idempotency_key="k")
        assert told["result"]["offset"] == 1


def letters(house: House) -> dict[str, list[dict[str, object]]]:
    """What waits for whom."""
    return {
        user: [
            {"data": json.loads(one.data), **one.tags} for one in box.drain(house.inbox.now).letters
        ]
        for user, box in house.inbox.boxes.items()
    }


def test_a_message_is_posted_too_where_its_channel_asks_for_receipts(house: House) -> None:
    for _ in range(2):
        told = house.ask(
            "publish", channel="user:ada", data=1, to=["ben", "ada"], idempotency_key="k"
        )
        assert told == {"result": {"offset": 1, "epoch": "1", "durable": False}}
    waiting = letters(house)
    id = waiting["ada"][0]["letter"]
    assert waiting == {
        user: [{"data": 1, "channel": "user:ada", "letter": id}] for user in ("ada", "ben")
    }
    assert house.inbox.boxes["ada"].kept[str(id)].letter.expires == 1_030_500
    assert house.refused("publish", channel="session:a", data=1, to=["ada"]) == 107


def test_a_letter_is_posted_to_users(house: House) -> None:
    told = house.ask("post", users=["ada", "ben", "ada"], data={"x": 1}, tags={"a": "b"})
    new = {"outcome": "new", "durable": True}
    posted = [{"user": "ada", **new}, {"user": "ben", **new}]
    assert told == {"result": {"id": "new", "letters": posted}}
    assert letters(house)["ben"] == [{"data": {"x": 1}, "a": "b", "letter": "new"}]
    again = house.ask("post", users=["ada"], data=2, id="new", seconds=5)["result"]["letters"]
    assert again == [{"user": "ada", "outcome": "repeated", "durable": True}]


def test_what_cannot_be_posted_is_refused(house: House) -> None:
    assert house.refused("post", users=[], data=1) == 107
    assert house.refused("post", users=["ada"], data="x" * 70_000) == 107
    house.store.is_away = True
    assert house.refused("post", users=["ada"], data=1) == 100
    house.bound = None
    assert house.refused("post", users=["ada"], data=1) == 108


def test_the_same_may_go_to_many_each_with_its_answer(house: House) -> None:
    told = house.ask("broadcast", channels=["session:a", "nothing", "session:b"], data=1)
    first, second, third = told["result"]["responses"]
    assert first == third == {"result": {"offset": 1, "epoch": "1"}}
    assert second["error"]["code"] == 102


def test_what_is_kept_can_be_read_both_ways(house: House) -> None:
    for number in range(3):
        house.ask("publish", channel="session:a", data=number)

    def read(**more: object) -> list[int]:
        told = house.ask("history", channel="session:a", **more)["result"]
        assert (told["offset"], told["epoch"]) == (3, "1")
        return [one["data"] for one in told["publications"]]

    assert read() == []
    assert read(limit=-1) == [0, 1, 2]
    assert read(limit=1, since={"offset": 1, "epoch": "1"}) == [1]
    assert read(limit=2, reverse=True) == [2, 1]


def test_a_position_of_another_epoch_is_said_to_be_one(house: House) -> None:
    since = {"offset": 1, "epoch": "other"}
    assert house.refused("history", channel="session:a", limit=1, since=since) == 112


def test_who_is_there_can_be_seen_where_that_is_kept(house: House) -> None:
    for client, user in (("1", "ada"), ("2", "ada"), ("3", "ben")):
        house.store.present["news"][client] = ClientInfo(user, client, b'{"a":1}')
    told = house.ask("presence", channel="news")["result"]["presence"]
    assert told["3"] == {"user": "ben", "client": "3", "conn_info": {"a": 1}}
    stats = house.ask("presence_stats", channel="news")["result"]
    assert stats == {"num_clients": 3, "num_users": 2}
    assert house.refused("presence", channel="session:a") == 108


def test_somebody_may_be_disconnected_everywhere(house: House) -> None:
    why = FORCE_NO_RECONNECT
    assert house.ask("disconnect", user="ada") == {"result": {}}
    own = {"code": 4000, "reason": "moved"}
    house.ask("disconnect", user="ada", client="1", whitelist=["2"], disconnect=own)
    assert house.orders == [
        Disconnect("ada", why.code, why.reason),
        Disconnect("ada", 4000, "moved", client="1", but="2"),
    ]


def test_somebody_may_be_taken_out_of_a_channel_everywhere(house: House) -> None:
    assert house.ask("unsubscribe", user="ada", channel="news") == {"result": {}}
    why = UNSUBSCRIBED
    assert house.orders == [Unsubscribe("ada", "news", why.code, why.reason)]


@pytest.mark.parametrize(
    ("call", "body", "code"),
    [
        ("publish", {"channel": "nothing", "data": 1}, 102),
        ("publish", {"channel": "session:a"}, 107),
        ("publish", {"channel": 1, "data": 1}, 107),
        ("publish", {"channel": "session:a", "data": "x" * 20}, 107),
        ("history", {"channel": "news"}, 108),
        ("history", {"channel": "session:a", "limit": -2}, 107),
        ("disconnect", {"user": "ada", "disconnect": {"code": 1000}}, 107),
        ("unsubscribe", {"user": "ada", "channel": "nothing"}, 102),
        ("fly", {}, 104),
    ],
)
def test_what_cannot_be_done_is_told_by_its_code(
    house: House, call: str, body: dict[str, object], code: int
) -> None:
    assert house.refused(call, **body) == code
    assert not house.store.published


def test_a_store_that_is_away_is_told(house: House) -> None:
    house.store.is_away = True
    told = house.ask("publish", channel="session:a", data=1)
    assert told["error"] == {"code": 100, "message": "the store is away: send it again"}


def test_members_that_say_nothing_here_are_passed_over(house: House) -> None:
    told = house.ask("publish", channel="session:a", data=1, b64data="", delta=True)
    assert told["result"]["offset"] == 1


def test_every_call_says_what_it_does() -> None:
    assert all(body.__doc__ for body, _ in CALLS.values())


class Busy(MemoryBroker):
    """A broker that counts how much is published at once."""

    now = most = 0

    async def publish(
        self, channel: str, publication: Publication, *, keeping: Keeping, key: str = ""
    ) -> Published:
        self.now += 1
        self.most = max(self.most, self.now)
        told = await super().publish(channel, publication, keeping=keeping, key=key)
        self.now -= 1
        return told


def test_very_many_are_published_some_at_a_time() -> None:
    """Red where one broadcast fills what all clients of the store share."""
    house = House()
    broker = Busy(house.store)
    house.api = ServerApi(lambda: KINDS, broker, house, house, post=house.office())
    told = house.ask("broadcast", channels=[f"session:{n}" for n in range(100)], data=1)
    assert [one["result"]["offset"] for one in told["result"]["responses"]] == [1] * 100
    assert broker.most == 32


def test_no_key_of_a_service_is_one_of_a_clients(house: House) -> None:
    """Red where what a client sends is taken for sent, because a service has used its key."""
    key = key_of(Caller("bob", "1"), "m1")
    house.ask("publish", channel="session:a", data="a", idempotency_key=key)
    sent = house.store.add("session:a", Publication(b"1"), Keeping(10, 60), key)
    assert not sent.repeated


def test_what_became_of_the_letters_is_told(house: House) -> None:
    house.inbox.durable = False
    told = house.ask("publish", channel="user:ada", data=1)["result"]
    assert (told["durable"], "dead" in told) == (False, False)
    for number in range(MOST_LETTERS):
        house.ask("post", users=["ada"], data=1, id=str(number))
    told = house.ask("publish", channel="user:ada", data=2, to=["ben"], idempotency_key="k")[
        "result"
    ]
    assert (told["offset"], told["dead"]) == (2, 1)


def test_a_letter_that_is_not_on_disk_is_not_said_to_be() -> None:
    """Red where the record alone is asked about."""
    house = House()
    broker = Told(house.store)
    house.api = ServerApi(lambda: KINDS, broker, house, house, post=house.office())
    assert house.ask("publish", channel="user:ada", data=1)["result"]["durable"]
    house.inbox.durable = False
    assert not house.ask("publish", channel="user:ada", data=1)["result"]["durable"]


class Told(MemoryBroker):
    """A broker of a disk that is quick."""

    async def publish(
        self, channel: str, publication: Publication, *, keeping: Keeping, key: str = ""
    ) -> Published:
        told = await super().publish(channel, publication, keeping=keeping, key=key)
        return replace(told, durable=keeping.durable)


def test_tags_are_few(house: House) -> None:
    refused = house.ask("publish", channel="session:a", data=1, tags={"a": "x" * 4096})
    assert refused["error"]["code"] == 107
    assert "`tags`: more than 4096 bytes" in refused["error"]["message"]
    assert "result" in house.ask("post", users=["a"], data=1, tags={"a": "x" * 4095})


def test_a_letter_says_what_was_published_whatever_is_said_again(house: House) -> None:
    """Red where a first try that was published, and not posted, leaves a letter of another text."""
    house.store.add("user:ada", Publication(b"1"), Keeping(10, 60), "service:k")
    house.ask("publish", channel="user:ada", data=2, idempotency_key="k")
    assert [one["data"] for one in letters(house)["ada"]] == [1]

"""Sockets bound to channels: members of a hub in the same process, and what their clients hear."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.builders import a_head, an_exchange
from tests.helpers.hub_house import KEPT, Client, HubHouse, on_a_loop, settle
from tta_gateway.features.realtime.codes import (
    FORCE_NO_RECONNECT,
    FORCE_RECONNECT,
    TOKEN_EXPIRED,
    UNSUBSCRIBED,
)
from tta_gateway.features.realtime.doorkeeper import Admission
from tta_gateway.features.realtime.publication import Keeping, Publication
from tta_gateway.features.tether.bond import CLIENT, SERVICE
from tta_gateway.features.tether.guest import Guest
from tta_gateway.features.tether.parcel import Seat
from tta_gateway.node.binding import Binding, Bindings

BOUND = ("bound", {"channel": "a"})


@dataclass
class Socket:
    """A tether: what its client and its service have heard of others."""

    guest: Guest
    heard: list[tuple[bytes, bool]] = field(default_factory=list)
    served: list[bytes] = field(default_factory=list)
    events: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def others_said(self, payload: bytes, *, by_service: bool) -> None:
        self.heard.append((payload, by_service))

    def service_hears(self, payload: bytes) -> None:
        self.served.append(payload)

    def told(self, status: str, more: dict[str, object]) -> None:
        self.events.append((status, more))


class House(HubHouse):
    """A hub with sockets that are bound to its channels; it is the sweeper, too."""

    def __init__(self) -> None:
        super().__init__()
        names = iter(f"name-{number}" for number in range(1000))
        self.watched: list[Binding] = []
        self.bindings = Bindings(
            hub=self.hub,
            lobby=self,
            ports=self.ports,
            watch=self,
            fresh=lambda: next(names),
            chance=lambda: 0.0,
            died=lambda name, error: self.faults.append(f"{name}: {error!r}"),
        )

    def watch(self, one: Binding) -> None:
        self.watched.append(one)

    def forget(self, one: Binding) -> None:
        self.watched.remove(one)

    async def look(self, seconds: float = 0.0) -> None:
        """Let time pass, and all that follows."""
        self.pass_time(seconds)
        for one in list(self.watched):
            if one.deadline <= self.clock.monotonic():
                one.on_deadline(self.clock.monotonic())
        await settle()

    async def bound(
        self, token: str = "t", channel: str = "a", *, serves: bool = False
    ) -> tuple[Socket, Binding]:
        socket = Socket(Guest(an_exchange(a_head()), None, token.encode()))
        binding = self.bindings.bind(channel, socket, serves=serves)
        await self.look()
        return socket, binding

    async def reader(self, name: str = "reader") -> Client:
        client = await self.client(name)
        await self.subscribed(client, "a")
        return client

    async def publish(self, client: Client, data: object) -> None:
        client.send({"id": 9, "publish": {"channel": "a", "data": data}})  # type: ignore[dict-item]
        await settle()


def publications(client: Client) -> list[dict[str, Any]]:
    """What a member of the hub was given."""
    told: list[Any] = list(client.heard())
    pushes: list[dict[str, Any]] = [one.get("push", {}) for one in told]
    return [one["pub"] for one in pushes if "pub" in one]


@on_a_loop
async def test_what_is_said_at_a_socket_stands_in_the_channel_in_order() -> None:
    house = House()
    reader = await house.reader()
    socket, binding = await house.bound()
    binding.said(b'{"type": "user_message"}', is_text=True, by=CLIENT)
    binding.said(b'{"role":\n"assistant"}', is_text=True, by=SERVICE)
    binding.said(b"no JSON", is_text=True, by=SERVICE)
    await settle()
    first, second, third = publications(reader)
    assert [first["data"], second["data"], third["data"]] == [
        {"type": "user_message"},
        {"role": "assistant"},
        "no JSON",
    ]
    assert [one["offset"] for one in (first, second, third)] == [1, 2, 3]
    assert [one["tags"]["by"] for one in (first, second)] == ["client", "service"]
    assert first["info"] == {"user": "user", "client": "name-1"}
    assert "info" not in second
    assert (socket.events, socket.heard) == ([BOUND], [])
    assert house.faults == []


@on_a_loop
async def test_what_members_publish_is_heard_at_the_socket() -> None:
    house = House()
    member = await house.reader()
    socket, _ = await house.bound()
    await house.publish(member, {"text": "hello"})
    assert socket.heard == [(b'{"text":"hello"}', False)]
    assert socket.served == []


@on_a_loop
async def test_two_sockets_of_one_session_hear_each_other() -> None:
    house = House()
    one, first = await house.bound()
    other, second = await house.bound()
    first.said(b"1", is_text=True, by=CLIENT)
    first.said(b"2", is_text=True, by=SERVICE)
    await settle()
    second.said(b"3", is_text=True, by=CLIENT)
    await settle()
    assert (one.heard, other.heard) == ([(b"3", False)], [(b"1", False), (b"2", True)])


@on_a_loop
async def test_of_several_sockets_one_tells_the_service_what_a_member_says() -> None:
    house = House()
    member = await house.reader()
    one, first = await house.bound(serves=True)
    other, _ = await house.bound(serves=True)
    first.said(b"0", is_text=True, by=CLIENT)
    await settle()
    for number in range(1, 4):
        await house.publish(member, number)
    assert sorted([*one.served, *other.served]) == [b"1", b"2", b"3"]
    assert [data for data, _ in one.heard] == [b"1", b"2", b"3"]


@on_a_loop
async def test_nobody_passes_for_the_service_but_it() -> None:
    """Red where the tags of a service's own publications count without a socket's name."""
    house = House()
    socket, _ = await house.bound()
    forged = Publication(b"1", tags={"by": "service"})
    await house.broker.publish("a", forged, keeping=KEPT.keeping)
    await settle()
    assert socket.heard == [(b"1", False)]


@on_a_loop
async def test_who_may_not_read_the_channel_is_not_bound_and_says_nothing_there() -> None:
    """Red where a stranger's service speaks in the session that he has named."""
    house = House()
    reader = await house.reader()
    house.door.denied.add("subscribe a")
    socket, binding = await house.bound()
    binding.said(b"1", is_text=True, by=SERVICE)
    await house.look(60.0)
    assert socket.events == [("unbound", {"channel": "a", "code": 103})]
    assert publications(reader) == []
    house.door.denied.clear()
    binding.said(b"2", is_text=True, by=SERVICE)
    binding.came_back()
    await house.look()
    binding.said(b"3", is_text=True, by=SERVICE)
    await settle()
    assert [one["data"] for one in publications(reader)] == [3]


@on_a_loop
async def test_what_is_said_before_it_is_bound_waits() -> None:
    house = House()
    reader = await house.reader()
    socket = Socket(Guest(an_exchange(a_head()), None, b"t"))
    binding = house.bindings.bind("a", socket, serves=False)
    binding.said(b"1", is_text=True, by=SERVICE)
    assert publications(reader) == []
    await settle()
    assert [one["data"] for one in publications(reader)] == [1]


@on_a_loop
async def test_what_a_client_may_not_publish_is_told_it() -> None:
    house = House()
    house.door.denied.add("publish a")
    reader = await house.reader()
    socket, binding = await house.bound()
    binding.said(b"1", is_text=True, by=CLIENT)
    binding.said(b"2", is_text=True, by=SERVICE)
    await settle()
    assert publications(reader) == []
    assert socket.events == [BOUND, *2 * [("unshared", {"channel": "a", "code": 103})]]


@on_a_loop
async def test_what_was_missed_meanwhile_is_heard_behind_a_new_connection() -> None:
    house = House()
    member = await house.reader()
    socket, binding = await house.bound()
    await house.publish(member, 1)
    house.hub.disconnect("user", FORCE_RECONNECT, but="reader")
    await house.publish(member, 2)
    binding.said(b"3", is_text=True, by=CLIENT)
    await settle()
    assert socket.heard == [(b"1", False)]
    await house.look(1.0)
    assert socket.heard == [(b"1", False), (b"2", False)]
    assert publications(member)[-1]["data"] == 3
    assert socket.events == [BOUND]


@on_a_loop
async def test_it_is_told_where_something_may_have_been_missed() -> None:
    house = House()
    house.door.channels["a"] = type(KEPT)(keeping=Keeping(size=1, seconds=60))
    member = await house.reader()
    socket, _ = await house.bound()
    house.hub.disconnect("user", FORCE_RECONNECT, but="reader")
    for number in range(3):
        await house.publish(member, number)
    house.hub._channels._channels.pop("a")  # nothing is known here of before
    del house.hub._channels._followed["a"]
    await house.look(1.0)
    assert socket.events == [BOUND, ("bound", {"channel": "a", "recovered": False})]


@on_a_loop
async def test_who_is_taken_out_of_the_channel_stays_out() -> None:
    house = House()
    member = await house.client("member", "")
    await house.subscribed(member, "a")
    socket, binding = await house.bound()
    house.hub.unsubscribe("user", "a", UNSUBSCRIBED)
    await settle()
    binding.said(b"1", is_text=True, by=SERVICE)
    await house.look(60.0)
    await house.publish(member, 2)
    assert socket.heard == []
    assert socket.events == [BOUND, ("unbound", {"channel": "a", "code": 2000})]


@on_a_loop
async def test_a_connection_that_is_ended_for_good_ends_the_bond() -> None:
    house = House()
    socket, _ = await house.bound()
    house.hub.disconnect("user", FORCE_NO_RECONNECT)
    await house.look(60.0)
    assert [status for status, _ in socket.events] == ["bound", "unbound"]
    assert house.lobby == ["name-1 came by GET within", "name-1 went"]


@on_a_loop
async def test_with_a_new_token_it_goes_on_where_it_was() -> None:
    house = House()
    house.door.tokens["new"] = Admission(user="user")
    member = await house.reader()
    socket, binding = await house.bound()
    await house.publish(member, 1)
    house.door.tokens["t"] = TOKEN_EXPIRED
    house.hub.disconnect("user", FORCE_RECONNECT, but="reader")
    await house.look(1.0)
    await house.publish(member, 2)
    assert socket.events[-1] == ("unbound", {"channel": "a", "code": 109})
    socket.guest = Guest(socket.guest.exchange, None, b"new")
    binding.came_back()
    await house.look()
    assert socket.heard == [(b"1", False), (b"2", False)]
    assert socket.events[-1] == BOUND


@on_a_loop
async def test_the_token_of_the_request_is_shown_where_no_other_was() -> None:
    house = House()
    exchange = an_exchange(a_head())
    exchange.token = b"t"
    socket = Socket(Guest(exchange, None))
    house.bindings.bind("a", socket, serves=False)
    await house.look()
    assert socket.events == [BOUND]


@on_a_loop
async def test_a_client_that_does_not_keep_up_is_given_it_later() -> None:
    house = House()
    member = await house.reader()
    socket, binding = await house.bound()
    binding.may_write(may=False)
    await house.publish(member, 1)
    assert socket.heard == []
    binding.may_write(may=True)
    await settle()
    assert socket.heard == [(b"1", False)]


@on_a_loop
async def test_what_is_over_is_in_no_channel() -> None:
    house = House()
    member = await house.reader()
    socket, binding = await house.bound()
    binding.said(b"last", is_text=True, by=SERVICE)
    binding.over()
    binding.over()
    binding.said(b"1", is_text=True, by=CLIENT)
    binding.came_back()
    await house.publish(member, 2)
    assert (socket.heard, house.watched) == ([], [])
    assert house.lobby[-1] == "name-1 went"
    assert [one["data"] for one in publications(member)] == ["last", 2]


@on_a_loop
async def test_last_words_are_waited_for_only_so_long() -> None:
    house = House()
    socket, binding = await house.bound()
    house.store.is_away = True
    binding.said(b"1", is_text=True, by=SERVICE)
    binding.over()
    await settle()
    assert house.watched == [binding]
    await house.look(6.0)
    assert (house.watched, socket.events) == ([], [BOUND])


@on_a_loop
async def test_a_store_that_is_away_is_tried_again() -> None:
    house = House()
    house.store.is_away = True
    socket, binding = await house.bound()
    assert socket.events == []
    house.store.is_away = False
    for _ in range(4):
        await house.look(2.0)
    assert socket.events == [BOUND]
    binding.over()


@on_a_loop
async def test_it_answers_pings() -> None:
    house = House()
    socket, _ = await house.bound()
    for _ in range(8):
        await house.look(10.0)
    assert socket.events == [BOUND]


@on_a_loop
async def test_what_others_have_it_read_is_not_heard() -> None:
    house = House()
    house.door.channels["b"] = KEPT
    house.door.tokens["more"] = Admission(user="user", channels={"b": b""})
    socket, _ = await house.bound("more")
    member = await house.client("member")
    member.send({"id": 3, "publish": {"channel": "b", "data": 1}})
    await settle()
    assert (socket.events, socket.heard) == ([BOUND], [])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(("say", "serve", "member", "cut", "slow", "look")), st.integers(0, 2)
        )
    )
)
def test_whatever_happens_each_socket_hears_all_of_the_others_once_and_in_order(
    story: list[tuple[str, int]],
) -> None:
    asyncio.run(told(story))


async def happens(house: House, event: str, binding: Binding, number: int, member: Client) -> None:
    """Let one thing happen."""
    if event in ("say", "serve"):
        binding.said(b"%d" % number, is_text=True, by=CLIENT if event == "say" else SERVICE)
    elif event == "member":
        await house.publish(member, number)
    elif event == "cut":
        house.hub.disconnect("user", FORCE_RECONNECT, client=binding._id)
    elif event == "slow":
        binding.may_write(may=not binding._may_write)
    else:
        await house.look(0.6)


async def told(story: list[tuple[str, int]]) -> None:
    """Let it happen; then hold what each socket has heard against the channel's history."""
    house = House()
    member = await house.client("member", "")
    both = [await house.bound() for _ in range(3)]
    for number, (event, at) in enumerate(story):
        await happens(house, event, both[at][1], number, member)
    for _, binding in both:
        binding.may_write(may=True)
    for _ in range(6):
        await house.look(3.0)
    kept = house.store.kept["a"]
    assert len(kept) == sum(event in ("say", "serve", "member") for event, _ in story)
    for socket, binding in both:
        others = [one.data for one in kept if one.tags.get("socket") != binding._name]
        assert [data for data, _ in socket.heard] == others
    assert house.faults == []


# --- at another worker ---


@on_a_loop
async def test_a_place_that_is_taken_elsewhere_hears_what_was_said_on_the_way() -> None:
    house = House()
    member = await house.reader()
    socket, binding = await house.bound()
    await house.publish(member, 1)
    binding.said(b"mine", is_text=True, by=CLIENT)
    seats: list[Seat] = []
    binding.hand_over(seats.append)
    await settle()
    await house.publish(member, 2)
    assert (socket.heard, house.watched, len(seats)) == ([(b"1", False)], [], 1)
    there = Socket(socket.guest)
    again = house.bindings.bind("a", there, serves=False, seat=seats[0])
    await house.look()
    again.said(b"mine too", is_text=True, by=CLIENT)
    await settle()
    assert (there.heard, there.events) == ([(b"2", False)], [])
    assert [one["data"] for one in publications(member)] == [1, "mine", 2, "mine too"]


@on_a_loop
async def test_what_it_has_claimed_its_service_hears_before_it_is_taken() -> None:
    house = House()
    member = await house.reader()
    socket, binding = await house.bound(serves=True)
    member.send({"id": 9, "publish": {"channel": "a", "data": 1}})
    for _ in range(40 if not socket.heard else 0):
        await asyncio.sleep(0)
        if socket.heard:
            break
    seats: list[Seat] = []
    binding.hand_over(seats.append)
    assert seats == []
    await settle()
    assert (socket.served, len(seats)) == ([b"1"], 1)


@on_a_loop
async def test_what_cannot_be_published_in_time_is_told_and_it_is_taken() -> None:
    house = House()
    socket, binding = await house.bound()
    house.store.is_away = True
    binding.said(b"1", is_text=True, by=SERVICE)
    seats: list[Seat] = []
    binding.hand_over(seats.append)
    await settle()
    assert seats == []
    await house.look(1.5)
    assert len(seats) == 1
    assert socket.events == [BOUND, ("unshared", {"channel": "a", "code": 100})]

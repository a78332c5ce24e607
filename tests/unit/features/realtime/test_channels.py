"""The channels of a worker: followed once, kept up with the store, and left after a while."""

import asyncio

import pytest

from tests.helpers.hub_house import KEEPING, KEPT, on_a_loop, settle
from tests.helpers.memory_broker import MemoryBroker, MemoryStore
from tta_gateway.features.realtime.broker import Away, Stored
from tta_gateway.features.realtime.channels import LINGERS, Channels
from tta_gateway.features.realtime.publication import Position, Publication


class Yard:
    """Channels over a store in memory."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.broker = MemoryBroker(self.store)
        self.faults: list[str] = []
        self.channels = Channels(
            self.broker,
            dirty=[],
            ended=lambda _: None,
            wrote=lambda: None,
            died=lambda name, error: self.faults.append(f"{name}: {error!r}"),
        )
        self.broker.listener = self

    def published(self, channel: str, publication: Publication, top: Position) -> None:
        found = self.channels.find(channel)
        assert found is not None
        found.published(publication, top)
        self.channels.look_after(found)

    def joined(self, *_: object) -> None:
        raise AssertionError

    left = joined

    def lost(self) -> None:
        self.channels.lost()


@on_a_loop
async def test_those_who_come_together_follow_a_channel_once() -> None:
    yard = Yard()
    channel = yard.channels.made("a", KEPT)
    assert yard.channels.made("a", KEPT) is channel
    assert not yard.channels.is_followed(channel)
    first, second = await asyncio.gather(
        yard.channels.places({channel: None}), yard.channels.places({channel: Position(0, "")})
    )
    assert yard.channels.is_followed(channel)
    assert yard.broker.asked.count("follow") == 1
    assert (first[channel].recovered, second[channel].recovered) == (False, True)
    assert channel.joining == 0


@on_a_loop
async def test_a_channel_that_could_not_be_followed_is_followed_by_the_next() -> None:
    yard = Yard()
    channel = yard.channels.made("a", KEPT)
    yard.store.is_away = True
    with pytest.raises(Away):
        await yard.channels.places({channel: None})
    assert not yard.channels.is_followed(channel)
    yard.store.is_away = False
    assert await yard.channels.places({channel: None})
    assert yard.faults == []


@on_a_loop
async def test_a_fault_of_ours_is_told_and_those_who_wait_hear_that_nobody_was_asked() -> None:
    yard = Yard()

    async def broken(_: str) -> None:
        raise KeyError("a")

    yard.broker.follow = broken  # type: ignore[method-assign, assignment]
    with pytest.raises(Away, match="not asked"):
        await yard.channels.places({yard.channels.made("a", KEPT): None})
    await settle()
    assert yard.faults == ["realtime follow: KeyError('a')"]


@on_a_loop
async def test_a_store_that_does_not_hold_still_gives_no_place() -> None:
    yard = Yard()
    epochs = iter(range(100))

    async def restless(_: str, **__: object) -> Stored:
        return Stored((), Position(0, str(next(epochs))))

    yard.broker.history = restless  # type: ignore[method-assign, assignment]
    channel, other = yard.channels.made("a", KEPT), yard.channels.made("b", KEPT)
    assert await yard.channels.places({channel: None})
    assert await yard.channels.places({other: None})
    channel.is_behind = channel.is_reading = True  # by somebody who never ends
    with pytest.raises(Away, match="hold still"):
        await yard.channels.places({channel: None})


@on_a_loop
async def test_a_fault_while_a_channel_is_read_leaves_it_to_be_read_again() -> None:
    yard = Yard()
    channel = yard.channels.made("a", KEPT)
    await yard.channels.places({channel: None})
    answers = yard.broker.history

    async def broken(_: str, **__: object) -> Stored:
        raise KeyError("a")

    yard.broker.history = broken  # type: ignore[method-assign, assignment]
    yard.channels.lost()
    await settle()
    assert yard.faults == ["realtime catch up: KeyError('a')"]
    yard.broker.history = answers  # type: ignore[method-assign]
    yard.broker.followed.clear()
    yard.store.put("a", b"1", KEEPING)
    yard.channels.lost()
    await settle()
    assert channel.position == Position(1, "1")


@on_a_loop
async def test_very_many_channels_are_looked_at_some_at_a_time() -> None:
    yard = Yard()
    channels = [yard.channels.made(str(number), KEPT) for number in range(40)]
    await yard.channels.places(dict.fromkeys(channels))
    yard.broker.asked.clear()
    yard.channels.lost()
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # a whole settling may take as long as the pause
    assert yard.broker.asked.count("history") == 32
    for _ in range(1000):
        if yard.broker.asked.count("history") == 40:
            break
        await asyncio.sleep(0.001)
    assert yard.broker.asked.count("history") == 40
    assert repr(yard.channels) == "<40 channels>"
    assert yard.channels.each() == channels


@on_a_loop
async def test_a_channel_that_nobody_reads_is_left_after_a_while() -> None:
    yard = Yard()
    channel = yard.channels.made("a", KEPT)
    never = yard.channels.made("never followed", KEPT)
    await yard.channels.places({channel: None})
    yard.channels.tidy(1.0)
    yard.channels.tidy(1.0 + LINGERS / 2)
    assert yard.channels.each() == [channel, never]
    channel.joining = 1
    yard.channels.tidy(1.0 + LINGERS)
    assert yard.channels.each() == [channel]
    channel.joining = 0
    yard.channels.tidy(1.0 + 2 * LINGERS)
    assert yard.channels.each() == []
    assert yard.broker.followed == set()


@on_a_loop
async def test_of_very_many_that_nobody_reads_only_some_are_followed_on() -> None:
    yard = Yard()
    for number in range(1500):
        yard.channels.made(str(number), KEPT)
        if number == 700:
            yard.channels.tidy(1.0)
            await settle()
    last = yard.channels.made("700", KEPT)
    last.joining = 1
    yard.channels.tidy(2.0)
    yard.channels.tidy(2.0)  # the one before is not through yet
    await settle()
    left = yard.channels.each()
    assert len(left) == 1001
    assert {each.name for each in left} >= {"700", *map(str, range(701, 1500))}


@on_a_loop
async def test_a_look_that_was_in_vain_is_repeated() -> None:
    yard = Yard()
    channel = yard.channels.made("a", KEPT)
    await yard.channels.places({channel: None})
    channel.joining = 1
    yard.broker.followed.clear()
    yard.store.put("a", b"1", KEEPING)
    yard.store.is_away = True
    yard.channels.lost()
    await settle()
    yard.channels.tidy(2.0)
    await settle()
    assert channel.position.offset == 0
    yard.store.is_away = False
    yard.channels.tidy(3.0)
    await settle()
    assert channel.position.offset == 1
    yard.broker.asked.clear()
    yard.channels.tidy(4.0)
    await settle()
    assert yard.broker.asked == []


@on_a_loop
async def test_what_was_published_long_ago_is_read_again() -> None:
    yard = Yard()
    channel = yard.channels.made("a", KEPT)
    await yard.channels.places({channel: None})
    yard.store.put("a", b"1", KEEPING)
    await settle()
    assert channel.place(Position(0, ""), None) is not None
    for now in (20.0, 30.0, 36.0):
        channel.joining = 1
        yard.channels.tidy(now)
    assert channel.place(Position(0, ""), None) is None


@on_a_loop
async def test_a_channel_that_was_left_is_read_no_more() -> None:
    yard = Yard()
    channel = yard.channels.made("a", KEPT)
    await yard.channels.places({channel: None})
    yard.store.is_away = True
    channel.is_behind = True
    yard.channels.look_after(channel)
    yard.channels.tidy(1.0)
    yard.channels.tidy(1.0 + LINGERS)
    await settle()
    assert not channel.is_reading
    assert yard.faults == []


@on_a_loop
async def test_of_very_many_channels_only_so_much_is_read() -> None:
    """Red where all that was missed in each is held at once."""
    yard = Yard()
    wanted = {}
    for number in range(40):
        name = f"ch{number}"
        for _ in range(4):
            yard.store.put(name, b"x" * 65_000, KEEPING)
        wanted[yard.channels.made(name, KEPT)] = Position(0, "")
    places = await yard.channels.places(wanted)
    recovered = [each.name for each, place in places.items() if place.recovered]
    assert recovered == [f"ch{number}" for number in range(17)]  # four MiB
    assert {place.offset for place in places.values()} == {4}

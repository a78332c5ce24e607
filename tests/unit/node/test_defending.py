"""Control's part of the shield, and a store of all nodes that can be away."""

import asyncio
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.shield.bound import SECTION, Block, Blocks, ShieldBound
from tta_gateway.features.shield.store import Away
from tta_gateway.node.defending import Defending, Outside
from tta_gateway.node.sections import Sections
from tta_gateway.support.bus import Bus
from tta_gateway.support.metrics import Registry

HOSTILE = "192.0.2.7"


class MemoryStore:
    """Blocks of all nodes, in memory."""

    def __init__(self) -> None:
        self.held: dict[str, Block] = {}
        self.lifted: dict[str, float] = {}
        self.is_away = False

    def _ask(self) -> None:
        if self.is_away:
            raise Away("nobody answers")

    async def share(self, blocks: list[Block], now: float) -> None:
        self._ask()
        self.held |= {one.source: one for one in blocks if one.until > now}

    async def lift(self, source: str, now: float) -> None:
        self._ask()
        self.held.pop(source, None)
        self.lifted[source] = now

    async def taken(self, now: float) -> tuple[list[Block], dict[str, float]]:
        self._ask()
        return [one for one in self.held.values() if one.until > now], self.lifted


class Node:
    """A node's control, as far as it defends."""

    def __init__(self, store: MemoryStore, clock: FakeClock) -> None:
        self.told: dict[str, msgspec.Struct | None] = {}
        self.lines: list[str] = []
        self.bans: list[str] = []
        here = cast("Any", self)
        self.defending = Defending(
            Outside(here, Bus(), here, clock),
            client=cast("Any", None),
            shelf=here,
            counts=Registry(),
            monotonic=clock.monotonic,
        )
        self.defending.store = store
        self.defending._is_shared = True
        self.defending.banning._patience = 0.001
        self.defending.shield.adopt(ShieldBound())

    def put(self, name: str, finding: msgspec.Struct | None) -> None:
        self.told[name] = finding

    def event(self, name: str, **_: object) -> None:
        self.lines.append(name)

    @property
    def is_open(self) -> bool:
        return bool(self.bans)

    def open(self) -> None:
        self.bans.append("opened")

    def store(self) -> "Node":
        return self

    async def ban(self, block: Block) -> None:
        self.bans.append(f"ban {block.source}")

    async def lift(self, source: str, *, at: float, by: str) -> None:
        self.bans.append(f"lift {source} {by} {at:.0f}")

    async def lasting(self, now: float, *, most: int) -> list[Block]:
        return [one for one in self.defending.blocks() if one.until > now][:most]

    def blocked(self) -> list[str]:
        asyncio.run(self.defending.exchange())
        return [one.source for one in self.defending.blocks()]


def two() -> tuple[MemoryStore, FakeClock, Node, Node]:
    store, clock = MemoryStore(), FakeClock()
    return store, clock, Node(store, clock), Node(store, clock)


def keep_out(node: Node, source: str = HOSTILE) -> Block:
    work = node.defending.keep_out(source, lasts=60.0, cause="a", by="admin")
    return asyncio.run(work)


def test_what_one_node_blocks_all_do_until_it_ends() -> None:
    _, clock, here, there = two()
    keep_out(here)
    assert here.blocked() == there.blocked() == [HOSTILE]
    clock.advance(61.0)
    assert here.blocked() == there.blocked() == []


def test_whoever_is_let_in_at_one_node_is_at_all() -> None:
    _, clock, here, there = two()
    keep_out(here)
    assert here.blocked() == there.blocked() == [HOSTILE]
    clock.advance(1.0)
    assert asyncio.run(there.defending.let_in(HOSTILE, by="admin"))
    assert here.blocked() == there.blocked() == []


def test_without_the_store_each_node_goes_by_its_own_and_tells_later() -> None:
    store, clock, here, there = two()
    store.is_away = True
    keep_out(here)
    assert here.blocked() == [HOSTILE]
    assert here.blocked() == [HOSTILE]
    assert there.blocked() == []
    assert here.lines.count("shield_not_shared") == 1
    store.is_away = False
    assert here.blocked() == there.blocked() == [HOSTILE]
    store.is_away = True
    clock.advance(1.0)
    asyncio.run(here.defending.let_in(HOSTILE, by="admin"))
    assert there.blocked() == [HOSTILE]
    store.is_away = False
    assert here.blocked() == there.blocked() == []


def test_where_nothing_is_shared_no_store_is_asked() -> None:
    store, _, here, _ = two()
    store.is_away = True
    here.defending._is_shared = False
    keep_out(here)
    rounds = 0

    async def rest(_: float) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            raise asyncio.CancelledError

    async def work() -> None:
        try:
            await here.defending.run(rest)
        except asyncio.CancelledError:
            return

    asyncio.run(work())
    assert asyncio.run(here.defending.let_in(HOSTILE, by="admin"))
    assert here.lines == ["shield_block_set", "shield_block_lifted"]


def test_the_next_control_goes_on_with_what_was_kept() -> None:
    _, clock, here, _ = two()
    block = Block(source=HOSTILE, since=clock.wall(), until=clock.wall() + 60.0)
    raw = msgspec.Raw(msgspec.msgpack.encode(Blocks(blocks=(block,))))
    sections = Sections(cast("Any", here))
    here.defending.recover({SECTION: raw}, sections)
    assert here.defending.blocks() == [block]
    here.defending.recover({SECTION: msgspec.Raw(b"\x01")}, sections)
    assert here.lines == ["finding_not_read"]
    assert here.defending.suspects(5) == []


def test_what_administrators_say_is_written() -> None:
    _, clock, here, _ = two()
    block = keep_out(here)
    assert not here.defending.is_kept(block)
    asyncio.run(here.defending.banning.look())
    assert here.defending.is_kept(block)
    assert here.defending.is_read()
    asyncio.run(here.defending.let_in(HOSTILE, by="admin"))
    asyncio.run(here.defending.banning.look())
    assert here.bans == ["opened", f"ban {HOSTILE}", f"lift {HOSTILE} admin {clock.wall():.0f}"]


def test_whatever_becomes_of_an_exchange_blocks_end_and_workers_are_told() -> None:
    _, clock, here, _ = two()
    keep_out(here)
    clock.advance(61.0)

    class Fault(Exception):
        """One of ours."""

    async def taken(_: float) -> tuple[list[Block], dict[str, float]]:
        raise Fault

    here.defending.store.taken = taken  # type: ignore[method-assign, assignment]  # as if it were of elsewhere
    with pytest.raises(Fault):
        asyncio.run(here.defending.run())
    assert here.defending.blocks() == []


def test_of_two_who_tell_that_somebody_is_let_in_neither_takes_anothers_word() -> None:
    store, _, here, _ = two()
    keep_out(here)
    lift = store.lift

    async def slowly(source: str, now: float) -> None:
        await asyncio.sleep(0)
        await lift(source, now)

    store.lift = slowly  # type: ignore[method-assign]  # so that two are under way

    async def work() -> None:
        let_in = here.defending.let_in
        await asyncio.gather(let_in(HOSTILE, by="admin"), here.defending.exchange())

    asyncio.run(work())
    assert list(store.lifted) == [HOSTILE]
    assert here.blocked() == []

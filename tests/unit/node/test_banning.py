"""What administrators say, and a database that is opened late, is away, or comes back."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgspec

from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.shield.bound import Block, ShieldBound
from tta_gateway.features.shield.service import Shield
from tta_gateway.features.shield.store import Away, BanStore
from tta_gateway.kernel.events import BanChanged, Event
from tta_gateway.node import banning
from tta_gateway.node.banning import (
    MOST_OWED,
    SECTION,
    Banning,
    DatabaseShelf,
    bans_of,
    has_file,
)
from tta_gateway.node.databases import Databases
from tta_gateway.node.sections import Sections
from tta_gateway.support.metrics import Registry
from tta_gateway.support.sql.away import Unavailable

HOSTILE = "192.0.2.7"
OTHER = "192.0.2.8"


def quietly() -> None:
    """Do nothing."""


class Kept:
    """What stands in a database, and whether it answers."""

    def __init__(self) -> None:
        self.bans: dict[str, Block] = {}
        self.over: set[tuple[str, float]] = set()
        self.said: list[str] = []
        self.is_away = False
        self.meanwhile: Callable[[], None] = quietly

    def _ask(self) -> None:
        if self.is_away:
            raise Away("nobody answers")

    async def ban(self, block: Block) -> None:
        self._ask()
        self.said.append(f"ban {block.source}")
        self.bans[block.source] = block
        self.meanwhile()

    async def lift(self, source: str, *, at: float, by: str) -> None:
        self._ask()
        self.said.append(f"lift {source} {at:.0f} {by}")
        was = self.bans.pop(source, None)
        if was is not None:
            self.over.add((source, was.since))

    async def lasting(self, now: float, *, most: int) -> list[Block]:
        self._ask()
        return [one for one in self.bans.values() if one.until > now][:most]

    async def lifted(self, blocks: list[Block]) -> list[str]:
        self._ask()
        return [one.source for one in blocks if (one.source, one.since) in self.over]


class Node:
    """A node's control, as far as administrators have a word in it."""

    def __init__(self, kept: Kept, clock: FakeClock, *, is_open: bool = True) -> None:
        self.kept = kept
        self.clock = clock
        self.wall = clock.wall
        self.is_open = is_open
        self.live: dict[str, msgspec.Raw] = {}
        self.lines: list[tuple[object, ...]] = []
        self.events: list[Event] = []
        here = cast("Any", self)
        self.shield = Shield(here, Registry())
        self.banning = Banning(here, self.shield, here, monotonic=clock.monotonic, patience=0.001)
        self.adopt()

    def adopt(self, **bound: object) -> None:
        self.shield.adopt(ShieldBound(**cast("Any", bound)))
        self.banning.adopt()

    # The rest of control

    def put(self, name: str, finding: msgspec.Struct | None) -> None:
        self.live.pop(name, None)
        if finding is not None:
            self.live[name] = msgspec.Raw(msgspec.msgpack.encode(finding))

    def publish(self, event: Event) -> None:
        self.events.append(event)

    def event(self, name: str, **fields: object) -> None:
        self.lines.append((name, *fields.values()))

    def state(self) -> tuple[bool, bool]:
        """Whether the database is open, and whether it is known who was kept out before."""
        return self.is_open, self.banning.is_known

    def names(self) -> list[object]:
        return [line[0] for line in self.lines]

    # The shelf

    def open(self) -> None:
        self.is_open = True

    def store(self) -> BanStore:
        return self.kept

    # What tests do

    def ban(self, source: str = HOSTILE, lasts: float = 600.0) -> Block:
        made = self.shield.block(source, lasts=lasts, cause="asked to", by="ada")
        self.banning.ban(made)
        return made

    def lift(self, source: str = HOSTILE) -> None:
        self.shield.lift(source, by="ada")
        self.banning.lift(source, by="ada")

    def look(self) -> None:
        asyncio.run(self.banning.look())

    def blocked(self) -> list[str]:
        return sorted(one.source for one in self.shield.blocks())


def a_node(*, is_open: bool = True) -> Node:
    return Node(Kept(), FakeClock(), is_open=is_open)


def test_a_ban_is_written_and_the_next_gateway_goes_on_with_it() -> None:
    node = a_node()
    made = node.ban()
    assert not node.banning.is_kept(made)
    assert node.state() == (True, False)
    node.look()
    assert node.banning.is_kept(made)
    assert node.state() == (True, True)
    again = Node(node.kept, node.clock)
    again.look()
    assert again.shield.blocks() == [made]
    assert again.banning.is_kept(made)
    assert again.lines == [("shield_bans_read", 1)]
    node.clock.advance(600.0)
    late = Node(node.kept, node.clock)
    late.look()
    assert (late.blocked(), late.lines) == ([], [])


def test_what_the_gateway_has_found_out_is_not_written() -> None:
    node = a_node()
    now = node.wall()
    found = Block(source=OTHER, since=now, until=now + 60.0)
    node.shield.merge([found], {})
    node.look()
    assert node.kept.said == []
    assert not node.banning.is_kept(found)


def test_who_is_let_in_stays_in() -> None:
    node = a_node()
    node.ban()
    node.look()
    node.clock.advance(1.0)
    node.lift()
    node.look()
    assert node.kept.said == [f"ban {HOSTILE}", f"lift {HOSTILE} {node.wall():.0f} ada"]
    again = Node(node.kept, node.clock)
    again.look()
    assert again.blocked() == []


def test_each_word_is_an_event_of_who_said_it_and_why() -> None:
    node = a_node()
    made = node.ban()
    node.lift()
    now = node.wall()
    assert node.events == [
        BanChanged(
            step="set", source=HOSTILE, until=made.until, cause="asked to", by="ada", at=now
        ),
        BanChanged(step="lifted", source=HOSTILE, by="ada", at=now),
    ]


def test_a_database_that_nobody_needs_is_opened_with_the_first_word() -> None:
    node = a_node(is_open=False)
    node.look()
    node.lift()  # nothing can stand there
    node.look()
    assert node.state() == (False, True)
    node.ban()
    assert node.banning.is_needed
    node.look()
    assert node.state() == (True, True)
    assert node.kept.bans.keys() == {HOSTILE}


def test_what_is_said_while_the_database_is_away_counts_and_is_written_later() -> None:
    node = a_node()
    node.kept.is_away = True
    for _ in range(3):
        node.look()
        node.clock.advance(4.0)
    assert node.lines == [("shield_bans_away", "nobody answers", False, 0)]
    made = node.ban()
    asyncio.run(node.banning.wait())
    node.ban(OTHER)
    node.lift(OTHER)
    node.look()
    assert node.blocked() == [HOSTILE]
    assert not node.banning.is_kept(made)
    # Control dies, and the next one goes on with it.
    heir = Node(node.kept, node.clock)
    heir.banning.recover(node.live, Sections(cast("Any", heir)))
    heir.kept.is_away = False
    heir.look()
    assert node.kept.said[:2] == [f"ban {HOSTILE}", f"ban {OTHER}"]
    assert node.kept.said[2].startswith(f"lift {OTHER}")
    assert heir.blocked() == [HOSTILE]
    assert heir.live.keys() == {"shield/blocks"} or SECTION not in heir.live


def test_a_word_from_before_the_list_is_read_stands_against_it() -> None:
    node = a_node()
    node.ban()
    node.look()
    again = Node(node.kept, node.clock)
    again.kept.is_away = True
    again.look()
    again.clock.advance(1.0)
    again.lift()
    again.kept.is_away = False
    again.look()
    assert again.blocked() == []
    assert again.kept.bans == {}


def test_what_a_gateway_of_before_has_kept_elsewhere_is_written_too() -> None:
    node = a_node()
    made = node.shield.block(HOSTILE, lasts=60.0, cause="a", by="ada")
    node.look()
    assert node.kept.bans == {HOSTILE: made}
    assert node.banning.is_kept(made)


def test_whom_another_node_has_let_in_meanwhile_is_let_in() -> None:
    """Red where what a control remembers of before its start stands against the database."""
    node = a_node()
    made = node.ban()
    node.look()
    asyncio.run(node.kept.lift(HOSTILE, at=node.wall(), by="ben"))
    again = Node(node.kept, node.clock)
    again.shield.merge([made], {})  # as the control before it has left it
    assert again.blocked() == [HOSTILE]
    again.look()
    assert (again.blocked(), again.kept.bans) == ([], {})
    assert again.banning.is_known


def test_whom_the_database_has_let_in_can_be_kept_out_anew() -> None:
    node = a_node()
    node.ban()
    node.look()
    asyncio.run(node.kept.lift(HOSTILE, at=node.wall(), by="ben"))
    node.clock.advance(5.0)
    again = Node(node.kept, node.clock)
    anew = again.shield.block(HOSTILE, lasts=60.0, cause="a", by="ada")
    again.look()
    again.look()
    assert (again.blocked(), again.kept.bans) == ([HOSTILE], {HOSTILE: anew})


def test_a_shield_that_is_turned_on_again_reads_again() -> None:
    node = a_node()
    node.ban()
    node.look()
    node.adopt(enabled=False)
    assert node.blocked() == []
    assert node.state() == (True, True)
    node.look()
    assert node.blocked() == []
    node.adopt()
    assert node.state() == (True, False)
    node.look()
    assert node.blocked() == [HOSTILE]


def test_what_is_owed_is_bounded_and_made_up_for() -> None:
    node = a_node()
    node.look()
    node.kept.is_away = True
    for one in range(MOST_OWED + 1):
        node.ban(f"10.0.{one // 250}.{one % 250}")
    assert node.names().count("shield_ban_not_kept") == 1
    node.kept.is_away = False
    node.look()
    assert len(node.kept.bans) == MOST_OWED + 1


def test_what_is_given_up_while_it_is_written_takes_no_other_with_it() -> None:
    node = a_node()
    node.ban()

    def flooded() -> None:
        node.kept.meanwhile = quietly
        for one in range(MOST_OWED):
            node.ban(f"10.0.{one // 250}.{one % 250}")

    node.kept.meanwhile = flooded
    node.look()
    assert len(node.kept.bans) == MOST_OWED + 1


def test_it_is_looked_at_for_ever() -> None:
    node = a_node()
    node.ban()

    async def rest(_: float) -> None:
        raise asyncio.CancelledError

    async def work() -> None:
        try:
            await node.banning.run(rest)
        except asyncio.CancelledError:
            await node.banning.wait()

    asyncio.run(work())
    assert node.kept.said == [f"ban {HOSTILE}"]


def test_the_database_of_control_is_the_shelf(tmp_path: Path) -> None:
    databases = Databases(cast("Any", None))
    opened: list[bool] = []
    shelf = DatabaseShelf(databases, lambda: opened.append(True), bans_of)
    was_open = shelf.is_open
    shelf.open()
    assert opened == [True]
    try:
        shelf.store()
    except Unavailable:
        databases._wanted = databases._url = cast("Any", "here")
        databases._database = cast("Any", object())
    assert (was_open, shelf.is_open) == (False, True)
    assert shelf.store() is not shelf.store()
    assert not has_file(str(tmp_path))
    (tmp_path / "gateway.sqlite3").touch()
    assert has_file(str(tmp_path))
    assert banning.PATIENCE < 10.0  # as long as the command waits (node/admin_client.py)


def test_of_too_many_words_a_lift_is_not_given_up() -> None:
    """Nobody would be let in again who was, once the database is back."""
    node = a_node()
    node.ban()
    node.look()
    node.kept.is_away = True
    node.lift()
    for one in range(MOST_OWED):
        node.ban(f"10.0.{one // 250}.{one % 250}")
    node.kept.is_away = False
    node.clock.advance(120.0)
    node.look()
    assert HOSTILE not in node.kept.bans
    assert HOSTILE not in node.blocked()


def test_a_reason_holds_nothing_that_a_database_would_not_keep() -> None:
    node = a_node()
    made = node.shield.block(HOSTILE, lasts=60.0, cause="a\0b", by="ada")
    node.banning.ban(made)
    node.look()
    assert node.kept.bans[HOSTILE].cause == "a b"

"""Control's part, by a clock that stands still until a test moves it."""

import msgspec

from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.shield.bound import SECTION, Block, Blocks, ShieldBound
from tta_gateway.features.shield.service import MOST, Shield
from tta_gateway.kernel.events import AttackChanged, Event, SourceBlocked, SourceSeen, SourcesSeen
from tta_gateway.support.metrics import Registry

HOSTILE = "192.0.2.7"


class Outside:
    """What the shield says to the rest of control."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.wall = self.clock.wall
        self.told: list[Blocks | None] = []
        self.events: list[Event] = []
        self.lines: list[str] = []

    def put(self, name: str, finding: msgspec.Struct | None) -> None:
        assert name == SECTION
        assert finding is None or isinstance(finding, Blocks)
        self.told.append(finding)

    def publish(self, event: Event) -> None:
        self.events.append(event)

    def event(self, name: str, **_: object) -> None:
        self.lines.append(name)

    def attacks(self) -> list[str]:
        return [one.state for one in self.events if isinstance(one, AttackChanged)]


def house(**bound: object) -> tuple[Shield, Outside]:
    outside = Outside()
    shield = Shield(outside, Registry())
    shield.adopt(msgspec.structs.replace(ShieldBound(), **bound))
    return shield, outside


def seen(points: float, source: str = HOSTILE, malformed: float = 1.0) -> SourcesSeen:
    one = SourceSeen(source=source, counts=(0.0, 0.0, malformed, 0.0, 0.0, 0.0), points=points)
    return SourcesSeen(seen=(one,), at=0.0, by="worker 1")


def struck(outside: Outside, source: str = HOSTILE, strikes: int = 1) -> SourceBlocked:
    now = outside.wall()
    return SourceBlocked(
        source=source, until=now + 60.0, strikes=strikes, cause="a", at=now, by="worker 1"
    )


def test_what_many_workers_see_a_part_of_is_added_up() -> None:
    shield, outside = house()
    for _ in range(4):
        shield.hear(seen(24.0, malformed=6.0))
    assert shield.blocks() == []
    assert shield.suspects(5) == [(HOSTILE, 96.0, "24 malformed")]
    shield.hear(seen(4.0))
    (block,) = shield.blocks()
    assert (block.source, block.strikes, block.cause) == (HOSTILE, 1, "25 malformed")
    assert block.until == outside.wall() + 60.0
    shield.tick()
    assert outside.told[-1] == Blocks(blocks=(block,))


def test_a_network_is_added_up_more_leniently() -> None:
    shield, _ = house()
    shield.hear(seen(799.0, "192.0.2.0/24"))
    assert shield.blocks() == []
    shield.hear(seen(2.0, "192.0.2.0/24"))
    assert [one.source for one in shield.blocks()] == ["192.0.2.0/24"]


def test_what_a_worker_blocks_all_do_and_longer_each_time() -> None:
    shield, outside = house()
    lasted = []
    for _ in range(3):
        shield.hear(struck(outside))
        shield.hear(struck(outside))  # another worker, at the same time
        (block,) = shield.blocks()
        lasted.append(block.until - outside.wall())
        outside.clock.advance(block.until - outside.wall() + 1.0)
        shield.tick()
        assert shield.blocks() == []
    assert lasted == [60.0, 120.0, 240.0]
    assert shield.blocks() == []
    assert outside.told[-1] is None


def test_a_worker_that_knows_of_more_blocks_is_believed() -> None:
    shield, outside = house()
    shield.hear(struck(outside, strikes=4))
    assert shield.blocks()[0].until == outside.wall() + 480.0


def test_who_is_allowed_is_not_blocked_and_let_in_when_the_list_grows() -> None:
    shield, outside = house(allowed=("198.51.100.0/24",))
    shield.hear(struck(outside, "198.51.100.7"))
    shield.hear(seen(1000.0, "198.51.100.8"))
    assert shield.blocks() == []
    shield.hear(struck(outside))
    shield.adopt(msgspec.structs.replace(ShieldBound(), allowed=("192.0.2.0/24",)))
    assert shield.blocks() == []
    shield.tick()
    assert outside.told[-1] == Blocks(lifted={HOSTILE: outside.wall()})


def test_the_list_of_who_is_allowed_does_not_stand_against_a_person_s_word() -> None:
    shield, _ = house()
    block = shield.block(HOSTILE, lasts=10.0, cause="asked to", by="admin")
    shield.adopt(msgspec.structs.replace(ShieldBound(), allowed=("192.0.2.0/24",)))
    assert shield.blocks() == [block]


def test_what_was_kept_out_by_hand_before_is_so_again_unless_it_was_let_in_since() -> None:
    shield, outside = house()
    now = outside.wall()
    bans = [
        Block(source=HOSTILE, since=now - 60.0, until=now + 60.0, by="ada"),
        Block(source=HOSTILE, since=now - 50.0, until=now + 50.0, by="ada"),
        Block(source="192.0.2.8", since=now - 60.0, until=now, by="ada"),
        Block(source="192.0.2.9", since=now - 60.0, until=now + 60.0, by="ada"),
    ]
    shield.lift("192.0.2.9", by="eve")
    shield.restore(bans)
    assert shield.blocks() == [bans[1]]
    shield.restore(bans[:1])
    assert shield.blocks() == [bans[1]]


def test_where_it_is_off_nobody_is_blocked() -> None:
    shield, outside = house()
    shield.hear(struck(outside))
    was_on = shield.is_on
    shield.adopt(ShieldBound(enabled=False))
    assert (was_on, shield.is_on) == (True, False)
    shield.hear(struck(outside, "198.51.100.7"))
    assert shield.blocks() == []


def test_administrators_hear_of_an_attack_once_and_of_its_end() -> None:
    shield, outside = house()
    for one in range(500):
        shield.hear(struck(outside, f"10.0.{one // 250}.{one % 250}"))
    for _ in range(200):
        outside.clock.advance(0.5)
        shield.tick()
    states = outside.attacks()
    assert states[0] == "begun"
    assert states[-1] == "over"
    assert set(states[1:-1]) == {"goes_on"}
    last = outside.events[-1]
    assert isinstance(last, AttackChanged)
    assert last.sources == 500
    assert last.cause.startswith("500 blocked: 10.0.0.0 (a); ")


def test_an_administrator_keeps_somebody_out_and_lets_them_in() -> None:
    shield, outside = house()
    block = shield.block(HOSTILE, lasts=10.0, cause="asked to", by="admin")
    assert outside.told[-1] == Blocks(blocks=(block,))
    shield.hear(struck(outside))
    shield.hear(seen(500.0))
    assert shield.blocks() == [block]
    assert outside.attacks() == []
    assert [shield.lift(HOSTILE, by="admin") for _ in range(2)] == [True, False]
    assert outside.told[-1] == Blocks(lifted={HOSTILE: outside.wall()})
    outside.clock.advance(60.0)
    shield.tick()
    assert outside.told[-1:] == [None]
    assert outside.lines == ["shield_block_set", "shield_block_lifted", "shield_block_lifted"]


def test_what_a_control_before_this_one_has_kept_goes_on() -> None:
    shield, outside = house()
    block = Block(source=HOSTILE, since=outside.wall(), until=outside.wall() + 5.0)
    shield.recover(Blocks(blocks=(block,), lifted={"192.0.2.9": outside.wall()}))
    assert shield.blocks() == [block]
    outside.clock.advance(5.0)
    shield.tick()
    assert shield.blocks() == []


def test_what_other_nodes_block_is_blocked_here() -> None:
    shield, outside = house(allowed=("198.51.100.0/24",))
    now = outside.wall()
    other = Block(source=HOSTILE, since=now, until=now + 60.0)
    allowed = Block(source="198.51.100.7", since=now, until=now + 60.0)
    over = Block(source="192.0.2.9", since=now - 60.0, until=now)
    for _ in range(2):
        shield.merge([other, allowed, over], {})
    assert shield.blocks() == [other]
    assert shield.unshared == {}
    shield.merge([], {HOSTILE: now + 1.0, "192.0.2.10": now})
    assert shield.blocks() == []
    shield.merge([other], {})  # of before it was let in
    assert shield.blocks() == []


def test_there_are_never_more_blocks_than_workers_can_be_told() -> None:
    shield, outside = house()
    by_hand = shield.block("192.0.2.0/24", lasts=1.0, cause="a", by="admin")
    for one in range(MOST + 10):
        shield.hear(struck(outside, f"10.0.{one // 250}.{one % 250}"))
    assert len(shield.blocks()) == MOST
    assert by_hand in shield.blocks()

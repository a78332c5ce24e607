"""A worker's ward: what control tells it, and what it tells control."""

from typing import Any, cast

import msgspec
import pytest

from tests.helpers.builders import a_head, a_peer, an_exchange
from tests.helpers.fake_clock import FakeClock
from tests.helpers.fake_loop import FakeLoop
from tta_gateway.features.identity.access_cookie import AccessCookie
from tta_gateway.features.identity.bound import CookieBound
from tta_gateway.features.identity.open_streams import OpenStreams
from tta_gateway.features.identity.policy import Identity
from tta_gateway.features.shield.algorithm import BLOCKED, MALFORMED, NONE
from tta_gateway.features.shield.bound import SECTION, Block, Blocks, ShieldBound
from tta_gateway.features.shield.ward import KNOWN_ONE, NOBODY, UNPROVED
from tta_gateway.kernel.events import Event, SourceBlocked, SourcesSeen
from tta_gateway.kernel.message import Fields
from tta_gateway.kernel.peer import Shown, Trust
from tta_gateway.kernel.principal import Principal
from tta_gateway.node.sections import Sections
from tta_gateway.node.shielding import Shielding
from tta_gateway.support.metrics import Registry

HOSTILE = "192.0.2.7"


class House:
    """The ward of a worker, whom the test hears."""

    def __init__(self, loop: FakeLoop) -> None:
        self.clock = FakeClock()
        self.told: list[Event] = []
        self.shielding = Shielding(
            Registry(), loop.real, clock=self.clock, sections=Sections(cast("Any", None))
        )
        self.shielding.tell = self.told.append
        self.shielding.ward.adopt(ShieldBound())

    def follow(self, blocks: Blocks | None) -> None:
        live = {}
        if blocks is not None:
            live[SECTION] = msgspec.Raw(msgspec.msgpack.encode(blocks))
        self.shielding.follow(live)

    def level(self) -> int:
        return self.shielding.ward.level_of(HOSTILE)

    def attack(self, times: int = 25) -> None:
        for _ in range(times):
            self.shielding.ward.note(HOSTILE, MALFORMED, 4.0)


def test_what_control_tells_is_gone_by_until_it_ends_or_is_told_no_more() -> None:
    with FakeLoop() as loop:
        house = House(loop)
        now = house.clock.wall()
        block = Block(source=HOSTILE, since=now, until=now + 10.0)
        house.follow(Blocks(blocks=(block,)))
        house.follow(Blocks(blocks=(block,)))
        assert house.level() == BLOCKED
        house.clock.advance(10.0)
        assert house.level() == NONE
        house.follow(Blocks(blocks=(msgspec.structs.replace(block, until=now + 99.0),)))
        assert house.level() == BLOCKED
        house.follow(None)
        assert house.level() == NONE


def test_whoever_was_let_in_and_attacks_again_is_blocked_again() -> None:
    with FakeLoop() as loop:
        house = House(loop)
        house.attack()
        lifted = {HOSTILE: house.clock.wall()}
        house.follow(Blocks(lifted=lifted))
        assert house.level() == NONE
        house.attack()
        other = Block(source="198.51.100.7", since=0.0, until=house.clock.wall() + 9.0)
        house.follow(Blocks(blocks=(other,), lifted=lifted))
        assert house.level() == BLOCKED


def test_control_hears_of_a_block_at_once_and_of_suspicions_each_second() -> None:
    with FakeLoop() as loop:
        house = House(loop)
        house.attack()
        (block,) = house.told
        assert isinstance(block, SourceBlocked)
        assert (block.source, block.strikes, block.cause) == (HOSTILE, 1, "25 malformed")
        assert block.until == house.clock.wall() + 60.0
        for _ in range(10):
            house.shielding.tick()
        (_, seen) = house.told
        assert isinstance(seen, SourcesSeen)
        assert [(one.source, one.points) for one in seen.seen] == [
            (HOSTILE, 100.0),
            ("192.0.2.0/24", 100.0),
        ]
        assert seen.seen[0].counts == (0.0, 0.0, 25.0, 0.0, 0.0, 0.0)


class Verifier:
    """Proves every token but a bad one."""

    def prove(self, token: bytes, _: float) -> Principal:
        return Principal(subject=token.decode(), issuer="a")


def looking(house: House) -> Identity:
    made = Identity(
        cast("Any", Verifier()),
        wall=house.clock.wall,
        streams=OpenStreams(later=lambda _: None),
        cookie=AccessCookie(CookieBound(name="access", origins=())),
    )
    made.principal_of(b"proved")
    house.shielding.look_by([cast("Any", object()), made])
    return made


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ([], NOBODY),
        ([(b"authorization", b"Bearer proved")], KNOWN_ONE),
        ([(b"authorization", b"Bearer other")], UNPROVED),
        ([(b"authorization", b"Bearer a b")], NOBODY),
        ([(b"x-api-key", b"other")], UNPROVED),
        ([(b"x-api-key", b"tta_other")], UNPROVED),
        ([(b"cookie", b"access=proved; a=b")], KNOWN_ONE),
        ([(b"cookie", b"access=other")], UNPROVED),
        ([(b"cookie", b"a=b")], NOBODY),
        ([(b"cookie", b"access=")], NOBODY),
    ],
)
def test_a_token_that_was_proved_shows_somebody_known(fields: Fields, shown: int) -> None:
    with FakeLoop() as loop:
        house = House(loop)
        exchange = an_exchange(a_head(fields=fields))
        looking(house)
        assert house.shielding.shown(exchange) == shown
        assert exchange.upstream_fields is None  # identity has still to see it


def test_a_certificate_shows_somebody_known() -> None:
    with FakeLoop() as loop:
        house = House(loop)
        exchange = an_exchange(peer=a_peer())
        exchange.peer.shown = Shown((), Trust(frozenset()))
        assert house.shielding.shown(exchange) == NOBODY
        exchange.peer.shown = Shown((b"leaf",), Trust(frozenset()))
        assert house.shielding.shown(exchange) == KNOWN_ONE


def test_a_socket_of_a_page_may_show_its_token_in_the_query() -> None:
    with FakeLoop() as loop:
        head = a_head()
        head.upgrade, head.query = b"websocket", b"token=a"
        assert House(loop).shielding.shown(an_exchange(head)) == UNPROVED


def test_what_waits_is_waited_for_with_the_loop_s_own() -> None:
    with FakeLoop() as loop:
        house = House(loop)
        waits = house.shielding.ward.wait()
        assert isinstance(waits, loop.real.create_future().__class__)

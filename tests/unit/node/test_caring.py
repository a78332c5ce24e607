"""Where care meets the rest of control."""

import asyncio
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.builders import a_route
from tests.helpers.care_store import MemoryStore
from tests.helpers.fake_clock import FakeClock
from tests.helpers.house import Events
from tta_gateway.features.access.bound import AccessBound, RouteAccess, section_of
from tta_gateway.features.access.store import Away, Glass
from tta_gateway.features.realtime.bound import ChannelRule, RealtimeBound
from tta_gateway.kernel.errors import ClientFault
from tta_gateway.kernel.events import Event, GlassOpened
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.route import Route
from tta_gateway.node.caring import PAUSE, Caring, Outside
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import Parts, parted
from tta_gateway.support.bus import Bus


def encoded(one: msgspec.Struct) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(one))


def parts(*routes: Route, **features: msgspec.Struct) -> Parts:
    return parted(
        Snapshot(
            version=1,
            state_dir=".",
            listeners=(),
            services=(),
            routes=routes,
            features={name: encoded(one) for name, one in features.items()},
        )
    )


WHOSE = a_route("/{id}", features={"access": encoded(RouteAccess(owner="id"))})
NOBODYS = a_route("/{id}", features={"access": encoded(RouteAccess(default="worlds:read"))})


class House:
    """Control, as far as it keeps care."""

    def __init__(self) -> None:
        self.told: dict[str, msgspec.Struct | None] = {}
        self.log, self.bus, self.events = Events(), Bus(), list[Event]()
        self.bus.subscribe(self.events.append)
        me, log = cast("Any", self), cast("Any", self.log)
        self.clock = FakeClock()
        outside = Outside(me, self.bus, log, self.clock)
        self.caring = Caring(outside, store=MemoryStore, shown=self.shown)

    def shown(self, authorization: str | None) -> Principal:
        """Whoever says in which roles they are, is."""
        roles = frozenset((authorization or "").split())
        return Principal(subject="s1", issuer="a", roles=roles)

    def put(self, name: str, finding: msgspec.Struct | None) -> None:
        self.told[name] = finding


@pytest.fixture
def house() -> House:
    return House()


@pytest.mark.parametrize(("route", "needed"), [(WHOSE, True), (NOBODYS, False), (None, False)])
def test_it_is_needed_where_a_route_says_whose_data_it_has(
    house: House, route: Route | None, needed: bool
) -> None:
    house.caring.adopt(parts(*((route,) if route else (a_route(),))))
    assert house.caring.is_needed is needed
    if not needed:
        with pytest.raises(Away):
            house.caring.care()


@pytest.mark.parametrize("what", ["subscribe", "publish", "presence", "history"])
def test_it_is_needed_where_channels_alone_say_whose_they_are(house: House, what: str) -> None:
    for route, needed in ((NOBODYS, False), (WHOSE, True)):
        rule = msgspec.structs.replace(ChannelRule(prefix="user:"), **{what: route})
        house.caring.adopt(parts(a_route(), realtime=RealtimeBound(channels=(rule,))))
        assert house.caring.is_needed is needed


def test_what_no_route_needs_any_more_is_not_asked(house: House) -> None:
    house.caring.adopt(parts(WHOSE))
    assert house.caring.care() is house.caring.care()
    house.caring.adopt(parts(NOBODYS))
    with pytest.raises(Away):
        house.caring.care()


def test_workers_hear_what_is_kept_as_long_as_it_is_needed(house: House) -> None:
    turns = []

    async def sleep(seconds: float) -> None:
        turns.append(seconds)
        if len(turns) == 1:
            await house.caring.care().grant("t1", "p1", lasting=60.0, by="admin")
            assert house.told[section_of("t1")] is not None
            house.told.clear()
            house.caring.adopt(parts(NOBODYS))
            house.clock.advance(61.0)  # what is over is told no more, where anybody looks
        if len(turns) == 2:
            assert house.told == {}
            house.caring.adopt(parts(WHOSE))
        if len(turns) == 3:
            raise TimeoutError

    house.caring.adopt(parts(WHOSE))
    with pytest.raises(TimeoutError):
        asyncio.run(house.caring.run(sleep))
    assert turns == [PAUSE] * 3
    assert house.told[section_of("t1")] is None


def test_glass_that_is_broken_is_told_and_logged(house: House) -> None:
    outside = house.caring._outside
    outside.opened(Glass(id="g", carer="t1", person="p1", reason="why", opened=1.0, until=2.0))
    assert house.events == [GlassOpened(id="g", subject="t1", person="p1", until=2.0, at=1.0)]
    assert house.log.told == [("glass_opened", {"id": "g", "subject": "t1", "person": "p1"})]
    assert outside.new_id() != outside.new_id()


def test_a_program_breaks_glass_only_where_it_was_let(house: House) -> None:
    house.caring.adopt(parts(WHOSE))
    narrow = Principal(
        subject="s1", issuer="gateway", roles=frozenset({"therapist"}), is_narrow=True
    )
    house.caring._shown = lambda _: narrow
    with pytest.raises(ClientFault) as caught:
        house.caring.opener("")
    assert caught.value.problem.code == "access_scope_insufficient"
    house.caring._shown = lambda _: msgspec.structs.replace(
        narrow, scopes=frozenset({"glass:open"})
    )
    assert house.caring.opener("") == "s1"


@pytest.mark.parametrize(
    ("roles", "code"),
    [
        ({"therapist"}, ""),
        ({"crisis_responder", "player"}, ""),
        ({"player"}, "access_permission_missing"),
        ({"admin"}, "access_permission_missing"),
        ({"opener"}, "access_clinical_role_missing"),
        ({"carer"}, "access_permission_missing"),  # only for those in their care
    ],
)
def test_clinicians_who_hold_it_may_break_glass_and_nobody_else(
    house: House, roles: set[str], code: str
) -> None:
    table = {
        "therapist": ("glass:open", "content:clinical"),
        "crisis_responder": ("glass:open", "content:clinical"),
        "player": ("worlds:read",),
        "admin": ("users:read",),
        "opener": ("glass:open",),
        "carer": ("glass:open:care", "content:clinical"),
    }
    house.caring.adopt(parts(WHOSE, access=AccessBound(roles=table)))
    if not code:
        assert house.caring.opener(" ".join(roles)) == "s1"
        return
    with pytest.raises(ClientFault) as caught:
        house.caring.opener(" ".join(roles))
    assert caught.value.problem.code == code

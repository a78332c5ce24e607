"""Who of the hub's clients is heard, and what they are given."""

import asyncio
import json
from collections.abc import Awaitable

import msgspec
import pytest

from tests.helpers.builders import Bound, a_head, an_exchange
from tests.helpers.heard_people import BLACK, DARK, GREY, People
from tta_gateway.features.realtime.bound import ChannelRule, RealtimeBound
from tta_gateway.features.realtime.command import ConnectRequest
from tta_gateway.features.realtime.doorkeeper import Caller
from tta_gateway.features.safety.bound import Mode, RouteSafety, SafetyBound
from tta_gateway.features.safety.help import Helping
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.traffic import CRISIS
from tta_gateway.node.hub_desk import HubDesk
from tta_gateway.node.hub_ear import A_MINUTE, Found, HubEar
from tta_gateway.node.inquiry import Inquiries
from tta_gateway.pipeline.run import Runner

ADA = Principal(subject="ada", issuer="home")


def channel(name: str, mode: Mode) -> ChannelRule:
    raw = msgspec.Raw(msgspec.msgpack.encode(RouteSafety(mode=mode)))
    return ChannelRule(prefix=name, publish=Route(name=name, path="/", features={"safety": raw}))


class House:
    """A desk with one connection of Ada's, and an ear."""

    def __init__(self) -> None:
        self.people = People()
        self.given: list[tuple[str, dict[str, object], int]] = []
        runner = Runner(lambda work: work.close(), lambda _, error: self.failed(error))
        self.desk = HubDesk(Inquiries(runner, clock=lambda: 5.0), wall=lambda: 1000.0)
        channels = tuple(channel(mode, mode) for mode in ("scan", "observe", "off"))
        connect = Route(name="connect", path="/connect")
        policy = Bound(on_request=self.on_request)
        self.desk.adopt(RealtimeBound(connect=connect, channels=channels), [policy])
        self.opening = an_exchange(a_head())
        self.opening.request_id = b"r1"
        self.desk.came("1", self.opening)
        self.ear = HubEar(
            self.people.listener,
            self.desk,
            give=lambda client, card, level: self.given.append((client, json.loads(card), level)),
            clock=self.people.clock.monotonic,
            pseudonym=lambda address: f"net {address}",
            died=lambda _, error: self.failed(error),
        )
        self.ear.helping = Helping(SafetyBound())

    def failed(self, error: BaseException) -> None:
        raise error

    def on_request(self, exchange: Exchange) -> None:
        exchange.principal = ADA

    def connect(self) -> None:
        self.desk.connect(ConnectRequest(), Caller("ada", "1"))

    async def hears(self, text: str, channel: str = "scan", client: str = "1") -> Found | None:
        noticed = self.ear.hear(client, channel, text.encode())
        found = await noticed if isinstance(noticed, Awaitable) else noticed
        assert found is None or isinstance(found, Found)
        return found


def test_what_is_nothing_of_note_is_nothing() -> None:
    house = House()
    assert asyncio.run(house.hears("nice day")) is None
    assert asyncio.run(house.hears("nice day " * 1000)) is None
    assert asyncio.run(house.hears(DARK, client="nobody")) is None


def test_somebody_at_risk_is_kept_and_given_the_card() -> None:
    house = House()
    house.connect()
    found = asyncio.run(house.hears(DARK))
    assert found is not None
    assert (found.level, found.is_spared) == (2, True)
    ((report, _),) = house.people.kept
    assert (report.person, report.delivered) == ("home/ada", True)
    ((client, card, level),) = house.given
    assert (client, card["type"], level) == ("1", "help", 2)
    assert house.opening.traffic == CRISIS


def test_what_goes_through_has_one_record_and_what_does_not_a_second() -> None:
    house = House()

    async def whole() -> None:
        for delivered in (True, False):
            found = await house.hears(DARK)
            assert found is not None
            await found.keep(delivered=delivered)
            await found.keep(delivered=False)

    asyncio.run(whole())
    assert [report.delivered for report, _ in house.people.kept] == [True, True, False]


def test_a_slight_sign_is_kept_when_it_is_known_what_has_come_of_it() -> None:
    house = House()

    async def whole() -> None:
        found = await house.hears(GREY)
        assert found is not None
        assert house.people.kept == []
        await found.keep(delivered=False)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(whole())
    assert [report.delivered for report, _ in house.people.kept] == [False]
    assert house.given == []


def test_the_card_is_given_once_but_again_when_the_level_rises() -> None:
    house = House()
    for text in (DARK, DARK, BLACK):
        asyncio.run(house.hears(f"{text} {len(house.people.kept)}"))
    assert [level for _, _, level in house.given] == [2, 3]


def test_the_budget_is_so_many_a_minute() -> None:
    house = House()
    found = [asyncio.run(house.hears(f"{DARK} {number}")) for number in range(A_MINUTE + 1)]
    assert [one is not None and one.is_spared for one in found] == [True] * A_MINUTE + [False]


@pytest.mark.parametrize("text", [DARK, DARK + " lovely day" * 1000], ids=["short", "long"])
@pytest.mark.parametrize(("name", "kept"), [("", 1), ("none", 1), ("observe", 0), ("off", 0)])
def test_it_is_heard_where_the_configuration_has_it_heard(name: str, kept: int, text: str) -> None:
    house = House()
    asyncio.run(house.hears(text, name))
    assert len(house.people.kept) == kept


def test_without_a_configuration_nobody_is_listened_to() -> None:
    house = House()
    house.ear.helping = None
    assert asyncio.run(house.hears(DARK)) is None


def test_who_has_shown_nothing_is_a_network() -> None:
    house = House()
    asyncio.run(house.hears(DARK))
    ((report, _),) = house.people.kept
    assert report.person == f"net {house.opening.client}"
    assert (report.identity, report.correlation) == ("unknown", "r1")

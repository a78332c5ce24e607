"""Providers as they are known: when they are asked, and what is told of it."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.identity.bound import External
from tta_gateway.features.identity.external_client import Known, ProviderAway
from tta_gateway.features.identity.external_directory import Directory
from tta_gateway.features.identity.external_metadata import Metadata
from tta_gateway.kernel.events import Event, LoginProviderChanged
from tta_gateway.support.bus import Bus
from tta_gateway.support.metrics import Registry

CLINIC = External(name="clinic", issuer="https://id.example", client_id="tta")
FOUND = Metadata("https://id.example/a", "https://id.example/t", "https://id.example/k")
GOOD = Known(FOUND, (), 600.0)


class House:
    """Control, and a provider that is there or not."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.counts = Registry()
        self.asked = 0
        self.lines: list[str] = []
        self.told: list[bool] = []
        self.is_away = False
        bus = Bus()
        bus.subscribe(self.hear)
        self.directory = Directory(
            self, bus, log=self, clock=self.clock, counts=self.counts, chance=lambda: 1.0
        )
        self.directory.adopt([CLINIC])

    async def describe(self, provider: External) -> Known:
        assert provider.name == "clinic"
        self.asked += 1
        await asyncio.sleep(0)
        if self.is_away:
            raise ProviderAway("refused")
        return GOOD

    def event(self, name: str, **_: object) -> None:
        self.lines.append(name)

    def hear(self, event: Event) -> None:
        assert isinstance(event, LoginProviderChanged)
        self.told.append(event.reachable)


def at_home(work: Callable[[House], Awaitable[None]]) -> None:
    async def done() -> None:
        await work(House())

    asyncio.run(done())


def test_who_is_known_is_not_asked_again_until_that_is_old() -> None:
    async def work(house: House) -> None:
        assert await house.directory.known(CLINIC) == GOOD
        await house.directory.look()
        assert await house.directory.known(CLINIC) == GOOD
        assert house.asked == 1
        house.clock.advance(600.0)
        await house.directory.look()
        assert house.asked == 2
        assert (house.lines, house.told) == ([], [True])

    at_home(work)


def test_who_is_away_is_told_once_and_the_last_stays() -> None:
    async def work(house: House) -> None:
        await house.directory.look()
        house.is_away = True
        for _ in range(3):
            house.clock.advance(600.0)
            await house.directory.look()
        assert await house.directory.known(CLINIC) == GOOD
        assert (house.lines, house.told) == (["login_provider_away"], [True, False])
        house.is_away = False
        house.clock.advance(600.0)
        await house.directory.look()
        assert house.lines == ["login_provider_away", "login_provider_back"]
        assert house.told == [True, False, True]

    at_home(work)


def test_who_is_asked_first_waits_and_nobody_hammers() -> None:
    async def work(house: House) -> None:
        house.is_away = True
        for _ in range(5):
            with pytest.raises(ProviderAway):
                await house.directory.known(CLINIC)
        assert house.asked == 1
        house.clock.advance(2.0)
        house.is_away = False
        assert await house.directory.known(CLINIC) == GOOD
        assert house.asked == 2

    at_home(work)


def test_those_who_come_at_once_ask_once() -> None:
    async def work(house: House) -> None:
        known = await asyncio.gather(*(house.directory.known(CLINIC) for _ in range(5)))
        assert (known, house.asked) == ([GOOD] * 5, 1)

    at_home(work)


def test_other_keys_are_looked_for_every_half_a_minute() -> None:
    async def work(house: House) -> None:
        await house.directory.look()
        await house.directory.renewed(CLINIC)
        assert house.asked == 1
        house.clock.advance(30.0)
        await house.directory.renewed(CLINIC)
        await house.directory.renewed(CLINIC)
        assert house.asked == 2

    at_home(work)


def test_who_gives_no_tokens_is_away_and_looked_at_soon() -> None:
    async def work(house: House) -> None:
        await house.directory.look()
        house.directory.is_away(CLINIC, "503")
        house.directory.is_away(CLINIC, "503")
        house.clock.advance(60.0)
        await house.directory.look()
        assert house.lines == ["login_provider_away", "login_provider_back"]
        house.directory.is_back(CLINIC)
        assert len(house.lines) == 2

    at_home(work)


def test_another_configuration_is_another_provider() -> None:
    async def work(house: House) -> None:
        await house.directory.look()
        other = msgspec.structs.replace(CLINIC, client_id="other")
        with pytest.raises(ProviderAway):
            await house.directory.known(other)
        house.directory.adopt([other])
        assert await house.directory.known(other) == GOOD
        house.directory.adopt([other])
        assert house.asked == 2
        house.directory.is_away(other, "503")
        house.directory.adopt([])
        assert house.told[-1]
        house.directory.is_away(other, "503")
        house.directory.is_back(other)
        assert house.lines == ["login_provider_away", "login_provider_back"]

    at_home(work)

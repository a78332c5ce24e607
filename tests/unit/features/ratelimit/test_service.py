"""What operators say of limits, and where it is told."""

import asyncio
from dataclasses import replace

import msgspec

from tta_gateway.features.ratelimit.bound import (
    OVERRIDES,
    Limit,
    Override,
    Overrides,
    RateLimitBound,
)
from tta_gateway.features.ratelimit.service import Limits
from tta_gateway.features.ratelimit.store import Owed, Settled

NOW = 1_700_000_005.0
RATE = Limit(id="r", name="r", handle="r", amount=10, per=10.0, burst=10, key=("user",))
QUOTA = msgspec.structs.replace(RATE, id="q", handle="q", quota=True)


class Store:
    """Takes note of what it is asked."""

    def __init__(self) -> None:
        self.asked: list[Owed] = []
        self.nonces: list[bytes] = []

    async def look(self, one: Owed) -> Settled:
        self.asked.append(one)
        return Settled(0.0, 3.0, b"")

    async def reset(self, one: Owed, nonce: bytes) -> None:
        self.asked.append(one)
        self.nonces.append(nonce)


class House:
    """Limits of a node, and what is told of them."""

    def __init__(self) -> None:
        self.told: dict[str, msgspec.Struct | None] = {}
        self.store = Store()
        self.now = NOW
        self.limits = Limits(self, self.store, wall=lambda: self.now)
        self.limits.adopt(RateLimitBound(limits=(RATE, QUOTA)))

    def put(self, name: str, finding: msgspec.Struct | None) -> None:
        self.told[name] = finding


def test_what_is_said_is_told_and_taken_back() -> None:
    house = House()
    house.limits.override("r", Override(amount=3))
    assert house.told == {OVERRIDES: Overrides(limits={"r": Override(amount=3)})}
    house.limits.override("q", Override(amount=4))
    house.limits.override("r", None)
    assert house.told == {OVERRIDES: Overrides(limits={"q": Override(amount=4)})}
    house.limits.override("q", None)
    assert house.told == {OVERRIDES: None}


def test_what_is_over_is_said_no_more() -> None:
    house = House()
    house.limits.override("r", Override(amount=3, until=NOW + 10))
    assert house.limits.override_of("r") == Override(amount=3, until=NOW + 10)
    house.now += 10
    assert house.limits.override_of("r") is None
    house.limits.override("q", Override(amount=4))
    assert house.told == {OVERRIDES: Overrides(limits={"q": Override(amount=4)})}


def test_the_next_control_goes_on_with_it() -> None:
    said = Overrides(limits={"r": Override(amount=3)})
    house = House()
    house.limits.recover({OVERRIDES: msgspec.Raw(msgspec.msgpack.encode(said))})
    assert house.limits.overrides == said
    house.limits.recover({OVERRIDES: msgspec.Raw(b"\x01")})
    assert house.limits.overrides == Overrides()
    house.limits.recover({})
    assert house.limits.wall() == NOW


def test_buckets_are_asked_by_their_window() -> None:
    house = House()
    assert asyncio.run(house.limits.look(RATE, "k")).full == 3.0
    for _ in range(2):
        asyncio.run(house.limits.reset(QUOTA, "k"))
    plain = Owed(id="r", key="k", depth=10.0)
    window = replace(plain, id="q", depth=0.0, window=170_000_000, ends=1_700_000_010.0)
    assert house.store.asked == [plain, window, window]
    assert len({*house.store.nonces}) == 2
    assert house.limits.find("q") == QUOTA
    assert house.limits.find("x") is None

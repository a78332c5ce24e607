"""What control makes of the stores that the operator has named."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from tta_gateway.node import stores
from tta_gateway.node.away import said
from tta_gateway.node.stores import CALM, Stores
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.valkey.error import Refused, Unavailable
from tta_gateway.support.valkey.fitness import Purpose
from tta_gateway.support.valkey.topology import Address, Store, Topology, single

HERE = Address("127.0.0.1", 6379)
STATE, OTHER = Store(addresses=(HERE,)), Store(addresses=(Address("127.0.0.1", 6380),))
GOOD = {"maxmemory-policy": "noeviction", "appendonly": "yes", "appendfsync": "always"}
BAD = {**GOOD, "maxmemory-policy": "allkeys-lru"}
AWAY = ["state: it could not be asked: nobody is there"]


def snapshot(state: Store | None = None, cache: Store | None = None) -> Snapshot:
    return Snapshot(
        version=1,
        state_dir=".",
        listeners=(),
        services=(),
        routes=(),
        state=state,
        cache=cache,
    )


class House:
    """Stores, servers that say this of themselves, and all that is told; no time passes in it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings: dict[str, str] = GOOD
        self.fault: Exception | None = None
        self.only: Address | None = None  # whose fault it is, else everybody's
        self.asked: list[Address] = []
        self.pauses: list[float] = []
        self.events: list[tuple[object, ...]] = []
        self.words: list[bytes] = []
        self.meanwhile: list[Callable[[], None]] = []
        self.before_answer: Callable[[], None] = lambda: None
        self.ended = asyncio.Event()
        self.stores = Stores(cast("Any", self), chance=lambda: 0.5, sleep=self._sleep)
        self.stores.tell = lambda away: self.words.append(said(away))
        monkeypatch.setattr(stores, "discover", self._discover)
        monkeypatch.setattr(stores, "inspect", self._inspect)

    async def _discover(self, store: Store, **_: object) -> Topology:
        self.asked.append(store.addresses[0])
        self.before_answer()
        if self.fault is not None and self.only in (None, store.addresses[0]):
            raise self.fault
        return single(store.addresses[0])

    async def _inspect(self, *_: object, **__: object) -> tuple[str, dict[str, str]]:
        return "valkey_version:9.1.2\r\n", self.settings

    async def _sleep(self, seconds: float) -> None:
        """Let what happens meanwhile happen, one thing in each pause; behind the last all ends."""
        self.pauses.append(seconds)
        if not self.meanwhile:
            self.ended.set()
            await asyncio.Event().wait()
        self.meanwhile.pop(0)()

    def event(self, name: str, **fields: object) -> None:
        self.events.append((name, *fields.values()))

    def look(self, *, then: list[Callable[[], None]] | None = None, **named: Store) -> None:
        """Look at these, until so much has happened."""
        self.meanwhile = then or []

        async def main() -> None:
            await self.stores.look(snapshot(**named))
            await asyncio.wait_for(self.ended.wait(), 5.0)

        asyncio.run(main())

    def begins(self, **named: Store) -> None:
        """Look at these, and end before anything is answered."""
        asyncio.run(self.stores.look(snapshot(**named)))

    def goes(self) -> None:
        self.fault = Unavailable("nobody is there")

    def comes(self) -> None:
        self.fault = None

    def stays(self) -> None:
        """Nothing happens."""


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    return House(monkeypatch)


def test_one_that_is_fit_is_not_spoken_of_and_asked_again_later(house: House) -> None:
    house.look(state=STATE, then=[house.stays])
    assert (house.asked, house.events, house.stores.complaints) == ([HERE] * 2, [], {"state": []})
    assert (house.pauses, house.words) == ([CALM, CALM], [said([])] * 2)


def test_until_it_has_answered_that_is_what_is_said(house: House) -> None:
    async def main() -> dict[Purpose, list[str]]:
        await house.stores.look(snapshot(state=STATE))
        return dict(house.stores.complaints)

    assert asyncio.run(main()) == {"state": ["state: it has not answered yet"]}
    assert house.stores.complaints == {"state": []}


def test_one_that_is_not_fit_is_told_of_once(house: House) -> None:
    house.settings = BAD
    house.look(state=STATE, then=[house.stays, house.stays])
    (words,) = house.stores.complaints.values()
    assert (house.events, "noeviction" in words[0]) == ([("store_unfit", "state", words)], True)
    assert (house.words, house.pauses) == ([said([])] * 3, [CALM] * 3)


def test_one_that_is_away_is_asked_until_it_answers(house: House) -> None:
    house.goes()
    house.look(state=STATE, then=[house.stays] * 7 + [house.comes])
    assert house.stores.complaints == {"state": []}
    assert house.events == [("store_unfit", "state", AWAY), ("store_fit", "state")]
    assert house.words == [said(["state"])] * 8 + [said([])]
    assert house.pauses == [
        pytest.approx(0.75 * whole)
        for whole in (0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0, CALM / 0.75)
    ]


def test_the_pauses_between_tries_are_left_to_chance(house: House) -> None:
    house.goes()
    for chance in (0.0, 1.0):
        made = Stores(cast("Any", house), chance=lambda at=chance: at, sleep=house._sleep)  # type: ignore[misc]
        house.ended = asyncio.Event()
        house.stores = made
        house.look(state=STATE)
        house.comes()
        house.ended = asyncio.Event()
        house.look(state=OTHER)
        house.goes()
    assert house.pauses == [0.025, CALM * 0.75, 0.05, CALM * 1.25]


def test_one_that_goes_is_told_of_and_told_of_anew_each_time(house: House) -> None:
    house.look(state=STATE, then=[house.goes, house.stays, house.comes, house.goes, house.comes])
    assert [event[0] for event in house.events] == ["store_unfit", "store_fit"] * 2


def test_what_is_wrong_with_one_that_has_come_is_something_new(house: House) -> None:
    def comes_spoilt() -> None:
        house.fault, house.settings = None, BAD

    house.goes()
    house.look(state=STATE, then=[comes_spoilt])
    assert [event[0] for event in house.events] == ["store_unfit"] * 2
    assert "noeviction" in house.stores.complaints["state"][0]


def test_another_reason_is_shown_and_not_logged(house: House) -> None:
    def fails() -> None:
        house.fault = OSError("no certificate")

    house.goes()
    house.look(state=STATE, then=[fails])
    assert len(house.events) == 1
    assert house.stores.complaints["state"][0].endswith("no certificate")


@pytest.mark.parametrize(
    ("fault", "reason", "away"),
    [
        (Unavailable("nobody is there"), "nobody is there", True),
        (Refused("WRONGPASS of ann"), "it refuses: WRONGPASS", True),
        (Refused("NOPERM INFO"), "it refuses: NOPERM", False),
        (ValueError("hunter2"), "ValueError", True),
    ],
)
def test_why_one_cannot_be_asked_is_told_without_its_own_words(
    house: House, fault: Exception, reason: str, *, away: bool
) -> None:
    house.fault = fault
    house.look(cache=STATE)
    assert house.stores.complaints == {"cache": [f"cache: it could not be asked: {reason}"]}
    assert house.words == [said(["cache"] if away else [])]


@pytest.mark.parametrize(
    ("only", "away"),
    [(None, ["state", "cache"]), (HERE, ["state"]), (OTHER.addresses[0], ["cache"])],
)
def test_one_may_be_away_and_the_other_not(
    house: House, only: Address | None, away: list[Purpose]
) -> None:
    house.goes()
    house.only = only
    house.look(state=STATE, cache=OTHER)
    assert (house.words[-1], set(house.asked)) == (said(away), {HERE, *OTHER.addresses})


def test_one_that_is_asked_already_goes_on_to_be(house: House) -> None:
    house.look(state=STATE)
    house.begins(state=STATE)
    assert (house.asked, house.stores.complaints) == ([HERE], {"state": []})


def test_another_takes_its_place(house: House) -> None:
    async def main() -> None:
        await house.stores.look(snapshot(state=STATE))
        await house.ended.wait()
        house.ended.clear()
        await house.stores.look(snapshot(state=OTHER))
        await house.ended.wait()

    asyncio.run(main())
    assert house.asked == [HERE, OTHER.addresses[0]]


def test_what_comes_of_one_that_nobody_wants_any_more_is_forgotten(house: House) -> None:
    embedded = snapshot(state=Store(addresses=(HERE,), embedded=True))

    async def main() -> None:
        house.settings = BAD
        house.before_answer = lambda: house.stores._watched.clear()
        await house.stores.look(snapshot(state=STATE))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await house.stores.look(embedded)

    asyncio.run(main())
    assert (house.asked, house.events, house.words) == ([HERE], [], [])


def test_an_embedded_one_is_as_it_should_be(house: House) -> None:
    house.look(state=STATE)
    house.begins(state=Store(addresses=(HERE,), embedded=True))
    assert (house.asked, house.stores.complaints) == ([HERE], {})


def test_it_tells_where_a_task_of_it_dies(house: House) -> None:
    house.stores._died("stores", ValueError("hunter2"))
    assert house.events == [("task_died", "stores", "ValueError")]

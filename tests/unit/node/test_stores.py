"""What control makes of the stores that the operator has named."""

import asyncio
from typing import Any, cast

import pytest

from tta_gateway.node import stores
from tta_gateway.node.stores import Stores
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.valkey.error import Unavailable
from tta_gateway.support.valkey.topology import Address, Store, Topology, single

HERE = Address("127.0.0.1", 6379)
GOOD = {"maxmemory-policy": "noeviction", "appendonly": "yes", "appendfsync": "always"}
BAD = {**GOOD, "maxmemory-policy": "allkeys-lru"}


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
    """Stores, servers that say this of themselves, and all that is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings: dict[str, str] = GOOD
        self.fault: Exception | None = None
        self.asked = 0
        self.events: list[tuple[str, object]] = []
        self.stores = Stores(cast("Any", self))
        monkeypatch.setattr(stores, "discover", self._discover)
        monkeypatch.setattr(stores, "inspect", self._inspect)

    async def _discover(self, store: Store, **_: object) -> Topology:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return single(store.addresses[0])

    async def _inspect(self, *_: object, **__: object) -> tuple[str, dict[str, str]]:
        return "valkey_version:9.1.2\r\n", self.settings

    def event(self, name: str, **fields: object) -> None:
        self.events.append((name, fields["store"]))

    def look(self, **named: Store) -> None:
        asyncio.run(self.stores.look(snapshot(**named)))


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    return House(monkeypatch)


def test_a_store_that_is_fit_is_asked_once_and_not_spoken_of(house: House) -> None:
    house.look(state=Store(addresses=(HERE,)))
    house.look(state=Store(addresses=(HERE,)))
    assert (house.asked, house.events, house.stores.complaints) == (1, [], {"state": []})


def test_one_that_is_not_fit_is_told_of(house: House) -> None:
    house.settings = BAD
    house.look(state=Store(addresses=(HERE,)))
    assert house.events == [("store_unfit", "state")]
    assert "noeviction" in house.stores.complaints["state"][0]


def test_one_that_cannot_be_asked_is_told_of(house: House) -> None:
    house.fault = Unavailable("nobody is there")
    house.look(cache=Store(addresses=(HERE,)))
    assert house.stores.complaints == {"cache": ["cache: it could not be asked: nobody is there"]}


def test_another_is_asked_anew(house: House) -> None:
    house.look(state=Store(addresses=(HERE,)))
    house.look(state=Store(addresses=(Address("127.0.0.1", 6380),)))
    assert house.asked == 2


def test_an_embedded_one_is_as_it_should_be(house: House) -> None:
    house.look(state=Store(addresses=(HERE,)))
    house.look(state=Store(addresses=(HERE,), embedded=True))
    assert (house.asked, house.stores.complaints) == (1, {})

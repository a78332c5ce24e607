"""Which clients of stores a worker keeps, and to whom they speak."""

from typing import Any, cast

import msgspec
import pytest

from tta_gateway.node import valkeys as module
from tta_gateway.node.valkeys import CONNECTED, Valkeys, serves
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.metrics import Registry
from tta_gateway.support.valkey.topology import Address, Login, Store, Topology, single

ONE, OTHER = Address("10.0.0.1", 6379), Address("10.0.0.2", 6379)
ALONE = Store(addresses=(ONE,))
WATCHED = Store(kind="sentinel", addresses=(Address("10.0.0.9", 26379),), master="tta")


class Client:
    """A client that keeps whom it is to ask."""

    def __init__(self, topology: Topology | None, **more: object) -> None:
        self.asks = [topology]
        self.name = more["name"]
        self.is_open = False
        self.closed = False

    def use(self, topology: Topology) -> None:
        self.asks.append(topology)

    def close(self) -> None:
        self.closed = True


class House:
    """A worker's clients."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.valkeys = Valkeys(
            registry=self.registry,
            log=cast("Any", self),
            chance=lambda: 0.5,
            died=lambda *_: None,
        )

    def event(self, name: str, **fields: object) -> None:
        """Nobody reads it."""

    def adopt(self, *, live: Topology | None = None, **stores: Store) -> None:
        raw = {serves("state"): msgspec.Raw(msgspec.msgpack.encode(live))} if live else {}
        empty: Any = Snapshot(version=1, state_dir=".", listeners=(), services=(), routes=())
        self.valkeys.adopt(msgspec.structs.replace(empty, **stores), raw)

    def client(self, purpose: str = "state") -> Client:
        return cast("Client", self.valkeys.clients[cast("Any", purpose)])


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(module, "Valkey", Client)
    monkeypatch.setattr(module, "Way", lambda *_, **__: None)
    return House()


def test_one_server_is_asked_as_it_stands_in_the_configuration(house: House) -> None:
    house.adopt(state=ALONE, live=single(OTHER))
    house.adopt(state=ALONE)
    assert (house.client().asks, house.client().name) == ([single(ONE)], "state")


def test_who_serves_for_sentinels_is_asked_as_soon_as_it_is_known(house: House) -> None:
    house.adopt(state=WATCHED)
    house.adopt(state=WATCHED, live=single(ONE))
    house.adopt(state=WATCHED, live=single(ONE))
    house.adopt(state=WATCHED, live=single(OTHER))
    assert house.client().asks == [None, single(ONE), single(OTHER)]


def test_the_last_who_served_is_kept_to_when_nobody_says_who_does(house: House) -> None:
    house.adopt(state=WATCHED, live=single(ONE))
    house.adopt(state=WATCHED)
    house.adopt(state=WATCHED, live=single(ONE))
    assert house.client().asks == [single(ONE)]


def test_another_store_gets_another_client_and_the_old_one_ends(house: House) -> None:
    house.adopt(state=ALONE, cache=ALONE)
    before, cache = house.client(), house.client("cache")
    house.adopt(state=Store(addresses=(OTHER,)), cache=ALONE)
    assert (before.closed, house.client().asks) == (True, [single(OTHER)])
    assert house.client("cache") is cache
    house.adopt(cache=ALONE)
    assert set(house.valkeys.clients) == {"cache"}


def test_a_store_whose_authorities_are_refused_changes_nothing(house: House) -> None:
    house.adopt(state=ALONE)
    before = house.client()
    bad = Store(addresses=(OTHER,), login=Login(tls=True, authorities=b"none"))
    with pytest.raises(OSError, match=r"no certificate|NO_CERT"):
        house.adopt(state=bad)
    assert (house.client(), before.closed) == (before, False)


def test_it_is_counted_which_can_be_asked(house: House) -> None:
    house.adopt(state=ALONE, cache=ALONE)
    house.client().is_open = True
    house.valkeys.tick()
    seen = [house.registry.child(CONNECTED, one).values() for one in ("state", "cache")]
    house.client().is_open = False
    house.valkeys.tick()
    seen.append(house.registry.child(CONNECTED, "state").values())
    assert seen == [[1.0], [0.0], [0.0]]


def test_at_the_end_all_are_closed(house: House) -> None:
    house.adopt(state=ALONE, cache=ALONE)
    house.valkeys.close()
    assert [house.client(one).closed for one in ("state", "cache")] == [True, True]

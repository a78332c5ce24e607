"""Which clients of stores a worker keeps, and to whom they speak."""

from typing import Any, cast

import msgspec
import pytest

from tta_gateway.node import valkeys as module
from tta_gateway.node.valkeys import CONNECTED, Valkeys, serves
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.metrics import Registry
from tta_gateway.support.valkey.topology import Address, Login, Served, Store, Topology, single

ONE, OTHER = Address("10.0.0.1", 6379), Address("10.0.0.2", 6379)
ALONE = Store(addresses=(ONE,))
WATCHED = Store(kind="sentinel", addresses=(Address("10.0.0.9", 26379),), master="tta")


def found(what: object) -> dict[str, msgspec.Raw]:
    """The live sections in which this is said of the state's store."""
    return {serves("state"): msgspec.Raw(msgspec.msgpack.encode(what))}


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
        raw = {} if live is None else found(Served(WATCHED.named, live))
        self.adopt_with(raw, **stores)

    def adopt_with(self, raw: dict[str, msgspec.Raw], **stores: Store) -> None:
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


def test_who_served_another_store_is_not_asked_for_this_one(house: House) -> None:
    """It would be told the password of this one, and hold its state."""
    house.adopt(state=WATCHED, live=single(ONE))
    other = msgspec.structs.replace(WATCHED, master="other")
    house.adopt(state=other, live=single(ONE))
    assert house.client().asks == [None]
    house.adopt_with(found(Served(other.named, single(OTHER))), state=other)
    assert house.client().asks == [None, single(OTHER)]


def test_with_another_password_those_are_asked_who_serve(house: House) -> None:
    house.adopt(state=WATCHED, live=single(ONE))
    house.adopt(
        state=msgspec.structs.replace(WATCHED, login=Login(password="new")), live=single(ONE)
    )
    assert house.client().asks == [single(ONE)]


def test_what_another_version_has_found_out_is_no_harm(house: House) -> None:
    house.adopt_with(found(7), state=WATCHED)
    house.adopt(state=WATCHED, live=single(ONE))
    house.adopt_with(found([7]), state=WATCHED)
    assert house.client().asks == [None, single(ONE)]


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

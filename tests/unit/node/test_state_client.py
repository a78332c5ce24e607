"""Control's client of the store for state: there as soon as it is known whom to ask."""

import asyncio
from typing import Any, cast

import msgspec

from tta_gateway.node.state_client import StateClient
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.valkey.topology import Address, Kind, Login, Store, Topology, single

EMPTY = Snapshot(version=1, state_dir="var", listeners=(), services=(), routes=())
HERE = single(Address(unix="/nowhere/a.sock"))
THERE = single(Address(unix="/nowhere/b.sock"))


def a_store(topology: Topology | None, login: Login | None = None) -> Store:
    """One server; without a topology, Sentinels that have to be asked."""
    address = Address("127.0.0.1", 1) if topology is None else topology.addresses[0]
    kind: Kind = "sentinel" if topology is None else "single"
    return Store(kind=kind, addresses=(address,), login=login or Login())


class House:
    """A client of the store that a snapshot names."""

    def __init__(self, store: Store | None) -> None:
        self.events: list[str] = []
        self.served: Topology | None = None
        self.deaths: list[str] = []
        self.use(store)
        self.client = StateClient(
            lambda: self.snapshot,
            topology=lambda: self.served,
            log=cast("Any", self),
            died=lambda name, _: self.deaths.append(name),
        )

    def use(self, store: Store | None) -> None:
        self.snapshot = msgspec.structs.replace(EMPTY, state=store)

    def event(self, name: str, **_: object) -> None:
        self.events.append(name)


def run(house: House) -> list[str]:
    """Why nothing can be asked, of each client that there was."""
    said: list[str] = []

    async def talk() -> None:
        for served in (None, THERE, None):
            house.served = served
            client = house.client()
            said.append("none" if client is None else client.reason)
        house.use(None)
        assert house.client() is None

    asyncio.run(talk())
    return said


def test_without_a_store_there_is_none() -> None:
    assert run(House(None)) == ["none"] * 3


def test_one_server_is_known_from_the_start() -> None:
    said = run(House(a_store(HERE)))
    assert all("/nowhere/a.sock" in one for one in said)


def test_who_has_to_be_asked_for_comes_later() -> None:
    said = run(House(a_store(None)))
    assert said[0] == "who serves is not known yet"
    assert all("/nowhere/b.sock" in one for one in said[1:])


def test_certificates_that_cannot_be_read_are_told_of() -> None:
    house = House(
        a_store(HERE, Login(tls=True, ca="/nowhere/ca.pem", authorities=b"no certificate"))
    )
    assert run(house) == ["none"] * 3
    assert set(house.events) == {"store_unfit"}


def test_one_that_was_closed_is_made_anew_when_it_is_wanted() -> None:
    async def work() -> None:
        house = House(a_store(HERE))
        before = house.client()
        house.client.close()
        after = house.client()
        assert after is not None
        assert after is not before
        house.client.close()

    asyncio.run(work())

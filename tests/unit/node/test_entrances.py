"""The ways into a worker: what each listener lets in, and by which rules."""

from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.edge.credentials import contexts_of
from tta_gateway.edge.entrance import OpenWard
from tta_gateway.edge.sweeper import Sweeper
from tta_gateway.features.metrics.metrics import HANDSHAKES
from tta_gateway.kernel.timing import ClientTimeouts, ConnectionLimits
from tta_gateway.node.entrances import Entrances
from tta_gateway.pipeline.run import Runner
from tta_gateway.snapshot.model import Listener, Snapshot
from tta_gateway.support.metrics import Registry
from tta_gateway.wire.limits import Limits


class Loop:
    """An event loop that nobody asks for anything."""


def a_snapshot(*listeners: Listener, **changes: object) -> Snapshot:
    made = Snapshot(version=1, state_dir=".", listeners=listeners, services=(), routes=())
    return msgspec.structs.replace(made, **changes)


LISTENERS = (
    Listener(host="127.0.0.1", trusted=("10.0.0.0/8",)),
    Listener(unix="/run/g", internal=True),
)


class House:
    """The entrances of a worker; each is led by the listener itself."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.registry = Registry()
        self.ward = OpenWard()
        self.led: Callable[[Listener], object] = lambda listener: listener
        self.entrances = Entrances(
            snapshot,
            sweeper=Sweeper(cast("Any", Loop()), FakeClock().monotonic),
            runner=Runner(lambda work: work.close(), lambda *_: None),
            registry=self.registry,
            date=lambda: b"today",
            room=lambda one: one.connections,
        )
        self.entrances.open(snapshot, lambda one: cast("Any", self.led(one)), self.ward)


@pytest.fixture
def house() -> House:
    return House(a_snapshot(*LISTENERS))


def test_each_listener_has_its_own(house: House) -> None:
    each = house.entrances.each
    led: list[object] = [one.directory for one in each]
    assert led == list(LISTENERS)
    assert [one.is_proxy("10.1.2.3") for one in each] == [True, False]
    assert house.entrances.client(1)._entrance is each[1]


def test_those_for_services_are_guarded_by_nobody(house: House) -> None:
    public, internal = house.entrances.each
    assert public.ward is house.ward is not internal.ward


def test_new_rules_hold_for_new_connections(house: House) -> None:
    after = a_snapshot(
        *LISTENERS,
        limits=Limits(head=1024),
        client_timeouts=ClientTimeouts(header=1.0),
        connections=ConnectionLimits(per_worker=7, handshakes=3),
    )
    house.led = lambda _: "another"
    house.entrances.adopt(after, contexts_of(after))
    for one in house.entrances.each:
        assert (one.limits, one.timeouts) == (after.limits, after.client_timeouts)
        led: object = one.directory
        assert led == "another"
    assert house.entrances.guests.limits.per_worker == 7
    assert house.entrances.handshakes.most == 3


def test_only_what_asks_for_more_comes_by_the_doorway() -> None:
    first, other = LISTENERS
    house = House(a_snapshot(Listener(host="127.0.0.1", proxy_protocol=True), other))
    kinds = [type(house.entrances.protocol(index)).__name__ for index in range(2)]
    assert kinds == ["Doorway", "ClientConnection"]
    after = a_snapshot(first, other)
    house.entrances.adopt(after, contexts_of(after))
    assert type(house.entrances.protocol(0)).__name__ == "ClientConnection"


def test_how_connections_get_through_is_counted(house: House) -> None:
    house.entrances._count("late")
    found = {
        labels: cells for metric, labels, cells in house.registry.collect() if metric is HANDSHAKES
    }
    assert (found["late",], found["done",]) == ([1.0], [0.0])

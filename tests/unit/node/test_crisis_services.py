"""Where services are that are told: as control has found out, or as configured."""

import asyncio

import msgspec
import pytest

from tta_gateway.kernel.route import Endpoint, Service
from tta_gateway.kernel.standing import Stand, Standing, State, section
from tta_gateway.node.crisis_services import CrisisServices, endpoints
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import Live, Parts, parted, revived
from tta_gateway.support.posting import NotTaken

CONFIGURED = Endpoint(host="127.0.0.1", port=1)
SERVICE = Service(name="care", endpoints=(CONFIGURED,))
SNAPSHOT = Snapshot(version=1, state_dir=".", listeners=(), services=(SERVICE,), routes=())


def found(*states: State) -> Parts:
    stands = tuple(
        Stand(endpoint=Endpoint(host="127.0.0.2", port=port), state=state)
        for port, state in enumerate(states, 1)
    )
    raw = msgspec.Raw(msgspec.msgpack.encode(Standing(endpoints=stands)))
    return revived(parted(SNAPSHOT), Live(sections={section("care"): raw}))


def test_what_control_has_found_is_asked_the_best_first() -> None:
    ports = [one.port for one in endpoints(found("down", "draining", "up"), SERVICE)]
    assert ports == [3, 2, 1]


def test_without_anything_found_it_is_where_the_configuration_says() -> None:
    assert list(endpoints(parted(SNAPSHOT), SERVICE)) == [CONFIGURED]
    assert list(endpoints(found(), SERVICE)) == [CONFIGURED]
    broken = revived(parted(SNAPSHOT), Live(sections={section("care"): msgspec.Raw(b"\xc0")}))
    assert list(endpoints(broken, SERVICE)) == [CONFIGURED]


def posted(parts: Parts, service: str) -> int:
    services = CrisisServices(lambda: parts)
    return asyncio.run(services.post(service, "/crisis", b"{}", {}, patience=2.0))


def test_who_cannot_be_reached_has_not_taken_it() -> None:
    with pytest.raises(NotTaken, match="Connect call failed"):
        posted(parted(SNAPSHOT), "care")
    with pytest.raises(NotTaken, match="no such service"):
        posted(parted(SNAPSHOT), "nobody")

"""Alerting: what control keeps of alerts between two of it, and what it hears."""

import asyncio
import os
import socket
from collections.abc import Iterator
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.alerting import an_alert, endpoint
from tests.helpers.fake_clock import FakeClock
from tests.helpers.house import Events
from tta_gateway.features.alerts.bound import AlertsBound, Kept
from tta_gateway.kernel.route import Service
from tta_gateway.node.alerting import SECTION, Alerting
from tta_gateway.node.findings import Findings
from tta_gateway.snapshot.model import Certificate, Listener, ListenerTls, Snapshot
from tta_gateway.snapshot.parts import decode_live
from tta_gateway.support.bus import Bus
from tta_gateway.support.metrics import Registry

BARE = Snapshot(version=1, state_dir="", listeners=(), services=(), routes=())
PLAYERS = Service(name="players", endpoints=())


class House:
    """Control's part of alerts, on a channel whose other end is here."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.events = Events()
        self.bus = Bus()
        self.end, self.channel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.alerting = Alerting(
            self.bus,
            Findings(self.channel, {}),
            cast("Any", self.events),
            self.clock,
            Registry(),
        )
        self.alerting.listen()

    def told(self) -> list[dict[str, Any]]:
        return cast("list[dict[str, Any]]", self.alerting.told()["alerts"])

    def sent(self) -> Kept:
        """What has been sent for the next control."""
        _, (fd,), _, _ = socket.recv_fds(self.end, 64, 1)
        with os.fdopen(fd, "rb") as file:
            file.seek(0)
            raw = decode_live(file.read()).sections[SECTION]
        return msgspec.msgpack.decode(raw, type=Kept)

    def close(self) -> None:
        self.end.close()
        self.channel.close()


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.close()


def raw(one: msgspec.Struct) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(one))


def test_what_is_on_the_bus_is_heard_and_kept(house: House) -> None:
    house.alerting.adopt(BARE, [PLAYERS])
    house.bus.publish(endpoint("down", at=house.clock.wall()))

    async def look() -> None:
        task = asyncio.get_running_loop().create_task(house.alerting.run())
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(look())
    assert [one["alert"] for one in house.told()] == ["EndpointDown"]
    assert [one.name for one in house.sent().alerts] == ["EndpointDown"]


def test_the_next_control_knows_what_fires(house: House) -> None:
    gone = an_alert(name="CertificateExpired", labels={"certificate": "a.pem"}, state="firing")
    house.alerting.recover({SECTION: raw(Kept(alerts=(an_alert(), gone)))})
    house.alerting.adopt(BARE, [PLAYERS])
    house.alerting.certificates.tick()
    assert [(one["alert"], one["recovery"]) for one in house.told()] == [
        ("EndpointDown", None),
        ("CertificateExpired", "it has been renewed, or serves no more"),
    ]


def test_what_another_version_has_kept_is_left_out_with_a_word(house: House) -> None:
    house.alerting.recover({SECTION: msgspec.Raw(msgspec.msgpack.encode({"alerts": 5}))})
    house.alerting.recover({})
    assert [name for name, _ in house.events.told] == ["alerts_not_read"]


def test_the_settings_are_those_of_the_snapshot(house: House) -> None:
    bound = msgspec.structs.replace(BARE, features={"alerts": raw(AlertsBound(node="edge-1"))})
    house.alerting.adopt(bound, [])
    assert house.alerting.told()["node"] == "edge-1"


def test_a_certificate_that_is_over_is_an_alert(house: House) -> None:
    one = Certificate(certificate="a.pem", pem=b"", kind="", names=(), expires=5.0)
    listeners = (Listener(tls=ListenerTls(certificates=(one,))),)
    house.alerting.adopt(msgspec.structs.replace(BARE, listeners=listeners), [])
    house.alerting.certificates.tick()
    assert [(one["alert"], one["labels"]) for one in house.told()] == [
        ("CertificateExpired", {"certificate": "a.pem"})
    ]


@pytest.mark.parametrize(
    ("state", "recovery"),
    [
        (None, "the service has no such endpoint any more"),
        ("up", "it passes its checks again"),
        ("down", None),
    ],
)
def test_what_is_so_no_more_at_the_start_is_over(
    house: House, state: str | None, recovery: str | None
) -> None:
    house.alerting.recover({SECTION: raw(Kept(alerts=(an_alert(state="firing"),)))})
    house.alerting.adopt(BARE, [PLAYERS])
    house.alerting.compare(lambda _, __: state)
    assert [one["recovery"] for one in house.told()] == [recovery]


def test_what_is_no_endpoint_s_is_left_alone_at_the_start(house: House) -> None:
    lost = an_alert(name="RegistryUnreachable", labels={"registry": "etcd"}, state="firing")
    house.alerting.recover({SECTION: raw(Kept(alerts=(lost,)))})
    house.alerting.adopt(BARE, [PLAYERS])
    house.alerting.compare(lambda _, __: None)
    assert [one["recovery"] for one in house.told()] == [None]

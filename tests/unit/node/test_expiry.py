"""Expiry: once a day, about the certificates of the newest snapshot."""

import msgspec
import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.node.expiry import Expiry
from tta_gateway.snapshot.model import SOON, Certificate, Listener, ListenerTls, Snapshot
from tta_gateway.support.clock import Stamp
from tta_gateway.support.log import EventLog

DAY = 24 * 3600.0


class Kept:
    """Lines that stay."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def put(self, line: bytes) -> None:
        self.lines.append(line)

    @property
    def events(self) -> list[str]:
        return [msgspec.json.decode(line)["event"] for line in self.lines]


def a_snapshot(*expires: float) -> Snapshot:
    certificates = tuple(
        Certificate(certificate="a", pem=b"", kind="", names=(), expires=one) for one in expires
    )
    tls = ListenerTls(certificates=certificates)
    listeners = (Listener(), Listener(tls=tls))
    return Snapshot(version=1, state_dir="", listeners=listeners, services=(), routes=())


@pytest.mark.parametrize(
    ("left", "events"),
    [
        (SOON + 1, []),
        (SOON, ["certificate_expires_soon"]),
        (0.0, ["certificate_expired"]),
    ],
)
def test_a_date_is_told_of(left: float, events: list[str]) -> None:
    clock, kept = FakeClock(), Kept()
    Expiry(clock.wall, EventLog(kept, Stamp(clock.wall))).adopt(a_snapshot(clock.wall() + left))
    assert kept.events == events


def test_it_is_told_of_once_a_day_until_a_new_one_is_there() -> None:
    clock, kept = FakeClock(), Kept()
    expiry = Expiry(clock.wall, EventLog(kept, Stamp(clock.wall)))
    expiry.adopt(a_snapshot(clock.wall() + DAY / 2))
    expiry.tick()
    clock.advance(DAY)
    expiry.tick()
    expiry.tick()
    assert kept.events == ["certificate_expires_soon", "certificate_expired"]
    expiry.adopt(a_snapshot(clock.wall() + 90 * DAY))
    clock.advance(DAY)
    expiry.tick()
    assert len(kept.events) == 2

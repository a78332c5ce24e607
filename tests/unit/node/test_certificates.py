"""Certificates: each is told of once when its date begins to matter, and when it does no more."""

import pytest

from tests.helpers.certificates import Folder, pem_of
from tests.helpers.fake_clock import FakeClock
from tta_gateway.kernel.events import CertificateExpires
from tta_gateway.kernel.route import Service, ServiceTls
from tta_gateway.node.certificates import Certificates, state_of
from tta_gateway.snapshot.model import SOON, Certificate, Listener, ListenerTls, Snapshot

DAY = 24 * 3600.0


class House:
    """Certificates of a node."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.events: list[CertificateExpires] = []
        self.certificates = Certificates(self.clock.wall, self.events.append)

    def adopts(self, *days: float, services: tuple[Service, ...] = ()) -> None:
        made = tuple(
            Certificate(
                certificate="a.pem",
                pem=b"",
                kind="",
                names=(),
                expires=self.clock.wall() + one * DAY,
            )
            for one in days
        )
        listeners = (Listener(), Listener(tls=ListenerTls(certificates=made)))
        snapshot = Snapshot(version=1, state_dir="", listeners=listeners, services=(), routes=())
        self.certificates.adopt(snapshot, services)
        self.certificates.tick()

    def passes(self, days: float) -> None:
        self.clock.advance(days * DAY)
        self.certificates.tick()

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(one.name, one.state) for one in self.events]


@pytest.mark.parametrize(
    ("left", "state"), [(SOON + 1, "good"), (SOON, "soon"), (1.0, "soon"), (0.0, "expired")]
)
def test_a_date_matters_from_two_weeks_before(left: float, state: str) -> None:
    assert state_of(1000.0 + left, 1000.0) == state


def test_each_step_is_told_once() -> None:
    house = House()
    house.adopts(15)
    for _ in range(20):
        house.passes(1)
    assert house.told == [("a.pem", "soon"), ("a.pem", "expired")]
    house.adopts(90)
    house.adopts(90)
    assert house.told[2:] == [("a.pem", "renewed")]


def test_of_two_in_one_file_the_first_to_end_counts() -> None:
    house = House()
    house.adopts(30, 5)
    assert house.told == [("a.pem", "soon")]


def test_it_looks_once_a_minute() -> None:
    house = House()
    house.adopts(15)
    house.passes(1.5)
    assert house.told == [("a.pem", "soon")]
    house.certificates._expires["a.pem"] = 0.0
    house.clock.advance(30.0)
    house.certificates.tick()
    assert len(house.events) == 1
    house.clock.advance(30.0)
    house.certificates.tick()
    assert len(house.events) == 2


def test_one_that_serves_no_more_troubles_nobody() -> None:
    house = House()
    house.adopts(5)
    house.adopts()
    house.passes(1)
    assert house.told == [("a.pem", "soon"), ("a.pem", "renewed")]


def test_the_next_control_does_not_tell_it_again() -> None:
    house = House()
    house.certificates.recover({"a.pem": "soon", "b.pem": "expired"})
    house.adopts(5)
    assert house.told == [("b.pem", "renewed")]


def test_what_is_shown_to_a_service_counts_too(certificates: Folder) -> None:
    pem = pem_of(certificates.issue("the-gateway", file="shown.pem", days=-1))
    tls = ServiceTls(certificate="shown.pem", pem=pem)
    house = House()
    house.clock.advance(20 * 365 * DAY)
    house.adopts(
        services=(
            Service(name="a", endpoints=()),
            Service(name="b", endpoints=(), tls=ServiceTls()),
            Service(name="c", endpoints=(), tls=tls),
        )
    )
    assert house.told == [("shown.pem", "expired")]

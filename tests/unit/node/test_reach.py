"""Whom control asks of a service, and when somebody else; on sockets: tests/e2e."""

import asyncio
import ssl
from pathlib import Path
from typing import Any, cast

import pytest

from tta_gateway.kernel.route import Endpoint, Service, ServiceTls
from tta_gateway.node import reach
from tta_gateway.node.reach import Reach
from tta_gateway.node.services import Services
from tta_gateway.support.bus import Bus
from tta_gateway.support.http_client import (
    Answer,
    HttpError,
    HttpTimeout,
    HttpUnreachable,
    Origin,
    Request,
)

NOW = 1_800_000_000.0
ASKED = Request("/in", method="POST", body=b"{}")
GOOD = Answer(200, {}, b"good")
CA = Path("tests/golden/settings/ca.pem")


class Told:
    """Takes what workers are told."""

    def put(self, name: str, finding: object) -> None:
        pass


class Network:
    """Answers at some ports, and fails at others."""

    def __init__(self, answers: dict[int, Answer | HttpError]) -> None:
        self.answers = answers
        self.asked: list[tuple[Origin, float, float | None]] = []

    async def fetch(
        self,
        origin: Origin,
        request: Request,
        *,
        patience: float,
        connect: float | None = None,
        largest: int,
    ) -> Answer:
        assert (request, largest) == (ASKED, 256 * 1024)
        self.asked.append((origin, patience, connect))
        answer = self.answers[origin.port]
        if isinstance(answer, HttpError):
            raise answer
        return answer

    @property
    def ports(self) -> list[int]:
        return [origin.port for origin, _, _ in self.asked]


def at(port: int, *, weight: int = 1, tls: bool = False, authority: str = "") -> Endpoint:
    return Endpoint(host="127.0.0.1", port=port, weight=weight, tls=tls, authority=authority)


def services(*endpoints: Endpoint, host: str = "", tls: ServiceTls | None = None) -> Services:
    made = Services(cast("Any", Told()), Bus(), wall=lambda: NOW)
    service = Service(name="accounts", endpoints=endpoints, host=host, tls=tls)
    made.adopt([service], checked=lambda _: True)
    return made


def asked(
    known: Services,
    network: Network,
    monkeypatch: pytest.MonkeyPatch,
    *,
    authorities: dict[str, bytes] | None = None,
) -> Answer:
    monkeypatch.setattr(reach, "fetch", network.fetch)
    reaching = Reach(
        known, authorities=lambda: authorities or {}, wall=lambda: NOW, chance=lambda: 0.5
    )
    return asyncio.run(reaching.ask("accounts", ASKED, patience=5.0))


def test_a_good_endpoint_is_asked_before_one_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    known = services(at(1), at(2), at(3, weight=9))
    known.checked("accounts", "127.0.0.1:1", "down", "no answer")
    known.checked("accounts", "127.0.0.1:3", "down", "no answer")
    network = Network({2: GOOD})
    assert asked(known, network, monkeypatch) is GOOD
    assert network.ports == [2]


def test_where_no_connection_comes_about_one_more_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = HttpUnreachable("refused")
    network = Network({1: gone, 2: GOOD, 3: GOOD})
    known = services(at(1, weight=9), at(2, weight=4), at(3))
    assert asked(known, network, monkeypatch) is GOOD
    assert [(one.port, *rest) for one, *rest in network.asked] == [(1, 5.0, 1.0), (2, 4.0, 1.0)]


def test_and_no_third(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = HttpUnreachable("refused")
    network = Network({1: gone, 2: gone, 3: GOOD})
    known = services(at(1, weight=9), at(2, weight=4), at(3))
    with pytest.raises(HttpUnreachable, match="refused"):
        asked(known, network, monkeypatch)
    assert network.ports == [1, 2]


def test_what_may_have_arrived_is_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network({1: HttpTimeout("late"), 2: GOOD})
    with pytest.raises(HttpTimeout):
        asked(services(at(1, weight=9), at(2)), network, monkeypatch)
    assert network.ports == [1]


@pytest.mark.parametrize("known", [services(), Services(cast("Any", Told()), Bus(), wall=float)])
def test_without_an_endpoint_there_is_no_answer(
    known: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(HttpUnreachable, match="no endpoint"):
        asked(known, Network({}), monkeypatch)


def test_a_service_is_called_as_the_configuration_says(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network({1: GOOD})
    asked(services(at(1, authority="accounts.example:1")), network, monkeypatch)
    asked(services(at(1), host="accounts.internal"), network, monkeypatch)
    asked(services(at(1)), network, monkeypatch)
    told = [origin.authority for origin, _, _ in network.asked]
    assert told == ["accounts.example:1", "accounts.internal", "127.0.0.1:1"]


def test_one_that_speaks_tls_must_show_its_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network({1: GOOD})
    tls = ServiceTls(ca="digest", server_name="accounts.example")
    known = services(at(1, tls=True), tls=tls)
    asked(known, network, monkeypatch, authorities={"digest": CA.read_bytes()})
    ((origin, _, _),) = network.asked
    assert origin.server_name == "accounts.example"
    assert origin.tls is not None
    assert origin.tls.verify_mode == ssl.CERT_REQUIRED
    assert len(origin.tls.get_ca_certs()) == 1


def test_authorities_that_are_none_are_an_error_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    known = services(at(1, tls=True), tls=ServiceTls(ca="digest"))
    with pytest.raises(HttpError, match="its certificates cannot be used"):
        asked(known, Network({1: GOOD}), monkeypatch, authorities={"digest": b"nothing"})


def test_a_context_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network({1: GOOD})
    monkeypatch.setattr(reach, "fetch", network.fetch)
    reaching = Reach(
        services(at(1, tls=True), tls=ServiceTls(ca="digest")),
        authorities=lambda: {"digest": CA.read_bytes()},
        wall=lambda: NOW,
        chance=lambda: 0.5,
    )

    async def work() -> None:
        for _ in range(2):
            await reaching.ask("accounts", ASKED, patience=5.0)

    asyncio.run(work())
    first, second = (origin.tls for origin, _, _ in network.asked)
    assert first is second

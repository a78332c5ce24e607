"""Reading: what each event begins and ends."""

import msgspec
import pytest

from tests.helpers.alerting import endpoint, service
from tta_gateway.features.alerts.reading import LONGEST, kind_of, turns_of
from tta_gateway.kernel.events import (
    AttackChanged,
    BreakerChanged,
    CertificateExpires,
    EndpointSeen,
    EscalationTroubled,
    Event,
    IssuerKeyMissing,
    IssuerKeysChanged,
    LoginProviderChanged,
    LoginsFailing,
    RegistryChanged,
    ServiceTlsChanged,
)

SEEN = EndpointSeen(
    service="s", endpoint="e", weight=1.0, ratio=1.0, in_flight=0, open=0, at=0.0, by="worker 1"
)


def breaker(state: str, until: float = 0.0) -> BreakerChanged:
    return BreakerChanged(service="s", route="/r", state=state, at=1.0, until=until)  # type: ignore[arg-type]


def registry(*, reachable: bool) -> RegistryChanged:
    return RegistryChanged(provider="consul", reachable=reachable, cause="refused", at=1.0)


FAILING = LoginsFailing(
    failed=57, names=40, addresses=2, most_from=("3fa1", "07bc"), until=91.0, at=1.0
)


def login(*, reachable: bool) -> LoginProviderChanged:
    return LoginProviderChanged(provider="clinic", reachable=reachable, cause="refused", at=1.0)


def attack(state: str) -> AttackChanged:
    return AttackChanged(state=state, cause="9 blocked", sources=9, at=1.0)  # type: ignore[arg-type]


def escalation(kind: str, *, over: bool) -> EscalationTroubled:
    return EscalationTroubled(kind=kind, of="x", over=over, cause="503", at=1.0)  # type: ignore[arg-type]


def issuer_keys(*, reachable: bool) -> IssuerKeysChanged:
    return IssuerKeysChanged(issuer="clinic", reachable=reachable, cause="refused", at=1.0)


def certificate(state: str) -> CertificateExpires:
    return CertificateExpires(name="a.pem", state=state, expires=2.0, at=1.0)  # type: ignore[arg-type]


def tls(*, works: bool) -> ServiceTlsChanged:
    return ServiceTlsChanged(service="s", endpoint="e", works=works, cause="expired", at=1.0)


@pytest.mark.parametrize(
    ("event", "kind", "begins", "ends"),
    [
        (endpoint("appeared"), "endpoint_appeared", [], []),
        (endpoint("starting"), "endpoint_starting", [], []),
        (endpoint("down"), "endpoint_down", ["EndpointDown"], []),
        (endpoint("up"), "endpoint_up", [], ["EndpointDown"]),
        (endpoint("ejected"), "endpoint_ejected", ["EndpointEjected"], []),
        (
            endpoint("let_back_in"),
            "endpoint_let_back_in",
            [],
            ["EndpointEjected", "EndpointSlow"],
        ),
        (endpoint("penalised"), "endpoint_penalised", ["EndpointSlow"], []),
        (
            endpoint("as_fast_as_its_peers"),
            "endpoint_as_fast_as_its_peers",
            [],
            ["EndpointSlow"],
        ),
        (endpoint("draining"), "endpoint_draining", [], ["EndpointDown", "EndpointEjected"]),
        (
            endpoint("gone"),
            "endpoint_gone",
            [],
            ["EndpointDown", "EndpointEjected", "EndpointSlow", "ServiceTlsFails"],
        ),
        (service("unhealthy"), "service_unhealthy", ["ServiceUnhealthy"], ["ServiceDegraded"]),
        (service("degraded"), "service_degraded", ["ServiceDegraded"], ["ServiceUnhealthy"]),
        (service("healthy"), "service_healthy", [], ["ServiceUnhealthy", "ServiceDegraded"]),
        (breaker("open"), "breaker_open", ["BreakerOpen"], []),
        (breaker("closed"), "breaker_closed", [], ["BreakerOpen"]),
        (
            registry(reachable=False),
            "registry_unreachable",
            ["RegistryUnreachable"],
            [],
        ),
        (registry(reachable=True), "registry_reachable", [], ["RegistryUnreachable"]),
        (
            issuer_keys(reachable=False),
            "issuer_keys_unreachable",
            ["IssuerKeysUnreachable"],
            [],
        ),
        (issuer_keys(reachable=True), "issuer_keys_reachable", [], ["IssuerKeysUnreachable"]),
        (escalation("unreached", over=False), "escalation_unreached", ["CrisisUnreached"], []),
        (escalation("unreached", over=True), "escalation_unreached_over", [], ["CrisisUnreached"]),
        (escalation("parked", over=False), "escalation_parked", ["CrisisRecordParked"], []),
        (escalation("store", over=True), "escalation_store_over", [], ["CrisisStoreFails"]),
        (attack("begun"), "attack_begun", ["AttackUnderWay"], []),
        (attack("goes_on"), "", ["AttackUnderWay"], []),
        (attack("over"), "attack_over", [], ["AttackUnderWay"]),
        (login(reachable=False), "login_provider_away", ["LoginProviderUnreachable"], []),
        (FAILING, "logins_failing", ["LoginsFailing"], []),
        (login(reachable=True), "login_provider_back", [], ["LoginProviderUnreachable"]),
        (IssuerKeyMissing(issuer="clinic", at=1.0, by="worker 1"), "", [], []),
        (certificate("soon"), "certificate_expires_soon", ["CertificateExpiresSoon"], []),
        (
            certificate("expired"),
            "certificate_expired",
            ["CertificateExpired"],
            ["CertificateExpiresSoon"],
        ),
        (
            certificate("renewed"),
            "certificate_renewed",
            [],
            ["CertificateExpiresSoon", "CertificateExpired"],
        ),
        (tls(works=False), "tls_failed", ["ServiceTlsFails"], []),
        (tls(works=True), "tls_works", [], ["ServiceTlsFails"]),
        (SEEN, "", [], []),
    ],
)
def test_an_event_begins_and_ends(
    event: Event, kind: str, begins: list[str], ends: list[str]
) -> None:
    turns = turns_of(event)
    assert kind_of(event) == kind
    assert [one.name for one in turns if one.begins] == begins
    assert [one.name for one in turns if not one.begins] == ends
    assert all(one.cause for one in turns if not one.begins)


@pytest.mark.parametrize("state", ["half_open", "ramp"])
def test_a_breaker_that_tries_lets_its_alert_last(state: str) -> None:
    (turn,) = turns_of(breaker(state))
    assert turn.extends


def test_what_is_there_for_a_while_says_for_how_long() -> None:
    (ejected,) = turns_of(endpoint("ejected", at=10.0, until=40.0))
    (opened,) = turns_of(breaker("open", until=40.0))
    assert 40.0 < ejected.lease < 60.0 < opened.lease


def test_a_cause_has_an_end() -> None:
    (turn,) = turns_of(endpoint("down", cause="x" * 10_000))
    assert turn.cause == "x" * LONGEST


def test_workers_mean_the_same_alert() -> None:
    (one,), (other,) = (turns_of(endpoint("down", by=by)) for by in ("worker 1", "worker 2"))
    assert one.key == other.key == "EndpointDown|endpoint=10.0.0.1:80|service=players"


def test_an_attack_has_its_evidence_and_ends_by_itself_if_nobody_speaks_of_it() -> None:
    (turn,) = turns_of(attack("begun"))
    assert (turn.cause, turn.lease) == ("9 blocked", 3601.0)


def test_failing_logins_are_one_alert_that_ends_when_nobody_speaks_of_it() -> None:
    (turn,) = turns_of(FAILING)
    assert turn.lease == 91.0
    assert turn.cause == (
        "57 logins have failed, in the last minute for 40 names from 2 addresses "
        "(most from 3fa1, 07bc)"
    )
    again = msgspec.structs.replace(FAILING, failed=90, most_from=("07bc",), at=16.0)
    assert turns_of(again)[0].key == turn.key


def test_a_parked_record_is_told_of_for_a_day_and_nobody_reached_until_somebody_is() -> None:
    (parked,) = turns_of(escalation("parked", over=False))
    (unreached,) = turns_of(escalation("unreached", over=False))
    assert (parked.lease, unreached.lease) == (1.0 + 86_400.0, 0.0)
    assert (unreached.severity, unreached.labels) == ("critical", {"incident": "x"})

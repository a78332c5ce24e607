"""Reading: which alert an event begins or ends.

    endpoint  down -> up, draining, gone            ejected -> let back in
              slow (penalised) -> as fast as its peers, let back in
    service   unhealthy, degraded -> healthy        breaker  open -> closed
    registry  unreachable -> reachable              certificate  soon, expired -> renewed
    attack    begun -> over
    TLS       fails -> works                        keys of an issuer  unreachable -> reachable
    logins    many fail -> (nobody says so any more)
    incident  nobody is reached -> somebody is told, or answers
    guard     a record is parked -> (a day is over)      its file fails -> works

Ejections and open breakers say how long they last: when nobody speaks of one after that (the worker
is no more, or nobody asks), it ends by itself.  So does a slow endpoint after an hour.
"""

from typing import Final

from tta_gateway.features.alerts.bound import Severity, key_of
from tta_gateway.kernel.events import (
    AttackChanged,
    BreakerChanged,
    CertificateExpires,
    EndpointChanged,
    EscalationTroubled,
    Event,
    IssuerKeysChanged,
    LoginProviderChanged,
    LoginsFailing,
    RegistryChanged,
    ServiceChanged,
    ServiceTlsChanged,
)
from tta_gateway.support.redaction.field import label
from tta_gateway.support.redaction.scrub import scrub

LONGEST: Final = 500  # characters of a cause
_SOON: Final = 5.0  # seconds after its end that an ejection is given up, if nobody says so
_LATE: Final = 60.0  # likewise a breaker: it is closed by those who ask
_HOUR: Final = 3600.0
_TROUBLES: Final = {
    "unreached": ("CrisisUnreached", "incident"),
    "parked": ("CrisisRecordParked", "segment"),
    "store": ("CrisisStoreFails", "of"),
}


class Turn:
    """What an event means for one alert: it begins, ends, or goes on for a while (`extends`).

    One that begins ends by itself at `lease`; one that ends leaves alone what lasts beyond it.
    `tries` says that what ended was but a try, so that its failure is no new beginning.
    """

    __slots__ = (
        "at",
        "begins",
        "cause",
        "extends",
        "labels",
        "lease",
        "name",
        "severity",
        "tries",
    )

    def __init__(
        self,
        name: str,
        labels: dict[str, str],
        *,
        at: float,
        severity: Severity | None = None,
        cause: str = "",
        lease: float = 0.0,
    ) -> None:
        """Begin an alert of a severity, or end one without."""
        self.name = name
        self.labels = {one: label(value) for one, value in labels.items()}
        self.at = at
        self.begins = severity is not None
        self.severity: Severity = severity or "info"
        self.cause = scrub(cause)[:LONGEST]
        self.lease = lease
        self.extends = False
        self.tries = name == "EndpointEjected"  # let back in, it may be as dead as before

    @property
    def key(self) -> str:
        """Return which alert it is about."""
        return key_of(self.name, self.labels)


def kind_of(event: Event) -> str:
    """Return how logs and metrics call what has happened; empty if it is no transition."""
    if isinstance(event, EndpointChanged):
        return f"endpoint_{event.change}"
    if isinstance(event, ServiceChanged):
        return f"service_{event.after}"
    if isinstance(event, BreakerChanged):
        return f"breaker_{event.state}"
    if isinstance(event, RegistryChanged):
        return "registry_reachable" if event.reachable else "registry_unreachable"
    return _kind_of_tls(event)


def _kind_of_tls(event: Event) -> str:
    if isinstance(event, AttackChanged):
        return "" if event.state == "goes_on" else f"attack_{event.state}"
    if isinstance(event, CertificateExpires):
        return "certificate_expires_soon" if event.state == "soon" else f"certificate_{event.state}"
    if isinstance(event, ServiceTlsChanged):
        return "tls_works" if event.works else "tls_failed"
    if isinstance(event, IssuerKeysChanged):
        return "issuer_keys_reachable" if event.reachable else "issuer_keys_unreachable"
    if isinstance(event, LoginProviderChanged):
        return "login_provider_back" if event.reachable else "login_provider_away"
    if isinstance(event, EscalationTroubled):
        return f"escalation_{event.kind}{'_over' if event.over else ''}"
    return "logins_failing" if isinstance(event, LoginsFailing) else ""


def turns_of(event: Event) -> list[Turn]:
    """Return what an event begins and ends."""
    if isinstance(event, EndpointChanged):
        return _of_endpoint(event)
    if isinstance(event, ServiceChanged):
        return _of_service(event)
    if isinstance(event, BreakerChanged):
        return _of_breaker(event)
    if isinstance(event, RegistryChanged):
        labels = {"registry": event.provider}
        severity: Severity | None = None if event.reachable else "critical"
        cause = "it is reached again" if event.reachable else event.cause
        return [Turn("RegistryUnreachable", labels, at=event.at, severity=severity, cause=cause)]
    return _of_tls(event)


def _of_endpoint(event: EndpointChanged) -> list[Turn]:
    labels = {"service": event.service, "endpoint": event.endpoint}
    at, change, cause = event.at, event.change, event.cause
    if change == "down":
        return [Turn("EndpointDown", labels, at=at, severity="warning", cause=cause)]
    if change == "ejected":
        lease = max(event.until, at) + _SOON
        return [
            Turn("EndpointEjected", labels, at=at, severity="warning", cause=cause, lease=lease)
        ]
    if change == "penalised":
        lease = at + _HOUR
        return [Turn("EndpointSlow", labels, at=at, severity="info", cause=cause, lease=lease)]
    turns = [Turn(name, labels, at=at, cause=why) for name, why in _ENDS.get(change, ())]
    for turn in turns:
        if change == "let_back_in" and turn.name == "EndpointEjected":
            turn.lease = at + _SOON + 1.0  # another worker may leave it out for longer
    return turns


_GONE: Final = "the service has no such endpoint any more"
_DRAINS: Final = "it drains, and is asked nothing any more"
# By the change of an endpoint: the alerts that it ends, and in which words.
_ENDS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "up": (("EndpointDown", "it passes its checks again"),),
    "let_back_in": (
        ("EndpointEjected", "it is asked again"),
        ("EndpointSlow", "it is asked again"),
    ),
    "as_fast_as_its_peers": (("EndpointSlow", "it is as fast as its peers"),),
    "draining": (("EndpointDown", _DRAINS), ("EndpointEjected", _DRAINS)),
    "gone": (
        ("EndpointDown", _GONE),
        ("EndpointEjected", _GONE),
        ("EndpointSlow", _GONE),
        ("ServiceTlsFails", _GONE),
    ),
}


def _of_service(event: ServiceChanged) -> list[Turn]:
    labels, at, cause = {"service": event.service}, event.at, event.cause
    now = f"the service is {event.after}"
    turns = []
    if event.after != "unhealthy":
        turns.append(Turn("ServiceUnhealthy", labels, at=at, cause=now))
    if event.after != "degraded":
        turns.append(Turn("ServiceDegraded", labels, at=at, cause=now))
    if event.after == "unhealthy":
        turns.append(Turn("ServiceUnhealthy", labels, at=at, severity="critical", cause=cause))
    elif event.after == "degraded":
        turns.append(Turn("ServiceDegraded", labels, at=at, severity="warning", cause=cause))
    return turns


def _of_breaker(event: BreakerChanged) -> list[Turn]:
    labels = {"service": event.service, "route": event.route}
    if event.state == "closed":
        return [Turn("BreakerOpen", labels, at=event.at, cause="the breaker is closed")]
    turn = Turn(
        "BreakerOpen",
        labels,
        at=event.at,
        severity="critical",
        cause=event.cause,
        lease=max(event.until, event.at) + _LATE,
    )
    turn.extends = event.state != "open"
    return [turn]


def _of_tls(event: Event) -> list[Turn]:
    if isinstance(event, ServiceTlsChanged):
        labels = {"service": event.service, "endpoint": event.endpoint}
        severity: Severity | None = None if event.works else "critical"
        cause = "TLS comes about again" if event.works else event.cause
        return [Turn("ServiceTlsFails", labels, at=event.at, severity=severity, cause=cause)]
    if isinstance(event, CertificateExpires):
        return _of_certificate(event)
    if isinstance(event, LoginProviderChanged):
        return _of_login(event)
    if isinstance(event, AttackChanged):
        return [_of_attack(event)]
    if isinstance(event, LoginsFailing):
        return _of_failing(event)
    if isinstance(event, EscalationTroubled):
        return [_of_escalation(event)]
    return _of_keys(event) if isinstance(event, IssuerKeysChanged) else []


def _of_attack(event: AttackChanged) -> Turn:
    """Return one turn for all of an attack, however many attack."""
    severity: Severity | None = None
    if event.state != "over":
        severity = "warning"
    lease = 0.0 if severity is None else event.at + _HOUR
    turn = Turn("AttackUnderWay", {"of": "addresses"}, at=event.at, severity=severity)
    turn.cause, turn.lease = scrub(event.cause)[:LONGEST], lease
    return turn


def _of_escalation(event: EscalationTroubled) -> Turn:
    name, label = _TROUBLES[event.kind]
    severity: Severity | None = None if event.over else "critical"
    turn = Turn(name, {label: event.of}, at=event.at, severity=severity, cause=event.cause)
    if event.kind == "parked" and not event.over:
        turn.lease = event.at + 24 * _HOUR
    return turn


def _of_keys(event: IssuerKeysChanged) -> list[Turn]:
    severity: Severity | None = None if event.reachable else "critical"
    cause = "they are fetched again" if event.reachable else event.cause
    labels = {"issuer": event.issuer}
    return [Turn("IssuerKeysUnreachable", labels, at=event.at, severity=severity, cause=cause)]


def _of_login(event: LoginProviderChanged) -> list[Turn]:
    severity: Severity | None = None if event.reachable else "critical"
    cause = "it can be asked again" if event.reachable else event.cause
    labels = {"provider": event.provider}
    return [Turn("LoginProviderUnreachable", labels, at=event.at, severity=severity, cause=cause)]


def _of_failing(event: LoginsFailing) -> list[Turn]:
    cause = (
        f"{event.failed} logins have failed, in the last minute for {event.names} names from "
        f"{event.addresses} addresses (most from {', '.join(event.most_from)})"
    )
    return [
        Turn(
            "LoginsFailing",
            {"path": "/api/v1/auth/login"},
            at=event.at,
            severity="warning",
            cause=cause,
            lease=event.until,
        )
    ]


def _of_certificate(event: CertificateExpires) -> list[Turn]:
    labels, at = {"certificate": event.name}, event.at
    soon, over = "CertificateExpiresSoon", "CertificateExpired"
    if event.state == "renewed":
        why = "it has been renewed, or serves no more"
        return [Turn(one, labels, at=at, cause=why) for one in (soon, over)]
    if event.state == "expired":
        turn = Turn(over, labels, at=at, severity="critical", cause="its time is over")
        return [Turn(soon, labels, at=at, cause="its time is over"), turn]
    return [Turn(soon, labels, at=at, severity="warning", cause="its time is over soon")]

"""Wording: alerts as people and other machines read them."""

from datetime import UTC, datetime
from typing import Final

from tta_gateway.features.alerts.bound import Alert, Notice

_SAID: Final = {
    "EndpointDown": "does not pass its checks",
    "EndpointEjected": "fails, and is left out",
    "EndpointSlow": "is much slower than its peers, and gets little to do",
    "ServiceUnhealthy": "cannot serve",
    "ServiceDegraded": "does without something that it needs",
    "BreakerOpen": "is not asked for a while",
    "RegistryUnreachable": "cannot be reached: what it said last stays in force",
    "CertificateExpiresSoon": "is a certificate that expires soon",
    "CertificateExpired": "is a certificate that has expired: clients refuse it",
    "IssuerKeysUnreachable": "publishes keys that cannot be fetched: the last good ones stay",
    "LoginProviderUnreachable": "cannot be asked: nobody logs in by way of it",
    "AttackUnderWay": "attack the gateway, and are kept out",
    "LoginsFailing": "sees many logins fail: somebody may be trying out passwords",
    "ServiceTlsFails": "cannot be spoken to by TLS",
    "CrisisUnreached": "is an incident that nobody can be told of",
    "CrisisRecordParked": "has a record that cannot be read: somebody may be in need",
    "CrisisStoreFails": "cannot keep incidents",
}
_ORDER: Final = (
    "service",
    "endpoint",
    "route",
    "registry",
    "certificate",
    "issuer",
    "provider",
    "of",
    "path",
    "incident",
    "segment",
)


def stamp(moment: float) -> str:
    """Return a moment as RFC 3339 has it."""
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def status(notice: Notice) -> str:
    """Return `firing` or `resolved`."""
    return "resolved" if notice.reason == "resolved" else "firing"


def summary(alert: Alert) -> str:
    """Return what is the matter, in a sentence without its cause."""
    what = " ".join(alert.labels[one] for one in _ORDER if one in alert.labels)
    return f"{what} {_SAID.get(alert.name, alert.name)}"

"""What control needs of the operator's alerts, and what an alert is."""

from typing import Final, Literal, TypeAlias

import msgspec

Severity = Literal["info", "warning", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "critical")
State = Literal["begun", "passed", "firing", "calming"]
Reason = Literal["new", "flapping", "repeat", "still", "resolved"]


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """When an alert is told: times in seconds.

    `wait` gathers what happens together, `calm` must pass without the cause before an alert is
    over, and `repeat` until one that lasts is told again.  One that begins `flaps` times
    `flaps_within` is told as flapping, and over after `flaps_calm`.
    """

    wait: float = 5.0
    calm: float = 30.0
    repeat: float = 4 * 3600.0
    flaps: int = 4
    flaps_within: float = 600.0
    flaps_calm: float = 300.0


class Alertmanager(msgspec.Struct, frozen=True, kw_only=True, tag="alertmanager"):
    """An Alertmanager: `url` is where its API begins; `ca` holds authorities in PEM.

    `name` is how logs and metrics call it.
    """

    url: str
    name: str = ""
    severity: Severity = "info"
    ca: str = ""
    token: str = ""
    user: str = ""
    password: str = ""
    resolve_timeout: float = 300.0

    def __repr__(self) -> str:
        """Say which it is, and no secret."""
        return f"<alertmanager {self.name}>"


class Webhook(msgspec.Struct, frozen=True, kw_only=True, tag="webhook"):
    """Somebody who takes alerts as JSON; with a `secret` each call is signed."""

    url: str
    name: str = ""
    severity: Severity = "info"
    ca: str = ""
    token: str = ""
    secret: str = ""

    def __repr__(self) -> str:
        """Say which it is, and no secret."""
        return f"<webhook {self.name}>"


class Mail(msgspec.Struct, frozen=True, kw_only=True, tag="mail"):
    """Some mailboxes, by way of a server."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"] = "starttls"
    severity: Severity = "warning"
    ca: str = ""
    user: str = ""
    password: str = ""
    sender: str
    to: tuple[str, ...]
    name: str = ""

    def __repr__(self) -> str:
        """Say which it is, and no secret."""
        return f"<mail {self.name}>"


SinkBound: TypeAlias = Alertmanager | Webhook | Mail


class AlertsBound(msgspec.Struct, frozen=True, kw_only=True):
    """All of it; `node` is how alerts name this machine, empty for its own name.

    `link` is where what fires is listed.
    """

    node: str = ""
    link: str = ""
    rules: Rules = Rules()
    sinks: tuple[SinkBound, ...] = ()


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not as it should be; moments in seconds since the epoch.

    `ended` is when its cause went away, 0 while it is there, and `recovery` says how.  `lease` is
    when it ends by itself if nobody speaks of it again, 0 for never.  `told` is when sinks heard
    of it last, `times` how often it began within the span that counts for flapping.
    """

    name: str
    severity: Severity
    labels: dict[str, str]
    cause: str
    began: float
    state: State = "begun"
    ended: float = 0.0
    recovery: str = ""
    lease: float = 0.0
    told: float = 0.0
    times: int = 1
    flapping: bool = False

    @property
    def key(self) -> str:
        """Return what tells it from all others."""
        return key_of(self.name, self.labels)

    @property
    def is_away(self) -> bool:
        """Tell whether its cause is away."""
        return self.state in ("passed", "calming")

    @property
    def is_told(self) -> bool:
        """Tell whether sinks have heard of it."""
        return self.state in ("firing", "calming")


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as it is to be told, and why now."""

    reason: Reason
    alert: Alert


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What the next control must know: alerts, when each began lately, and what sinks are owed."""

    alerts: tuple[Alert, ...] = ()
    begins: dict[str, tuple[float, ...]] = {}
    owed: dict[str, tuple[Notice, ...]] = {}


def key_of(name: str, labels: dict[str, str]) -> str:
    """Return what tells an alert from all others."""
    return "|".join([name, *(f"{one}={labels[one]}" for one in sorted(labels))])

"""Events: what happens that more than one part of the gateway wants to know.

They travel on one bus (support/bus.py); `at` is in seconds since the epoch.  `by` says who saw it:
`control`, or a worker by its process.
"""

from typing import Literal

import msgspec

from tta_gateway.kernel.verdict import Category

EndpointChange = Literal[
    "appeared",
    "gone",
    "up",
    "down",
    "starting",
    "draining",
    "ejected",
    "let_back_in",
    "penalised",
    "as_fast_as_its_peers",
]
BreakerState = Literal["closed", "open", "half_open", "ramp"]
Proof = Literal["", "connection", "answer"]
"""What a check must show to end an ejection before its time; nothing does if it is empty."""
ServiceState = Literal["healthy", "degraded", "unhealthy"]


class EndpointChanged(msgspec.Struct, frozen=True, kw_only=True, tag="endpoint"):
    """An endpoint of a service is not what it was.

    `until` says when an ejection ends, `proof` what may end it sooner.
    """

    service: str
    endpoint: str
    change: EndpointChange
    cause: str = ""
    at: float
    by: str = "control"
    until: float = 0.0
    proof: Proof = ""


class ServiceChanged(msgspec.Struct, frozen=True, kw_only=True, tag="service"):
    """A service as a whole is in another state."""

    service: str
    before: ServiceState
    after: ServiceState
    cause: str = ""
    at: float


class BreakerChanged(msgspec.Struct, frozen=True, kw_only=True, tag="breaker"):
    """The breaker of a service's route is in another state; `until`: how long it stays open."""

    service: str
    route: str
    state: BreakerState
    cause: str = ""
    at: float
    by: str = "control"
    until: float = 0.0


class RegistryChanged(msgspec.Struct, frozen=True, kw_only=True, tag="registry"):
    """A registry is to be reached again, or not any more: what it said last stays in force."""

    provider: str
    reachable: bool
    cause: str = ""
    at: float


class IssuerKeysChanged(msgspec.Struct, frozen=True, kw_only=True, tag="issuer_keys"):
    """The keys of an issuer of tokens can be fetched again, or not: the last good ones stay."""

    issuer: str
    reachable: bool
    cause: str = ""
    at: float


class LoginProviderChanged(msgspec.Struct, frozen=True, kw_only=True, tag="login_provider"):
    """A provider by way of which people log in can be asked again, or not any more."""

    provider: str
    reachable: bool
    cause: str = ""
    at: float


class IssuerKeyMissing(msgspec.Struct, frozen=True, kw_only=True, tag="issuer_key_missing"):
    """A token may be signed with a key that its issuer has published since it was asked last."""

    issuer: str
    at: float
    by: str


class LoginsFailing(msgspec.Struct, frozen=True, kw_only=True, tag="logins_failing"):
    """Many logins fail, and go on to until `until`, if nobody says so again.

    `failed` are all since it began; names and addresses are counted, and `most_from` stands for
    those that most came from.
    """

    failed: int
    names: int
    addresses: int
    most_from: tuple[str, ...]
    until: float
    at: float


class CertificateExpires(msgspec.Struct, frozen=True, kw_only=True, tag="certificate"):
    """A certificate ends soon, has ended, or has been replaced in time."""

    name: str
    state: Literal["soon", "expired", "renewed"]
    expires: float
    at: float


class ServiceTlsChanged(msgspec.Struct, frozen=True, kw_only=True, tag="tls"):
    """TLS to an endpoint of a service does not come about, or does (again)."""

    service: str
    endpoint: str
    works: bool
    cause: str = ""
    at: float
    by: str = "control"


class EndpointSeen(msgspec.Struct, frozen=True, kw_only=True, tag="seen"):
    """How an endpoint does, as one worker sees it now: no change, for who wants to look.

    `draining` says that the worker knows that it drains: it asks nothing new there; `penalised`
    that it gives it only probes.  `asked` and `failed` are what has come since it told of the
    endpoint before; `turn` grows with each telling, so that none is counted twice.
    """

    service: str
    endpoint: str
    weight: float
    ratio: float
    in_flight: int
    open: int
    at: float
    by: str
    draining: bool = False
    penalised: bool = False
    asked: int = 0
    failed: int = 0
    turn: int = 0


class GlassOpened(msgspec.Struct, frozen=True, kw_only=True, tag="glass_opened"):
    """Somebody has broken the glass before a person's data; why is kept under `id`."""

    id: str
    subject: str
    person: str
    until: float
    at: float


class GlassUsed(msgspec.Struct, frozen=True, kw_only=True, tag="glass_used"):
    """Somebody has seen, or done, what they may only because they have broken the glass."""

    subject: str
    person: str
    route: str
    method: str
    request_id: str
    at: float
    by: str = "control"


class ChangeStepped(msgspec.Struct, frozen=True, kw_only=True, tag="change"):
    """A change that two people make was proposed, or has come to what it is; why is kept by id."""

    id: str
    kind: str
    step: str
    summary: str
    proposed_by: str
    by: str
    at: float


AccountStep = Literal["invited", "registered", "password_changed", "reset_begun", "password_reset"]


class AccountChanged(msgspec.Struct, frozen=True, kw_only=True, tag="account"):
    """Something of an account that its owner, and who looks after accounts, should hear of.

    `subject` is whose it is, of an invitation its id; `by` is who has done it.
    """

    step: AccountStep
    subject: str
    by: str
    at: float


class SectionsTaken(msgspec.Struct, frozen=True, kw_only=True, tag="taken"):
    """A worker has taken up all that it was told up to a turn (features/nodes)."""

    turn: int
    by: str


class SourceSeen(msgspec.Struct, frozen=True, kw_only=True):
    """What has come of an address or a network since it was told before: how many of each kind."""

    source: str
    counts: tuple[float, ...]
    points: float


class SourcesSeen(msgspec.Struct, frozen=True, kw_only=True, tag="sources"):
    """What a worker has seen of addresses that may attack."""

    seen: tuple[SourceSeen, ...]
    at: float
    by: str


class SourceBlocked(msgspec.Struct, frozen=True, kw_only=True, tag="blocked"):
    """A worker keeps an address or a network out until a time, by what it has seen itself."""

    source: str
    until: float
    strikes: int
    cause: str
    at: float
    by: str


class AttackChanged(msgspec.Struct, frozen=True, kw_only=True, tag="attack"):
    """An attack on the gateway begins, goes on or is over; the cause has the evidence."""

    state: Literal["begun", "goes_on", "over"]
    cause: str
    sources: int
    at: float


class BanChanged(msgspec.Struct, frozen=True, kw_only=True, tag="ban"):
    """An administrator keeps an address or a network out until a time, or lets it in again."""

    step: Literal["set", "lifted"]
    source: str
    by: str
    at: float
    until: float = 0.0
    cause: str = ""


class SafetyRaised(msgspec.Struct, frozen=True, kw_only=True, tag="safety"):
    """Somebody may be at risk, by what they have said; never what that was.

    `person` is the key of their principal, or a pseudonym of their network where nobody knows who
    it is; `subject` who they are to the platform, or empty.  `level` and `categories` are those of
    kernel/verdict.py.
    """

    person: str
    subject: str
    level: int
    categories: tuple[Category, ...]
    route: str
    service: str
    correlation: str
    at: float
    by: str


class EscalationTroubled(msgspec.Struct, frozen=True, kw_only=True, tag="escalation"):
    """Something keeps the guard from telling people of somebody in need, or does no more (`over`).

    `of` is the incident that nobody is reached about, the segment of a journal of which a record
    makes no sense, or the guard's own file.
    """

    kind: Literal["unreached", "parked", "store"]
    of: str
    over: bool
    cause: str
    at: float


Event = (
    EndpointChanged
    | ServiceChanged
    | BreakerChanged
    | RegistryChanged
    | IssuerKeysChanged
    | LoginProviderChanged
    | IssuerKeyMissing
    | LoginsFailing
    | CertificateExpires
    | ServiceTlsChanged
    | EndpointSeen
    | GlassOpened
    | GlassUsed
    | SectionsTaken
    | ChangeStepped
    | SourcesSeen
    | SourceBlocked
    | AttackChanged
    | AccountChanged
    | BanChanged
    | SafetyRaised
    | EscalationTroubled
)

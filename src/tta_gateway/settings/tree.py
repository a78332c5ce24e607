"""The tree: all that an operator may write, one field a key."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from tta_gateway.features.access.config import AccessConfig
from tta_gateway.features.access_log.config import AccessLogConfig
from tta_gateway.features.admission.config import AdmissionConfig
from tta_gateway.features.cors.config import CorsConfig
from tta_gateway.features.error_records.config import ErrorRecordsConfig
from tta_gateway.features.health.config import HealthDefaultsConfig
from tta_gateway.features.metrics.config import MetricsConfig
from tta_gateway.features.openapi.config import OpenapiConfig
from tta_gateway.features.problem.config import ProblemConfig
from tta_gateway.features.security_headers.config import SecurityHeadersConfig
from tta_gateway.features.shield.config import ShieldConfig
from tta_gateway.features.trace.config import TraceConfig
from tta_gateway.kernel.timing import ClientTimeouts, ConnectionLimits
from tta_gateway.settings.address import Address
from tta_gateway.settings.alerts import AlertsConfig
from tta_gateway.settings.database import DatabaseAt
from tta_gateway.settings.discovery import DiscoveryConfig
from tta_gateway.settings.encryption import EncryptionConfig, JournalConfig
from tta_gateway.settings.escalation import EscalationConfig
from tta_gateway.settings.identity import IdentityConfig
from tta_gateway.settings.listener import (
    Listen,
    ListenerConfig,
    OptionalAddress,
)
from tta_gateway.settings.own_limits import RateLimitSettings
from tta_gateway.settings.plaintext import PlaintextConfig
from tta_gateway.settings.realtime import RealtimeConfig
from tta_gateway.settings.registration import RegistrationConfig
from tta_gateway.settings.route import RouteConfig
from tta_gateway.settings.safety import SafetyConfig
from tta_gateway.settings.service import Count, ServiceConfig, ServiceName
from tta_gateway.settings.valkey import StoreUrl, ValkeyConfig
from tta_gateway.support.config import Config, Duration, DurationOrZero, Items, Line, Size
from tta_gateway.wire.limits import Limits

_LIMITS = Limits()
_TIMEOUTS = ClientTimeouts()
_CONNECTIONS = ConnectionLimits()


SomeBytes: TypeAlias = Annotated[Size, Field(ge=1)]


class LimitsConfig(Config):
    """How large the head and the framing of a request may be."""

    request_line: SomeBytes = _LIMITS.request_line
    """The request line."""

    head: SomeBytes = _LIMITS.head
    """All header fields together."""

    fields: Annotated[int, Field(ge=1, le=10_000)] = _LIMITS.fields
    """How many header fields."""

    chunk_extension: Size = _LIMITS.chunk_extension
    """The extensions of one chunk."""

    chunk_extensions: Size = _LIMITS.chunk_extensions
    """The extensions of all chunks of a body."""

    trailers: Size = _LIMITS.trailers
    """The fields behind a body."""


class ClientTimeoutsConfig(Config):
    """How long a client may take."""

    handshake: Duration = _TIMEOUTS.handshake
    """For the handshake of TLS, with the PROXY header before it."""

    header: Duration = _TIMEOUTS.header
    """For the head of a request."""

    write_stalled: Duration = _TIMEOUTS.write_stalled
    """For taking any more of an answer: 500 bytes a second at least, while more waits."""

    keep_alive: Duration = _TIMEOUTS.keep_alive
    """Between two requests."""

    linger: DurationOrZero = _TIMEOUTS.linger
    """For the rest of a request, once it has its answer."""

    drain: DurationOrZero = _TIMEOUTS.drain
    """For all that is under way, once the gateway is asked to stop."""

    idle_linger: DurationOrZero = _TIMEOUTS.idle_linger
    """For one more request on an idle connection, once the gateway is asked to stop."""


class ConnectionsConfig(Config):
    """How many connections clients may have open."""

    per_worker: Count = _CONNECTIONS.per_worker
    """At one worker."""

    per_address: Count = _CONNECTIONS.per_address
    """From one address, at one worker."""

    handshakes: Count = _CONNECTIONS.handshakes
    """Handshakes of TLS under way, at one worker; more have to wait their turn."""


class Settings(Config):
    """The configuration of a gateway."""

    profile: Literal["tta"] | None = None
    """Defaults for a platform; `tta`, as it is today, gives errors a string `message` and breakers
    its figures: 5 failures in a row, open for 60 s."""

    listen: Listen = (ListenerConfig.model_validate({"address": "127.0.0.1:8080"}),)
    """Where clients connect: one address, or a list of them."""

    admin: OptionalAddress = Address("127.0.0.1", 8081)
    """Where operators connect; `off`: nowhere, and then nothing is served there."""

    admin_metrics: Literal["token", "open"] = "token"
    """Who may read `/metrics`: whoever has the token of `state_dir/admin.token`, or all that reach
    `admin`."""

    probe: OptionalAddress = Address("127.0.0.1", 8082)
    """Where `/healthz` and `/readyz` are answered; `off`: nowhere."""

    workers: Annotated[int, Field(ge=1, le=256)] | None = None
    """How many processes serve; one for each core that the gateway may use, if not said."""

    state_dir: Line = "./var"
    """The folder for what must outlive the process; from the folder that it is started in."""

    valkey_url: StoreUrl | None = None
    """The Valkey or Redis for state; left out, an embedded one is started."""

    cache_url: StoreUrl | None = None
    """The one for what is cached, another than that for state; left out, likewise."""

    database_url: DatabaseAt | None = None
    """The PostgreSQL for what must last; left out, SQLite in `state_dir`."""

    plaintext: PlaintextConfig = PlaintextConfig()
    """Why something may cross the network unencrypted."""

    encryption: EncryptionConfig = EncryptionConfig()
    """What content that rests is sealed with."""

    journal: JournalConfig = JournalConfig()
    """What workers keep until the guard has taken it over."""

    valkey: ValkeyConfig = ValkeyConfig()
    """The embedded Valkey, which serves where no URL names another."""

    limits: LimitsConfig = LimitsConfig()
    """How large the head and the framing of a request may be."""

    client_timeouts: ClientTimeoutsConfig = ClientTimeoutsConfig()
    """How long a client may take."""

    connections: ConnectionsConfig = ConnectionsConfig()
    """How many connections clients may have open."""

    trace: TraceConfig = TraceConfig()
    """Ids of requests and traces; there is nothing to set yet."""

    access_log: AccessLogConfig = AccessLogConfig()
    """One line a request."""

    metrics: MetricsConfig = MetricsConfig()
    """How the gateway counts."""

    error_records: ErrorRecordsConfig = ErrorRecordsConfig()
    """What is kept, sealed, of exchanges that ended in an error or in an act of safety."""

    problem: ProblemConfig = ProblemConfig()
    """How the gateway words its own errors."""

    cors: CorsConfig = CorsConfig()
    """Which pages of other origins may read answers."""

    shield: ShieldConfig = ShieldConfig()
    """Who is kept out for a while because of what comes from their address."""

    security_headers: SecurityHeadersConfig = SecurityHeadersConfig()
    """What every answer says to browsers, and what none gives away."""

    openapi: OpenapiConfig = OpenapiConfig()
    """The description of the gateway's own endpoints."""

    discovery: DiscoveryConfig = DiscoveryConfig()
    """Registries that services are looked for in, and how names are resolved."""

    registration: RegistrationConfig = RegistrationConfig()
    """Which services may say themselves where they are."""

    identity: IdentityConfig = IdentityConfig()
    """Who is asking: whose access tokens are believed."""

    access: AccessConfig = AccessConfig()
    """What they may see and do: roles, and what they hold."""

    admission: AdmissionConfig = AdmissionConfig()
    """Who is let in first at a service that has more to do than it can."""

    ratelimit: RateLimitSettings = RateLimitSettings()
    """How much they may ask: limits that routes have together."""

    safety: SafetyConfig = SafetyConfig()
    """What help people are given who may be in need; which routes are scanned, routes say."""

    realtime: RealtimeConfig | None = None
    """Channels: who hears what is published there; left out, there are none."""

    alerts: AlertsConfig = AlertsConfig()
    """Who hears what happens to services, and when."""

    escalation: EscalationConfig = EscalationConfig()
    """Whom the guard calls about somebody in need, until one acknowledges."""

    health: HealthDefaultsConfig = HealthDefaultsConfig()
    """What the checks of services take where they say nothing; looked at is who has `health`."""

    services: dict[ServiceName, ServiceConfig] = Field(default_factory=dict)
    """The services behind the gateway, by name."""

    routes: Annotated[Items[RouteConfig], Field(min_length=1)]
    """Where requests go."""

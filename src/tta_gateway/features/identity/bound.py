"""What a worker needs to tell who is asking."""

from typing import Final, Literal

import msgspec

from tta_gateway.kernel.principal import GATEWAY

OWN_ISSUER: Final = GATEWAY
"""What the gateway itself is called among the issuers."""
OWN_CLIENT: Final = "tta-gateway"
"""The client of logins at the gateway itself; RFC 9068 wants one named."""
CLIENTS: Final = "client-"
"""Begins the id of each client of OAuth, which is its subject, too: nobody else is called so."""
TWO_FACTORS: Final = "2"
"""`acr` of who has shown a second factor here."""
_DAY: Final = 86_400.0  # seconds


class KeySource(msgspec.Struct, frozen=True, kw_only=True):
    """Where an issuer publishes its keys.

    `url` is that of the key set, or with `discovers` the issuer's own, which describes itself; `ca`
    are the authorities that its certificate is of, in PEM; empty: those of this machine.
    """

    url: str
    discovers: bool = False
    ca: str = ""


class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whose tokens are believed."""

    name: str
    prefix: str = ""
    """What stands before its subjects, so that no two issuers speak of the same one."""
    issuer: str = ""
    """What `iss` must say; empty where tokens need not say it."""
    audiences: tuple[str, ...] = ()
    """One of which `aud` must name; none where tokens need not say it."""
    keys: tuple[bytes, ...] = ()
    """The JWKs of the configuration, in JSON."""
    source: KeySource | None = None
    """Where else it has keys, which control fetches; they stand in a live section."""
    needs_expiry: bool = True
    types: tuple[str, ...] = ("", "jwt", "at+jwt")
    """What the header's `typ` may be."""
    subject_claim: str = "sub"
    role_claim: str = "role"
    roles: tuple[str, ...] = ("player",)
    """The roles that count when this issuer says them."""
    levels: dict[str, int] = {}
    """How well somebody has been proved where `acr` says so; 1 where it is not here."""
    narrows: Literal["never", "clients", "always"] = "never"
    """Whether a token may do no more than its `scope` says: never, where a client other than the
    gateway's own logins has got it for somebody, or always."""
    leeway: float = 30.0
    """seconds that clocks may differ"""
    longest: float = 86_400.0
    """seconds that a token may live, by `iat` and `exp`"""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How many seconds a session may last: without a new access token, and in all."""

    idle: float
    absolute: float


class Lockout(msgspec.Struct, frozen=True, kw_only=True):
    """When logins have to wait: after so many failures for a name or from an address; seconds."""

    account: int = 5
    address: int = 50
    registrations: int = 20
    first: float = 5.0
    longest: float = 900.0
    forgotten: float = 3600.0


class Delegated(msgspec.Struct, frozen=True, kw_only=True):
    """A service whose accounts may log in here; paths are those of the service.

    Of the roles that it says only these `roles` count.  `prefix` stands before its subjects.
    """

    name: str
    service: str
    prefix: str
    login: str = "/api/v1/auth/login"
    registration: str = "/api/v1/auth/register"
    reset_request: str = "/api/v1/auth/password/reset-request"
    reset: str = "/api/v1/auth/password/reset"
    roles: tuple[str, ...] = ("player",)
    timeout: float = 5.0
    """seconds until the service must have answered"""
    recheck: float = 0.0
    """seconds between two questions whether an account is still good; 0: none is asked"""
    refresh: str = "/api/v1/auth/refresh"
    me: str = ""
    """where it says whose access token that is; empty: nowhere"""


class CookieBound(msgspec.Struct, frozen=True, kw_only=True):
    """The cookie that shows an access token; `origins` are those of pages that may use it."""

    name: str
    same_site: Literal["strict", "lax"] = "strict"
    origins: tuple[str, ...] = ()


class External(msgspec.Struct, frozen=True, kw_only=True):
    """An OpenID provider by way of which people may log in here.

    It knows the gateway as `client_id`, by a `secret`, by a private JWK, or by neither.  `claims`
    are those of which the first that it says may be shown as a name; nothing else of it comes in.
    """

    name: str
    issuer: str
    client_id: str
    title: str = ""
    """What login pages call it."""
    secret: str = ""
    key: bytes = b""
    scopes: tuple[str, ...] = ()
    roles: tuple[str, ...] = ("player",)
    """Those that whoever logs in there has here, or of which its claim may say some."""
    role_claim: str = ""
    claims: tuple[str, ...] = ()
    subject: Literal["pairwise", "provider"] = "pairwise"
    """Whether its subjects are known here by pseudonyms, or as they are."""
    max_age: float = 0.0
    """seconds since somebody has logged in there; none: it does not matter"""
    ca: str = ""
    timeout: float = 5.0
    recheck: float = 0.0
    """seconds between two questions whether an account is still good; 0: none is asked"""

    def __repr__(self) -> str:
        """Say which it is, and nothing that is secret."""
        return f"<provider {self.name}>"


class SecondFactor(msgspec.Struct, frozen=True, kw_only=True):
    """Second factors: who needs one, and what authenticators are told of this gateway.

    Who has one of `required_roles` must have a factor within so many seconds of being granted it.
    `fresh` is how many seconds ago somebody must have been proved who changes factors.
    """

    required_roles: tuple[str, ...] = ()
    within: float = 0.0
    name: str = ""
    rp_id: str = ""
    origins: tuple[str, ...] = ()
    fresh: float = 600.0


class Issuing(msgspec.Struct, frozen=True, kw_only=True):
    """What control needs to issue tokens; all times are in seconds.

    `roles` are those that there are, with what each holds.  `seal` is the key that signing keys are
    sealed with; empty: one of the state folder.  `origins` are those of pages that may use the
    cookie, beside the gateway's own.
    """

    url: str
    audiences: tuple[str, ...] = ("tta",)
    algorithm: Literal["EdDSA", "ES256", "RS256"] = "EdDSA"
    access: float = 600.0
    grace: float = 30.0
    leeway: float = 10.0
    seal: bytes = b""
    roles: dict[str, tuple[str, ...]] = {}
    limits: Limits = Limits(idle=7 * _DAY, absolute=30 * _DAY)
    role_limits: dict[str, Limits] = {}
    rotate_every: float = 30 * _DAY
    rotate_ahead: float = 3600.0
    same_site: Literal["strict", "lax"] = "strict"
    secure: bool = True
    origins: tuple[str, ...] = ()
    access_cookie: CookieBound | None = None
    lockout: Lockout = Lockout()
    registration: Literal["off", "invited", "open"] = "off"
    shortest_password: int = 12
    """characters of one that people choose themselves"""
    reset_lasts: float = 3600.0
    delegated: tuple[Delegated, ...] = ()
    providers: tuple[External, ...] = ()
    pseudonyms: bytes = b""
    """The key of pseudonyms; empty: the one that everything else is derived from."""
    second_factor: SecondFactor = SecondFactor()

    def __repr__(self) -> str:
        """Say who issues, and nothing that is secret."""
        return f"<issuing by {self.url}>"


class QueryBound(msgspec.Struct, frozen=True, kw_only=True):
    """Where a route's WebSockets may show a token, too, and whom it must be of."""

    token: str = ""
    """The parameter of the query that shows it, and is taken out; empty: none does."""
    subject: str = ""
    """The parameter beside it that names the same subject, if it is there; empty: none does."""
    ticket: bool = False
    """Whether a ticket will do, for WebSockets and answers of events."""


class IdentityBound(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the workers believe."""

    issuers: tuple[Issuer, ...] = ()
    own: Issuer | None = None
    """The gateway itself, whose keys stand in a live section."""
    issuing: Issuing | None = None
    """For control alone."""
    cookie: CookieBound | None = None
    """The cookie that shows an access token; None where none does."""


KEYS: Final = "identity/keys"
"""The live section with the keys of the gateway itself."""
ISSUER_KEYS: Final = "identity/issuer/"
"""Begins the names of the live sections with the keys that issuers publish, one for each."""
REVOKED: Final = "identity/revoked/"
"""Begins the names of the live sections that say what counts no more."""


API_KEYS: Final = "identity/apikeys/"
"""Begins the names of the live sections with the API keys that count."""


class KeyTold(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An API key; where `permissions` are named, it is permitted nothing else."""

    id: str
    name: str
    expires: float
    roles: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()


class ApiKeysTold(msgspec.Struct, frozen=True, kw_only=True):
    """Some of them, by their digests."""

    keys: dict[bytes, KeyTold] = {}


class OwnKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway's own keys: JWKs in JSON, the newest last."""

    keys: tuple[bytes, ...] = ()


class IssuerKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The keys that an issuer has published at a source: public JWKs in JSON.

    They count only for whoever is configured with that source.
    """

    url: str
    discovers: bool = False
    keys: tuple[bytes, ...] = ()


class RevokedTokens(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Some of what counts no more; times are in seconds of the epoch.

    `sessions` says of each until when tokens of it may be left; `subjects` also from before when
    their tokens count no more.
    """

    sessions: dict[str, float] = {}
    subjects: dict[str, tuple[float, float]] = {}

"""Issuing: the gateway's own tokens and sessions, as operators write them."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from tta_gateway.features.identity.bound import (
    OWN_ISSUER,
    TWO_FACTORS,
    Issuer,
    Issuing,
    Limits,
    Lockout,
)
from tta_gateway.settings import second_factor
from tta_gateway.settings.delegated import DelegatedConfig, distinct, provider
from tta_gateway.settings.providers import ProviderConfig, compiled, known_apart
from tta_gateway.settings.second_factor import SecondFactorConfig
from tta_gateway.settings.secret import Holds, Secret
from tta_gateway.support.config import Config, Duration, DurationOrZero, Items, Line

_HOUR: Final = 3600.0
_LEAST_KEY: Final = 32  # characters
_LONGEST_ACCESS: Final = 24 * _HOUR
_SHORTEST_ACCESS: Final = 2.0  # for those who try how their clients renew
_SKEW: Final = 10.0  # seconds that clocks of nodes may differ
_CLINICAL: Final = (
    "therapist",
    "clinical_supervisor",
    "crisis_responder",
    "researcher",
    "moderator",
    "auditor",
    "admin",
)
_ISSUING: Final = Issuing(url="")
_LOCKOUT: Final = Lockout()
Role: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Failures: TypeAlias = Annotated[int, Field(ge=1, le=10_000)]


def _key(value: object) -> bytes:
    """Return the key that a text stands for."""
    text = value if isinstance(value, str) else ""
    if len(text) < _LEAST_KEY:
        raise ValueError(
            f"is shorter than {_LEAST_KEY} characters, so that it can be guessed: "
            "`openssl rand -hex 32` makes a good one"
        )
    return hashlib.sha256(b"tta-gateway issuing\0" + text.encode()).digest()


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("https", "http") or not parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be the URL at which clients reach the gateway: `https://host`")
    return text.removesuffix("/")


class SessionLimitsConfig(Config):
    """How long a session may last."""

    idle: Duration
    """Without a new access token; then whoever it is logs in again."""

    absolute: Duration
    """In all."""


def _strict() -> dict[str, SessionLimitsConfig]:
    strict = SessionLimitsConfig(idle=_HOUR / 2, absolute=12 * _HOUR)
    return dict.fromkeys(_CLINICAL, strict)


class SessionsConfig(Config):
    """How long sessions last; who has several roles has the shortest of what they say."""

    idle: Duration = _ISSUING.limits.idle
    """Without a new access token; then whoever it is logs in again."""

    absolute: Duration = _ISSUING.limits.absolute
    """In all."""

    roles: dict[Role, SessionLimitsConfig] = Field(default_factory=_strict)
    """For those who have one of these roles."""


class RotationConfig(Config):
    """How often the key changes that signs access tokens."""

    every: Duration = _ISSUING.rotate_every
    """How long one signs."""

    ahead: DurationOrZero = _ISSUING.rotate_ahead
    """How long before it signs a key is published, for those who remember the key set."""

    @model_validator(mode="after")
    def _leaves_time(self) -> "RotationConfig":
        if self.ahead >= self.every:
            raise ValueError("`ahead` must be shorter than `every`")
        return self


class CookieConfig(Config):
    """The cookie in which browsers keep what renews their access token."""

    same_site: Literal["strict", "lax"] = "strict"
    """From which pages browsers send it: `strict`, of this site alone."""

    secure: bool = True
    """Whether browsers send it over TLS alone; `false` for developers without TLS."""


class LockoutConfig(Config):
    """When logins have to wait because too many have failed."""

    account: Failures = _LOCKOUT.account
    """So many failures for one name, whether there is such a user or not."""

    address: Failures = _LOCKOUT.address
    """So many failures from one address."""

    registrations: Failures = _LOCKOUT.registrations
    """So many tries to register from one address."""

    first: Duration = _LOCKOUT.first
    """How long the first wait is; each further failure doubles it."""

    longest: Duration = _LOCKOUT.longest
    """The longest wait."""

    forgotten: Duration = _LOCKOUT.forgotten
    """How long after the last failure all is as if there had been none."""


class IssuingConfig(Config):
    """The gateway's own users, sessions and tokens."""

    url: Annotated[Line, AfterValidator(_url)]
    """The URL at which clients reach the gateway; it is `iss` of the tokens."""

    audience: Annotated[Items[Line], Field(min_length=1)] = _ISSUING.audiences
    """What `aud` of the tokens names: for whom they are."""

    algorithm: Literal["EdDSA", "ES256", "RS256"] = _ISSUING.algorithm
    """How tokens are signed."""

    access: Annotated[Duration, Field(ge=_SHORTEST_ACCESS, le=_LONGEST_ACCESS)] = _ISSUING.access
    """How long an access token lives."""

    refresh_grace: Annotated[DurationOrZero, Field(le=300.0)] = _ISSUING.grace
    """How long a refresh token that has been used is taken once more, as tabs that refresh at once
    show it; afterwards whoever shows it ends the session."""

    key: Annotated[Secret[bytes], Holds(_key)] | None = None
    """The secret that seals the signing keys in the database, the same on all nodes; left out, a
    file of the state folder, which only one node can read."""

    sessions: SessionsConfig = SessionsConfig()
    """How long sessions last."""

    rotation: RotationConfig = RotationConfig()
    """How often the signing key changes."""

    cookie: CookieConfig = CookieConfig()
    """The cookie of browsers."""

    lockout: LockoutConfig = LockoutConfig()
    """When logins have to wait."""

    registration: Literal["off", "invited", "open"] = _ISSUING.registration
    """Who may make an account here: nobody, whoever an administrator has invited, or everybody.
    Each is a `player`, and has what an invitation says beside."""

    shortest_password: Annotated[int, Field(ge=8, le=64)] = _ISSUING.shortest_password
    """How many characters a password has at least that people choose themselves."""

    reset_lasts: Annotated[Duration, Field(le=7 * 24 * _HOUR)] = _ISSUING.reset_lasts
    """How long a code is good with which somebody chooses another password."""

    second_factor: SecondFactorConfig = SecondFactorConfig()
    """Second factors of users."""

    delegated: Annotated[Items[DelegatedConfig], AfterValidator(distinct)] = ()
    """Services whose accounts may log in, too; they are asked in this order, for names that no user
    of the gateway's own has."""

    providers: Annotated[Items[ProviderConfig], AfterValidator(known_apart)] = ()
    """OpenID providers by way of which people may log in, too."""

    pseudonyms: Annotated[Secret[bytes], Holds(_key)] | None = None
    """The secret that makes pseudonyms of their subjects, the same on all nodes; left out, `key`
    makes them.  With another one everybody is somebody else."""

    @model_validator(mode="after")
    def _registers_in_one_place(self) -> "IssuingConfig":
        if self.registration != "off" and self.delegated:
            raise ValueError(
                "`registration` and `delegated`: where a service has accounts, people register "
                "there; take one of the two out"
            )
        return self


Roles: TypeAlias = Mapping[str, tuple[str, ...]]
"""Those that there are, with what each holds."""


def own(config: IssuingConfig | None, roles: Roles) -> Issuer | None:
    """Return the gateway itself as workers believe it; its keys come from control."""
    if config is None:
        return None
    return Issuer(
        name=OWN_ISSUER,
        issuer=config.url,
        audiences=config.audience,
        types=("at+jwt",),
        role_claim="roles",
        levels={TWO_FACTORS: 2},
        narrows="clients",
        roles=tuple(roles),
        leeway=_SKEW,
        longest=config.access,
    )


def compile(config: IssuingConfig | None, origins: tuple[str, ...], roles: Roles) -> Issuing | None:
    """Return it as control needs it; `origins` are the pages that may use the cookie, too."""
    if config is None:
        return None
    limits = config.sessions
    return Issuing(
        url=config.url,
        audiences=config.audience,
        algorithm=config.algorithm,
        access=config.access,
        grace=config.refresh_grace,
        leeway=_SKEW,
        seal=b"" if config.key is None else config.key.value,
        roles=dict(roles),
        limits=Limits(idle=limits.idle, absolute=limits.absolute),
        role_limits={role: Limits(**dict(one)) for role, one in limits.roles.items()},
        rotate_every=config.rotation.every,
        rotate_ahead=config.rotation.ahead,
        same_site=config.cookie.same_site,
        secure=config.cookie.secure,
        origins=origins,
        lockout=Lockout(**dict(config.lockout)),
        registration=config.registration,
        shortest_password=config.shortest_password,
        reset_lasts=config.reset_lasts,
        second_factor=second_factor.compile(config.second_factor, config.url),
        delegated=tuple(map(provider, config.delegated)),
        providers=tuple(map(compiled, config.providers)),
        pseudonyms=b"" if config.pseudonyms is None else config.pseudonyms.value,
    )

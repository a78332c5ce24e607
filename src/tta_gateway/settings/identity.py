"""Identity: whose tokens are believed, as operators write it."""

from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from pydantic import (
    AfterValidator,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from tta_gateway.features.identity.bound import (
    OWN_ISSUER,
    CookieBound,
    IdentityBound,
    Issuer,
    KeySource,
    QueryBound,
)
from tta_gateway.features.identity.key_source import metadata_url, place, usable_keys
from tta_gateway.kernel.errors import ConfigError
from tta_gateway.kernel.principal import MTLS
from tta_gateway.settings import certificate, issuing
from tta_gateway.settings.caller import KnownCallers, Withdrawn
from tta_gateway.settings.issuing import IssuingConfig, Role
from tta_gateway.settings.secret import Holds, Secret
from tta_gateway.settings.shared_secret import shared
from tta_gateway.settings.shorthand import URL, Shorthand
from tta_gateway.settings.tls import AuthoritiesFile
from tta_gateway.support.config import Config, Duration, DurationOrZero, Items, Line

_ISSUER: Final = Issuer(name="")
_NONE: Final[issuing.Roles] = {}
_OF_CERTIFICATES: Final = (MTLS, "spiffe")
_ONE_OF_THEM: Final = (
    "must have one of these: `keys: {file: …}`, `secret: {file: …}`, `keys_url: https://…` or "
    "`discover: true`"
)
Keys: TypeAlias = tuple[bytes, ...]
"""JWKs, in JSON"""


def _only(value: object) -> Keys:
    return (shared(value),)


def _key_set(value: object) -> Keys:
    """Return the keys of a JWK set that prove signatures; the others are for something else."""
    return usable_keys(value.encode() if isinstance(value, str) else b"", are_public=False)


def _url(text: str) -> str:
    place(text)
    return text


def _distinct(issuers: "tuple[IssuerConfig, ...]") -> "tuple[IssuerConfig, ...]":
    if len({one.name for one in issuers}) != len(issuers):
        raise ValueError("two of them have one name: subjects are told apart by it")
    if any(one.name == OWN_ISSUER for one in issuers):
        raise ValueError(f"`{OWN_ISSUER}` is the gateway itself: call it something else")
    if any(one.name in _OF_CERTIFICATES for one in issuers):
        raise ValueError("`mtls` and `spiffe` speak of certificates: call it something else")
    return issuers


Name: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Claim: TypeAlias = Annotated[
    str,
    Field(min_length=1, max_length=64),
    WithJsonSchema({"title": "name of a claim", "type": "string"}),
]


Parameter: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


KeysUrl: TypeAlias = Annotated[Line, AfterValidator(_url), WithJsonSchema(URL)]


class IssuerConfig(Config):
    """Somebody whose access tokens are believed."""

    name: Name
    """What it is called here; its subjects are, too: `name:subject`."""

    issuer: Line = ""
    """What `iss` of its tokens must be; left out, nothing."""

    audience: Items[Line] = ()
    """What `aud` of its tokens must name, one of these; left out, nothing."""

    keys: Annotated[Secret[Keys], Holds(_key_set)] | None = None
    """Where its keys stand: a JWK set in JSON."""

    secret: Annotated[Secret[Keys], Holds(_only)] | None = None
    """Where the secret stands that it signs with (HS256); whoever knows it can make tokens."""

    keys_url: KeysUrl | None = None
    """Where it publishes its keys, a JWK set: they are fetched again and again."""

    discover: Annotated[bool, Field(validate_default=True)] = False
    """Whether `issuer` is a URL below which it says itself where its keys are (OpenID Connect
    Discovery)."""

    ca: AuthoritiesFile | None = None
    """A file in PEM with the authorities of the certificate there; left out, those of this
    machine."""

    roles: Items[Role] = _ISSUER.roles
    """The roles that count where it says them; clinical and administrative ones should not."""

    role_claim: Claim = _ISSUER.role_claim
    """The claim that says them, a text or a list."""

    subject_claim: Claim = _ISSUER.subject_claim
    """The claim that says who it is."""

    levels: dict[Line, Literal[1, 2]] = Field(default_factory=dict)
    """How well somebody has been proved of whom it says `acr`: 2 is with a second factor.  What is
    not named counts as 1."""

    narrow: bool = False
    """Whether its tokens may do no more than their `scope` says, as `access.scopes` has it."""

    own_subjects: bool = False
    """Whether its subjects are the platform's own, as they stand in paths: without the name."""

    expiry: Literal["required", "optional"] = "required"
    """Whether tokens must say when they end; one that does not is believed for ever."""

    longest: Duration = _ISSUER.longest
    """How long a token may live."""

    clock_skew: DurationOrZero = _ISSUER.leeway
    """How much its clock may differ."""

    @field_validator("discover")
    @classmethod
    def _describes_itself(cls, discover: bool, info: ValidationInfo) -> bool:
        if discover:
            issuer = info.data.get("issuer", "")
            if not issuer:
                raise ValueError("needs `issuer: https://…`, below which it describes itself")
            try:
                metadata_url(issuer)
            except ValueError as error:
                raise ValueError(f"asks at `issuer`, which {error}") from None
        return discover

    @model_validator(mode="after")
    def _has_one_kind_of_key(self) -> "IssuerConfig":
        fetched = [self.keys_url is not None, self.discover]
        if [self.keys is not None, self.secret is not None, *fetched].count(True) != 1:
            raise ValueError(_ONE_OF_THEM)
        if self.ca is not None and not any(fetched):
            raise ValueError("`ca` has no effect without `keys_url` or `discover`: take it out")
        return self


class QueryConfig(Config):
    """Where a route's WebSockets may show a token, too."""

    token: Parameter
    """The parameter of the query that shows it."""

    subject: Parameter | None = None
    """The parameter beside it that must name whom the token is of, if it is there."""


WrittenQuery: TypeAlias = Annotated[
    QueryConfig,
    Shorthand(lambda value: {"token": value}, {"title": "parameter", "type": "string"}),
]


def compile_query(config: QueryConfig | None, *, ticket: bool = False) -> QueryBound:
    """Return it as workers need it, and whether a ticket will do."""
    if config is None:
        return QueryBound(ticket=ticket)
    return QueryBound(token=config.token, subject=config.subject or "", ticket=ticket)


class AccessCookieConfig(Config):
    """The cookie that shows an access token, for pages that keep none themselves."""

    name: Annotated[str, Field(pattern=r"^__(Host|Secure)-[A-Za-z0-9_-]{1,64}$")] = "__Host-tta"
    """What it is called.  The prefix has browsers hold it to TLS, and `__Host-` to this host."""

    same_site: Literal["strict", "lax"] = "strict"
    """From which pages browsers send it: `strict`, of this site alone."""


class IdentityConfig(Config):
    """Who is asking."""

    issuers: Annotated[Items[IssuerConfig], AfterValidator(_distinct)] = ()
    """Whose tokens are believed; without one, or `issuing`, no route can ask for any."""

    issuing: IssuingConfig | None = None
    """The gateway's own users, sessions and tokens; left out, it issues none."""

    cookie: AccessCookieConfig | None = None
    """A cookie in which the gateway's access tokens count, too; left out, none does."""

    @model_validator(mode="after")
    def _sets_the_cookie(self) -> "IdentityConfig":
        if self.cookie is not None and self.issuing is None:
            raise ValueError("`cookie` is set at logins: write `issuing: {url: …}`, or take it out")
        return self

    services: KnownCallers = ()
    """Services that are known by their certificates, which they show at internal listeners."""

    withdrawn: Withdrawn = ()
    """Certificates that count no more, whoever shows them: serial numbers or SHA-256 fingerprints
    in hexadecimal digits, quoted.  Of services that call, and of those that are asked with a
    `spiffe_id`."""


def compile(
    config: IdentityConfig, origins: tuple[str, ...] = (), roles: issuing.Roles = _NONE
) -> IdentityBound:
    """Return it as workers and control need it; it holds secrets.

    `origins` are those of pages that may use the gateway's cookies, `roles` all that there are.
    """
    kept = _cookie(config.cookie, origins)
    issued = issuing.compile(config.issuing, origins, roles)
    if issued is not None and kept is not None:
        issued = msgspec.structs.replace(issued, access_cookie=kept)
    return IdentityBound(
        issuers=tuple(map(_issuer, config.issuers)),
        own=issuing.own(config.issuing, roles),
        issuing=issued,
        cookie=kept,
    )


def _cookie(config: AccessCookieConfig | None, origins: tuple[str, ...]) -> CookieBound | None:
    if config is None:
        return None
    return CookieBound(name=config.name, same_site=config.same_site, origins=origins)


def _issuer(config: IssuerConfig) -> Issuer:
    keys = config.keys or config.secret
    return Issuer(
        name=config.name,
        prefix="" if config.own_subjects else f"{config.name}:",
        issuer=config.issuer,
        audiences=config.audience,
        keys=() if keys is None else keys.value,
        source=_source(config),
        needs_expiry=config.expiry == "required",
        narrows="always" if config.narrow else "never",
        subject_claim=config.subject_claim,
        role_claim=config.role_claim,
        roles=config.roles,
        levels=dict(config.levels),
        leeway=config.clock_skew,
        longest=config.longest,
    )


def _source(config: IssuerConfig) -> KeySource | None:
    if config.keys_url is None and not config.discover:
        return None
    try:
        ca = "" if config.ca is None else certificate.trusted(config.ca).decode()
    except ValueError as error:
        words = f"{error}: it has changed since it was checked a moment ago; try again"
        raise ConfigError([words]) from None
    return KeySource(url=config.keys_url or config.issuer, discovers=config.discover, ca=ca)

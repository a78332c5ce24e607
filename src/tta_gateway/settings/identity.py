"""Identity: whose tokens are believed, as operators write it."""

import json
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from tta_gateway.features.identity.bound import OWN_ISSUER, IdentityBound, Issuer, QueryBound
from tta_gateway.features.identity.jws import Malformed, encoded, objects
from tta_gateway.features.identity.key import UnusableKey, key_of, secret
from tta_gateway.settings import issuing
from tta_gateway.settings.issuing import IssuingConfig, Role
from tta_gateway.settings.secret import Holds, Secret
from tta_gateway.settings.shorthand import Shorthand
from tta_gateway.support.config import Config, Duration, DurationOrZero, Items, Line

_ISSUER: Final = Issuer(name="")
_NONE: Final[issuing.Roles] = {}
_KEY_SET: Final = 'must be a JWK set in JSON, `{"keys": […]}` (RFC 7517 5)'
Keys: TypeAlias = tuple[bytes, ...]
"""JWKs, in JSON"""


def _shared(value: object) -> Keys:
    """Return a shared secret as a JWK."""
    text = value if isinstance(value, str) else ""
    try:
        secret(text.encode())
    except UnusableKey as error:
        raise ValueError(f"the secret {error}: `openssl rand -hex 32` makes a good one") from None
    return (json.dumps({"kty": "oct", "k": encoded(text.encode()).decode()}).encode(),)


def _key_set(value: object) -> Keys:
    """Return the keys of a JWK set that prove signatures; the others are for something else."""
    try:
        told = objects(value.encode() if isinstance(value, str) else b"").get("keys")
    except Malformed:
        raise ValueError(_KEY_SET) from None
    if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
        raise ValueError(_KEY_SET)
    good, why = [], "there is none in it"
    for one in told:
        try:
            key_of(one)
        except UnusableKey as error:
            why = f"the last of them {error}"
            continue
        good.append(json.dumps(one).encode())
    if not good:
        raise ValueError(f"holds no key that proves signatures: {why}")
    return tuple(good)


def _distinct(issuers: "tuple[IssuerConfig, ...]") -> "tuple[IssuerConfig, ...]":
    if len({one.name for one in issuers}) != len(issuers):
        raise ValueError("two of them have one name: subjects are told apart by it")
    if any(one.name == OWN_ISSUER for one in issuers):
        raise ValueError(f"`{OWN_ISSUER}` is the gateway itself: call it something else")
    return issuers


Name: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Claim: TypeAlias = Annotated[
    str,
    Field(min_length=1, max_length=64),
    WithJsonSchema({"title": "name of a claim", "type": "string"}),
]


Parameter: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


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

    secret: Annotated[Secret[Keys], Holds(_shared)] | None = None
    """Where the secret stands that it signs with (HS256); whoever knows it can make tokens."""

    roles: Items[Role] = _ISSUER.roles
    """The roles that count where it says them; clinical and administrative ones should not."""

    role_claim: Claim = _ISSUER.role_claim
    """The claim that says them, a text or a list."""

    subject_claim: Claim = _ISSUER.subject_claim
    """The claim that says who it is."""

    own_subjects: bool = False
    """Whether its subjects are the platform's own, as they stand in paths: without the name."""

    expiry: Literal["required", "optional"] = "required"
    """Whether tokens must say when they end; one that does not is believed for ever."""

    longest: Duration = _ISSUER.longest
    """How long a token may live."""

    clock_skew: DurationOrZero = _ISSUER.leeway
    """How much its clock may differ."""

    @model_validator(mode="after")
    def _has_one_kind_of_key(self) -> "IssuerConfig":
        if (self.keys is None) == (self.secret is None):
            raise ValueError("must have one of the two: `keys: {file: …}` or `secret: {file: …}`")
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


def compile_query(config: QueryConfig) -> QueryBound:
    """Return it as workers need it."""
    return QueryBound(token=config.token, subject=config.subject or "")


class IdentityConfig(Config):
    """Who is asking."""

    issuers: Annotated[Items[IssuerConfig], AfterValidator(_distinct)] = ()
    """Whose tokens are believed; without one, or `issuing`, no route can ask for any."""

    issuing: IssuingConfig | None = None
    """The gateway's own users, sessions and tokens; left out, it issues none."""


def compile(
    config: IdentityConfig, origins: tuple[str, ...] = (), roles: issuing.Roles = _NONE
) -> IdentityBound:
    """Return it as workers and control need it; it holds secrets.

    `origins` are those of pages that may use the gateway's cookies, `roles` all that there are.
    """
    return IdentityBound(
        issuers=tuple(map(_issuer, config.issuers)),
        own=issuing.own(config.issuing, roles),
        issuing=issuing.compile(config.issuing, origins, roles),
    )


def _issuer(config: IssuerConfig) -> Issuer:
    keys = config.keys or config.secret
    assert keys is not None  # see IssuerConfig
    return Issuer(
        name=config.name,
        prefix="" if config.own_subjects else f"{config.name}:",
        issuer=config.issuer,
        audiences=config.audience,
        keys=keys.value,
        needs_expiry=config.expiry == "required",
        subject_claim=config.subject_claim,
        role_claim=config.role_claim,
        roles=config.roles,
        leeway=config.clock_skew,
        longest=config.longest,
    )

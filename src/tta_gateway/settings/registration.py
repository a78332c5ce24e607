"""Registration: which services may say themselves where they are, as operators write it."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Annotated, Final

import msgspec
from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from tta_gateway.features.registration.bound import Caller, RegistrationBound, Token
from tta_gateway.kernel.route import Route
from tta_gateway.settings.caller import SpiffeId
from tta_gateway.settings.claim import Prefix, fitting
from tta_gateway.settings.reaching import Word
from tta_gateway.settings.secret import Holds, Secret
from tta_gateway.settings.service import ServiceName
from tta_gateway.support.config import Config, Items

_SHORTEST: Final = 16


def _token(value: object) -> str:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise ValueError("a token is printable ASCII: `openssl rand -hex 32` makes one")
    if len(value) < _SHORTEST or " " in value:
        raise ValueError(
            f"a token has at least {_SHORTEST} characters, and no space among them: "
            "`openssl rand -hex 32` makes one"
        )
    return value


def _distinct(tokens: "tuple[TokenConfig, ...]") -> "tuple[TokenConfig, ...]":
    values = [one.token.value for one in tokens]
    if len(set(values)) != len(values):
        raise ValueError("two of them are the same: make another, `openssl rand -hex 32`")
    return tokens


class SubscriptionConfig(Config):
    """That services may subscribe to `safety.*`: who is in need, never what they have written."""

    secret: Word
    """Signs each notice, in `X-TTA-Signature`; two who register one service have the same."""


class TokenConfig(Config):
    """A token, and what whoever shows it may register."""

    token: Annotated[Secret[str], Holds(_token)]
    """Where the token stands; at least 16 characters."""

    services: Annotated[Items[ServiceName], Field(min_length=1)]
    """The services whose instances it may register."""

    routes: Items[Prefix] = ()
    """How the paths begin that its registrations may declare routes for."""

    auth_none: Annotated[bool, Field(validate_default=True)] = False
    """Whether such a route may let in who shows no access token: `auth: none`, or `optional`."""

    safety: SubscriptionConfig | None = None
    """Whether its services may have themselves told of people in need (`safety.*`)."""

    @field_validator("auth_none")
    @classmethod
    def _fits(cls, auth_none: bool, info: ValidationInfo) -> bool:
        return fitting(auth_none, info.data.get("routes"))


class CallerClaimConfig(Config):
    """A service that registers with its certificate, and what it may register."""

    id: SpiffeId
    """What its certificate says: one of `identity.services`."""

    services: Annotated[Items[ServiceName], Field(min_length=1)]
    """The services whose instances it may register."""

    routes: Items[Prefix] = ()
    """How the paths begin that its registrations may declare routes for."""

    auth_none: Annotated[bool, Field(validate_default=True)] = False
    """Whether such a route may let in who shows no access token: `auth: none`, or `optional`."""

    safety: SubscriptionConfig | None = None
    """Whether its services may have themselves told of people in need (`safety.*`)."""

    @field_validator("auth_none")
    @classmethod
    def _fits(cls, auth_none: bool, info: ValidationInfo) -> bool:
        return fitting(auth_none, info.data.get("routes"))


def _apart(callers: tuple[CallerClaimConfig, ...]) -> tuple[CallerClaimConfig, ...]:
    if len({one.id for one in callers}) != len(callers):
        raise ValueError("names a service twice: write all that it may register in one place")
    return callers


class RegistrationConfig(Config):
    """Who may register at listeners that are `internal`."""

    tokens: Annotated[Items[TokenConfig], AfterValidator(_distinct)] = ()
    """Tokens; whoever shows one may register what it says."""

    callers: Annotated[Items[CallerClaimConfig], AfterValidator(_apart)] = ()
    """Services that show certificates, at internal listeners with `client_ca`; without one, or a
    token, nobody can register."""

    @model_validator(mode="after")
    def _signs_once(self) -> "RegistrationConfig":
        """Refuse two secrets for one service, which could not know by which it is told."""
        seen: dict[str, str] = {}
        for service, secret in _signing(self):
            if seen.setdefault(service, secret) != secret:
                raise ValueError(
                    f"signs what `{service}` is told with two secrets: write the same `safety` "
                    "wherever it may register"
                )
        return self


def compile(config: RegistrationConfig, route_to: Callable[[str], Route]) -> RegistrationBound:
    """Return it as control needs it; `route_to` returns a service's route without a path."""
    tokens = tuple(
        Token(
            digest=hashlib.sha256(one.token.value.encode()).digest(),
            services=one.services,
            routes=one.routes,
            auth_none=one.auth_none,
            safety=one.safety is not None,
        )
        for one in config.tokens
    )
    callers = tuple(
        Caller(
            id=one.id,
            services=one.services,
            routes=one.routes,
            auth_none=one.auth_none,
            safety=one.safety is not None,
        )
        for one in config.callers
    )
    safety = dict(_signing(config))
    bound = RegistrationBound(tokens=tokens, callers=callers, safety=safety)
    declare = {service for one in bound.claims if one.routes for service in one.services}
    return msgspec.structs.replace(bound, likes={one: route_to(one) for one in sorted(declare)})


def _signing(config: RegistrationConfig) -> Iterator[tuple[str, str]]:
    """Yield services that may subscribe, and with what their notices are signed."""
    claims: tuple[TokenConfig | CallerClaimConfig, ...] = (*config.tokens, *config.callers)
    for one in claims:
        if one.safety is not None:
            for service in one.services:
                yield service, one.safety.secret.value


def is_on(config: RegistrationConfig) -> bool:
    """Tell whether anybody may register."""
    return bool(config.tokens or config.callers)

"""Registration: which services may say themselves where they are, as operators write it."""

import hashlib
from collections.abc import Callable
from typing import Annotated, Final

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from tta_gateway.features.registration.bound import RegistrationBound, Token
from tta_gateway.kernel.route import Route
from tta_gateway.settings.claim import Prefix, fitting
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

    @field_validator("auth_none")
    @classmethod
    def _fits(cls, auth_none: bool, info: ValidationInfo) -> bool:
        return fitting(auth_none, info.data.get("routes"))


class RegistrationConfig(Config):
    """Who may register at listeners that are `internal`."""

    tokens: Annotated[Items[TokenConfig], AfterValidator(_distinct)] = ()
    """The tokens; without one nobody can register."""


def compile(config: RegistrationConfig, route_to: Callable[[str], Route]) -> RegistrationBound:
    """Return it as control needs it; `route_to` returns a service's route without a path."""
    tokens = tuple(
        Token(
            digest=hashlib.sha256(one.token.value.encode()).digest(),
            services=one.services,
            routes=one.routes,
            auth_none=one.auth_none,
        )
        for one in config.tokens
    )
    declare = {service for one in tokens if one.routes for service in one.services}
    return RegistrationBound(tokens=tokens, likes={one: route_to(one) for one in sorted(declare)})

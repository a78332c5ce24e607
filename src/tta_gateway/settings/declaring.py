"""Declaring: who may declare routes, and whether these could let anybody in at all."""

from collections.abc import Iterator
from typing import TypeAlias

from tta_gateway.settings.complaint import Path
from tta_gateway.settings.document import Value
from tta_gateway.settings.registration import CallerClaimConfig, TokenConfig
from tta_gateway.settings.tree import Settings

Mapping: TypeAlias = dict[str, Value]
Complaints: TypeAlias = Iterator[tuple[Path, str]]


def believes(tree: Mapping) -> bool:
    """Tell whether some access token is believed, so that routes may ask for one."""
    identity = _mapping(tree.get("identity"))
    return identity.get("issuers") not in (None, []) or identity.get("issuing") is not None


def declarers(settings: Settings) -> tuple[str, ...]:
    """Return the services whose instances may declare routes, by name."""
    config = settings.registration
    claims: tuple[TokenConfig | CallerClaimConfig, ...] = (*config.tokens, *config.callers)
    registered = {service for claim in claims if claim.routes for service in claim.services}
    found = {
        name
        for name, one in settings.services.items()
        if one.discover is not None and one.discover.routes
    }
    return tuple(sorted(registered | found))


def complaints(tree: Mapping) -> Complaints:
    """Complain about prefixes below which no route can be had: no token is believed, none needed.

    That an issuer is missing is said where routes of the operator's ask for a token, too.
    """
    if believes(tree):
        return
    for path, allowed in (*_of_tokens(tree), *_of_services(tree)):
        if allowed.get("routes") not in (None, []) and allowed.get("auth_none", False) is False:
            yield (
                (*path, "routes"),
                "no route can be declared: it would ask for an access token, and none is believed; "
                "write `identity: {issuers: […]}`, or `auth_none: true` beside it if anybody may "
                "call such routes",
            )


def _of_tokens(tree: Mapping) -> Iterator[tuple[Path, Mapping]]:
    """Yield what tokens and certificates allow, and where that stands."""
    for key in ("tokens", "callers"):
        claims = _mapping(tree.get("registration")).get(key)
        for at, claim in enumerate(claims if isinstance(claims, list) else ()):
            yield ("registration", key, at), _mapping(claim)


def _of_services(tree: Mapping) -> Iterator[tuple[Path, Mapping]]:
    """Yield what is allowed to those who are found, and where that stands."""
    for name, service in _mapping(tree.get("services")).items():
        yield ("services", name, "discover"), _mapping(_mapping(service).get("discover"))


def _mapping(value: Value) -> Mapping:
    return value if isinstance(value, dict) else {}

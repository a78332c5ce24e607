"""Delegated logins: services whose accounts may log in, as operators write them."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, Field, WithJsonSchema

from tta_gateway.features.access.algorithm import split
from tta_gateway.features.identity.bound import OWN_ISSUER, Delegated
from tta_gateway.routing.path import normal
from tta_gateway.settings import access
from tta_gateway.settings.complaint import Path
from tta_gateway.settings.document import Value
from tta_gateway.settings.nearest import nearest
from tta_gateway.settings.service import ServiceName
from tta_gateway.support.config import Config, Duration, Items

_USUAL: Final = Delegated(name="", service="", prefix="")
_LONGEST: Final = 8.0
_GRANTED_HERE: Final = frozenset(
    ("therapist", "clinical_supervisor", "crisis_responder", "moderator", "auditor", "admin")
)
_HELD_HERE: Final = frozenset(
    (
        "audit:read",
        "care:write",
        "content:clinical",
        "content:moderate",
        "glass:open",
        "glass:review",
        "roles:write",
        "services:call",
        "system:write",
        "users:suspend",
        "users:write",
    )
)
"""Permissions that make a role, whatever it is called, one of these."""
_NAME: Final = r"^[a-z][a-z0-9_-]{0,31}$"
_ROLE: Final = r"^[a-z][a-z0-9_-]{0,63}$"
_Mapping: TypeAlias = dict[str, Value]
Complaints: TypeAlias = Iterator[tuple[Path, str]]


def _path(text: str) -> str:
    try:
        plain = text.startswith("/") and not normal(text.encode("ascii"))[1]
    except UnicodeEncodeError:
        plain = False
    if not plain or set(text) & set(" ?#{}") or not text.isprintable():
        raise ValueError("must be a path of the service: `/api/v1/auth/login`")
    return text


ServicePath: TypeAlias = Annotated[
    str, AfterValidator(_path), WithJsonSchema({"title": "path", "type": "string"})
]


class DelegatedConfig(Config):
    """A service whose accounts may log in at the gateway."""

    name: Annotated[str, Field(pattern=_NAME)]
    """What it is called here; its subjects are, too: `name:subject`."""

    service: ServiceName
    """The service that keeps the accounts."""

    login: ServicePath = _USUAL.login
    """Where it takes name and password."""

    registration: ServicePath = _USUAL.registration
    """Where it makes an account; of several services the first is asked."""

    reset_request: ServicePath = _USUAL.reset_request
    """Where it is told that a password has been forgotten; likewise."""

    reset: ServicePath = _USUAL.reset
    """Where it takes the password instead; likewise."""

    roles: Items[Annotated[str, Field(pattern=_ROLE)]] = _USUAL.roles
    """The roles that count where it says them; clinical and administrative ones are granted here
    alone."""

    own_subjects: bool = False
    """Whether its subjects are the platform's own, as they stand in paths: without the name."""

    timeout: Annotated[Duration, Field(le=_LONGEST)] = _USUAL.timeout
    """How long it may take to answer."""

    recheck: Annotated[Duration, Field(ge=1.0)] | None = None
    """How often it is asked, when a session is renewed, whether the account is still good there: by
    the refresh token of its answer to the login, else at `me`.  Left out, never."""

    refresh: ServicePath = _USUAL.refresh
    """Where it takes that refresh token."""

    me: ServicePath | None = None
    """Where it says whose access token that is, and refuses one that counts no more; left out,
    nowhere.  It can be asked there only as long as the token of the login lasts."""


def distinct(told: tuple[DelegatedConfig, ...]) -> tuple[DelegatedConfig, ...]:
    """Return them; ValueError where two speak of the same people."""
    if len({one.name for one in told}) != len(told):
        raise ValueError("two of them have one name: subjects are told apart by it")
    if any(one.name == OWN_ISSUER for one in told):
        raise ValueError(f"`{OWN_ISSUER}` is the gateway itself: call it something else")
    if sum(one.own_subjects for one in told) > 1:
        raise ValueError("two of them have `own_subjects`: one could speak of the other's people")
    return told


def provider(config: DelegatedConfig) -> Delegated:
    """Return it as control needs it."""
    return Delegated(
        name=config.name,
        service=config.service,
        prefix="" if config.own_subjects else f"{config.name}:",
        login=config.login,
        registration=config.registration,
        reset_request=config.reset_request,
        reset=config.reset,
        roles=config.roles,
        timeout=config.timeout,
        recheck=config.recheck or 0.0,
        refresh=config.refresh,
        me=config.me or "",
    )


def complaints(tree: _Mapping) -> Complaints:
    """Complain about services that are not there, and roles that no service may give."""
    issuing = _mapping(_mapping(tree.get("identity")).get("issuing"))
    services = _mapping(tree.get("services"))
    known = access.permissions(tree)
    for at, one in enumerate(_list(issuing.get("delegated"))):
        for place, sentence in _of_one(_mapping(one), services, known):
            yield ("identity", "issuing", "delegated", at, *place), sentence


def _of_one(one: _Mapping, services: _Mapping, known: Mapping[str, tuple[str, ...]]) -> Complaints:
    name = one.get("service")
    if isinstance(name, str) and name not in services:
        yield ("service",), f"there is no service `{name}`: {nearest(name, services)}"
    yield from roles(one, known)


def is_granted_here(role: str, known: Mapping[str, tuple[str, ...]]) -> bool:
    """Tell whether a role is clinical or administrative, or holds what makes it so."""
    held = {split(one)[0] for one in known.get(role, ())}
    return role in _GRANTED_HERE or bool(_HELD_HERE & held)


def roles(one: _Mapping, known: Mapping[str, tuple[str, ...]]) -> Complaints:
    """Complain about roles that nobody but the gateway may give, or that there are not."""
    for at, role in enumerate(_list(one.get("roles"))):
        if not isinstance(role, str):
            continue
        if is_granted_here(role, known):
            yield (
                ("roles", at),
                f"`{role}` is granted by the gateway alone, and counts from no service: take it "
                f"out, and write `tta-gateway user role … --grant {role}`",
            )
        elif role not in known:
            yield ("roles", at), f"there is no role `{role}`: {nearest(role, known)}"


def _mapping(value: Value) -> _Mapping:
    return value if isinstance(value, dict) else {}


def _list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []

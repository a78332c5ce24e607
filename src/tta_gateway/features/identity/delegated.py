"""Delegated logins: what a service says of who has logged in there, and what of it counts.

The answer is the platform's: `user_info` with `user_id`, `username` and `role`.  What is not there
is looked for among the claims of `access_token`.  Its signature is not proved: it comes from the
service itself, over our own connection, like the rest of the answer.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeGuard

import msgspec

from tta_gateway.features.identity.bound import CLIENTS, Delegated, External, Issuing
from tta_gateway.features.identity.jws import Malformed, objects, read
from tta_gateway.features.identity.store import User

_GOOD: Final = 200
_REFUSED: Final = (400, 401, 403, 422, 423)
_LONGEST_NAME: Final = 512
_SUBJECT: Final = re.compile(r"[A-Za-z0-9._~@-]{1,256}")
"""No colon: it stands between a provider's name and its subjects."""
_NOT_THEIRS: Final = frozenset(("role", "roles", "permissions", "scope", "scopes"))
"""What whoever registers may not say of themselves; in lower case."""


class NotUnderstood(Exception):
    """The service has answered what no login is answered with: why, in words for operators."""


class SecondFactor(Exception):
    """Name and password are right, and the service asks for more."""


@dataclass(frozen=True, slots=True)
class Found:
    """Who has logged in: the subject there, the name, and those of the roles that count."""

    subject: str
    called: str
    roles: frozenset[str]


def found_in(status: int, body: bytes, provider: Delegated, *, name: str) -> Found | None:
    """Return who that is, None if the service refuses; SecondFactor or NotUnderstood.

    Where it does not say what they are called it is the `name` that they have logged in with.
    """
    if status in _REFUSED:
        return None
    if status != _GOOD:
        raise NotUnderstood(f"it answers {status} to {provider.login}")
    try:
        told = objects(body)
    except Malformed as error:
        raise NotUnderstood(f"its answer to {provider.login} {error}") from None
    if told.get("mfa_required") is True:
        raise SecondFactor
    sources = (_mapping(told.get("user_info")), _mapping(told.get("user")), _claims(told))
    subject = _first(sources, "user_id", "player_id", "sub")
    if not _SUBJECT.fullmatch(subject):
        raise NotUnderstood(
            f"its answer to {provider.login} names nobody: `user_info.user_id` must be a text of "
            "letters, digits and `._~@-`"
        )
    if f"{provider.prefix}{subject}".startswith(CLIENTS):
        raise NotUnderstood(
            f"its answer to {provider.login} names somebody as clients of the gateway are called: "
            f"with `own_subjects` no `user_info.user_id` may begin with `{CLIENTS}`"
        )
    called = next(filter(_can_be_shown, (_first(sources, "username"), name)), subject)
    return Found(subject, called, _roles(sources) & {*provider.roles})


class Given(msgspec.Struct, frozen=True):
    """What a service has given with a login, and may be asked again by.

    `until` is when the access token ends, as far as it says so; 0: it does not.
    """

    refresh_token: str = ""
    access_token: str = ""
    until: float = 0.0

    def __repr__(self) -> str:
        """Say nothing of it."""
        return "<given>"


@dataclass(frozen=True, slots=True)
class Still:
    """What a service says of somebody by now; empty or None where it says nothing of it."""

    subject: str
    called: str
    roles: frozenset[str] | None


def given_in(body: bytes) -> Given:
    """Return what an answer gives; nothing where it gives none."""
    try:
        told = objects(body)
    except Malformed:
        return Given()
    refresh_token, access_token = told.get("refresh_token"), told.get("access_token")
    until = _claims(told).get("exp")
    return Given(
        refresh_token if isinstance(refresh_token, str) else "",
        access_token if isinstance(access_token, str) else "",
        float(until) if isinstance(until, int | float) else 0.0,
    )


def still_in(status: int, body: bytes, provider: Delegated, *, path: str) -> Still | None:
    """Return what a service says of somebody by now, None if it refuses; NotUnderstood."""
    if status in _REFUSED:
        return None
    if status != _GOOD:
        raise NotUnderstood(f"it answers {status} to {path}")
    try:
        told = objects(body)
    except Malformed as error:
        raise NotUnderstood(f"its answer to {path} {error}") from None
    sources = (_mapping(told.get("user_info")), _mapping(told.get("user")), told, _claims(told))
    subject = _first(sources, "user_id", "player_id", "sub")
    called = next(filter(_can_be_shown, (_first(sources, "username"),)), "")
    says_roles = any("roles" in one or "role" in one for one in sources)
    roles = _roles(sources) & {*provider.roles} if says_roles else None
    return Still(subject, called, roles)


def _claims(told: Mapping[str, object]) -> Mapping[str, object]:
    """Return the claims of the access token beside it; none where it is no JWT."""
    token = told.get("access_token")
    if not isinstance(token, str):
        return {}
    try:
        return objects(read(token.encode()).payload)
    except Malformed:
        return {}


def _first(sources: tuple[Mapping[str, object], ...], *names: str) -> str:
    """Return what the first of them says that says anything; a number counts as its digits."""
    for source in sources:
        for name in names:
            said = source.get(name)
            if isinstance(said, int) and not isinstance(said, bool):
                return str(said)
            if isinstance(said, str) and said:
                return said
    return ""


def _roles(sources: tuple[Mapping[str, object], ...]) -> frozenset[str]:
    """Return the roles of the first of them that says any."""
    for source in sources:
        said = source.get("roles", source.get("role"))
        if isinstance(said, str):
            return frozenset((said,))
        if isinstance(said, list):
            return frozenset(one for one in said if isinstance(one, str))
    return frozenset()


def _can_be_shown(name: str) -> bool:
    return 0 < len(name) <= _LONGEST_NAME and name.isprintable()


def _mapping(told: object) -> Mapping[str, object]:
    return told if _is_object(told) else {}


def _is_object(told: object) -> TypeGuard[dict[str, object]]:
    return isinstance(told, dict)


def provider_of(user: User, issuing: Issuing) -> Delegated | External | None:
    """Return by way of whom a user logs in, as that is configured now."""
    known: tuple[Delegated | External, ...] = (*issuing.delegated, *issuing.providers)
    return next((one for one in known if one.name == user.provider), None)


def standing(user: User, issuing: Issuing) -> User:
    """Return a user without those of the lent roles that do not count any more."""
    if not user.lent:
        return user
    provider = provider_of(user, issuing)
    allowed = frozenset(provider.roles if provider is not None else ())
    return replace(user, roles=user.roles - (user.lent - allowed), lent=user.lent & allowed)


def plain(body: bytes) -> bytes:
    """Return what somebody registers with, without what they may not say; ValueError if it is none.

    It is written anew, so that the service reads what has been read here.
    """
    try:
        told = objects(body)
    except Malformed as error:
        raise ValueError(f"The body {error}.") from None
    left = {name: said for name, said in told.items() if name.casefold() not in _NOT_THEIRS}
    return json.dumps(left).encode()

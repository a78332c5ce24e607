"""Tokens that a provider signs for the gateway alone: ID tokens, and logout tokens.

OpenID Connect Core 1.0, 3.1.3.7; OpenID Connect Back-Channel Logout 1.0, 2.6.  Signatures, `iss`,
`aud` and times are looked at as those of any other token (verifier.py); a client's secret is no key
here, so that HS256 proves nothing.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from tta_gateway.features.identity.bound import External, Issuer, KeySource
from tta_gateway.features.identity.external_request import is_same
from tta_gateway.features.identity.jws import Malformed, encoded, objects, read
from tta_gateway.features.identity.key import Key
from tta_gateway.features.identity.verifier import Verifier
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import Problem

LOGOUT: Final = "http://schemas.openid.net/event/backchannel-logout"
LEEWAY: Final = 30.0
OLDEST: Final = 600.0  # seconds since a logout token was made
_MONTH: Final = 30 * 86_400.0
_LONGEST_SUBJECT: Final = 255  # characters, all of ASCII (OpenID Connect Core 1.0, 2)
_HASHES: Final = {"EdDSA": "sha512", "Ed25519": "sha512"}
Claims = Mapping[str, object]


class NotBelieved(ValueError):
    """The token does not count: why, in words for operators, without anything of the token."""


@dataclass(frozen=True, slots=True)
class LogoutToken:
    """Whose sessions end: those of a session there, or all of a subject."""

    id: str
    subject: str
    session: str
    until: float


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that a provider has published."""

    keys: tuple[Key, ...]
    missing: Callable[[], None] = lambda: None
    """Hears that there may be another one by now."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a provider gives for a code, or for a refresh token; what it leaves out is empty."""

    id_token: str = field(repr=False)
    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)


def id_token(
    token: str, provider: External, keys: Keys, *, nonce: str, access_token: str, now: float
) -> Claims:
    """Return what an ID token says; NotBelieved."""
    claims = renewed_id_token(token, provider, keys, access_token=access_token, now=now)
    said = claims.get("nonce")
    if not isinstance(said, str) or not is_same(said, nonce):
        raise NotBelieved("its `nonce` is not the one of this login")
    if provider.max_age:
        _check_age(claims.get("auth_time"), provider.max_age, now)
    return claims


def renewed_id_token(
    token: str, provider: External, keys: Keys, *, access_token: str, now: float
) -> Claims:
    """Return what an ID token says that has come for a refresh token (12.2); NotBelieved."""
    claims = _proved(token, provider, keys, now, types=("", "jwt"), subject="sub")
    subject = claims["sub"]
    assert isinstance(subject, str)  # it has been looked at
    if len(subject) > _LONGEST_SUBJECT or not subject.isascii() or not subject.isprintable():
        raise NotBelieved("its `sub` is no text of up to 255 characters of ASCII")
    _check_hash(token, claims.get("at_hash"), access_token)
    return claims


def logout_token(token: str, provider: External, keys: Keys, *, now: float) -> LogoutToken:
    """Return whom a logout token is about; NotBelieved."""
    kinds = ("logout+jwt", "", "jwt")
    claims = _proved(token, provider, keys, now, types=kinds, subject="jti")
    events = claims.get("events")
    event = events.get(LOGOUT) if isinstance(events, dict) else None
    if not isinstance(event, dict):
        raise NotBelieved("its `events` do not name a logout")
    if "nonce" in claims:
        raise NotBelieved("it has a `nonce`, as ID tokens have")
    made, until = claims["iat"], claims["exp"]
    assert isinstance(made, int | float)  # they have been looked at
    assert isinstance(until, int | float)
    if made < now - OLDEST:
        raise NotBelieved("it was made long ago")
    subject, session = (_text(claims, name) for name in ("sub", "sid"))
    if not subject and not session:
        raise NotBelieved("it names neither `sub` nor `sid`")
    # A token may come again as long as it lasts, but is taken no longer than this.
    return LogoutToken(_text(claims, "jti"), subject, session, min(until, now + OLDEST) + LEEWAY)


def _proved(
    token: str, provider: External, keys: Keys, now: float, *, types: tuple[str, ...], subject: str
) -> Claims:
    """Return the claims of a token that is proved to be of the provider, and for this client."""
    issuer = Issuer(
        name=provider.name,
        issuer=provider.issuer,
        audiences=(provider.client_id,),
        types=types,
        subject_claim=subject,
        source=KeySource(url=provider.issuer, discovers=True),
        leeway=LEEWAY,
        longest=_MONTH,
        role_claim="",
    )
    found = _believed(token, issuer, keys, now)
    claims = found.claims
    audience = claims.get("aud")
    if audience not in (provider.client_id, [provider.client_id]):
        raise NotBelieved("it is for others as well (`aud`)")
    if claims.get("azp", provider.client_id) != provider.client_id:
        raise NotBelieved("it was issued to another client (`azp`)")
    if "iat" not in claims:
        raise NotBelieved("it does not say when it was made (`iat`)")
    return claims


def _believed(token: str, issuer: Issuer, keys: Keys, now: float) -> Principal:
    missed: list[str] = []
    known: Iterable[tuple[Issuer, Iterable[Key]]] = [(issuer, keys.keys)]
    found = Verifier(known, missed.append).prove(token.encode("utf-8", "replace"), now)
    if missed:
        keys.missing()
    if isinstance(found, Problem):
        raise NotBelieved(f"{found.code}: {found.detail}")
    return found


def _check_hash(token: str, said: object, access_token: str) -> None:
    """Hold the access token against what the ID token says of it, if it does (3.1.3.8)."""
    if said is None:
        return
    name = _HASHES.get(read(token.encode()).algorithm, "sha256")
    digest = hashlib.new(name, access_token.encode()).digest()
    wanted = encoded(digest[: len(digest) // 2]).decode()
    if not isinstance(said, str) or not is_same(said, wanted):
        raise NotBelieved("its `at_hash` is not of the access token beside it")


def _check_age(said: object, max_age: float, now: float) -> None:
    at = _number(said)
    if at < 0:
        raise NotBelieved("it does not say when somebody has logged in there (`auth_time`)")
    if at + max_age + LEEWAY < now:
        raise NotBelieved("somebody has logged in there longer ago than `max_age`")


def _number(said: object) -> float:
    """Return a number; one below nothing where it is none."""
    return float(said) if isinstance(said, int | float) and said is not True else -1.0


def _text(claims: Claims, name: str) -> str:
    """Return a text of the claims; empty if there is none."""
    said = claims.get(name, "")
    if isinstance(said, str) and len(said) <= _LONGEST_SUBJECT:
        return said
    raise NotBelieved(f"its `{name}` is no short text")


def told_in(body: bytes) -> Tokens:
    """Return what an answer of the token endpoint to a code holds; ValueError in words."""
    found = renewed_in(body)
    if found.id_token:
        return found
    raise ValueError("its answer holds no `id_token` and `access_token`")


def renewed_in(body: bytes) -> Tokens:
    """Return what one to a refresh token holds (OpenID Connect Core 1.0, 12.2); ValueError."""
    try:
        told = objects(body)
    except Malformed:
        raise ValueError("its answer with the tokens is no JSON object") from None
    token, access_token = told.get("id_token", ""), told.get("access_token")
    further = told.get("refresh_token")
    if isinstance(token, str) and isinstance(access_token, str):
        return Tokens(token, access_token, further if isinstance(further, str) else "")
    raise ValueError("its answer holds no `id_token` and `access_token`")

"""Ask an OpenID provider: what it is, for tokens, and what else it says of somebody.

Bounded in time and size, over TLS, and no redirect is followed with anything secret.
"""

import asyncio
import json
import ssl
import warnings
from base64 import b64encode
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar
from urllib.parse import quote_plus, urlencode

from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import import_key

from tta_gateway.features.identity import key_source
from tta_gateway.features.identity.bound import External
from tta_gateway.features.identity.external_metadata import Metadata, metadata_in
from tta_gateway.features.identity.external_token import Tokens, renewed_in, told_in
from tta_gateway.features.identity.jws import Malformed, objects
from tta_gateway.features.identity.key import Key, key_of
from tta_gateway.features.identity.key_fetch import LARGEST, Way
from tta_gateway.support.http_client import HttpError, Request

T = TypeVar("T")
ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LASTING: Final = 60.0  # seconds of an assertion
_GOOD, _BAD = 200, 400
_INVALID: Final = ": invalid_grant"  # RFC 6749 5.2
_ASKED_WRONGLY: Final = (400, 401, 403)
_ALGORITHMS: Final = {"OKP": "EdDSA", "EC": "ES256", "RSA": "RS256"}


class ProviderAway(Exception):
    """It cannot be asked: why, in words."""


class ProviderRefuses(Exception):
    """It does not give what is asked for: why, in words."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a provider, and for how many seconds that is good."""

    metadata: Metadata
    keys: tuple[Key, ...]
    lasting: float


@dataclass(frozen=True, slots=True)
class Code:
    """What a provider has given for tokens: a code, and what goes with it."""

    code: str
    verifier: str
    redirect_uri: str


class Describing(Protocol):
    """Whoever can ask a provider what it is."""

    async def describe(self, provider: External) -> Known:
        """Return what it is; ProviderAway."""


class Peer(Protocol):
    """Whoever asks providers for somebody."""

    async def tokens(
        self, provider: External, found: Metadata, code: Code, *, now: float, unique: str
    ) -> Tokens:
        """Return what it gives for a code; ProviderAway, ProviderRefuses."""

    async def renewed(
        self, provider: External, found: Metadata, token: str, *, now: float, unique: str
    ) -> Tokens:
        """Return what it gives for a refresh token; ProviderRefuses if that is good no more.

        ProviderAway, whatever else it says: it counts against nobody.
        """

    async def more(
        self, provider: External, found: Metadata, access_token: str
    ) -> Mapping[str, object]:
        """Return what it says of whose access token that is; ProviderAway."""


class HttpPeer:
    """Asks them over HTTP."""

    async def describe(self, provider: External) -> Known:
        """Return what it is; ProviderAway."""
        return await _within(provider, self._described(provider))

    async def _described(self, provider: External) -> Known:
        way = Way(provider.ca, provider.timeout)
        described = await way.ask(key_source.metadata_url(provider.issuer))
        found = metadata_in(described.body, provider.issuer)
        answer = await way.ask(found.keys)
        try:
            keys = key_source.usable_keys(answer.body, are_public=True)
        except ValueError as error:
            raise ValueError(f"what it publishes {error}") from None
        lasting = min(map(key_source.lifetime, (described.fields, answer.fields)))
        return Known(found, tuple(key_of(objects(one)) for one in keys), lasting)

    async def tokens(
        self, provider: External, found: Metadata, code: Code, *, now: float, unique: str
    ) -> Tokens:
        """Return what it gives for a code; ProviderAway, ProviderRefuses."""
        form = {
            "grant_type": "authorization_code",
            "code": code.code,
            "redirect_uri": code.redirect_uri,
            "code_verifier": code.verifier,
        }
        request = token_request(provider, found, form, now=now, unique=unique)
        way = Way(provider.ca, provider.timeout)
        answer = await _within(provider, way.send(found.token, request))
        if answer.status in _ASKED_WRONGLY:
            raise ProviderRefuses(f"it answers {answer.status} to a code{_error(answer.body)}")
        if answer.status != _GOOD:
            raise ProviderAway(f"it answers {answer.status} to a code")
        try:
            return told_in(answer.body)
        except ValueError as error:
            raise ProviderRefuses(str(error)) from None

    async def renewed(
        self, provider: External, found: Metadata, token: str, *, now: float, unique: str
    ) -> Tokens:
        """Return what it gives for a refresh token; ProviderRefuses, ProviderAway."""
        form = {"grant_type": "refresh_token", "refresh_token": token}
        request = token_request(provider, found, form, now=now, unique=unique)
        way = Way(provider.ca, provider.timeout)
        answer = await _within(provider, way.send(found.token, request))
        if answer.status == _BAD and _error(answer.body) == _INVALID:
            raise ProviderRefuses("it answers `invalid_grant` to a refresh token")
        if answer.status != _GOOD:
            raise ProviderAway(f"it answers {answer.status} to a refresh token")
        try:
            return renewed_in(answer.body)
        except ValueError as error:
            raise ProviderAway(str(error)) from None

    async def more(
        self, provider: External, found: Metadata, access_token: str
    ) -> Mapping[str, object]:
        """Return what it says of whose access token that is; ProviderAway.

        Nothing where it says so in a way that is not taken here, or has no place for it.
        """
        if not found.userinfo:
            return {}
        fields = (("accept", "application/json"), ("authorization", f"Bearer {access_token}"))
        way = Way(provider.ca, provider.timeout)
        answer = await _within(provider, way.send(found.userinfo, Request("", fields=fields)))
        if answer.status != _GOOD or len(answer.body) > LARGEST:
            raise ProviderAway(f"it answers {answer.status} to a question who somebody is")
        try:
            return objects(answer.body)
        except Malformed:
            return {}


async def _within(provider: External, asking: Awaitable[T]) -> T:
    """Return what is answered in time; ProviderAway."""
    try:
        async with asyncio.timeout(provider.timeout):
            return await asking
    except TimeoutError:
        raise ProviderAway(f"it does not answer within {provider.timeout:g} s") from None
    except (HttpError, ValueError) as error:
        raise ProviderAway(str(error)) from error
    except ssl.SSLError as error:
        raise ProviderAway(f"its authorities are refused by OpenSSL: {error.reason}") from error


def token_request(
    provider: External, found: Metadata, form: Mapping[str, str], *, now: float, unique: str
) -> Request:
    """Return the request for tokens, by which the provider knows the gateway (RFC 6749 2.3)."""
    told = dict(form)
    fields = [("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")]
    if provider.secret and found.takes_basic:
        pair = f"{quote_plus(provider.client_id)}:{quote_plus(provider.secret)}"
        fields.append(("authorization", f"Basic {b64encode(pair.encode()).decode()}"))
    else:
        told["client_id"] = provider.client_id
        if provider.secret:
            told["client_secret"] = provider.secret
        elif provider.key:
            told["client_assertion_type"] = ASSERTION
            told["client_assertion"] = assertion(provider, now=now, unique=unique)
    body = urlencode(told).encode()
    return Request("", method="POST", fields=tuple(fields), body=body)


def assertion(provider: External, *, now: float, unique: str) -> str:
    """Return what shows that the gateway asks (RFC 7523 3); it is for this issuer alone."""
    jwk = objects(provider.key)
    algorithm = _ALGORITHMS[str(jwk["kty"])]
    header = {"alg": algorithm, "typ": "JWT"}
    if isinstance(jwk.get("kid"), str):
        header["kid"] = str(jwk["kid"])
    claims = {
        "iss": provider.client_id,
        "sub": provider.client_id,
        "aud": provider.issuer,
        "jti": unique,
        "iat": int(now),
        "exp": int(now + _LASTING),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # as features/identity/signing.py
        return jwt.encode(
            header, claims, import_key(json.loads(provider.key)), algorithms=[algorithm]
        )


def _error(body: bytes) -> str:
    """Return the code of an error (RFC 6749 5.2), if it is one: never the provider's words."""
    try:
        said = objects(body).get("error")
    except Malformed:
        return ""
    is_code = isinstance(said, str) and said.isascii() and said.replace("_", "a").isalnum()
    return f": {said[:64]}" if isinstance(said, str) and is_code else ""

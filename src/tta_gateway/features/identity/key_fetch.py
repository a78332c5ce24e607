"""Fetch the keys that an issuer publishes: bounded in time and size, and from nobody else."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from tta_gateway.features.identity import key_source
from tta_gateway.features.identity.bound import KeySource
from tta_gateway.support.http_client import Answer, HttpError, Origin, Request, fetch
from tta_gateway.support.pem import load_authorities

PATIENCE: Final = 10.0  # seconds, for all of it
LARGEST: Final = 256 * 1024  # bytes of an answer
_MOST_REDIRECTS: Final = 3
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_FIELDS: Final = (
    ("Accept", "application/jwk-set+json, application/json"),
    ("User-Agent", "tta-gateway"),
)


class NoKeys(Exception):
    """There are none that could be used: why, in words."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The keys of an issuer, and for how many seconds they are good."""

    keys: tuple[bytes, ...]
    lasting: float


Fetch: TypeAlias = Callable[[KeySource], Awaitable[Fetched]]


async def fetched(source: KeySource, *, patience: float = PATIENCE) -> Fetched:
    """Return the keys of a source; NoKeys says why there are none."""
    try:
        async with asyncio.timeout(patience):
            return await _fetched(source, Way(source.ca, patience))
    except TimeoutError:
        raise NoKeys(f"it does not answer within {patience:g} s") from None
    except (HttpError, ValueError) as error:
        raise NoKeys(str(error)) from error
    except ssl.SSLError as error:
        raise NoKeys(f"its authorities are refused by OpenSSL: {error.reason}") from error


async def _fetched(source: KeySource, way: "Way") -> Fetched:
    url = source.url
    if source.discovers:
        described = await way.ask(key_source.metadata_url(url))
        url = key_source.keys_url_in(described.body, url)
    answer = await way.ask(url)
    try:
        keys = key_source.usable_keys(answer.body, are_public=True)
    except ValueError as error:
        raise ValueError(f"what it publishes {error}") from None
    return Fetched(keys, key_source.lifetime(answer.fields))


class Way:
    """How an issuer is asked."""

    def __init__(self, ca: str, patience: float) -> None:
        """Believe certificates of these authorities, in PEM, or of this machine's."""
        self._ca = ca
        self._patience = patience
        self._context: ssl.SSLContext | None = None

    async def send(self, url: str, request: Request) -> Answer:
        """Return what is answered to a request, whose target the URL says; no redirect is followed.

        HttpError or ValueError says what is wrong.
        """
        place = key_source.place(url)
        return await self._sent(place, replace(request, target=place.target))

    async def ask(self, url: str) -> Answer:
        """Return what is answered at a URL; HttpError or ValueError says what is wrong."""
        for _ in range(_MOST_REDIRECTS + 1):
            answer = await self._asked(key_source.place(url))
            if answer.status not in _REDIRECTS:
                break
            url = key_source.redirected(url, answer.fields.get("location", ""))
        else:
            raise ValueError("it redirects again and again")
        if answer.status != 200:
            raise ValueError(f"it answers {answer.status} to {key_source.place(url).target}")
        return answer

    async def _asked(self, place: key_source.Place) -> Answer:
        return await self._sent(place, Request(place.target, fields=_FIELDS))

    async def _sent(self, place: key_source.Place, request: Request) -> Answer:
        tls = self._encryption() if place.is_encrypted else None
        return await fetch(
            Origin(place.host, place.port, tls=tls),
            request,
            patience=self._patience,
            largest=LARGEST,
        )

    def _encryption(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self._ca:
                load_authorities(context, self._ca.encode())
            else:
                context.load_default_certs()
        return self._context

"""A directory of help lines at a URL: bounded in time and size, and asked of nobody else."""

import ssl
from typing import Final
from urllib.parse import urlsplit

from tta_gateway.features.safety.resources import NoResources
from tta_gateway.support.http_client import HttpError, Origin, Request, fetch

PATIENCE: Final = 10.0  # seconds, for all of it
LARGEST: Final = 1024 * 1024  # bytes
_GOOD: Final = 200
_FIELDS: Final = (("Accept", "application/json"), ("User-Agent", "tta-gateway"))
_NEAR: Final = frozenset(("localhost", "127.0.0.1", "::1"))


class HttpDirectory:
    """Asks for an edition with GET; no redirect is followed."""

    def __init__(self, url: str, *, patience: float = PATIENCE) -> None:
        """Ask there; ValueError if that is no place to ask at.

        Without encryption only this machine is asked: what is asked for says who runs a gateway.
        """
        place = urlsplit(url)
        near = place.hostname in _NEAR
        if place.scheme not in (("http", "https") if near else ("https",)) or not place.hostname:
            raise ValueError(f"`{url}` is no place to ask at: write an `https://` URL")
        if place.username is not None or place.fragment:
            raise ValueError(f"`{place.hostname}`: leave out names, passwords and fragments")
        tls = ssl.create_default_context() if place.scheme == "https" else None
        self._origin = Origin(place.hostname, place.port or (80 if tls is None else 443), tls=tls)
        query = f"?{place.query}" if place.query else ""
        self._request = Request(f"{place.path or '/'}{query}", fields=_FIELDS)
        self._patience = patience

    async def edition(self) -> bytes:
        """Return the newest edition; NoResources says why there is none."""
        try:
            answer = await fetch(
                self._origin, self._request, patience=self._patience, largest=LARGEST
            )
        except HttpError as error:
            raise NoResources(f"cannot be had: {error}") from error
        if answer.status != _GOOD:
            raise NoResources(f"cannot be had: the directory answers {answer.status}")
        return answer.body

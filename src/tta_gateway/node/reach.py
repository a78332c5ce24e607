"""Reach: control's own requests to services, at the endpoints that are good by what it knows."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import Final

from tta_gateway.edge.credentials import service_context
from tta_gateway.kernel.route import Service, ServiceTls
from tta_gateway.node.known import Kept, Known
from tta_gateway.node.services import Services
from tta_gateway.support.http_client import (
    Answer,
    HttpError,
    HttpUnreachable,
    Origin,
    Request,
    fetch,
)

_TRIES: Final = 2
_CONNECT: Final = 1.0  # seconds
_LARGEST: Final = 256 * 1024  # bytes
_LIGHTEST: Final = 0.001


class Reach:
    """Asks services."""

    def __init__(
        self,
        services: Services,
        *,
        authorities: Callable[[], Mapping[str, bytes]],
        wall: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        """Ask those; `authorities` are certificates by the digests that services name."""
        self._services = services
        self._authorities = authorities
        self._wall = wall
        self._chance = chance
        self._contexts: dict[ServiceTls, ssl.SSLContext] = {}

    async def ask(self, service: str, request: Request, *, patience: float) -> Answer:
        """Return its answer; HttpError says why there is none.

        Where no connection comes about one further endpoint is asked: nothing has been sent yet.
        """
        kept = self._services.kept.get(service)
        failed = HttpUnreachable("it has no endpoint")
        for one in () if kept is None else self._chosen(kept):
            assert kept is not None  # there is one of it
            try:
                return await fetch(
                    await self._origin(kept.service, one),
                    request,
                    patience=patience,
                    connect=min(_CONNECT, patience / _TRIES),
                    largest=_LARGEST,
                )
            except HttpUnreachable as error:
                failed, patience = error, patience - min(_CONNECT, patience / _TRIES)
        raise failed

    def _chosen(self, kept: Kept) -> list[Known]:
        """Return whom to ask, in this order: good ones before others, by their weights."""
        now = self._wall()

        def place(one: Known) -> tuple[bool, float]:
            luck = self._chance() ** (1.0 / max(one.weight(now), _LIGHTEST))
            return one.is_good(now), luck

        return sorted(kept.endpoints.values(), key=place, reverse=True)[:_TRIES]

    async def _origin(self, service: Service, known: Known) -> Origin:
        endpoint, tls = known.endpoint, service.tls
        context = None
        if endpoint.tls:
            assert tls is not None  # settings: every service with an `https://` endpoint has it
            context = await self._context(tls)
        name = tls.server_name if tls is not None else ""
        return Origin(
            endpoint.host,
            endpoint.port,
            tls=context,
            server_name=name or endpoint.server_name,
            unix=endpoint.unix,
            called=service.host or endpoint.authority,
        )

    async def _context(self, tls: ServiceTls) -> ssl.SSLContext:
        """Return how TLS is spoken; it takes a while to read the authorities, once."""
        known = self._contexts.get(tls)
        if known is not None:
            return known
        try:
            made = await asyncio.to_thread(service_context, tls, self._authorities())
        except OSError as error:
            raise HttpError(f"its certificates cannot be used: {error.strerror}") from error
        self._contexts = {tls: made, **dict(list(self._contexts.items())[:8])}
        return made

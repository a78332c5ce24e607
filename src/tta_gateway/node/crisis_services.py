"""Services as the guard asks them: at the endpoints that control has found, or those configured."""

import asyncio
import ssl
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

import tta_gateway.edge.demand  # noqa: F401 - credentials.py wants it for a handshake: too late here
from tta_gateway.edge.credentials import service_context
from tta_gateway.kernel.route import Endpoint, Service, ServiceTls
from tta_gateway.kernel.standing import section
from tta_gateway.snapshot.parts import Parts, base_of, service_of, standing_of
from tta_gateway.support.http_client import HttpError, Origin, Request, fetch
from tta_gateway.support.posting import NotTaken

_TRIES: Final = 3  # endpoints of a service
_CONNECT: Final = 1.0  # seconds
_LARGEST: Final = 64 * 1024  # bytes of an answer
_BEST_FIRST: Final = ("up", "unproved", "starting", "draining", "down")


class CrisisServices:
    """A Services (features/escalation/service_channel.py)."""

    def __init__(self, parts: Callable[[], Parts]) -> None:
        """Ask those of the snapshot that is in force."""
        self._parts = parts

    async def post(
        self, service: str, path: str, body: bytes, fields: Mapping[str, str], *, patience: float
    ) -> int:
        """Return the status of the answer; NotTaken if there is none.

        A service that does not answer at one endpoint is asked at another: it drops what it knows.
        """
        parts = self._parts()
        raw = parts.services.get(service)
        if raw is None:
            raise NotTaken("there is no such service")
        found = service_of(raw)
        request = Request(path, "POST", tuple(fields.items()), body)
        why = "it has no endpoint"
        try:
            async with asyncio.timeout(patience):
                for one in list(endpoints(parts, found))[:_TRIES]:
                    try:
                        return await self._asked(parts, found, one, request, patience)
                    except HttpError as error:
                        why = str(error)
        except TimeoutError:
            why = f"it does not answer within {patience:g} s"
        raise NotTaken(why)

    async def _asked(
        self, parts: Parts, service: Service, endpoint: Endpoint, request: Request, patience: float
    ) -> int:
        origin = Origin(
            endpoint.host,
            endpoint.port,
            tls=await _context(parts, service.tls) if endpoint.tls else None,
            server_name=(service.tls.server_name if service.tls else "") or endpoint.server_name,
            unix=endpoint.unix,
            called=service.host or endpoint.authority,
        )
        answer = await fetch(origin, request, patience=patience, connect=_CONNECT, largest=_LARGEST)
        return answer.status


def endpoints(parts: Parts, service: Service) -> Iterable[Endpoint]:
    """Return where a service is, the best first: as control has found out, or as configured."""
    raw = parts.live.get(section(service.name))
    try:
        stands = () if raw is None else standing_of(raw).endpoints
    except msgspec.DecodeError:  # of a control of another version
        stands = ()
    if not stands:
        return service.endpoints
    ordered = sorted(stands, key=lambda one: _BEST_FIRST.index(one.state))
    return [one.endpoint for one in ordered]


async def _context(parts: Parts, tls: ServiceTls | None) -> ssl.SSLContext:
    """Return how TLS is spoken; it takes a while to read the authorities."""
    assert tls is not None  # settings: every service with an `https://` endpoint has it
    try:
        return await asyncio.to_thread(service_context, tls, base_of(parts).authorities)
    except OSError as error:
        raise HttpError(f"its certificates cannot be used: {error.strerror}") from error

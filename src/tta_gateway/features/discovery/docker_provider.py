"""Docker as a registry: containers by their labels, listed again whenever something happens to one.

    tta-gateway.service=players     whose instance it is
    tta-gateway.port=9001           where it listens; left out, the one port that it exposes
    tta-gateway.network=backend     at which of its addresses; left out, the first by network,
                                    IPv4 before IPv6
    tta-gateway.routes=[…]          routes that it declares (declaring.py)

https://docs.docker.com/reference/api/engine/ (ContainerList, SystemEvents).  Who runs is told; of
those that have a health check, who is healthy.

An engine tells of some events before its own list shows them (a pause, in 20.10 as in 28.5): so all
is listed at once after an event, and again a little later.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import urlencode

import msgspec

from tta_gateway.features.discovery.algorithm import merged
from tta_gateway.features.discovery.bound import Docker
from tta_gateway.features.discovery.declaring import of_json
from tta_gateway.features.discovery.origins import checked, decoded, origin_of, refused
from tta_gateway.features.discovery.provider import Found, Unreachable
from tta_gateway.kernel.route import Endpoint
from tta_gateway.kernel.standing import Instance
from tta_gateway.support.http_client import (
    HttpError,
    HttpTimeout,
    Origin,
    Request,
    Stream,
    begin,
    fetch,
    next_of,
)

_LABEL: Final = "tta-gateway."
_PATIENCE: Final = 5.0  # seconds, for an answer
_QUIET: Final = 300.0  # seconds without an event, after which all is listed anew
_BETWEEN: Final = 0.25  # seconds from one list to the next
_AGAIN: Final = (1.0, 5.0)  # seconds without another event, after which it is listed once more
_LISTED: Final = {
    "label": [f"{_LABEL}service"],
    "status": ["running"],
    "health": ["healthy", "none"],
}
_HEARD: Final = {
    "type": ["container", "network"],
    "event": ["start", "die", "pause", "unpause", "health_status", "connect", "disconnect"],
}


class _Port(msgspec.Struct):
    private: int = msgspec.field(name="PrivatePort")
    kind: str = msgspec.field(name="Type", default="tcp")


class _Network(msgspec.Struct):
    address: str = msgspec.field(name="IPAddress", default="")
    address6: str = msgspec.field(name="GlobalIPv6Address", default="")


class _Settings(msgspec.Struct):
    networks: dict[str, _Network | None] | None = msgspec.field(name="Networks", default=None)


class Container(msgspec.Struct):
    """A container of the list, as far as it matters here; what is empty may be null."""

    id: str = msgspec.field(name="Id")
    names: list[str] | None = msgspec.field(name="Names", default=None)
    labels: dict[str, str] | None = msgspec.field(name="Labels", default=None)
    ports: list[_Port] | None = msgspec.field(name="Ports", default=None)
    settings: _Settings | None = msgspec.field(name="NetworkSettings", default=None)

    def label(self, name: str) -> str:
        """Return a label of ours; empty if it has none."""
        return (self.labels or {}).get(f"{_LABEL}{name}", "").strip()

    @property
    def networks(self) -> list[tuple[str, _Network]]:
        """Return where it has an address, by name."""
        found = (self.settings and self.settings.networks) or {}
        return sorted((name, one) for name, one in found.items() if one is not None)


_CONTAINERS: Final = msgspec.json.Decoder(list[Container])


class DockerProvider:
    """One Docker, for all services that are looked for there."""

    name = "docker"

    def __init__(
        self,
        settings: Docker,
        services: Mapping[str, tuple[str, bool]],
        *,
        misread: Callable[[str, str], None],
    ) -> None:
        """Look for these services, by our names for them; True: they speak TLS.

        `misread` hears of containers that cannot be asked, and why.
        """
        self._settings = settings
        self._services = services
        self._misread = misread

    async def watch(self, found: Found) -> None:
        """List, and list again whenever something happens."""
        origin = origin_of(self._settings.origin)
        while True:
            await self._follow(origin, found)
            await asyncio.sleep(_BETWEEN)

    async def _follow(self, origin: Origin, found: Found) -> None:
        """Hear events from before the first list on, until there are none any more."""
        try:
            stream = await begin(origin, _request("/events", _HEARD), patience=_PATIENCE)
        except HttpError as error:
            raise Unreachable(f"{error}, asked for events") from error
        try:
            if stream.status != 200:
                raise Unreachable(refused(stream.status, "the question for events"))
            while await self._is_told_more(stream, origin, found):
                pass
        except HttpError as error:
            raise Unreachable(f"{error}, while it told of events") from error
        finally:
            stream.close()

    async def _is_told_more(self, stream: Stream, origin: Origin, found: Found) -> bool:
        """List until there is another event; False: they have ended, or there was none for long."""
        for patience in (*_AGAIN, _QUIET):
            await self._list(origin, found)
            await asyncio.sleep(_BETWEEN)
            with contextlib.suppress(HttpTimeout):
                return bool(await next_of(stream, patience=patience))
        return False

    async def _list(self, origin: Origin, found: Found) -> None:
        asked = "the list of containers"
        try:
            answer = await fetch(origin, _request("/containers/json", _LISTED), patience=_PATIENCE)
        except HttpError as error:
            raise Unreachable(f"{error}, asked {asked}") from error
        containers = decoded(_CONTAINERS, checked(answer, asked), asked)
        for name, (label, tls) in self._services.items():
            mine = [one for one in containers if one.label("service") == label]
            found(name, merged(self._instances(mine, tls=tls)))

    def _instances(self, containers: list[Container], *, tls: bool) -> Iterator[Instance]:
        for one in containers:
            name = one.names[0].removeprefix("/") if one.names else one.id
            try:
                endpoint = endpoint_of(one, tls=tls)
            except ValueError as error:
                self._misread(name, str(error))
                continue
            said = one.label("routes")
            routes = of_json(said.encode()) if said else ()
            yield Instance(id=name, endpoint=endpoint, routes=routes)


def endpoint_of(one: Container, *, tls: bool) -> Endpoint:
    """Return where a container is asked; ValueError in words if that cannot be."""
    return Endpoint(host=_host(one), port=_port(one), tls=tls)


def _host(one: Container) -> str:
    wanted = one.label("network")
    here = [network for name, network in one.networks if wanted in ("", name)]
    for address in (*(each.address for each in here), *(each.address6 for each in here)):
        if address:
            return address
    where = f"in the network `{wanted}`" if wanted else "in any network"
    raise ValueError(f"it has no address {where}")


def _port(one: Container) -> int:
    exposed = {str(port.private) for port in one.ports or () if port.kind == "tcp"}
    said = one.label("port") or (exposed.pop() if len(exposed) == 1 else "")
    if said.isdecimal() and 1 <= int(said) <= 65535:
        return int(said)
    raise ValueError(f"say where it listens: `{_LABEL}port` is `{said}`, no port")


def _request(path: str, filters: Mapping[str, list[str]]) -> Request:
    return Request(f"{path}?{urlencode({'filters': json.dumps(filters)})}")

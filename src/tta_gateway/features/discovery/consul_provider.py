"""Consul as a registry: blocking queries of the health endpoint, one for each service.

https://developer.hashicorp.com/consul/api-docs/features/blocking and …/api-docs/health: the answer
comes when something has changed since `index`, or after `wait`.  An index that goes back, or is 0,
says that Consul has begun anew.  Only instances that pass their checks are told.  Their tags may
declare routes (declaring.py).

Without the right to read a service it answers as if there was none, and says so since version 1.11
(`X-Consul-Results-Filtered-By-ACLs`): that is no word of the service.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from tta_gateway.features.discovery.algorithm import merged
from tta_gateway.features.discovery.bound import Consul, ConsulService
from tta_gateway.features.discovery.declaring import of_tags
from tta_gateway.features.discovery.origins import checked, decoded, origin_of
from tta_gateway.features.discovery.provider import Found, Unreachable
from tta_gateway.features.discovery.together import together
from tta_gateway.kernel.route import Endpoint
from tta_gateway.kernel.standing import Instance
from tta_gateway.support.http_client import HttpError, Origin, Request, fetch

_WAIT: Final = 60  # seconds; Consul adds up to a sixteenth
_PATIENCE: Final = 75.0
_BETWEEN: Final = 0.5  # seconds from one query to the next, at least


class _Weights(msgspec.Struct):
    passing: int = msgspec.field(name="Passing", default=1)


class _Service(msgspec.Struct):
    id: str = msgspec.field(name="ID")
    port: int = msgspec.field(name="Port")
    address: str = msgspec.field(name="Address", default="")
    tags: list[str] | None = msgspec.field(name="Tags", default=None)
    weights: _Weights = msgspec.field(name="Weights", default_factory=_Weights)


class _Node(msgspec.Struct):
    address: str = msgspec.field(name="Address")
    name: str = msgspec.field(name="Node", default="")


class _Entry(msgspec.Struct):
    node: _Node = msgspec.field(name="Node")
    service: _Service = msgspec.field(name="Service")


_ENTRIES: Final = msgspec.json.Decoder(list[_Entry])


class ConsulProvider:
    """One Consul agent, for all services that are looked for there."""

    name = "consul"

    def __init__(
        self,
        settings: Consul,
        services: Mapping[str, tuple[ConsulService, bool]],
        *,
        now: Callable[[], float],
    ) -> None:
        """Look for these services, by our names for them; True: they speak TLS."""
        self._settings = settings
        self._services = services
        self._now = now

    async def watch(self, found: Found) -> None:
        """Ask for each service, again and again."""
        origin = origin_of(self._settings.origin)
        await together(self._watch(origin, name, found) for name in self._services)

    async def _watch(self, origin: Origin, name: str, found: Found) -> None:
        index = 0
        while True:
            begun = self._now()
            index, instances = await self._ask(origin, name, index=index)
            if instances is not None:
                found(name, instances)
            await asyncio.sleep(max(0.0, begun + _BETWEEN - self._now()))

    async def _ask(
        self, origin: Origin, name: str, *, index: int
    ) -> tuple[int, tuple[Instance, ...] | None]:
        """Return the next index, and what there is; None if nothing has changed."""
        wanted, tls = self._services[name]
        asked = f"the query for `{wanted.service}`"
        try:
            answer = await fetch(origin, self._request(wanted, index), patience=_PATIENCE)
        except HttpError as error:
            raise Unreachable(f"{error}, asked {asked}") from error
        if answer.fields.get("x-consul-results-filtered-by-acls", "") == "true":
            raise Unreachable(
                f"its answer to {asked} is not whole: the token may not read all of it"
            )
        entries = decoded(_ENTRIES, checked(answer, asked), asked)
        said = answer.fields.get("x-consul-index", "")
        if not said.isdigit():
            raise Unreachable(f"its answer to {asked} has no `X-Consul-Index`: is it Consul?")
        after = following(index, int(said))
        if index and after == index:
            return after, None
        return after, merged(_instance(one, tls=tls) for one in entries)

    def _request(self, wanted: ConsulService, index: int) -> Request:
        query = [("passing", "true"), *(("tag", one) for one in wanted.tags)]
        if self._settings.datacenter:
            query.append(("dc", self._settings.datacenter))
        if index:
            query += [("index", str(index)), ("wait", f"{_WAIT}s")]
        token = self._settings.token
        return Request(
            f"/v1/health/service/{quote(wanted.service, safe='')}?{urlencode(query)}",
            fields=(("X-Consul-Token", token),) if token else (),
        )


def following(index: int, said: int) -> int:
    """Return the index of the next query; 0 asks for all at once, because indexes begin anew."""
    return 0 if said < index else max(said, 1)


def _instance(entry: _Entry, *, tls: bool) -> Instance:
    service = entry.service
    endpoint = Endpoint(
        host=service.address or entry.node.address,
        port=service.port,
        weight=min(max(service.weights.passing, 1), 1000),
        tls=tls,
    )
    return Instance(
        id=f"{entry.node.name}/{service.id}",
        endpoint=endpoint,
        routes=of_tags(service.tags or ()),
    )

"""Kubernetes as a registry: the EndpointSlices of each service, listed and then watched.

https://kubernetes.io/docs/reference/using-api/api-concepts/ (list, watch, bookmarks, 410 Gone) and
…/docs/concepts/services-networking/endpoint-slices/ (conditions).  An endpoint that terminates and
still serves drains; one that terminates and does not, or is not ready, is left out.  An annotation
of a slice may declare routes (declaring.py).
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode

import msgspec

from tta_gateway.features.discovery.algorithm import merged
from tta_gateway.features.discovery.bound import Kubernetes, KubernetesService
from tta_gateway.features.discovery.declaring import ANNOTATION, of_json
from tta_gateway.features.discovery.lines import lines
from tta_gateway.features.discovery.origins import checked, decoded, origin_of, refused
from tta_gateway.features.discovery.provider import Found, Unreachable
from tta_gateway.features.discovery.together import together
from tta_gateway.kernel.registered import Declared
from tta_gateway.kernel.route import Endpoint
from tta_gateway.kernel.standing import Instance
from tta_gateway.support.http_client import (
    Answer,
    HttpError,
    Origin,
    Request,
    Stream,
    begin,
    fetch,
)

_PATIENCE: Final = 10.0  # seconds, for an answer
_WATCHED: Final = 300  # seconds until the server ends a watch, and another begins
_BETWEEN: Final = 0.5  # seconds from one watch to the next
_GONE: Final = 410
_NOT_FOUND: Final = 404
_APIS: Final = ("v1", "v1beta1")  # the second is all that clusters before 1.21 have


class _Conditions(msgspec.Struct):
    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class _Reference(msgspec.Struct):
    name: str = ""


class _Address(msgspec.Struct):
    addresses: list[str]
    conditions: _Conditions = msgspec.field(default_factory=_Conditions)
    reference: _Reference | None = msgspec.field(name="targetRef", default=None)


class _Port(msgspec.Struct):
    name: str | None = None
    port: int | None = None
    protocol: str | None = None


class _Meta(msgspec.Struct):
    name: str = ""
    version: str = msgspec.field(name="resourceVersion", default="")
    annotations: dict[str, str] | None = None


class Slice(msgspec.Struct):
    """An EndpointSlice, as far as it matters here."""

    metadata: _Meta
    endpoints: list[_Address] | None = None
    ports: list[_Port] | None = None
    code: int = 0  # of a Status, which takes its place where a watch fails
    message: str = ""


Slices = dict[str, Slice]


class _List(msgspec.Struct):
    metadata: _Meta
    items: list[Slice] | None = None

    @property
    def by_name(self) -> Slices:
        """Return the slices, by their names."""
        return {one.metadata.name: one for one in self.items or ()}


class _Event(msgspec.Struct):
    type: str
    object: Slice


class _Place(NamedTuple):
    """Where a watch begins: the version of the API, and that of what was known."""

    api: str
    version: str


_LIST: Final = msgspec.json.Decoder(_List)
_EVENT: Final = msgspec.json.Decoder(_Event)
_SLICE: Final = msgspec.json.Decoder(Slice)


class KubernetesProvider:
    """One cluster, for all services that are looked for there."""

    name = "kubernetes"

    def __init__(
        self, settings: Kubernetes, services: Mapping[str, tuple[KubernetesService, bool]]
    ) -> None:
        """Look for these services, by our names for them; True: they speak TLS."""
        self._settings = settings
        self._services = services

    async def watch(self, found: Found) -> None:
        """Watch the slices of each service."""
        origin = origin_of(self._settings.origin)
        await together(self._watch(origin, name, found) for name in self._services)

    async def _watch(self, origin: Origin, name: str, found: Found) -> None:
        """List, then watch from there on; list again when what comes next is known no more."""
        wanted, tls = self._services[name]
        while True:
            api, said = await self._listed(origin, wanted)
            version, slices = said.metadata.version, said.by_name
            found(name, instances(slices.values(), wanted.port, tls=tls))
            while version:
                at = _Place(api, version)
                version = await self._follow(origin, name, at, slices=slices, found=found)
                await asyncio.sleep(_BETWEEN)

    async def _listed(self, origin: Origin, wanted: KubernetesService) -> tuple[str, _List]:
        """Return the list, and the version of the API that has it: the first that is served."""
        asked = f"the list of `{wanted.service}`"
        for api in _APIS[:-1]:
            answer = await self._list(origin, wanted, api)
            if answer.status != _NOT_FOUND:
                return api, decoded(_LIST, checked(answer, asked), asked)
        answer = await self._list(origin, wanted, _APIS[-1])
        return _APIS[-1], decoded(_LIST, checked(answer, asked), asked)

    async def _list(self, origin: Origin, wanted: KubernetesService, api: str) -> Answer:
        request = await self._request(wanted, api, {})
        try:
            return await fetch(origin, request, patience=_PATIENCE)
        except HttpError as error:
            raise Unreachable(f"{error}, asked the list of `{wanted.service}`") from error

    async def _follow(
        self, origin: Origin, name: str, at: _Place, *, slices: Slices, found: Found
    ) -> str:
        """Take in one watch; return where the next begins, nothing if all must be listed."""
        wanted, tls = self._services[name]
        version = at.version
        async with aclosing(self._events(origin, wanted, at)) as events:
            async for event in events:
                if event.type == "ERROR":
                    if event.object.code == _GONE:
                        return ""
                    raise Unreachable(f"it ends the watch: {event.object.message}")
                version = event.object.metadata.version or version
                if event.type == "BOOKMARK":
                    continue
                if event.type == "DELETED":
                    slices.pop(event.object.metadata.name, None)
                else:
                    slices[event.object.metadata.name] = event.object
                found(name, instances(slices.values(), wanted.port, tls=tls))
        return version

    async def _events(
        self, origin: Origin, wanted: KubernetesService, at: _Place
    ) -> AsyncGenerator[_Event, None]:
        asked = f"the watch of `{wanted.service}`"
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": at.version,
            "timeoutSeconds": str(_WATCHED),
        }
        request = await self._request(wanted, at.api, query)
        try:
            stream = await begin(origin, request, patience=_PATIENCE)
        except HttpError as error:
            raise Unreachable(f"{error}, asked {asked}") from error
        try:
            async for line in _lines(stream, asked):
                yield decoded(_EVENT, line, asked)
        finally:
            stream.close()

    async def _request(
        self, wanted: KubernetesService, api: str, query: Mapping[str, str]
    ) -> Request:
        namespace = quote(wanted.namespace or self._settings.namespace, safe="")
        selector = {"labelSelector": f"kubernetes.io/service-name={wanted.service}"}
        path = f"/apis/discovery.k8s.io/{api}/namespaces/{namespace}/endpointslices"
        fields = [("Accept", "application/json")]
        if self._settings.token_file:
            token = await asyncio.to_thread(_token, self._settings.token_file)
            fields.append(("Authorization", f"Bearer {token}"))
        return Request(f"{path}?{urlencode({**selector, **query})}", fields=tuple(fields))


async def _lines(stream: Stream, asked: str) -> AsyncGenerator[bytes, None]:
    """Yield the lines of a watch; one that begins too far back ends as one that was told so."""
    if stream.status == _GONE:
        yield b'{"type":"ERROR","object":{"metadata":{},"code":410}}'
        return
    if stream.status != 200:
        raise Unreachable(refused(stream.status, asked))
    async with aclosing(lines(stream, patience=_WATCHED + 30.0)) as told:
        async for line in told:
            yield line


def _token(file: str) -> str:
    """Return the token as it is now: Kubernetes replaces it every hour."""
    try:
        return Path(file).read_text().strip()
    except OSError as error:
        raise Unreachable(f"`{file}` cannot be read: {error.strerror}") from error


def instances(slices: Iterable[Slice], port: str, *, tls: bool) -> tuple[Instance, ...]:
    """Return the instances of all slices of a service together."""
    found = []
    for one in slices:
        number = _port(one, port)
        if number:
            said = (one.metadata.annotations or {}).get(ANNOTATION)
            routes = () if said is None else of_json(said.encode())
            found += [
                _instance(address, number, tls=tls, routes=routes)
                for address in one.endpoints or ()
                if address.addresses and _is_told(address.conditions)
            ]
    return merged(found)


def slice_of(text: bytes) -> Slice:
    """Return a slice; msgspec.DecodeError if it is none."""
    return _SLICE.decode(text)


def _port(one: Slice, wanted: str) -> int:
    """Return the port that is wanted, by name or number, the first if none is; 0: it has none."""
    for known in one.ports or ():
        if known.port and wanted in ("", known.name, str(known.port)):
            return known.port
    return 0


def _is_told(conditions: _Conditions) -> bool:
    """Tell whether an endpoint may be asked, or drains; what is not said counts as well."""
    if conditions.terminating:
        return bool(conditions.serving)
    return conditions.ready is not False


def _instance(address: _Address, port: int, *, tls: bool, routes: tuple[Declared, ...]) -> Instance:
    """Return an instance; of its addresses the first stands for all, as the API says."""
    host = address.addresses[0]
    name = address.reference.name if address.reference else ""
    return Instance(
        id=name or host,
        endpoint=Endpoint(host=host, port=port, tls=tls),
        draining=bool(address.conditions.terminating),
        routes=routes,
    )

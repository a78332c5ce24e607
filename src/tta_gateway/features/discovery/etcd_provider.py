"""etcd as a registry, over its JSON gateway: each instance is a key, and gone with its lease.

    <prefix><service>/<id>    {"address": "10.0.0.7", "port": 9001, "weight": 1, "draining": false}

`weight` and `draining` may be left out; `routes` may declare some (declaring.py).  All keys under
the prefix are read at one revision, then watched from the next one on; where that has been
compacted away, all are read again.
https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/
"""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Annotated, Final, TypeVar

import msgspec

from tta_gateway.features.discovery.algorithm import merged
from tta_gateway.features.discovery.bound import Etcd
from tta_gateway.features.discovery.declaring import of_json
from tta_gateway.features.discovery.lines import lines
from tta_gateway.features.discovery.origins import checked, decoded, origin_of, refused
from tta_gateway.features.discovery.provider import Found, Unreachable
from tta_gateway.kernel.route import Endpoint
from tta_gateway.kernel.standing import Instance
from tta_gateway.support.http_client import HttpError, Origin, Request, begin, fetch

_LOGIN: Final = "/v3/auth/authenticate"
_PATIENCE: Final = 5.0  # seconds, for an answer
_BETWEEN: Final = 0.5  # seconds until all is read again
_QUIET: Final = 300.0  # seconds without a word, after which all is read anew
T = TypeVar("T")


class Value(msgspec.Struct):
    """What stands under a key."""

    address: Annotated[str, msgspec.Meta(min_length=1)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    weight: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    draining: bool = False
    routes: msgspec.Raw = msgspec.Raw(b"[]")


class _Header(msgspec.Struct):
    revision: str = "0"


class _Pair(msgspec.Struct):
    key: str
    value: str = ""


class _Range(msgspec.Struct):
    header: _Header
    kvs: list[_Pair] = []


class _Event(msgspec.Struct):
    kv: _Pair
    type: str = "PUT"


class _Result(msgspec.Struct):
    header: _Header
    events: list[_Event] = []
    canceled: bool = False
    cancel_reason: str = ""
    compact_revision: str = "0"


class _Failure(msgspec.Struct):
    message: str = ""


class _Watch(msgspec.Struct):
    result: _Result | None = None
    error: _Failure | None = None


class _Token(msgspec.Struct):
    token: str


_RANGE: Final = msgspec.json.Decoder(_Range)
_WATCH: Final = msgspec.json.Decoder(_Watch)
_TOKEN: Final = msgspec.json.Decoder(_Token)
_VALUE: Final = msgspec.json.Decoder(Value)
_encode = msgspec.json.Encoder().encode


class EtcdProvider:
    """One etcd cluster, for all services that are looked for there."""

    name = "etcd"

    def __init__(
        self,
        settings: Etcd,
        services: Mapping[str, tuple[str, bool]],
        *,
        misread: Callable[[str, str], None],
    ) -> None:
        """Look for these services, by our names for them; True: they speak TLS.

        `misread` hears of keys whose values are no endpoints, and why.
        """
        self._settings = settings
        self._services = services
        self._misread = misread
        self._turn = 0

    async def watch(self, found: Found) -> None:
        """Read all, and then what changes."""
        settings = self._settings
        origin = origin_of(settings.origins[self._turn % len(settings.origins)])
        self._turn += 1  # whoever comes back asks another member
        while True:
            fields = await self._login(origin)  # a token lasts for minutes, a watch for hours
            revision, keys = await self._read(origin, fields)
            told: dict[str, tuple[Instance, ...]] = {}
            self._tell(keys, told, found)
            async with aclosing(self._changes(origin, fields, revision + 1)) as changes:
                async for events in changes:
                    for event in events:
                        _apply(event, keys)
                    self._tell(keys, told, found)
            await asyncio.sleep(_BETWEEN)

    async def _login(self, origin: Origin) -> tuple[tuple[str, str], ...]:
        if not self._settings.user:
            return ()
        said = {"name": self._settings.user, "password": self._settings.password}
        body = await self._ask(origin, _LOGIN, said, fields=())
        return (("Authorization", decoded(_TOKEN, body, "the login").token),)

    async def _read(
        self, origin: Origin, fields: tuple[tuple[str, str], ...]
    ) -> tuple[int, dict[str, str]]:
        """Return a revision, and every key with its value as they are at it."""
        body = await self._ask(origin, "/v3/kv/range", self._range(), fields=fields)
        said = decoded(_RANGE, body, "the reading of keys")
        return int(said.header.revision), {_text(one.key): _text(one.value) for one in said.kvs}

    async def _changes(
        self, origin: Origin, fields: tuple[tuple[str, str], ...], revision: int
    ) -> AsyncGenerator[list[_Event], None]:
        """Yield what changes from a revision on; end when all must be read again."""
        create = {**self._range(), "start_revision": str(revision), "progress_notify": True}
        request = Request(
            "/v3/watch", method="POST", fields=fields, body=_encode({"create_request": create})
        )
        try:
            stream = await begin(origin, request, patience=_PATIENCE)
        except HttpError as error:
            raise Unreachable(f"{error}, asked to watch keys") from error
        try:
            if stream.status != 200:
                raise Unreachable(refused(stream.status, "the watching of keys"))
            async with aclosing(lines(stream, patience=_QUIET)) as told:
                async for line in told:
                    said = decoded(_WATCH, line, "the watching of keys")
                    if said.error is not None:
                        raise Unreachable(f"it ends the watching of keys: {said.error.message}")
                    if said.result is None or said.result.canceled:
                        return  # what is asked for has been compacted away
                    yield said.result.events
        finally:
            stream.close()

    async def _ask(
        self,
        origin: Origin,
        path: str,
        said: Mapping[str, object],
        *,
        fields: tuple[tuple[str, str], ...],
    ) -> bytes:
        request = Request(path, method="POST", fields=fields, body=_encode(said))
        try:
            answer = await fetch(origin, request, patience=_PATIENCE)
        except HttpError as error:
            raise Unreachable(f"{error}, asked `{path}`") from error
        if path == _LOGIN and answer.status != 200:
            raise Unreachable(
                f"it answers {answer.status} to the login of `{self._settings.user}`: look at "
                "`discovery.etcd.user` and `password`"
            )
        if answer.status == 400 and not self._settings.user:
            raise Unreachable(
                f"it answers 400 to `{path}`: if it asks for a login, say `discovery.etcd.user` "
                "and `password`"
            )
        return checked(answer, f"`{path}`")

    def _range(self) -> dict[str, object]:
        prefix = self._settings.prefix.encode()
        end = prefix[:-1] + bytes([prefix[-1] + 1])  # it ends with a slash
        return {"key": b64encode(prefix).decode(), "range_end": b64encode(end).decode()}

    def _tell(
        self, keys: Mapping[str, str], told: dict[str, tuple[Instance, ...]], found: Found
    ) -> None:
        """Tell of each service of which something else is to be told than before."""
        for name, (key, tls) in self._services.items():
            begins = f"{self._settings.prefix}{key}/"
            mine = {one: value for one, value in keys.items() if one.startswith(begins)}
            instances = merged(self._instances(mine, tls=tls))
            if told.get(name) != instances:
                told[name] = instances
                found(name, instances)

    def _instances(self, keys: Mapping[str, str], *, tls: bool) -> list[Instance]:
        found = []
        for key, value in keys.items():
            try:
                found.append(instance_of(key, value, tls=tls))
            except (msgspec.DecodeError, RecursionError) as error:
                self._misread(key, str(error))
        return found


def instance_of(key: str, value: str, *, tls: bool) -> Instance:
    """Return what a key says; msgspec.DecodeError if it says something else."""
    said = _VALUE.decode(value)
    endpoint = Endpoint(host=said.address, port=said.port, weight=said.weight, tls=tls)
    routes = of_json(bytes(said.routes))
    return Instance(id=key, endpoint=endpoint, draining=said.draining, routes=routes)


def _apply(event: _Event, keys: dict[str, str]) -> None:
    key = _text(event.kv.key)
    if event.type == "DELETE":
        keys.pop(key, None)
    else:
        keys[key] = _text(event.kv.value)


def _text(encoded: str) -> str:
    try:
        return b64decode(encoded, validate=True).decode(errors="replace")
    except ValueError as error:
        raise Unreachable("a key or value of its answer is not in base64: is it etcd?") from error

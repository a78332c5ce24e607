"""A hub with all that it asks, and clients of it, without a socket."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import ParamSpec, TypeVar

from tests.helpers.client_schema import Json
from tests.helpers.client_words import Written, in_json
from tests.helpers.fake_clock import FakeClock
from tests.helpers.memory_broker import MemoryBroker, MemoryStore
from tta_gateway.features.realtime.attendant import Ports
from tta_gateway.features.realtime.broker import Broker
from tta_gateway.features.realtime.codec import Codec
from tta_gateway.features.realtime.codes import (
    INVALID_TOKEN,
    NOT_AVAILABLE,
    PERMISSION_DENIED,
    UNAVAILABLE,
    Disconnection,
)
from tta_gateway.features.realtime.command import ConnectRequest
from tta_gateway.features.realtime.doorkeeper import (
    Admission,
    Admitted,
    Allowed,
    Amended,
    Caller,
    Grant,
    Granted,
    MayPublish,
    Returned,
    Rules,
)
from tta_gateway.features.realtime.ear import Noticed
from tta_gateway.features.realtime.hub import Hub
from tta_gateway.features.realtime.json_codec import JsonCodec
from tta_gateway.features.realtime.publication import Keeping
from tta_gateway.features.realtime.session import Terms
from tta_gateway.kernel.exchange import Exchange

T = TypeVar("T")
P = ParamSpec("P")
KEEPING = Keeping(size=100, seconds=60)
KEPT = Rules(keeping=KEEPING)
SOCIAL = Rules(presence=True, announces=True)


@dataclass
class Door:
    """Says who may do what: tokens are looked up, all else is allowed but what is `denied`."""

    tokens: dict[str, Admitted] = field(default_factory=dict)
    grants: dict[str, Granted] = field(default_factory=dict)
    channels: dict[str, Rules] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    waits: bool = False
    """whether answers are to be awaited"""
    amended: Amended | None = None
    """how what is published is changed"""
    said: list[bytes] = field(default_factory=list)
    """with the subscriptions"""
    gone: list[str] = field(default_factory=list)
    """who has left which channel"""

    def connect(self, request: ConnectRequest, caller: Caller) -> Admitted | Awaitable[Admitted]:
        assert caller.client
        known = self.tokens.get(request.token, INVALID_TOKEN)
        return _later(known) if self.waits else known

    def refresh(self, token: str, caller: Caller) -> Admitted | Awaitable[Admitted]:
        assert caller.client
        known = self.tokens.get(token, INVALID_TOKEN)
        return _later(known) if self.waits else known

    def subscription(
        self, token: str, channel: str, caller: Caller
    ) -> Granted | Awaitable[Granted]:
        assert channel
        assert caller.client
        known = self.grants.get(token, PERMISSION_DENIED)
        return _later(known) if self.waits else known

    def rules(self, channel: str) -> Rules | None:
        return self.channels.get(channel)

    def may_subscribe(
        self, channel: str, caller: Caller, data: bytes = b""
    ) -> Granted | Awaitable[Granted]:
        self.said.append(data)
        granted = self._allowed(f"subscribe {channel}", caller) or Grant()
        return _later(granted) if self.waits else granted

    def left(self, channel: str, client: str) -> None:
        self.gone.append(f"{client} {channel}")

    def may_publish(
        self, channel: str, data: bytes, caller: Caller
    ) -> MayPublish | Awaitable[MayPublish]:
        assert data
        allowed = self._asked(f"publish {channel}", caller)
        return allowed if self.amended is None else self.amended

    def may_see_presence(self, channel: str, caller: Caller) -> Allowed | Awaitable[Allowed]:
        return self._asked(f"presence {channel}", caller)

    def may_see_history(self, channel: str, caller: Caller) -> Allowed | Awaitable[Allowed]:
        return self._asked(f"history {channel}", caller)

    def call(self, method: str, data: bytes, caller: Caller) -> Returned | Awaitable[Returned]:
        if method == "fail":
            raise ValueError(method)
        if method == "hang":
            return asyncio.get_running_loop().create_future()
        told: Returned = data if method == "echo" else NOT_AVAILABLE
        assert caller.client
        return _later(told) if self.waits else told

    def send(self, data: bytes, caller: Caller) -> Allowed | Awaitable[Allowed]:
        assert caller.client
        taken = None if data == b'"fine"' else UNAVAILABLE if data == b'"end"' else NOT_AVAILABLE
        return _later(taken) if self.waits else taken

    def _asked(self, what: str, caller: Caller) -> Allowed | Awaitable[Allowed]:
        told = self._allowed(what, caller)
        return _later(told) if self.waits else told

    def _allowed(self, what: str, caller: Caller) -> Allowed:
        assert caller.client
        return PERMISSION_DENIED if what in self.denied else None


async def _later(value: T) -> T:
    await asyncio.sleep(0)
    return value


class Client:
    """One client of the hub: `heard` is what it was told, `ended` why it was closed."""

    def __init__(self, house: "HubHouse", name: str, codec: Codec) -> None:
        self.name = name
        self.frames: list[bytes] = []
        self.ended: Disconnection | None = None
        self.is_read = True
        self.takes = 1_000_000
        """frames that its socket takes before it is full"""
        self.connection = house.hub.open(codec, self, client=name, chance=0.5, address="here")

    def write(self, frame: bytes) -> None:
        assert self.ended is None
        assert self.takes > 0
        self.frames.append(frame)
        self.takes -= 1
        if self.takes == 0:
            self.connection.may_write(False)

    def close(self, why: Disconnection) -> None:
        assert self.ended is None
        self.ended = why

    def pause_reading(self) -> None:
        assert self.is_read
        self.is_read = False

    def resume_reading(self) -> None:
        assert not self.is_read
        self.is_read = True

    def send(self, *commands: Written) -> None:
        self.connection.received(in_json(*commands))

    def heard(self) -> list[Json]:
        """Return what was told since, and forget it."""
        frames, self.frames = self.frames, []
        return [json.loads(line) for frame in frames for line in frame.split(b"\n")]


class Found:
    """What somebody may need help with (the port Noticed)."""

    def __init__(self, ear: "Listening", said: str) -> None:
        self.level = 2
        self.is_spared = True
        self._ear = ear
        self._said = said
        self._is_kept = False

    async def keep(self, *, delivered: bool) -> None:
        await asyncio.sleep(0)
        if not self._is_kept:
            self._is_kept = True
            self._ear.diary.append(f"{self._said} {'delivered' if delivered else 'refused'}")


class Listening:
    """Listens for the word `dark`; `waits` says whether that takes a turn, `diary` what came."""

    def __init__(self) -> None:
        self.diary: list[str] = []
        self.held: list[str] = []
        self.heard: list[str] = []
        self.waits = False

    def hear(
        self, client: str, channel: str, data: bytes
    ) -> Noticed | Awaitable[Noticed | None] | None:
        assert client
        self.heard.append(data.decode().strip('"'))
        found = Found(self, f"{channel}:{data.decode()}") if b"dark" in data else None
        return _later(found) if self.waits else found

    def hold(self, client: str) -> None:
        self.held.append(client)

    def let_go(self, client: str) -> None:
        self.held.remove(client)


class HubHouse:
    """A hub; everybody with the token "t" is "user", others by `door.tokens`.

    `arrivals` a second are let in; None: as many as come.
    """

    def __init__(
        self,
        store: MemoryStore | None = None,
        *,
        broker: Broker | None = None,
        arrivals: float | None = None,
    ) -> None:
        self.store = store or MemoryStore()
        self.broker = MemoryBroker(self.store)
        """what is asked, unless another is given"""
        self.clock = FakeClock()
        self.door = Door(
            tokens={"t": Admission(user="user"), "": Admission(user="")},
            channels={"a": KEPT, "b": KEPT, "loose": Rules(), "social": SOCIAL},
        )
        self.ear = Listening()
        self.faults: list[str] = []
        self.lobby: list[str] = []
        """who came and went, by their sockets"""
        self.ports = ports = Ports(
            broker=broker or self.broker,
            tokens=self.door,
            access=self.door,
            procedures=self.door,
            clock=self.clock,
            terms=Terms(),
            version="tta",
            arrivals=1e9 if arrivals is None else arrivals,
            ear=self.ear,
        )
        self.hub = Hub(ports, died=lambda name, error: self.faults.append(f"{name}: {error!r}"))
        self.broker.listener = self.hub

    def came(self, client: str, opening: Exchange, *, is_inner: bool = False) -> None:
        """Take that a socket has been opened (the port of features/realtime/sockets.py)."""
        inner = " within" * is_inner
        self.lobby.append(f"{client} came by {opening.request.method.decode()}{inner}")

    def may_speak(self, channel: str, caller: Caller) -> Allowed | Awaitable[Allowed]:
        """Say whether somebody may publish."""
        return self.door.may_publish(channel, b"0", caller)  # type: ignore[return-value]

    def gone(self, client: str) -> None:
        """Take that it is gone."""
        self.lobby.append(f"{client} went")

    def socket(self, name: str = "c", codec: Codec | None = None) -> Client:
        return Client(self, name, codec or JsonCodec())

    async def client(self, name: str = "c", token: str = "t") -> Client:
        """Return a client that is connected."""
        client = self.socket(name)
        client.send({"id": 1, "connect": {"token": token}})
        await settle()
        assert client.ended is None
        client.heard()
        return client

    async def subscribed(self, client: Client, channel: str, **how: Json) -> Json:
        """Let a client subscribe, and return what it is answered."""
        client.send({"id": 2, "subscribe": {"channel": channel, **how}})
        await settle()
        answer, *rest = client.heard()
        assert not rest or channel == "social"
        assert isinstance(answer, dict)
        return answer.get("subscribe", answer.get("error"))

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.hub.tick()


async def settle() -> None:
    """Let all that is under way come to its end."""
    for _ in range(40):
        await asyncio.sleep(0)


def on_a_loop(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run a test on a loop of its own."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def whole() -> None:
            await test(*args, **kwargs)

        asyncio.run(whole())

    return run


def code_of(answer: Json) -> Json:
    assert isinstance(answer, dict)
    failed = answer["error"]
    assert isinstance(failed, dict)
    return failed["code"]

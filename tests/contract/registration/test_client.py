"""The client and the API over real sockets and a real store: TCP, unix and TLS, one process."""

import asyncio
import contextlib
import hashlib
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import uvicorn

from tests.helpers.certificates import Folder
from tests.helpers.valkey_client import client
from tests.helpers.valkey_server import Server
from tta_gateway.client import Refused, Route, register
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.features.registration.api import router
from tta_gateway.features.registration.bound import RegistrationBound, Token
from tta_gateway.features.registration.service import Registrations
from tta_gateway.features.registration.valkey_store import ValkeyStore
from tta_gateway.kernel.events import Event
from tta_gateway.kernel.route import Endpoint
from tta_gateway.kernel.standing import Instance
from tta_gateway.node.public_api import PublicApp
from tta_gateway.support.clock import SystemClock

pytestmark = pytest.mark.redis
TOKEN = "the-token-of-the-players"
CLOCK = SystemClock()
SOURCE = Path(__file__).parents[3] / "src"


class Node:
    """Registrations of one node, its API and what workers would be told."""

    def __init__(self, store: ValkeyStore, name: str) -> None:
        self.instances: dict[str, bool] = {}
        self.sections: dict[str, msgspec.Struct | None] = {}
        self.busy = 0
        self.wall, self.monotonic = CLOCK.wall, CLOCK.monotonic
        self.registrations = Registrations(store, self, node=name)
        digest = hashlib.sha256(TOKEN.encode()).digest()
        token = Token(digest=digest, services=("players",), routes=("/live/",), auth_none=True)
        self.registrations.adopt(RegistrationBound(tokens=(token,)), ["players"], ())
        made = router(self.registrations, endpoint_of=_endpoint, now=CLOCK.wall)
        self.app = PublicApp([made], bound=ProblemBound, failed=_failed)

    def found(self, _: str, __: str, instances: tuple[Instance, ...]) -> None:
        self.instances = {one.id: one.draining for one in instances}

    def registered(self) -> list[str]:
        return []

    def put(self, name: str, finding: msgspec.Struct | None) -> None:
        self.sections[name] = finding

    def publish(self, event: Event) -> None:
        raise AssertionError(event)

    def in_flight(self, _: str, __: str) -> int | None:
        return self.busy


def _endpoint(_: str, url: str) -> Endpoint:
    return Endpoint(host=url.removeprefix("http://"), port=1)


def _failed(_: str, error: Exception) -> None:
    raise error


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def nodes(server: Server, *socks: socket.socket, **tls: str) -> AsyncIterator[list[Node]]:
    """Two nodes that share a store; the first serves at these sockets."""
    async with client(server.address) as (valkey, _):
        await valkey.command(b"FLUSHALL")
        made = [Node(ValkeyStore(lambda: valkey), name) for name in ("one", "two")]
        config = uvicorn.Config(
            made[0].app,
            log_config=None,
            lifespan="off",
            ws="none",
            **tls,  # type: ignore[arg-type]  # files
        )
        serving = _Server(config)
        tasks = [asyncio.create_task(serving.serve(list(socks)))]
        tasks += [asyncio.create_task(one.registrations.watch()) for one in made]
        try:
            yield made
        finally:
            serving.should_exit = True
            await tasks[0]
            for task in tasks[1:]:
                task.cancel()


async def until(holds: Callable[[], bool], patience: float = 5.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(patience):
        while not holds():  # noqa: ASYNC110 - nobody says so
            await asyncio.sleep(0.01)


async def comes_and_leaves(
    made: list[Node], gateway: str, tls: ssl.SSLContext | None = None
) -> None:
    """Register, be known everywhere, and leave when nothing is under way."""
    one, other = made
    loop = asyncio.get_running_loop()
    other.busy = 1
    async with register(
        "players", url="http://a", gateway=gateway, token=TOKEN, instance="a", tls=tls
    ) as registration:
        await registration.registered()
        assert one.instances == {"a": False}
        await until(lambda: other.instances == {"a": False}, 1.0)
        begun = loop.time()
        loop.call_later(2.0, setattr, other, "busy", 0)
    assert 2.0 <= loop.time() - begun < 4.0  # it has waited for what the other node had under way
    assert one.instances == {}
    await until(lambda: other.instances == {}, 1.0)


def test_over_tcp(shared: Server) -> None:
    async def talk() -> None:
        sock = socket.create_server(("127.0.0.1", 0))
        async with nodes(shared, sock) as made:
            await comes_and_leaves(made, f"http://127.0.0.1:{sock.getsockname()[1]}")

    asyncio.run(talk())


def test_over_a_unix_socket(shared: Server, tmp_path: Path) -> None:
    async def talk() -> None:
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(str(tmp_path / "s"))
        async with nodes(shared, sock) as made:
            await comes_and_leaves(made, f"unix:{tmp_path / 's'}")

    asyncio.run(talk())


def test_over_tls(shared: Server, tmp_path: Path) -> None:
    async def talk() -> None:
        folder = Folder(tmp_path)
        files = folder.issue("localhost")
        sock = socket.create_server(("127.0.0.1", 0))
        tls = {"ssl_certfile": files["certificate"], "ssl_keyfile": files["key"]}
        async with nodes(shared, sock, **tls) as made:
            context = ssl.create_default_context(cafile=str(folder.ca))
            gateway = f"https://localhost:{sock.getsockname()[1]}"
            await comes_and_leaves(made, gateway, context)

    asyncio.run(talk())


def test_it_waits_for_a_gateway_that_comes_later(shared: Server, tmp_path: Path) -> None:
    async def talk() -> None:
        where = tmp_path / "s"
        async with register(
            "players", url="http://a", gateway=f"unix:{where}", token=TOKEN, grace=3.0
        ) as registration:
            await until(lambda: registration.error is not None)
            sock = socket.socket(socket.AF_UNIX)
            sock.bind(str(where))
            async with nodes(shared, sock) as made:
                await asyncio.wait_for(registration.registered(), 5.0)
                assert list(made[0].instances.values()) == [False]
                made[0].registrations.bound = RegistrationBound()  # whoever leaves is let go

    asyncio.run(talk())


def test_a_wrong_token_is_said_to_be_one(shared: Server) -> None:
    async def talk() -> None:
        sock = socket.create_server(("127.0.0.1", 0))
        async with nodes(shared, sock):
            gateway = f"http://127.0.0.1:{sock.getsockname()[1]}"
            async with register(
                "players",
                url="http://a",
                gateway=gateway,
                token="a-wrong-one",
                routes=[Route("/live/a", auth="none")],
            ) as registration:
                with pytest.raises(Refused) as caught:
                    await registration.registered()
            assert (caught.value.status, caught.value.code) == (401, "registration_token_unknown")

    asyncio.run(talk())


def test_it_needs_nothing_but_the_standard_library() -> None:
    script = (
        "import sys; before = set(sys.modules); import tta_gateway.client\n"
        "roots = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(roots - sys.stdlib_module_names - {'tta_gateway'}))\n"
        "print(sorted(name for name in sys.modules if name.startswith('tta_gateway.')))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n{script}"],
        capture_output=True,
        text=True,
        check=True,
    )
    others, ours = done.stdout.splitlines()
    assert others == "[]"
    names = ("", ".credentials", ".link", ".registration")
    assert ours == str([f"tta_gateway.client{name}" for name in names])

"""Every kind of check, on servers that listen on real sockets, by the loop that control runs."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
import uvloop
from websockets.asyncio.server import ServerConnection, serve

from tests.helpers.certificates import Folder
from tests.helpers.gateway import free_port
from tta_gateway.features.health.bound import Check
from tta_gateway.features.health.service import Checks, Subject
from tta_gateway.features.health.target import Target
from tta_gateway.kernel.route import Endpoint
from tta_gateway.kernel.standing import Stand, State
from tta_gateway.support.metrics import Registry
from tta_gateway.support.pem import load_authorities

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
QUICK = Check(interval=0.25, timeout=0.5, unhealthy=1)
HEALTHY = '$.status == "healthy"'
PATIENCE = 5.0  # seconds


def says(*pieces: bytes, stays: float = 0.0) -> Answer:
    """A service that reads a head, says this, and stays for so long before it hangs up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            await asyncio.sleep(stays)
        writer.close()

    return answer


def json(body: bytes, status: int = 200) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


async def endlessly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A service whose body has no end."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b" " * 65536)
            await writer.drain()


class Told:
    """What the checks tell of one endpoint."""

    def __init__(self, endpoint: Endpoint, state: State = "up") -> None:
        self.endpoint = endpoint
        self.state: State = state
        self.cause = ""
        self.changed = asyncio.Event()
        self.round = asyncio.Event()

    def stands(self, _: str) -> list[Stand]:
        return [Stand(endpoint=self.endpoint, state=self.state)]

    def checked(self, _: str, __: str, state: State, cause: str) -> None:
        self.state, self.cause = state, cause
        self.changed.set()

    def saw(self, service: str, endpoint: str, *, began: float, passed: bool) -> None:
        """Nothing is ejected here."""

    def looked(self, _: str) -> None:
        self.round.set()

    async def until(self, state: State) -> float:
        """Wait for a state; return how long that took."""
        begun = time.monotonic()
        async with asyncio.timeout(PATIENCE):
            while self.state != state:
                self.changed.clear()
                await self.changed.wait()
        return time.monotonic() - begun


@contextlib.asynccontextmanager
async def looking(
    endpoint: Endpoint,
    check: Check,
    *,
    state: State = "up",
    context: ssl.SSLContext | None = None,
    server_name: str = "",
) -> AsyncIterator[Told]:
    """Look at an endpoint for as long as the block lasts."""
    told = Told(endpoint, state)

    def died(name: str, error: BaseException) -> None:
        raise AssertionError(name) from error

    checks = Checks(told, clock=time.monotonic, chance=lambda: 0.5, registry=Registry(), died=died)

    def target(one: Endpoint) -> Target:
        return Target(one, check, context=context, server_name=server_name)

    checks.adopt({"a": Subject(check, target)})
    async with asyncio.TaskGroup() as group:
        task = group.create_task(checks.run())
        yield told
        task.cancel()


@contextlib.asynccontextmanager
async def service(
    answer: Answer, *, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Endpoint]:
    """A server of these answers."""
    connections: list[asyncio.StreamWriter] = []

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await answer(reader, writer)

    server = await asyncio.start_server(keep, "127.0.0.1", port, ssl=tls)
    try:
        found = server.sockets[0].getsockname()[1]
        yield Endpoint(host="127.0.0.1", port=found, tls=tls is not None)
    finally:
        server.close()
        for writer in connections:
            writer.transport.abort()
        await asyncio.sleep(0)


async def cause_of(answer: Answer, check: Check) -> str:
    """Why an endpoint is taken for down."""
    async with service(answer) as endpoint, looking(endpoint, check) as told:
        await told.until("down")
        return told.cause


async def passes(answer: Answer, check: Check) -> bool:
    """Tell whether an endpoint that starts is taken for up."""
    async with service(answer) as endpoint, looking(endpoint, check, state="starting") as told:
        await told.until("up")
        return True


@pytest.mark.parametrize(
    ("answer", "check"),
    [
        (says(json(b"")), QUICK),
        (says(json(b'{"status":"healthy"}')), msgspec.structs.replace(QUICK, body=HEALTHY)),
        (says(json(b"no", 503)), msgspec.structs.replace(QUICK, status=(503,))),
        (says(stays=1.0), msgspec.structs.replace(QUICK, kind="tcp")),
    ],
)
def test_what_is_well_is_up(answer: Answer, check: Check) -> None:
    assert uvloop.run(passes(answer, check))


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (says(json(b"", 500)), "status 500"),
        (says(json(b'{"status":"unhealthy"}')), '`$.status` is "unhealthy"'),
        (says(json(b"<html>")), "its body is not JSON"),
        (says(b"220 mail.example ESMTP\r\n\r\n", stays=1.0), "its answer is none: "),
        (says(stays=0.0), "its answer is none: "),
        (says(json(b'{"status":"healthy"}')[:-3]), "its answer is none: "),
        (says(stays=30.0), "silent for 0.5 s"),
        (says(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n", stays=30.0), "silent for 0.5 s"),
        (endlessly, "its body is larger than 64KiB"),
    ],
)
def test_what_is_not_well_is_down_and_it_is_told_why(answer: Answer, cause: str) -> None:
    check = msgspec.structs.replace(QUICK, body=HEALTHY)
    assert uvloop.run(cause_of(answer, check)).startswith(cause)


def test_a_port_that_nobody_listens_at_is_down_and_up_when_somebody_does() -> None:
    async def main() -> tuple[str, float]:
        port = free_port()
        endpoint = Endpoint(host="127.0.0.1", port=port)
        check = msgspec.structs.replace(QUICK, kind="tcp")
        async with looking(endpoint, check) as told:
            await told.until("down")
            cause = told.cause
            async with service(says(), port=port):
                return cause, await told.until("up")

    cause, took = uvloop.run(main())
    assert cause == "it refuses connections"
    assert took < 1.0


def test_a_name_without_an_address_is_down() -> None:
    async def main() -> str:
        endpoint = Endpoint(host="nobody.invalid", port=80)
        async with looking(endpoint, msgspec.structs.replace(QUICK, timeout=4.0)) as told:
            await told.until("down")
            return told.cause

    assert uvloop.run(main()) == "its name has no address"


def test_a_unix_socket_is_looked_at(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / ("a" * 100) / "service.sock"
        path.parent.mkdir()
        short = tmp_path / "s"
        server = await asyncio.start_unix_server(says(json(b"")), str(short))
        short.rename(path)
        endpoint = Endpoint(host="", port=0, unix=str(path))
        async with looking(endpoint, QUICK, state="starting") as told:
            await told.until("up")
        server.close()

    uvloop.run(main())


# TLS


def contexts(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server with a certificate for a name, and a client that believes its authority."""
    made = Folder(folder)
    made.issue(name)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made.server["certificate"], made.server["key"])
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    load_authorities(client, made.ca.read_bytes())
    return server, client


@pytest.mark.parametrize("kind", ["http", "tcp"])
def test_a_service_over_tls_is_looked_at_by_its_name(tmp_path: Path, kind: str) -> None:
    async def main() -> None:
        server, client = contexts(tmp_path, "players.local")
        check = msgspec.structs.replace(QUICK, kind=kind)
        async with (
            service(says(json(b"")), tls=server) as endpoint,
            looking(
                endpoint, check, state="starting", context=client, server_name="players.local"
            ) as told,
        ):
            await told.until("up")

    uvloop.run(main())


@pytest.mark.parametrize("kind", ["http", "tcp"])
def test_a_certificate_of_somebody_else_is_not_accepted(tmp_path: Path, kind: str) -> None:
    async def main(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> str:
        check = msgspec.structs.replace(QUICK, kind=kind)
        async with (
            service(says(json(b"")), tls=server) as endpoint,
            looking(endpoint, check, context=client, server_name=name) as told,
        ):
            await told.until("down")
            return told.cause

    server, client = contexts(tmp_path / "one", "players.local")
    _, stranger = contexts(tmp_path / "other", "players.local")
    refused = "its certificate is not accepted: "
    assert uvloop.run(main(server, client, "stories.local")).startswith(refused)
    assert uvloop.run(main(server, stranger, "players.local")).startswith(refused)


def test_a_service_that_speaks_no_tls_is_down(tmp_path: Path) -> None:
    async def main() -> str:
        _, client = contexts(tmp_path, "players.local")
        async with service(says(json(b""))) as plain:
            endpoint = msgspec.structs.replace(plain, tls=True)
            async with looking(endpoint, QUICK, context=client) as told:
                await told.until("down")
                return told.cause

    cause = uvloop.run(main())
    assert cause.startswith(("no TLS came about: ", "silent for", "it closed the connection"))


# WebSockets


def test_a_websocket_is_opened_and_closed_in_order() -> None:
    async def main() -> tuple[int | None, str]:
        closed: asyncio.Future[tuple[int | None, str]] = asyncio.get_running_loop().create_future()

        async def talk(connection: ServerConnection) -> None:
            await connection.wait_closed()
            assert connection.request is not None
            if not closed.done():
                closed.set_result((connection.close_code, connection.request.path))

        async with serve(talk, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            check = msgspec.structs.replace(QUICK, kind="websocket", path="/ws/chat?probe=1")
            endpoint = Endpoint(host="127.0.0.1", port=port)
            async with looking(endpoint, check, state="starting") as told:
                await told.until("up")
                return await closed

    assert uvloop.run(main()) == (1000, "/ws/chat?probe=1")


def test_a_service_that_opens_no_websocket_is_down() -> None:
    check = msgspec.structs.replace(QUICK, kind="websocket")
    cause = uvloop.run(cause_of(says(json(b"", 403)), check))
    assert cause == "status 403 to a WebSocket's handshake"


# Under way


def test_what_is_under_way_ends_with_the_checks() -> None:
    """A connection of a look that hangs does not stay behind."""

    async def main() -> bool:
        ended, begun = asyncio.Event(), asyncio.Event()

        async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            begun.set()
            while await reader.read(1024):
                pass
            ended.set()
            writer.close()

        check = msgspec.structs.replace(QUICK, timeout=30.0)
        async with service(hang) as endpoint:
            async with looking(endpoint, check):
                await asyncio.wait_for(begun.wait(), PATIENCE)
            await asyncio.wait_for(ended.wait(), PATIENCE)
        return True

    assert uvloop.run(main())

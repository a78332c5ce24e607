"""Two nodes over one Redis and one PostgreSQL, with lines that can be cut.

Fixtures: a conftest names those that it wants; a module that has another `both` has other nodes.
"""

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from tests.helpers.clients import PATIENCE
from tests.helpers.cuttable import Cuttable
from tests.helpers.issuing_gateway import AUTH, Answer, Issuing, issuing
from tests.helpers.postgres_server import PostgresServer
from tests.helpers.slow import companion_of, wait_until
from tests.helpers.valkey_server import Server, server

GOOD: Final = (200, "")
REVOKED: Final = (401, "identity_token_revoked")
KEY_UNKNOWN: Final = (401, "identity_key_unknown")
UNHEARD: Final = (503, "nodes_unheard")
SOON: Final = 1.0
LONGEST: Final = 1.9
"""Seconds that a revocation may be answered in: the wait (features/nodes, `PATIENCE`), and some."""
BACK: Final = 20.0  # seconds until lines that were cut are all in use again
CLINICAL: Final = "/clinical/a"
PROGRESS: Final = "/players/p1/progress"


@dataclass(frozen=True, slots=True)
class Node:
    """A node, and its lines to the stores."""

    here: Issuing
    valkey: Cuttable
    sql: Cuttable

    @property
    def control(self) -> int:
        pid = companion_of(self.here.stage.gateway.process.pid, "control")
        assert pid
        return pid

    def says(self, path: str, token: str) -> set[tuple[int, str]]:
        """What so many calls in a row hear, each of whichever worker takes it."""
        answers = [self.here.ask("GET", path, token=token) for _ in range(12)]
        return {(one.status, one.code) for one in answers}

    def guarded(self, token: str) -> set[tuple[int, str]]:
        return self.says("/guarded/a", token)

    def clinical(self, token: str) -> set[tuple[int, str]]:
        return self.says(CLINICAL, token)

    def statuses(self, path: str, token: str) -> set[int]:
        return {status for status, _ in self.says(path, token)}

    def holds(self) -> bool:
        """Whether it holds its lease."""
        told = self.here.administer("GET", "/nodes").told
        return bool(told.get("holds_lease"))

    def logout(self, token: str) -> tuple[Answer, float]:
        """End the session of a token: what is answered, and after how many seconds."""
        begun = time.monotonic()
        answer = self.here.ask("POST", f"{AUTH}/logout", {}, token=token)
        return answer, time.monotonic() - begun


def _echo(socket: ServerConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        for message in socket:
            socket.send(message)


@pytest.fixture(scope="module")
def echo() -> Iterator[int]:
    with serve(_echo, "127.0.0.1", 0) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made.socket.getsockname()[1]
        made.shutdown()


@pytest.fixture(scope="module")
def redis() -> Iterator[Server]:
    with server("redis") as made:
        yield made


@contextlib.contextmanager
def a_node(
    folder: Path,
    redis: Server,
    postgres: PostgresServer,
    echo: int,
    *special: Mapping[str, object],
    **changed: object,
) -> Iterator[Node]:
    """Start one, with `special` routes; `changed` says how it issues."""
    folder.mkdir(parents=True)
    with Cuttable(redis.port) as valkey, Cuttable(postgres.port) as sql:
        key, url = folder.parent / "sealing", folder / "database"
        key.write_text("a secret that all nodes have, and nobody else")
        url.write_text(postgres.url.replace(f":{postgres.port}/", f":{sql.port}/"))
        clinical = {"auth": "required", "roles": ["therapist"]}
        owned = {"permission": "progress:read", "owner": "player_id", "content": "clinical"}
        with issuing(
            folder,
            {**clinical, "path": "/clinical/{rest:path}"},
            {"auth": "required", "path": "/players/{player_id}/progress", "access": owned},
            {**clinical, "path": "/socket", "service": "echo"},
            {"auth": "required", "path": "/plain-socket", "service": "echo"},
            *special,
            beside={"echo": {"endpoints": [f"http://127.0.0.1:{echo}"]}},
            issuing={"key": {"file": str(key)}, "cookie": {"secure": False}, **changed},
            database_url={"file": str(url)},
            valkey_url=f"redis://127.0.0.1:{valkey.port}",
        ) as made:
            yield Node(made, valkey, sql)


@pytest.fixture(scope="module")
def both(
    tmp_path_factory: pytest.TempPathFactory, redis: Server, postgres: PostgresServer, echo: int
) -> Iterator[tuple[Node, Node]]:
    folder = tmp_path_factory.mktemp("nodes")
    with (
        a_node(folder / "a", redis, postgres, echo) as one,
        a_node(folder / "b", redis, postgres, echo) as two,
    ):
        yield one, two


@pytest.fixture
def nodes(both: tuple[Node, Node]) -> Iterator[tuple[Node, Node]]:
    """Both, when all is well; and afterwards it is again."""
    well(both)
    yield both
    for one in both:
        one.valkey.mend()
        one.sql.mend()


def well(nodes: tuple[Node, Node]) -> None:
    assert wait_until(lambda: all(one.holds() for one in nodes), BACK)


numbers = iter(range(1_000_000))


def a_therapist(nodes: tuple[Node, Node]) -> list[str]:
    """Log somebody in twice, whom both nodes know; the access tokens."""
    one, two = nodes
    name = f"therapist{next(numbers)}"
    one.here.user(name, "therapist")
    tokens = [str(one.here.login(name).told["access_token"]) for _ in range(2)]
    assert wait_until(lambda: two.clinical(tokens[0]) == {GOOD}, BACK)
    return tokens


@contextlib.contextmanager
def opened(node: Node, token: str, path: str = "/socket") -> Iterator[ClientConnection]:
    offered = [Subprotocol("bearer"), Subprotocol(token)]
    url = f"ws://127.0.0.1:{node.here.stage.port}{path}"
    with connect(url, subprotocols=offered, open_timeout=PATIENCE) as socket:
        socket.send("hello")
        assert socket.recv(PATIENCE) == "hello"
        yield socket


@contextlib.contextmanager
def opened_by_key(node: Node, key: str) -> Iterator[ClientConnection]:
    url, fields = f"ws://127.0.0.1:{node.here.stage.port}/socket", {"x-api-key": key}
    with connect(url, additional_headers=fields, open_timeout=PATIENCE) as socket:
        socket.send("hello")
        assert socket.recv(PATIENCE) == "hello"
        yield socket


def code_of(socket: ClientConnection, patience: float) -> int:
    """The code with which a socket is closed, within so many seconds."""
    began = time.monotonic()
    with pytest.raises(ConnectionClosed) as raised:
        socket.recv(PATIENCE * 4)
    assert time.monotonic() - began < patience
    assert raised.value.rcvd is not None
    return raised.value.rcvd.code

"""Two nodes over one Redis and one PostgreSQL: what is revoked at one, wherever the line is cut.

Both halves: a node that holds its lease goes by a revocation before whoever revoked is answered,
and one that does not asks SQL, or refuses what is clinical and serves the rest.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
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
from tests.helpers.slow import companion_of, frozen, wait_until
from tests.helpers.valkey_server import Server, server

pytestmark = pytest.mark.e2e

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
def a_node(folder: Path, redis: Server, postgres: PostgresServer, echo: int) -> Iterator[Node]:
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
            beside={"echo": {"endpoints": [f"http://127.0.0.1:{echo}"]}},
            issuing={"key": {"file": str(key)}, "cookie": {"secure": False}},
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
    _well(both)
    yield both
    for one in both:
        one.valkey.mend()
        one.sql.mend()


def _well(nodes: tuple[Node, Node]) -> None:
    assert wait_until(lambda: all(one.holds() for one in nodes), BACK)


_numbers = iter(range(1_000_000))


def a_therapist(nodes: tuple[Node, Node]) -> list[str]:
    """Log somebody in twice, whom both nodes know; the access tokens."""
    one, two = nodes
    name = f"therapist{next(_numbers)}"
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


def test_whoever_ends_a_session_is_answered_when_no_node_knows_it_any_more(
    nodes: tuple[Node, Node],
) -> None:
    """Red without `spread` in node/issuing.py: the other node asks SQL up to 0.5 s later."""
    one, two = nodes
    took = []
    for _ in range(5):
        ended, good = a_therapist(nodes)
        with opened(two, ended) as socket, opened(two, good) as other:
            answer, seconds = one.logout(ended)
            assert (answer.status, answer.fields.get("x-degraded")) == (200, None)
            assert two.clinical(ended) == {REVOKED}
            assert one.clinical(ended) == {REVOKED}
            assert code_of(socket, SOON) == 1008
            other.send("still here")
            assert other.recv(PATIENCE) == "still here"
        took.append(seconds)
    assert max(took) < SOON, took


def test_a_key_that_is_revoked_at_one_node_is_refused_by_the_other(
    nodes: tuple[Node, Node],
) -> None:
    """Red without `changed` in node/issuing.py: the other node asks SQL up to 0.5 s later."""
    one, two = nodes
    for _ in range(5):
        name = f"key{next(_numbers)}"
        made = one.here.administer("POST", "/apikeys", {"name": name, "roles": ["therapist"]})
        first = str(made.told["key"])
        assert wait_until(lambda key=first: two.clinical(key) == {GOOD}, BACK)  # type: ignore[misc]
        rotated = one.here.administer("POST", f"/apikeys/{name}/rotate", {"overlap": 0})
        assert (rotated.status, rotated.fields.get("x-degraded")) == (201, None)
        key = str(rotated.told["key"])
        assert (two.clinical(first), two.clinical(key)) == ({KEY_UNKNOWN}, {GOOD})
        with opened_by_key(two, key) as socket:
            answer = one.here.administer("DELETE", f"/apikeys/{name}")
            assert (answer.status, answer.fields.get("x-degraded")) == (200, None)
            assert two.clinical(key) == {KEY_UNKNOWN}
            assert one.clinical(key) == {KEY_UNKNOWN}
            assert code_of(socket, SOON) == 1008


def test_a_key_that_is_revoked_while_a_node_is_cut_off_says_so(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    name = f"key{next(_numbers)}"
    made = one.here.administer("POST", "/apikeys", {"name": name, "roles": ["therapist"]})
    key = str(made.told["key"])
    assert wait_until(lambda: two.clinical(key) == {GOOD}, BACK)
    two.valkey.cut()
    answer = one.here.administer("DELETE", f"/apikeys/{name}")
    assert (answer.status, answer.fields.get("x-degraded")) == (200, "nodes-lapsed=1")
    assert two.clinical(key) == {KEY_UNKNOWN}


def test_a_client_that_is_disabled_at_one_node_is_refused_by_the_other(
    nodes: tuple[Node, Node],
) -> None:
    one, two = nodes
    body = {"name": f"client{next(_numbers)}", "kind": "confidential", "roles": ["therapist"]}
    made = one.here.administer("POST", "/clients", body).told
    token = one.here.own_token(made["id"], made["secret"])
    assert wait_until(lambda: two.clinical(token) == {GOOD}, BACK)
    answer = one.here.administer("POST", f"/clients/{made['id']}/disable")
    assert (answer.status, answer.fields.get("x-degraded")) == (200, None)
    assert two.clinical(token) == one.clinical(token) == {REVOKED}


def test_care_that_has_ended_is_known_everywhere_at_once(nodes: tuple[Node, Node]) -> None:
    """Red without `spread_by` in node/assemble_control.py: the other node looks each second."""
    one, two = nodes
    name = f"therapist{next(_numbers)}"
    tie = {"carer": one.here.user(name, "therapist").told["id"], "person": "p1"}
    token = str(one.here.login(name).told["access_token"])
    assert wait_until(lambda: two.statuses(PROGRESS, token) == {404}, BACK)
    for _ in range(5):
        begun = one.here.administer("POST", "/care", {**tie, "days": 1})
        assert (begun.status, begun.fields.get("x-degraded")) == (201, None)
        assert wait_until(lambda: two.statuses(PROGRESS, token) == {200}, BACK)
        ended = one.here.administer("POST", "/care/end", tie)
        assert (ended.status, ended.fields.get("x-degraded")) == (204, None)
        assert two.statuses(PROGRESS, token) == one.statuses(PROGRESS, token) == {404}


def test_roles_are_taken_away_everywhere_at_once(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    name = f"therapist{next(_numbers)}"
    one.here.user(name, "therapist")
    said = one.here.login(name).told
    token = said["access_token"]
    assert wait_until(lambda: two.clinical(token) == {GOOD})
    for path, body in (("roles", {"revoke": ["therapist"]}), ("disable", {})):
        with opened(two, token, "/plain-socket") as socket:
            answer = one.here.administer("POST", f"/users/{name}/{path}", body or None)
            assert (answer.status, answer.fields.get("x-degraded")) == (200, None)
            assert two.guarded(token) == {REVOKED}
            assert code_of(socket, SOON) in (1008, 3000)
        if path == "roles":
            renewed = two.here.refresh(said["refresh_token"])
            token = renewed.told["access_token"]
            assert two.clinical(token) == {(403, "access_role_missing")}
            assert two.guarded(token) == {GOOD}


def test_a_node_cut_off_from_valkey_asks_sql_and_is_not_waited_for_longer_than_its_lease(
    nodes: tuple[Node, Node],
) -> None:
    one, two = nodes
    ended, good = a_therapist(nodes)
    with opened(two, ended) as socket:
        two.valkey.cut()
        answer, seconds = one.logout(ended)
        assert (answer.status, answer.fields.get("x-degraded")) == (200, "nodes-lapsed=1")
        assert seconds < LONGEST
        assert two.clinical(ended) == {REVOKED}
        assert code_of(socket, SOON) == 1008
    assert two.clinical(good) == {GOOD}  # SQL says that it is so
    answer, seconds = one.logout(good)  # it holds no lease: nobody waits
    assert (answer.status, answer.fields.get("x-degraded")) == (200, None)
    assert seconds < SOON
    assert wait_until(lambda: two.clinical(good) == {REVOKED}, SOON)


def test_a_node_cut_off_from_both_refuses_what_is_clinical_and_serves_the_rest(
    nodes: tuple[Node, Node],
) -> None:
    """Red without the policy in features/nodes: it would go by what it knew."""
    one, two = nodes
    ended, good = a_therapist(nodes)
    with opened(two, good) as clinical, opened(two, good, "/plain-socket") as plain:
        two.valkey.cut()
        two.sql.cut()
        answer, seconds = one.logout(ended)
        assert (answer.status, answer.fields.get("x-degraded")) == (200, "nodes-lapsed=1")
        assert seconds < LONGEST
        refused = two.here.ask("GET", CLINICAL, token=ended)
        assert ((refused.status, refused.code), refused.fields["retry-after"]) == (UNHEARD, "1")
        assert two.clinical(ended) == two.clinical(good) == {UNHEARD}
        assert two.guarded(good) == {GOOD}
        assert one.clinical(good) == {GOOD}
        assert code_of(clinical, 8.0) == 1013
        plain.send("still here")
        assert plain.recv(PATIENCE) == "still here"
    two.valkey.mend()
    two.sql.mend()
    assert wait_until(lambda: two.clinical(good) == {GOOD}, BACK)
    assert two.clinical(ended) == {REVOKED}


def test_workers_notice_by_themselves_that_control_says_nothing(
    nodes: tuple[Node, Node],
) -> None:
    """Frozen, and then killed."""
    one, two = nodes
    ended, good = a_therapist(nodes)
    with frozen(two.control):
        answer, seconds = one.logout(ended)
        assert (answer.status, answer.fields.get("x-degraded")) == (200, "nodes-lapsed=1")
        assert seconds < LONGEST
        assert two.clinical(ended) == two.clinical(good) == {UNHEARD}
        assert two.guarded(good) == {GOOD}
    assert wait_until(lambda: two.clinical(good) == {GOOD}, BACK)
    assert two.clinical(ended) == {REVOKED}
    before = two.control
    os.kill(before, signal.SIGKILL)
    assert two.guarded(good) == {GOOD}
    assert wait_until(lambda: two.clinical(good) == {GOOD}, BACK)
    answer, _ = one.logout(good)
    assert answer.status == 200
    # The next control may have asked SQL a moment before, and asks again within half a second.
    assert wait_until(lambda: GOOD not in two.clinical(good), SOON)
    assert wait_until(lambda: two.clinical(good) == {REVOKED}, BACK)


def test_a_revocation_outlives_a_valkey_that_is_emptied_or_gone(
    nodes: tuple[Node, Node], redis: Server
) -> None:
    one, _ = nodes
    earlier, ended = a_therapist(nodes)
    one.logout(earlier)
    redis.say("FLUSHALL")
    answer, seconds = one.logout(ended)
    assert (answer.status, seconds < LONGEST) == (200, True)
    for node in nodes:
        assert node.clinical(ended) == node.clinical(earlier) == {REVOKED}
    _well(nodes)
    third, good = a_therapist(nodes)
    redis.kill()
    try:
        answer, seconds = one.logout(third)
        assert (answer.status, answer.fields.get("x-degraded")) == (200, "nodes-not-reached")
        assert seconds < LONGEST
        for node in nodes:
            assert node.clinical(third) == node.clinical(earlier) == {REVOKED}
            assert wait_until(lambda node=node: node.clinical(good) == {GOOD}, BACK)  # type: ignore[misc]
    finally:
        redis.start_again()
    _well(nodes)
    for node in nodes:
        assert node.clinical(third) == {REVOKED}
        assert node.clinical(good) == {GOOD}


def test_a_node_killed_in_the_midst_of_revoking_has_revoked(
    tmp_path: Path, nodes: tuple[Node, Node], redis: Server, postgres: PostgresServer, echo: int
) -> None:
    """A third node waits for the second, which hangs, and is killed while it does."""
    _, two = nodes
    ended, _ = a_therapist(nodes)
    with a_node(tmp_path / "nodes" / "c", redis, postgres, echo) as third:
        assert wait_until(lambda: third.clinical(ended) == {GOOD}, BACK)
        assert wait_until(third.holds, BACK)
        with frozen(two.control):
            answers: list[object] = []

            def asking() -> None:
                with contextlib.suppress(Exception):
                    answers.append(third.logout(ended))

            waiting = threading.Thread(target=asking)
            waiting.start()
            assert wait_until(lambda: third.clinical(ended) == {REVOKED}, SOON)
            assert answers == []  # it waits for the node that hangs
            os.killpg(third.here.stage.gateway.process.pid, signal.SIGKILL)
            waiting.join()
            assert answers == []
        assert wait_until(lambda: two.clinical(ended) == {REVOKED}, SOON)
        _well(nodes)

"""Services that answer an upload early and hang up at once, with the rest of it unread.

Scenario 16 of docs/faults.md: their system makes a reset of that (RFC 9112 9.6), the next write to
them fails, and the answer is still unread in ours.  Many uploads at once, so that it often is.
"""

import contextlib
import select
import ssl
import time
from collections.abc import Iterator, Sequence
from typing import Final

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.certificates import Folder
from tests.helpers.clients import PATIENCE, Answer, Client, Cut, chunk, chunked_post
from tests.helpers.scripted_upstream import Call, Script, ScriptedUpstream
from tests.helpers.soak import TIMES

pytestmark = pytest.mark.e2e

AT_ONCE: Final = 20
ROUNDS: Final = 2 * TIMES
PIECE: Final = chunk(bytes(1000))
ANSWERS: Final = {
    "length": b"HTTP/1.1 413 Large\r\nContent-Length: 8\r\n\r\ntoo much",
    "chunks": b"HTTP/1.1 413 Large\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\ntoo\r\n5\r\n much\r\n0\r\n\r\n",
    "nothing": b"HTTP/1.1 204 No Content\r\n\r\n",
}
UNTIL_CLOSE: Final = b"HTTP/1.1 413 Large\r\n\r\ntoo much"
Services = dict[str, ScriptedUpstream]


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Services]]:
    """One gateway, and a service for each way to one."""
    path = tmp_path_factory.mktemp("hasty")
    folder = Folder(path / "certificates")
    made = folder.issue("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made["certificate"], made["key"])
    with (
        scripted() as tcp,
        scripted(unix=path / "service") as unix,
        scripted(tls=context) as tls,
    ):
        known = {"tcp": tcp, "unix": unix, "tls": tls}
        services: dict[str, object] = {
            name: {"endpoints": [one.url]} for name, one in known.items()
        }
        services["tls"] = {"endpoints": [tls.url], "ca": str(folder.ca)}
        led = [
            {"path": f"/{name}/{{rest:path}}", "service": name, "auth": "none"} for name in known
        ]
        with stage(path, upstream=tcp, services=services, routes=led) as one:
            yield one, known


def hanging_up(answer: bytes) -> Script:
    """A script that answers before it has read the upload."""

    def script(call: Call) -> None:
        call.hang_up_with(answer)

    return script


def uploads(one: Stage, target: bytes) -> list[Answer | None]:
    """What becomes of many uploads at once, each going on until it hears; None of one cut off."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(one.client()) for _ in range(AT_ONCE)]
        for client in clients:
            client.send(chunked_post(target) + PIECE)
        cut: set[Client] = set()
        begun = time.monotonic()
        while (going_on := silent(clients)) and time.monotonic() - begun < PATIENCE:
            cut |= {client for client in going_on if not sent(client, PIECE)}
            time.sleep(0.0005)
        return [None if client in cut else heard(client) for client in clients]


def silent(clients: Sequence[Client]) -> list[Client]:
    """Those to whom nothing has come."""
    told, _, _ = select.select([client.sock for client in clients], [], [], 0)
    return [client for client in clients if client.sock not in told]


def sent(client: Client, data: bytes) -> bool:
    """Send on; False if the gateway has reset the connection."""
    try:
        client.send(data)
    except ConnectionError:
        return False
    return True


def heard(client: Client) -> Answer | None:
    """The answer, or None."""
    try:
        return client.answer()
    except Cut:
        return None


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("way", ["tcp", "unix", "tls"])
def test_an_early_answer_is_never_told_as_502(
    hasty: tuple[Stage, Services], way: str, answer: bytes
) -> None:
    """Nor cut: it is all there.

    Red without `self._hear_out(self._attempt, exc)` in edge/upstream_connection.py,
    connection_lost.
    """
    one, services = hasty
    target = services[way].on(hanging_up(answer), under=f"/{way}/".encode())
    status, body = (204, b"") if b" 204 " in answer else (413, b"too much")
    answers = [each for _ in range(ROUNDS) for each in uploads(one, target)]
    told = [(each.status, each.body) if each else None for each in answers]
    assert told == [(status, body)] * AT_ONCE * ROUNDS


@pytest.mark.parametrize("way", ["tcp", "unix", "tls"])
def test_an_early_answer_that_ends_with_the_connection_is_not_whole_behind_a_reset(
    hasty: tuple[Stage, Services], way: str
) -> None:
    """Nobody knows whether that was all of it; its head is held, so that an error can say so.

    Red without `ended and` in edge/upstream_connection.py, _hear_out.
    """
    one, services = hasty
    target = services[way].on(hanging_up(UNTIL_CLOSE), under=f"/{way}/".encode())
    assert [each and each.status for each in uploads(one, target)] == [502] * AT_ONCE

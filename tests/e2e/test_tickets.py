"""Tickets: one connection each, over all workers, for one path, and only if the store can tell."""

import contextlib
import json
import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.helpers.clients import PATIENCE
from tests.helpers.issuing_gateway import AUTH
from tests.helpers.showing import Showing, showing
from tests.helpers.slow import children, wait_until

pytestmark = pytest.mark.e2e
EVENTS = {"accept": "text/event-stream"}


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Showing]:
    """A gateway with routes that tickets open, and ada; the stores can be asked."""
    with showing(tmp_path_factory.mktemp("tickets")) as made:
        made.gateway.user("ada")
        made.gateway.stage.rest()
        yield made


@pytest.fixture
def token(one: Showing) -> str:
    """An access token of ada's."""
    return str(one.gateway.login("ada").told["access_token"])


def ticket(one: Showing, token: str, path: str = "/socket") -> str:
    """A ticket for a path."""
    told = one.gateway.ask("POST", f"{AUTH}/ticket", {"path": path}, token=token)
    assert (told.status, told.told["expires_in"]) == (200, 30), told
    assert told.fields["cache-control"] == "no-store"
    return str(told.told["ticket"])


def refused(one: Showing, target: str, **fields: str) -> tuple[int, str]:
    """Status and code of a WebSocket that is not opened."""
    with pytest.raises(InvalidStatus) as caught, one.socket(target, **fields):
        pass
    response = caught.value.response
    return response.status_code, json.loads(response.body or b"{}").get("code", "")


def test_a_ticket_opens_a_web_socket_whose_service_sees_nothing_of_it(
    one: Showing, token: str
) -> None:
    told = one.first(f"/socket?a=b&ticket={ticket(one, token)}&c=d")
    assert told["target"] == "/socket?a=b&c=d"
    assert "authorization" not in {name.lower() for name, _ in told["fields"]}


def test_a_ticket_opens_an_answer_of_events(one: Showing, token: str) -> None:
    shown = ticket(one, token, "/events/a")
    with socket.create_connection(("127.0.0.1", one.gateway.stage.port), PATIENCE) as client:
        fields = "Host: a\r\nAccept: text/event-stream"
        client.sendall(f"GET /events/a?ticket={shown} HTTP/1.1\r\n{fields}\r\n\r\n".encode())
        read = b""
        while b"data: " not in read or not read.endswith(b"\n\n"):
            read += client.recv(65536)
    assert read.startswith(b"HTTP/1.1 200")
    assert b"ticket" not in read
    again = one.gateway.ask("GET", f"/events/a?ticket={shown}", fields=EVENTS)
    assert (again.status, again.code) == (401, "identity_ticket_used")


def test_of_all_who_show_it_at_once_one_gets_in(one: Showing, token: str) -> None:
    """Connections go to both workers."""
    for _ in range(5):
        shown = ticket(one, token)

        def ask(_: int, shown: str = shown) -> int:
            with contextlib.suppress(InvalidStatus), one.socket(f"/socket?ticket={shown}"):
                return 101
            return 401

        with ThreadPoolExecutor(12) as pool:
            assert sorted(pool.map(ask, range(12))) == [101, *[401] * 11]
        assert refused(one, f"/socket?ticket={shown}") == (401, "identity_ticket_used")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("ticket=", 401, "identity_ticket_invalid"),
        ("ticket=x", 401, "identity_ticket_invalid"),
        ("ticket={ticket}x", 401, "identity_ticket_invalid"),
        ("ticket={token}", 401, "identity_ticket_invalid"),
        ("ticket={elsewhere}", 401, "identity_ticket_elsewhere"),
        ("ticket={ticket}&ticket={ticket}", 401, "identity_token_malformed"),
        ("ticket={ticket}&ticket={elsewhere}", 401, "identity_token_malformed"),
        ("Ticket={ticket}", 401, "identity_token_missing"),
        ("%74icket={ticket}", 401, "identity_token_missing"),
        ("token={ticket}", 401, "identity_token_missing"),
    ],
)
def test_what_is_no_ticket_for_this_opens_nothing(
    one: Showing, token: str, query: str, status: int, code: str
) -> None:
    named = {
        "token": token,
        "ticket": ticket(one, token),
        "elsewhere": ticket(one, token, "/other"),
    }
    assert refused(one, f"/socket?{query.format(**named)}") == (status, code)


def test_a_ticket_beside_a_token_is_one_too_many(one: Showing, token: str) -> None:
    shown = ticket(one, token)
    bearer = {"Authorization": f"Bearer {token}"}
    assert refused(one, f"/socket?ticket={shown}", **bearer)[1] == "identity_token_malformed"
    shown = ticket(one, token, "/other")
    both = f"/other?ticket={shown}&token={token}"
    assert refused(one, both)[1] == "identity_token_malformed"


def test_it_is_worth_nothing_as_an_access_token_or_where_no_route_takes_it(
    one: Showing, token: str
) -> None:
    shown = ticket(one, token)
    assert one.gateway.guarded(shown) == (401, "identity_token_purpose")
    assert one.gateway.ask("GET", f"/shown/a?ticket={shown}").code == "identity_token_missing"
    assert refused(one, f"/plain?ticket={ticket(one, token, '/plain')}") == (
        401,
        "identity_token_missing",
    )
    plainly = one.gateway.ask("GET", f"/events/a?ticket={ticket(one, token, '/events/a')}")
    assert (plainly.status, plainly.code) == (401, "identity_token_malformed")
    posted = ticket(one, token, "/events/a")
    told = one.gateway.ask("POST", f"/events/a?ticket={posted}", {}, fields=EVENTS)
    assert (told.status, told.code) == (401, "identity_token_malformed")


def test_of_a_session_that_has_ended_none_counts_and_what_one_has_opened_ends(
    one: Showing, token: str
) -> None:
    left = ticket(one, token)
    with one.socket(f"/socket?ticket={ticket(one, token)}") as open_one:
        open_one.recv(PATIENCE)
        assert one.gateway.ask("POST", f"{AUTH}/logout", {}, token=token).status == 200
        with pytest.raises(ConnectionClosed) as caught:
            open_one.recv(PATIENCE)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1008
    assert refused(one, f"/socket?ticket={left}") == (401, "identity_token_revoked")


def test_no_log_holds_one(one: Showing, token: str) -> None:
    shown = ticket(one, token)
    one.first(f"/socket?ticket={shown}")
    assert refused(one, f"/socket?ticket={shown}")[0] == 401
    assert wait_until(lambda: "identity_ticket_used" in one.logs())
    assert shown not in one.logs()


def test_while_the_store_cannot_be_asked_tickets_are_refused_and_tokens_are_not(
    one: Showing, token: str
) -> None:
    shown = ticket(one, token)
    store = _state_of(one.gateway.stage.gateway.process.pid)
    os.kill(store, signal.SIGSTOP)
    try:
        assert refused(one, f"/socket?ticket={shown}") == (503, "identity_ticket_unavailable")
        assert one.gateway.guarded(token) == (200, "")
        one.first("/socket", Authorization=f"Bearer {token}")
    finally:
        os.kill(store, signal.SIGCONT)
    assert wait_until(lambda: _opens(one, token))


def _opens(one: Showing, token: str) -> bool:
    with contextlib.suppress(InvalidStatus), one.socket(f"/socket?ticket={ticket(one, token)}"):
        return True
    return False


def _state_of(gateway: int) -> int:
    """The process of the store that keeps state."""
    (found,) = [
        pid for pid in children(gateway) if "state.sock" in Path(f"/proc/{pid}/cmdline").read_text()
    ]
    return found

"""Many logins at once: some come in, the others hear when to come back, and nobody else waits."""

import json
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from tests.helpers.clients import PATIENCE
from tests.helpers.issuing_gateway import AUTH, PASSWORD, Answer, Issuing, issuing
from tests.helpers.slow import (
    companion_of,
    frozen,
    is_alive,
    running,
    wait_until,
)

pytestmark = pytest.mark.e2e

HASHING: Final = "tta_gateway.node.hashing_main"
MANY: Final = 400
LOGINS: Final = "tta_gateway_identity_logins_total"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuing]:
    """A gateway that locks nobody out and counts nobody's logins, with a user."""
    changed = {"lockout": {"account": 10_000, "address": 10_000}}
    own = {"own": {"login": "off"}}
    with issuing(tmp_path_factory.mktemp("logins"), issuing=changed, ratelimit=own) as made:
        made.user()
        yield made


def control_of(one: Issuing) -> int:
    """Control's process id."""
    found = companion_of(one.stage.gateway.process.pid, "control")
    assert found is not None
    return found


def hashers_of(one: Issuing, manner: str) -> list[int]:
    """The processes of control that hash in this manner."""
    found = running(control_of(one), HASHING)
    return [
        pid for pid in found if Path(f"/proc/{pid}/cmdline").read_text().endswith(f"{manner}\0")
    ]


def rushed(one: Issuing, count: int = MANY) -> list[Answer]:
    """What so many hear who log in at once."""
    with ThreadPoolExecutor(count // 4) as crowd:
        return list(crowd.map(lambda _: one.login(), range(count)))


def test_whoever_would_wait_too_long_hears_when_to_come_back(one: Issuing) -> None:
    before = one.admin.counters()
    answers = rushed(one)
    heard = Counter((answer.status, answer.code) for answer in answers)
    # A machine that is busy besides may have the gate of all requests shed some first.
    told = {(200, ""), (503, "identity_login_busy"), (503, "admission_shed")}
    assert {(200, ""), (503, "identity_login_busy")} <= set(heard) <= told, heard
    assert all(int(each.fields["retry-after"]) >= 1 for each in answers if each.status == 503)
    busy = heard[503, "identity_login_busy"]
    assert not any("x-tta-closed-for" in answer.fields for answer in answers)
    after = one.admin.counters()
    counted = {
        name: after[LOGINS, (name,)] - before.get((LOGINS, (name,)), 0) for name in ("good", "busy")
    }
    assert counted == {"good": heard[200, ""], "busy": busy}
    assert wait_until(lambda: one.login().status == 200)


def heard_before_the_body(client: socket.socket, head: bytes) -> bytes:
    """The answer to a head whose body has not been sent; nothing if there is none soon."""
    client.sendall(head)
    client.settimeout(0.1)
    try:
        return client.recv(4096)
    except TimeoutError:
        return b""


def test_one_that_a_worker_turns_away_before_its_body_is_answered_and_never_reset(
    one: Issuing,
) -> None:
    body = json.dumps({"username": "ada", "password": PASSWORD}).encode()
    head = (
        f"POST {AUTH}/login HTTP/1.1\r\nHost: gateway.test\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    with ThreadPoolExecutor(60) as crowd, ExitStack() as clients:
        rush = [crowd.submit(one.login) for _ in range(3 * MANY)]
        client, turned_away = socket.socket(), b""
        while not turned_away and not all(each.done() for each in rush):
            client.close()
            client = socket.create_connection(("127.0.0.1", one.stage.port), PATIENCE)
            clients.enter_context(client)
            turned_away = heard_before_the_body(client, head)
        for each in rush:
            each.cancel()
        ends_in_order(client, turned_away, body)


def ends_in_order(client: socket.socket, turned_away: bytes, body: bytes) -> None:
    """Check that it was turned away, and that its body is read even so (RFC 9112 9.6)."""
    assert turned_away.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 2\r\n" in turned_away
    assert b"identity_login_busy" in turned_away
    assert b"\r\nconnection: close\r\n" in turned_away
    client.settimeout(PATIENCE)
    client.sendall(body[:20])
    time.sleep(0.05)  # a reset would have come by now
    client.sendall(body[20:])
    assert client.recv(4096) == b""


def test_what_hashes_gives_way_to_all_others(one: Issuing) -> None:
    assert one.login().status == 200
    found = hashers_of(one, "idle")
    assert found
    assert {os.sched_getscheduler(pid) for pid in found} == {os.SCHED_IDLE}
    assert os.sched_getscheduler(control_of(one)) == os.SCHED_BATCH


def test_a_login_is_answered_where_other_work_leaves_no_core_to_hash(one: Issuing) -> None:
    assert one.login().status == 200
    (idle,) = hashers_of(one, "idle")
    with frozen(idle):
        assert one.login().status == 200
        assert one.login(password="wrong " * 3).status == 401
        (steady,) = hashers_of(one, "low")
        assert os.sched_getscheduler(steady) == os.SCHED_BATCH
        assert os.getpriority(os.PRIO_PROCESS, steady) >= 10
    assert wait_until(lambda: one.login().status == 200)
    assert hashers_of(one, "idle") == [idle]


def test_a_login_is_answered_whose_hashing_process_is_killed(one: Issuing) -> None:
    assert one.login().status == 200
    (idle,) = hashers_of(one, "idle")
    os.kill(idle, signal.SIGKILL)
    assert one.login().status == 200
    # A process that only ever gets time left over may need some to die on a busy machine.
    assert wait_until(lambda: not is_alive(idle), PATIENCE)
    assert one.login().status == 200
    assert wait_until(lambda: one.login().status == 200 and bool(hashers_of(one, "idle")), PATIENCE)
    assert wait_until(lambda: bool(one.stage.events("hashing_process_lost")))
    assert len(one.stage.events("hashing_process_lost")) == 1


def test_what_hashes_ends_with_control(one: Issuing) -> None:
    assert one.login().status == 200
    control = control_of(one)
    hashers = running(control, HASHING)
    os.kill(control, signal.SIGKILL)
    assert wait_until(lambda: not any(is_alive(pid) for pid in hashers), PATIENCE)
    assert wait_until(lambda: one.login().status == 200, PATIENCE)


def test_a_burst_of_failed_logins_is_one_alert_and_a_mistake_is_none(tmp_path: Path) -> None:
    with issuing(tmp_path, alerts={"wait": "0s"}) as one:
        one.user()
        for _ in range(4):
            assert one.login(password="mistyped " * 2).status == 401

        def told() -> list[dict[str, object]]:
            return list(one.administer("GET", "/alerts").told["alerts"])

        assert told() == []
        for number in range(45):
            one.login(f"guess{number}", "guessed " * 2)
        assert wait_until(lambda: bool(told()), PATIENCE)
        (alert,) = told()
        assert (alert["alert"], alert["severity"]) == ("LoginsFailing", "warning")
        cause = str(alert["cause"])
        assert "from 1 addresses" in cause
        assert "guess1" not in cause
        assert "127.0.0.1" not in cause
        assert "ada" not in cause

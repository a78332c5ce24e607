"""The access log: one line a request, whatever became of it, and never what a person wrote."""

import json
import random
import re
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.clients import Client, Cut, chunk, chunked_post, head_of, post_of
from tests.helpers.scripted_upstream import Call
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e

SECRET: Final = b"token-8a7b6c5d4e"
SECONDS: Final = 5.0


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> "Traffic":
    """A gateway that has seen five seconds of everything, and was then ended."""
    path = tmp_path_factory.mktemp("traffic")
    with scripted() as upstream:
        special = {
            "path": "/small/{rest:path}",
            "max_body": 100,
            "timeouts": {"first_byte": "300ms", "total": "300ms"},
        }
        with stage(path, special, upstream=upstream) as one:
            traffic = Traffic(one, path)
            traffic.run()
    return traffic


class Traffic:
    """Clients of every kind, and what they asked and were told, by id."""

    def __init__(self, one: Stage, path: Path) -> None:
        self.one = one
        self.path = path
        self.asked: list[str] = []
        self.told: dict[str, int] = {}
        self.lost: list[str] = []
        self._lock = threading.Lock()

    def run(self) -> None:
        """Ask for some seconds, then wait until all is over."""
        one = self.one
        self.good = one.on(lambda call: call.answer(call.body()))
        self.dying = one.on(_die)
        self.garbling = one.on(_garble)
        self.halting = one.on(_halt)
        self.silent = one.on(lambda call: _hush(call), under=b"/small/")
        kinds = [self._good, self._good, self._odd, self._vanish, self._broken, self._pipelined]
        until = time.monotonic() + SECONDS
        threads = [
            threading.Thread(target=self._repeat, args=(kind, number, until))
            for number, kind in enumerate(kinds)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS * 4)
        one.gateway.stop()

    def lines(self) -> list[dict[str, object]]:
        """The log, read strictly: every line is whole."""
        text = self.one.access_log.read_text()
        return [json.loads(line) for line in text.splitlines()]

    def printed(self) -> str:
        """All that the gateway has written anywhere."""
        files = [file for file in self.path.rglob("*") if file.is_file()]
        return "".join(
            file.read_text(errors="replace") for file in files if file.name != "gateway.yaml"
        )

    def _repeat(self, kind: object, number: int, until: float) -> None:
        assert callable(kind)
        chance = random.Random(number)
        while time.monotonic() < until:
            with suppress(OSError, Cut):
                kind(chance)

    def _id(self, chance: random.Random) -> bytes:
        return b"%016x" % chance.getrandbits(64)

    def _ask(self, chance: random.Random, method: bytes, target: bytes, body: bytes = b"") -> bytes:
        """The bytes of a request whose id is taken down."""
        name = self._id(chance)
        with self._lock:
            self.asked.append(name.decode())
        fields = [(b"X-Request-ID", name), (b"Authorization", b"Bearer " + SECRET)]
        if body:
            fields.append((b"Content-Length", b"%d" % len(body)))
        return head_of(target + b"?access_token=" + SECRET, method=method, fields=fields) + body

    def _hear(self, client: Client, method: bytes = b"GET") -> None:
        answer = client.answer(to=method)
        name = (answer.value(b"x-request-id") or b"").decode()
        with self._lock:
            self.told[name] = answer.status

    def _good(self, chance: random.Random) -> None:
        with self.one.client() as client:
            for _ in range(50):
                method = chance.choice([b"GET", b"POST", b"PUT", b"HEAD"])
                body = b"x" * chance.choice([0, 5, 20_000]) if method in (b"POST", b"PUT") else b""
                client.send(self._ask(chance, method, self.good, body))
                self._hear(client, method)

    def _odd(self, chance: random.Random) -> None:
        """Errors of every kind."""
        targets = [self.dying, self.garbling, self.silent, b"//double", b"/small/x"]
        with self.one.client() as client:
            target = chance.choice(targets)
            body = b"y" * 200 if target == b"/small/x" else b""
            client.send(self._ask(chance, b"POST" if body else b"GET", target, body))
            self._hear(client)

    def _vanish(self, chance: random.Random) -> None:
        """Clients that go away at some point of their request."""
        with self.one.client() as client:
            target = chance.choice([self.good, self.halting, self.silent])
            whole = self._ask(chance, b"POST", target, b"z" * 3000)
            client.send(whole[: chance.choice([len(whole), len(whole) - 1000])])
            time.sleep(chance.choice([0.0, 0.001, 0.02]))

    def _broken(self, chance: random.Random) -> None:
        """Answers and requests that break off, and bytes that are no request."""
        with self.one.client() as client:
            if chance.random() < 0.5:
                client.send(self._ask(chance, b"GET", self.halting))
                client.end(5.0)
                return
            client.send(b"NOT HTTP " + SECRET + b"\r\n\r\n")
            client.end(5.0)

    def _pipelined(self, chance: random.Random) -> None:
        with self.one.client() as client:
            client.send(b"".join(self._ask(chance, b"GET", self.good) for _ in range(12)))
            for _ in range(12):
                self._hear(client)


def _die(call: Call) -> None:
    call.break_off()


def _garble(call: Call) -> None:
    call.send(b"\0\xff garbage\r\n\r\n")
    call.finish()


def _halt(call: Call) -> None:
    call.body()
    call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf")
    call.break_off()


def _hush(call: Call) -> None:
    call.gone()


def test_the_traffic_was_worth_the_name(traffic: Traffic) -> None:
    assert len(traffic.asked) > 2000
    assert {200, 400, 413, 502, 504} <= set(traffic.told.values())


def test_every_request_has_exactly_one_line_with_its_id(traffic: Traffic) -> None:
    lines = [str(line["request_id"]) for line in traffic.lines()]
    named = [name for name in lines if re.fullmatch("[0-9a-f]{16}", name)]
    assert len(named) == len(set(named))
    answered = set(traffic.told)
    assert answered <= set(named)
    assert set(named) <= set(traffic.asked)


def test_every_answer_has_the_status_of_its_line(traffic: Traffic) -> None:
    statuses = {str(line["request_id"]): line["status"] for line in traffic.lines()}
    assert {name: statuses.get(name) for name in traffic.told} == traffic.told


def test_a_request_that_broke_off_has_a_line_that_says_why(traffic: Traffic) -> None:
    codes = {str(line["code"]) for line in traffic.lines()}
    assert {
        "client_gone",
        "upstream_connection_terminated",
        "upstream_answer_malformed",
        "request_body_too_large",
        "upstream_total_timeout",
    } <= codes


def test_no_line_and_no_output_holds_a_query_or_a_credential(traffic: Traffic) -> None:
    printed = traffic.printed()
    assert str(traffic.good.decode()) in printed
    assert SECRET.decode() not in printed
    assert "access_token" not in printed


def test_an_answer_that_the_service_broke_off_is_not_blamed_on_the_client(edge: Stage) -> None:
    target = edge.on(_halt)
    with edge.client() as client:
        client.ask(target)
        assert client.head().status == 200
        client.end()
    (line,) = edge.lines(target)
    assert (line["status"], line["code"]) == (200, "upstream_connection_terminated")


def test_a_client_that_went_away_is_logged_as_499(edge: Stage) -> None:
    target = edge.on(_hush)
    with edge.client() as client:
        client.send(post_of(target, b"body"))
        assert wait_until(lambda: edge.upstream.calls(target) == 1)
    (line,) = edge.lines(target)
    assert (line["status"], line["code"], line["received"]) == (499, "client_gone", 4)


def test_a_line_counts_the_bytes_of_both_bodies(edge: Stage) -> None:
    target = edge.on(lambda call: call.answer(call.body() * 2))
    with edge.client() as client:
        client.send(chunked_post(target) + chunk(b"x" * 100) + chunk(b"y") + chunk(b""))
        assert len(client.answer().body) == 202
    (line,) = edge.lines(target)
    assert (line["received"], line["sent"], line["tries"]) == (101, 202, 1)


def test_a_log_that_was_moved_away_is_made_anew_by_a_signal(tmp_path: Path) -> None:
    with scripted() as upstream, stage(tmp_path, upstream=upstream, workers=2) as one:
        with one.client() as client:
            client.get(b"/before")
        assert len(one.lines(b"/before")) == 1
        moved = one.access_log.with_suffix(".1")
        one.access_log.rename(moved)
        one.gateway.process.send_signal(signal.SIGUSR1)
        assert wait_until(one.access_log.exists)
        time.sleep(0.2)
        for _ in range(8):
            with one.client() as client:
                client.get(b"/after")
        assert len(one.lines(b"/after", count=8)) == 8
        assert b"/after" not in moved.read_bytes()

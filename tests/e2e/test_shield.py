"""Attacks on a running node from addresses of the loopback network, and honest people beside them.

Each attack is bounded in time and number.  The default allow-list, which spares this machine, is
taken away.
"""

import contextlib
import http.client
import json
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey
from joserfc.jws import JWSRegistry

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.admin import Admin
from tests.helpers.alert_receiver import Receiver
from tests.helpers.clients import PATIENCE
from tests.helpers.flood import flood
from tests.helpers.gateway import free_port
from tests.helpers.slow import wait_until, workers_of

pytestmark = pytest.mark.e2e

HOME: Final = "https://id.example.org"
FIRST: Final = 8.0  # seconds of a first block


@dataclass(slots=True)
class Node:
    """A gateway that counts everybody, its administration, who hears of attacks, an issuer."""

    stage: Stage
    admin: Admin
    alerts: Receiver
    key: OKPKey
    folder: Path

    def token(self, subject: str = "p1", **claims: object) -> str:
        """A good access token."""
        now = int(time.time())
        told = {"iss": HOME, "aud": "tta", "sub": subject, "iat": now, "exp": now + 600, **claims}
        header = {"alg": "Ed25519", "kid": "k1", "typ": "at+jwt"}
        return jwt.encode(header, told, self.key, registry=JWSRegistry(algorithms=["Ed25519"]))

    def ask(
        self, path: str, source: str, *, token: str = "", method: str = "GET"
    ) -> tuple[int, str, dict[str, str]]:
        """Ask once from an address: status, code and fields; status 0 where the line was cut."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.stage.port, timeout=PATIENCE, source_address=(source, 0)
        )
        fields = {"authorization": f"Bearer {token}"} if token else {}
        try:
            connection.request(method, path, headers=fields)
            answer = connection.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            body = answer.read()
        except (http.client.HTTPException, OSError):
            return 0, "", {}
        finally:
            connection.close()
        code = (
            json.loads(body)["code"]
            if told.get("content-type", "").startswith("application/problem")
            else ""
        )
        return answer.status, code, told

    def codes(self, path: str, source: str, times: int, **more: str) -> list[str]:
        """The codes of so many answers in a row; `cut` where there was none."""
        found = [self.ask(path, source, **more) for _ in range(times)]
        return [code or ("cut" if not status else str(status)) for status, code, _ in found]

    def blocked(self) -> list[str]:
        """Who is kept out, as the administration tells it."""
        return [one["source"] for one in self.admin.told("/admin/v1/shield/blocks")["blocks"]]

    def command(self, *words: str) -> str:
        """What `tta-gateway shield` prints, once there is an administration."""
        assert self.admin.token()
        done = subprocess.run(
            [sys.executable, "-m", "tta_gateway", "shield", *words, "-c", "gateway.yaml"],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout


@contextlib.contextmanager
def node_of(tmp_path: Path, *, workers: int = 1, **shield: object) -> Iterator[Node]:
    """A node whose shield goes by these settings."""
    key = OKPKey.generate_key("Ed25519", {"kid": "k1"})
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    admin = free_port()
    with scripted() as upstream, Receiver() as alerts:
        issuer = {
            "name": "home",
            "issuer": HOME,
            "audience": ["tta"],
            "keys": {"file": str(keys)},
        }
        with stage(
            tmp_path,
            {"path": "/guarded/{rest:path}", "auth": "required"},
            {"path": "/help", "class": "crisis"},
            upstream=upstream,
            workers=workers,
            admin=f"127.0.0.1:{admin}",
            identity={"issuers": [issuer]},
            alerts={"wait": "500ms", "calm": "1s", "webhooks": [{"url": f"{alerts.url}/hook"}]},
            shield={
                "allow": [],
                "delay": 70,
                "first_block": f"{FIRST:g}s",
                "forgiven_after": "1s",
                **shield,
            },
        ) as running:
            yield Node(running, Admin(admin, tmp_path / "state"), alerts, key, tmp_path)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with node_of(tmp_path) as made:
        yield made


def malformed(one: Stage, source: str) -> bytes:
    """Send what is no HTTP; return what comes back."""
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", one.port), 5.0, (source, 0)) as sock,
    ):
        sock.sendall(b"GET / HTTP/9.9\r\nHo st: a\r\n\r\n")
        return sock.recv(2000)
    return b""


def attack(one: Stage, source: str) -> None:
    """Send what is no HTTP until that is a block."""
    for _ in range(100):
        if b"shield_blocked" in malformed(one, source):
            return
    raise AssertionError("nobody is kept out")


def test_who_sends_what_is_no_http_is_kept_out_for_a_while_and_let_in_again(node: Node) -> None:
    hostile = "127.9.0.1"
    attack(node.stage, hostile)
    status, code, fields = node.ask("/a", hostile)
    assert (status, code) == (429, "shield_blocked")
    assert 1 <= int(fields["retry-after"]) <= FIRST + 1
    assert node.ask("/a", "127.8.0.1")[0] == 200
    assert wait_until(lambda: node.blocked() == [hostile])
    assert wait_until(lambda: node.blocked() == [], FIRST + 3.0)
    assert wait_until(lambda: node.ask("/a", hostile)[0] == 200)


def test_whoever_looks_for_paths_that_are_not_there_is_kept_out(tmp_path: Path) -> None:
    with node_of(tmp_path) as node:
        hostile = "127.9.0.2"
        assert node.ask("/a", hostile)[0] == 200
        codes = node.codes("/%2e%2e/etc", hostile, 3)
        assert set(codes) == {"routing_path_refused"}
        for one in range(60):
            node.ask(f"/..%2f{one}/../../x", hostile)
        assert wait_until(lambda: node.blocked() == [hostile])


def test_whoever_tries_many_tokens_is_kept_out_and_whoever_repeats_one_is_not(node: Node) -> None:
    hostile, stale = "127.9.0.3", "127.8.0.3"
    codes: list[str] = []
    while "shield_blocked" not in codes and len(codes) < 400:
        codes += node.codes("/guarded/a", hostile, 1, token=f"eyJ.{len(codes)}.a")
        if len(codes) % 4 == 0:
            node.ask("/guarded/a", stale, token="eyJ.stale.a")
    assert wait_until(lambda: node.blocked() == [hostile])
    assert node.ask("/a", stale)[0] == 200


def test_a_known_person_behind_a_blocked_address_gets_through_slowly(node: Node) -> None:
    shared, token = "127.9.0.4", node.token()
    assert node.ask("/guarded/a", shared, token=token)[0] == 200
    attack(node.stage, shared)
    assert node.codes("/a", shared, 3) == ["shield_blocked"] * 3
    codes = Counter(node.codes("/guarded/a", shared, 20, token=token))
    assert codes["200"] >= 8
    assert codes["shield_slowed"] >= 1
    assert set(codes) == {"200", "shield_slowed"}
    somebody_new = node.token("p2")  # whose token nobody has proved yet
    assert node.ask("/guarded/a", shared, token=somebody_new)[0] == 200
    young = node.token("p3", account_created=time.time() - 60)
    assert node.ask("/guarded/a", shared, token=young)[1] == "shield_blocked"
    assert node.ask("/guarded/a", shared, token="eyJ.no.a")[1] == "identity_token_malformed"
    assert node.ask("/help", shared)[0] == 200  # nobody is refused help for an address


def test_administrators_keep_out_and_let_in_by_hand(node: Node) -> None:
    said = node.command("block", "127.7.0.9/24", "--reason", "asked to", "--minutes", "5")
    assert said == "127.7.0.0/24 is kept out for 5 minutes\n"
    assert wait_until(lambda: node.ask("/a", "127.7.0.1")[1] == "shield_blocked")
    assert "blocked  127.7.0.0/24" in node.command("list")
    assert node.command("unblock", "127.7.0.0/24") == "127.7.0.0/24 is let in again\n"
    assert wait_until(lambda: node.ask("/a", "127.7.0.1")[0] == 200)
    assert node.command("list") == "nobody is kept out or suspected\n"


def test_who_is_allowed_is_never_kept_out(tmp_path: Path) -> None:
    with node_of(tmp_path, allow=["127.9.0.0/24"]) as node:
        for _ in range(60):
            malformed(node.stage, "127.9.0.5")
        assert node.ask("/a", "127.9.0.5")[0] == 200
        assert node.blocked() == []
        assert wait_until(lambda: "suspect  127.9.0.5" in node.command("list"))


def test_what_one_worker_has_found_out_all_workers_know(tmp_path: Path) -> None:
    """Each worker sees a part of the attack; one alert tells of it, with the evidence."""
    with node_of(tmp_path, workers=2) as node:
        assert len(workers_of(node.stage.gateway.process.pid)) == 2
        hostile = "127.9.0.6"
        attack(node.stage, hostile)
        assert wait_until(lambda: node.blocked() == [hostile])
        assert wait_until(lambda: set(node.codes("/a", hostile, 20)) <= {"shield_blocked", "cut"})
        assert node.alerts.hears("AttackUnderWay", "firing")
        assert wait_until(lambda: node.blocked() == [], FIRST + 3.0)
        assert node.alerts.hears("AttackUnderWay", "resolved", 40.0)
        (fired,) = node.alerts.told("AttackUnderWay", "firing")
        assert f"blocked: {hostile} (" in fired["cause"]
        assert "malformed" in fired["cause"]


def test_a_flood_from_a_thousand_addresses_leaves_fifty_honest_people_alone(
    tmp_path: Path,
) -> None:
    """The short form of bench/flood.py: one alert, and all blocks gone by themselves."""
    with node_of(tmp_path, workers=2, first_block="3s", longest_block="6s") as node:
        told = flood(
            node.stage.port,
            addresses=1000,
            people=50,
            seconds=8.0,
            rate=400.0,
            token=node.token,
        )
        assert told.attempts >= 1000
        assert told.asked >= 50
        assert told.answered >= 0.99 * told.asked, (
            told.lines,
            Counter(one.get("code") for one in node.stage.all_lines()),
        )
        assert node.alerts.hears("AttackUnderWay", "firing")
        assert wait_until(lambda: node.blocked() == [], 15.0)
        assert node.alerts.hears("AttackUnderWay", "resolved", 45.0)
        assert len(node.alerts.told("AttackUnderWay", "firing")) == 1

"""An issuer publishes its keys over TLS: workers go by them, whatever becomes of it."""

import contextlib
import http.client
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.admin import Admin
from tests.helpers.gateway import free_port
from tests.helpers.key_server import DESCRIBED, KeyServer, key_server
from tests.helpers.slow import companion_of, wait_until, workers_of
from tta_gateway.features.identity.issuer_keys import section
from tta_gateway.node.keepsake import read
from tta_gateway.snapshot.sealed import KEY

pytestmark = pytest.mark.e2e
COOL = 30.0  # seconds between two looks that tokens ask for


@dataclass(frozen=True, slots=True)
class Node:
    """A gateway that believes an issuer."""

    stage: Stage
    admin: Admin

    def asked(self, token: str) -> tuple[int, str]:
        """The status for who shows a token, and the code of an error."""
        connection = http.client.HTTPConnection("127.0.0.1", self.stage.port, timeout=20)
        try:
            connection.request("GET", "/guarded/a", headers={"authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            read = answer.read()
        finally:
            connection.close()
        return answer.status, json.loads(read)["code"] if answer.status >= 400 else ""

    def lets_in(self, token: str) -> bool:
        """Whether every worker does, as far as twelve connections tell."""
        return all(self.asked(token)[0] == 200 for _ in range(12))

    def issuer(self) -> dict[str, Any]:
        """How the only issuer is."""
        (found,) = self.admin.told("/admin/v1/issuers")["issuers"]
        told: dict[str, Any] = found
        return told

    def key_ids(self) -> list[str]:
        return [one["id"] for one in self.issuer()["keys"]]


def kept(state: Path) -> dict[str, bytes]:
    """What a gateway that starts from nothing begins with."""
    try:
        return read(state, (state / KEY).read_bytes())
    except FileNotFoundError:
        return {}


@contextlib.contextmanager
def node(folder: Path, server: KeyServer, **settings: object) -> Iterator[Node]:
    """A gateway that believes tokens of a server's, and its administration."""
    port = free_port()
    with (
        scripted() as upstream,
        stage(
            folder,
            {"path": "/guarded/{rest:path}", "auth": "required"},
            upstream=upstream,
            workers=2,
            admin=f"127.0.0.1:{port}",
            state_dir=str(folder / "state"),
            identity={"issuers": [{"name": "clinic", "ca": server.ca, **settings}]},
        ) as running,
    ):
        yield Node(running, Admin(port, folder / "state"))


def test_a_new_key_counts_soon_after_the_first_token_of_it_and_an_old_one_no_more(
    tmp_path: Path,
) -> None:
    with (
        key_server(tmp_path / "issuer") as issuer,
        node(tmp_path, issuer, issuer=issuer.url, discover=True) as one,
    ):
        (old,) = issuer.published
        assert wait_until(lambda: one.lets_in(issuer.token(old)), 10.0), one.stage.gateway.tail()
        fetched = time.monotonic()
        assert issuer.asked == [DESCRIBED, "/keys"]
        new = issuer.key("k2")
        issuer.published = [new]
        assert one.asked(issuer.token(new)) == (401, "identity_token_unproved")
        assert one.lets_in(issuer.token(old))  # nobody has looked yet
        shown = 1
        while time.monotonic() - fetched < COOL - 5.0:
            assert one.asked(issuer.token(new)) == (401, "identity_token_unproved")
            shown += 1
            time.sleep(0.1)
        assert shown > 50
        assert len(issuer.asked) == 2  # however many such tokens come
        assert wait_until(lambda: one.lets_in(issuer.token(new)), 15.0), one.issuer()
        assert one.asked(issuer.token(old)) == (401, "identity_token_unproved")
        assert issuer.asked == [DESCRIBED, "/keys"] * 2
        assert one.key_ids() == ["k2"]
        other = issuer.key("k2")  # of the same name, and not theirs
        assert one.asked(issuer.token(other)) == (401, "identity_token_unproved")


def test_the_last_good_keys_outlive_the_issuer_and_the_gateway(tmp_path: Path) -> None:
    with key_server(tmp_path / "issuer") as issuer:
        settings = {"issuer": issuer.url, "keys_url": f"{issuer.url}/keys"}
        token = issuer.token(issuer.published[0])
        with node(tmp_path, issuer, **settings) as one:
            assert wait_until(lambda: one.lets_in(token), 10.0), one.stage.gateway.tail()
            told = one.issuer()
            assert (told["reachable"], told["last_error"]) == (True, "")
            assert 0.8 * 86400 < told["next_in"] <= 86400
            assert wait_until(lambda: section("clinic") in kept(tmp_path / "state"), 10.0)
        issuer.stop()
        with node(tmp_path, issuer, **settings) as one:
            assert one.lets_in(token), one.stage.gateway.tail()  # before control has asked
            assert wait_until(lambda: one.issuer()["failures"] > 1, 20.0)
            told = one.issuer()
            assert (told["reachable"], told["fetched"]) == (False, None)
            assert told["last_error"]
            assert one.key_ids() == ["k1"]
            assert one.lets_in(token)
            assert len(one.stage.events("issuer_keys_unreachable")) == 1
            away = one.admin.samples()["tta_gateway_identity_issuer_keys_away", ("clinic",)]
            assert away == 1.0
            gateway = one.stage.gateway.process.pid
            control = companion_of(gateway, "control")
            assert control is not None
            for pid in (control, *workers_of(gateway)):
                os.kill(pid, signal.SIGKILL)
            assert wait_until(lambda: companion_of(gateway, "control") not in (None, control), 10.0)
            assert wait_until(lambda: one.key_ids() == ["k1"], 20.0)
            assert one.lets_in(token)

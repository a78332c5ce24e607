"""Routes that services declare themselves, and that ask who it is (R1.4, R4.1)."""

import http.client
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
import yaml
from joserfc import jwt
from joserfc.jwk import OctKey

from tests.e2e.test_registration import Node, node
from tests.helpers.clients import PATIENCE
from tests.helpers.registered import instance
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e

SECRET: Final = "a secret of the platform as it is today"
REFUSED: Final = '"declared_route_refused"'


@contextmanager
def guarded(folder: Path) -> Iterator[Node]:
    """A gateway that believes one issuer."""
    secret = folder / "secret"
    secret.write_text(SECRET)
    issuer = {"name": "today", "secret": {"file": str(secret)}, "own_subjects": True}
    with node(folder, identity={"issuers": [issuer]}) as made:
        yield made


def a_token() -> str:
    told = {"sub": "p1", "role": "player", "exp": int(time.time()) + 600}
    return jwt.encode({"alg": "HS256"}, told, OctKey.import_key(SECRET))


def ask(one: Node, path: str, token: str = "") -> tuple[int, str]:
    """Ask as a client; return the status, and the code of a refusal or what a service says."""
    connection = http.client.HTTPConnection("127.0.0.1", one.gateway.port, timeout=PATIENCE)
    try:
        fields = {"authorization": f"Bearer {token}"} if token else {}
        connection.request("GET", path, headers=fields)
        answer = connection.getresponse()
        body = answer.read().decode()
    finally:
        connection.close()
    return answer.status, body if answer.status == 200 else json.loads(body)["code"]


def believes(one: Node, folder: Path, **changes: object) -> None:
    """Write the configuration anew with these keys, and have it taken up."""
    path = folder / "gateway.yaml"
    beside = path.with_suffix(".new")
    beside.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))
    beside.replace(path)
    os.kill(one.gateway.process.pid, signal.SIGHUP)


def registers(one: Node) -> bool:
    """Whether control takes registrations by now."""
    path = "/internal/v1/services/players"
    return one.api.ask("GET", path)[0] == 200


def test_a_declared_route_lets_in_who_shows_a_token_and_nobody_else(tmp_path: Path) -> None:
    """Red with `auth="none"` in `route_of`, in routing/declared.py."""
    with guarded(tmp_path) as one:
        assert wait_until(lambda: registers(one), 15.0)
        options = ("--lease", "5", "--route", "/live/{name}", "--auth", "required")
        with instance(one.url, *options) as player:
            one.first(401, "/live/a")
            assert ask(one, "/live/a") == (401, "identity_token_missing")
            assert ask(one, "/live/a", "nonsense") == (401, "identity_token_malformed")
            assert ask(one, "/live/a", a_token()) == (200, str(player.pid))
            assert ask(one, "/players/a") == (200, str(player.pid))  # the operator's, for everybody
            player.leave()
        assert one.first(404, "/live/a") < 5.0


def test_without_its_last_issuer_it_is_withdrawn_and_never_open(tmp_path: Path) -> None:
    """Red with whether any token is believed not looked at, in node/claiming.py."""
    with guarded(tmp_path) as one:
        assert wait_until(lambda: registers(one), 15.0)
        known = yaml.safe_load((tmp_path / "gateway.yaml").read_text())["identity"]
        options = ("--lease", "30", "--route", "/live/{name}", "--auth", "required")
        with instance(one.url, *options) as player:
            one.first(401, "/live/a")
            believes(one, tmp_path, identity={})
            seen = set()
            begun = time.monotonic()
            while "404" not in seen:
                assert time.monotonic() - begun < 10.0
                seen.add(str(ask(one, "/live/a")[0]))
            assert seen <= {"401", "404"}
            assert wait_until(lambda: REFUSED in one.gateway.log.read_text())
            routes = [{"path": "/live/b"}]
            status, said, _ = one.api.put("players/other", 9, routes=routes)
            assert (status, said["code"]) == (422, "registration_no_issuer")
            assert "identity: {issuers" in said["detail"]
            believes(one, tmp_path, identity=known)
            one.first(401, "/live/a")
            assert ask(one, "/live/a", a_token()) == (200, str(player.pid))

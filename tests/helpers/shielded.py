"""A node whose shield counts this machine too, and those who attack it.

Addresses are of the loopback network.  The default allow-list, which spares this machine, is taken
away.
"""

import contextlib
import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from joserfc import jwt
from joserfc.jwk import OKPKey
from joserfc.jws import JWSRegistry

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.admin import Admin
from tests.helpers.alert_receiver import Receiver
from tests.helpers.clients import PATIENCE
from tests.helpers.gateway import free_port

HOME: Final = "https://id.example.org"
FIRST: Final = 3.0  # seconds of a first block


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

    def is_out(self, source: str) -> bool:
        """Whether somebody is kept out who shows no token."""
        status, code, _ = self.ask("/a", source)
        return not status or code == "shield_blocked"

    def blocked(self) -> list[str]:
        """Who is kept out, as the administration tells it."""
        return [one["source"] for one in self.admin.told("/admin/v1/shield/blocks")["blocks"]]

    def lists(self) -> dict[str, Any]:
        """The whole list, as the administration tells it."""
        return self.admin.told("/admin/v1/shield/blocks")

    def keep_out(self, source: str, lasts: float = 300.0) -> None:
        """Have the administration keep somebody out, for so many seconds."""
        body = {"source": source, "lasts": lasts, "reason": "asked to"}
        assert self._administer("POST", "", json.dumps(body)) == 201

    def let_in(self, source: str) -> None:
        """Have the administration let somebody in."""
        assert self._administer("DELETE", f"?source={source}", None) == 200

    def _administer(self, method: str, query: str, body: str | None) -> int:
        fields = {
            "authorization": f"Bearer {self.admin.token()}",
            "content-type": "application/json",
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.admin._port, timeout=2 * PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, f"/admin/v1/shield/blocks{query}", body, fields)
            answer = connection.getresponse()
            answer.read()
            return answer.status

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
def node_of(
    tmp_path: Path,
    *routes: Mapping[str, object],
    workers: int = 1,
    beside: Mapping[str, object] | None = None,
    config: Mapping[str, object] | None = None,
    **shield: object,
) -> Iterator[Node]:
    """A node whose shield goes by these settings, with special routes, and services beside.

    A folder may have one after the other: a gateway that is stopped and started again.
    """
    tmp_path.mkdir(parents=True, exist_ok=True)
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
            *(routes or ({"path": "/guarded/{rest:path}", "auth": "required"},)),
            {"path": "/help", "class": "crisis"},
            upstream=upstream,
            services={"up": {"endpoints": [upstream.url]}, **(beside or {})},
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
            **(config or {}),
        ) as running:
            yield Node(running, Admin(admin, tmp_path / "state"), alerts, key, tmp_path)


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

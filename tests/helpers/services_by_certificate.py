"""A gateway with a listener for services that show certificates, and services that call it."""

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from tests.helpers.clients import PATIENCE
from tests.helpers.gateway import Gateway, free_port, start_gateway
from tests.helpers.slow import wait_until
from tests.helpers.svids import Authority, Leaf

SECRET: Final = "0123456789abcdef" * 4
PLAYERS: Final = "spiffe://tta/players"
STORIES: Final = "spiffe://tta/stories"
GATEWAY: Final = "spiffe://tta/gateway"
_HOUR: Final = 3600.0


def token(subject: str = "p1", role: str = "player") -> str:
    """An access token of a person."""
    claims = {"sub": subject, "role": role, "exp": time.time() + 600}
    parts = [_text(json.dumps(one).encode()) for one in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signed = ".".join(parts).encode()
    return f"{signed.decode()}.{_text(hmac.digest(SECRET.encode(), signed, hashlib.sha256))}"


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def pki(*words: str) -> str:
    """Type `tta-gateway pki …`."""
    command = [sys.executable, "-m", "tta_gateway", "pki", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass
class House:
    """The files of all parties, made by the shipped command, and what the gateway is told."""

    folder: Path
    inside: int = field(default_factory=free_port)
    config: dict[str, Any] = field(default_factory=dict)
    gateway: Gateway | None = None

    def __post_init__(self) -> None:
        self.pki = self.folder / "pki"
        pki("init", "--out", str(self.pki))
        where = ("--dns", "localhost", "--ip", "127.0.0.1")
        for name in ("gateway", "players", "stories", "strangers"):
            self.issue(name, *where)
        self.trusted = self.folder / "trusted.pem"
        self.trust((self.pki / "ca.pem").read_bytes())

    def issue(self, name: str, *more: str) -> None:
        """Make a certificate of a service, or renew it."""
        pki("issue", "--ca", str(self.pki), "--service", name, *more)

    def trust(self, *authorities: bytes) -> None:
        """Have the gateway believe these from its next reload on."""
        beside = self.folder / "trusted.new"
        beside.write_bytes(b"".join(authorities))
        beside.replace(self.trusted)

    @property
    def ca(self) -> str:
        """The authority of everybody."""
        return str(self.pki / "ca.pem")

    def pair(self, name: str) -> tuple[str, str]:
        """Certificate and key of a service."""
        return str(self.pki / f"{name}.pem"), str(self.pki / f"{name}.key")

    def listener(self) -> dict[str, object]:
        """The listener for services."""
        certificate, key = self.pair("gateway")
        served = {"certificate": certificate, "key": key}
        tls = {"certificates": [served], "client_ca": str(self.trusted)}
        return {"address": f"127.0.0.1:{self.inside}", "internal": True, "tls": tls}

    @contextlib.contextmanager
    def open(self, **more: Any) -> Iterator["House"]:  # noqa: ANN401 - of the configuration
        """Run the gateway."""
        os.environ["SECRET"] = SECRET
        self.config = {
            "listen": [f"127.0.0.1:{free_port()}", self.listener()],
            "admin": f"127.0.0.1:{free_port()}",
            "workers": 2,
            "state_dir": str(self.folder / "state"),
            "identity": {
                "issuers": [{"name": "home", "secret": {"env": "SECRET"}, "own_subjects": True}],
                "services": [{"id": PLAYERS, "roles": ["service"]}, STORIES],
            },
            **more,
        }
        self.gateway = start_gateway(self.config, self.folder)
        try:
            yield self
        finally:
            self.gateway.stop()

    def reload(self) -> None:
        """Have the gateway read its files again, and wait until all workers go by them."""
        assert self.gateway is not None
        before = self.version()
        os.kill(self.gateway.process.pid, signal.SIGHUP)
        assert wait_until(lambda: self.version() > before, 20.0), self.gateway.tail()
        time.sleep(0.5)  # each worker takes it up in a turn of its own

    def rewrite(self) -> None:
        """Write the configuration as it is now, and reload."""
        beside = self.folder / "gateway.new"
        beside.write_text(yaml.safe_dump({"probe": "127.0.0.1:0", **self.config}, sort_keys=False))
        beside.replace(self.folder / "gateway.yaml")
        self.reload()

    def version(self) -> int:
        """The version that is in force, by the command's word."""
        command = [sys.executable, "-m", "tta_gateway", "config", "status"]
        state = ["--state-dir", str(self.folder / "state")]
        done = subprocess.run([*command, *state], capture_output=True, text=True, check=False)
        return int(done.stdout.split()[1])

    # Those who call

    def context(self, name: str) -> ssl.SSLContext:
        """How a service speaks that has a certificate of the folder."""
        made = ssl.create_default_context(cafile=self.ca)
        made.load_cert_chain(*self.pair(name))
        return made

    def context_of(self, leaf: Leaf) -> ssl.SSLContext:
        """How one speaks that has another certificate."""
        made = ssl.create_default_context(cafile=self.ca)
        made.load_cert_chain(*leaf.write(self.folder, "leaf"))
        return made

    def caller(self, context: ssl.SSLContext) -> "Caller":
        """A connection of a service, which stays open."""
        return Caller(self.inside, context)


class Caller:
    """A service that keeps its connection to the gateway."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self.connection = http.client.HTTPSConnection(
            "localhost", port, context=context, timeout=PATIENCE
        )
        self.connected = 0
        self.closed = False

    def get(self, path: str, **fields: str) -> tuple[int, Any]:
        """Ask; return the status and the document."""
        if self.connection.sock is None:
            self.connected += 1
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        self.connection.request("GET", path, headers=headers)
        answer = self.connection.getresponse()
        self.closed = answer.getheader("connection") == "close"
        body = answer.read()
        try:
            return answer.status, json.loads(body)
        except ValueError:
            return answer.status, body.decode()

    def close(self) -> None:
        """Leave."""
        self.connection.close()


class CallerLoad:
    """Services that call on and on, each over a connection that it keeps; every answer counts."""

    def __init__(self, house: House, path: str, *names: str) -> None:
        self.statuses: list[int] = []
        self.lost: list[str] = []
        self.connected = 0
        self._stop = threading.Event()
        self._house = house
        self._path = path
        self._threads = [threading.Thread(target=self._ask_on, args=(one,)) for one in names]

    def _ask_on(self, name: str) -> None:
        caller = self._house.caller(self._house.context(name))
        while not self._stop.is_set():
            try:
                self.statuses.append(caller.get(self._path)[0])
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(repr(error))
        self.connected += caller.connected
        caller.close()

    def grow(self, by: int = 50) -> None:
        """Wait until so many more have been answered."""
        goal = len(self.statuses) + by
        assert wait_until(lambda: len(self.statuses) >= goal, PATIENCE)

    def __enter__(self) -> "CallerLoad":
        for thread in self._threads:
            thread.start()
        self.grow()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)


def authority_for(seconds: float = _HOUR) -> Authority:
    """Another authority, for a while."""
    now = time.time()
    return Authority("another", begins=now - 60, ends=now + seconds)


def lasting(authority: Authority, uri: str, seconds: float = _HOUR, **more: Any) -> Leaf:  # noqa: ANN401 - as it takes them
    """A certificate that counts for a while."""
    now = time.time()
    return authority.issue(uri, begins=now - 60, ends=now + seconds, **more)


def nginx_around(folder: Path, server: str) -> str:
    """The configuration of an nginx that has these servers and writes in a folder alone."""
    return (
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off; client_body_temp_path {folder}/b; "
        f"proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; "
        f"scgi_temp_path {folder}/s;\n{server}\n}}\n"
    )

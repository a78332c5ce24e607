"""A gateway that issues tokens, with its users, and clients that log in there."""

import base64
import contextlib
import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.admin import Admin
from tests.helpers.clients import PATIENCE
from tests.helpers.gateway import free_port
from tests.helpers.slow import wait_until

URL: Final = "https://gateway.example.org"
PASSWORD: Final = "correct horse battery"
AUTH: Final = "/api/v1/auth"
GUARDED: Final = "/guarded/a"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client has been told."""

    status: int
    fields: dict[str, str]
    told: dict[str, Any]
    cookies: list[str] = field(default_factory=list)

    @property
    def code(self) -> str:
        """The code of an error."""
        return str(self.told.get("code", ""))


@dataclass(frozen=True, slots=True)
class Issuing:
    """The gateway, and who asks it."""

    stage: Stage
    admin: Admin
    probe: int
    state: Path

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        token: str = "",
        port: int | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask as a client."""
        sent = None if body is None else json.dumps(body).encode()
        said = dict(fields or {})
        if sent is not None:
            said.setdefault("content-type", "application/json")
        if token:
            said["authorization"] = f"Bearer {token}"
        connection = http.client.HTTPConnection("127.0.0.1", port or self.stage.port, timeout=20)
        try:
            connection.request(method, path, sent, said)
            answer = connection.getresponse()
            read = answer.read()
            told = json.loads(read) if read[:1] == b"{" else {}
            cookies = answer.headers.get_all("set-cookie") or []
            return Answer(
                answer.status,
                {name.lower(): value for name, value in answer.getheaders()},
                told,
                cookies,
            )
        finally:
            connection.close()

    def administer(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> Answer:
        """Ask the administration."""
        port = self.admin._port
        return self.ask(method, f"/admin/v1{path}", body, token=self.admin.token(), port=port)

    def login(self, name: str = "ada", password: str = PASSWORD, **more: str) -> Answer:
        """Log in."""
        return self.ask("POST", f"{AUTH}/login", {"username": name, "password": password, **more})

    def refresh(self, token: str) -> Answer:
        """Renew an access token."""
        return self.ask("POST", f"{AUTH}/refresh", {"refresh_token": token})

    def own_token(self, client: str, secret: str) -> str:
        """Have a client of OAuth get a token of its own."""
        shown = base64.b64encode(f"{client}:{secret}".encode()).decode()
        fields = {
            "authorization": f"Basic {shown}",
            "content-type": "application/x-www-form-urlencoded",
        }
        port = self.stage.port
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            body = "grant_type=client_credentials"
            connection.request("POST", "/oauth2/token", body, fields)
            return str(json.loads(connection.getresponse().read())["access_token"])
        finally:
            connection.close()

    def claims(self, token: str) -> dict[str, Any]:
        """What a token of the gateway's says; nothing of it is proved."""
        part = token.split(".")[1]
        return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))

    def guarded(self, token: str) -> tuple[int, str]:
        """Call a route that asks for a token: status, and the code of an error."""
        answer = self.ask("GET", GUARDED, token=token)
        return answer.status, answer.code

    def is_known_everywhere(self, token: str, wanted: tuple[int, str]) -> bool:
        """Whether so many calls in a row, each to whichever worker takes it, hear that."""
        return all(self.guarded(token) == wanted for _ in range(12))

    def user(self, name: str = "ada", *roles: str) -> Answer:
        """Make a user."""
        body = {"username": name, "password": PASSWORD, "roles": roles or ("player",)}
        made = self.administer("POST", "/users", body)
        assert made.status == 201, made
        return made

    def is_ready(self) -> bool:
        """Whether it issues tokens by now."""
        return self.ask("GET", "/.well-known/jwks.json").status == 200


@contextlib.contextmanager
def issuing(
    folder: Path,
    *special: Mapping[str, object],
    workers: int = 2,
    beside: Mapping[str, object] | None = None,
    **more: object,
) -> Iterator[Issuing]:
    """Start a gateway that issues, with a route that asks for a token; `beside` are services."""
    admin, probe = free_port(), free_port()
    state = folder / "state"
    identity: dict[str, object] = dict(more.pop("identity", {}))  # type: ignore[call-overload]
    changed: dict[str, object] = dict(more.pop("issuing", {}))  # type: ignore[call-overload]
    with (
        scripted() as upstream,
        stage(
            folder,
            {"path": "/guarded/{rest:path}", "auth": "required"},
            *special,
            upstream=upstream,
            admin=f"127.0.0.1:{admin}",
            probe=f"127.0.0.1:{probe}",
            workers=workers,
            state_dir=str(state),
            services={"up": {"endpoints": [upstream.url]}, **(beside or {})},
            identity={"issuing": {"url": URL, **changed}, **identity},
            **more,
        ) as running,
    ):
        made = Issuing(running, Admin(admin, state), probe, state)
        assert wait_until(made.is_ready, PATIENCE * 4), running.gateway.tail()
        yield made

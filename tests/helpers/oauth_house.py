"""Everything of OAuth over a real database, with browsers and clients that ask it."""

import asyncio
import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from html import unescape
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
from sqlalchemy import select

from tests.helpers import identity_house
from tests.helpers.asgi import Answer, Message
from tests.helpers.databases import emptied
from tests.helpers.identity_house import ISSUING, LASTING, House
from tests.helpers.sign_in_house import ADDRESS, OWN, PASSWORD, SignInHouse
from tta_gateway.features.identity import api, oauth_api, oauth_login_api, oauth_tables
from tta_gateway.features.identity.bound import IdentityBound
from tta_gateway.features.identity.chunks import Chunks
from tta_gateway.features.identity.oauth_client import OAuthClient, Terms
from tta_gateway.features.identity.oauth_clients import Registrar
from tta_gateway.features.identity.oauth_server import OAuthServer
from tta_gateway.features.identity.verifier import verifier
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.node.oauth import OAuth, Outside
from tta_gateway.node.public_api import PublicApp
from tta_gateway.support.sql.url import DatabaseUrl, in_folder

BACK: Final = "https://app.example.org/back"
VERIFIER: Final = "v" * 43
CHALLENGE: Final = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)
WEB: Final = Terms(kind="public", redirect_uris=(BACK,), scopes=("openid", "play"))
ROLES: Final = {**ISSUING.roles, "service": ("services:call",)}
_HIDDEN: Final = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')
_EMPTIED: Final = (
    oauth_tables.ASSERTIONS,
    oauth_tables.CODES,
    oauth_tables.SECRETS,
    oauth_tables.CLIENTS,
)


class OAuthHouse(SignInHouse):
    """All of it."""

    def __init__(self, kept: House) -> None:
        super().__init__(kept)
        assert self.sign_in is not None
        assert self.keys is not None
        outside = Outside(
            lambda: kept.database, self._issuing, lambda: LASTING, self.wall, self.new_id
        )
        self.parts = OAuth(
            outside, self.sign_in, kept.failures, self.keys, bearers=self.bearers, log=self
        )
        self.oauth: OAuthServer | None = self.parts.server
        self.registrar: Registrar | None = self.parts.registrar
        self.failed: list[Exception] = []
        self.app = PublicApp(
            [oauth_login_api.router(self), oauth_api.router(self), api.router(self)],
            bound=ProblemBound,
            failed=lambda _, error: self.failed.append(error),
        )

    async def look(self) -> None:
        """Take up keys as they are."""
        assert self.keys is not None
        await self.keys.look()
        own = msgspec.structs.replace(OWN, roles=tuple(ROLES))
        self.bearers.verifier = verifier(IdentityBound(own=own), self.keys.told().keys)

    async def _changed(self) -> None:
        """Take up what has been revoked, as control does."""
        await super()._changed()
        chunks = Chunks()
        for number in chunks.add(await self.kept.revocations.revoked(-1.0), now=self.now):
            told = chunks.told(number)
            assert told is not None
            self.bearers.revoked.newly(told)

    async def kept_clients(self) -> list[object]:
        """Return all that the database holds of clients."""
        async with self.kept.database.read() as connection:
            return list((await connection.execute(select(oauth_tables.CLIENTS))).all())

    async def client(self, terms: Terms = WEB, name: str = "app") -> tuple[OAuthClient, str]:
        """Return a new client, and its secret."""
        assert self.registrar is not None
        return await self.registrar.create(name, terms)

    async def ask(
        self,
        method: str,
        path: str,
        form: Mapping[str, str] | str | None = None,
        **fields: str,
    ) -> Answer:
        """Ask as whoever: a form, and fields, in whose names `_` is `-`."""
        sent = form if isinstance(form, str) else urlencode(form or {})
        if form is not None:
            fields.setdefault("content_type", "application/x-www-form-urlencoded")
        fields.setdefault("x_real_ip", ADDRESS)
        answer = await _answered(self.app, method, path, sent.encode(), fields)
        assert self.failed == []
        return answer

    async def token(self, form: Mapping[str, str], **fields: str) -> Answer:
        """Ask for a token."""
        return await self.ask("POST", "/oauth2/token", form, **fields)

    async def redeem(self, client: OAuthClient, shown: str, /, **changed: str) -> Answer:
        """Show a code as a public client does."""
        form = {
            "grant_type": "authorization_code",
            "client_id": client.id,
            "code": shown,
            "redirect_uri": BACK,
            "code_verifier": VERIFIER,
            **changed,
        }
        return await self.token({name: value for name, value in form.items() if value})

    async def renew(self, client: OAuthClient, shown: str) -> Answer:
        """Show a refresh token as a public client does."""
        form = {"grant_type": "refresh_token", "client_id": client.id, "refresh_token": shown}
        return await self.token(form)

    def believes(self, token: str) -> str:
        """Return the subject of an access token that counts; nothing else."""
        principal = self.bearers.shown(f"Bearer {token}")
        return "" if principal is None else principal.subject


class Browser:
    """Keeps cookies and fills forms in."""

    def __init__(self, house: OAuthHouse) -> None:
        self.house = house
        self.cookies: dict[str, str] = {}

    async def ask(
        self, method: str, path: str, form: Mapping[str, str] | None = None, **more: str
    ) -> Answer:
        """Ask with the cookies, and take new ones."""
        kept = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        fields = {"cookie": kept} if kept else {}
        page = {"host": "gate", "origin": "http://gate"} if method == "POST" else {"host": "gate"}
        answer = await self.house.ask(method, path, form, **{**fields, **page, **more})
        for line in answer.fields.get("set-cookie", "").splitlines():
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    async def authorize(self, client: OAuthClient, **changed: str) -> Answer:
        """Be sent to log in by a client."""
        return await self.ask("GET", f"/oauth2/authorize?{urlencode(wanted(client, **changed))}")

    async def fill_in(self, page: Answer, **more: str) -> Answer:
        """Fill in the form of a page."""
        return await self.ask("POST", "/oauth2/login", {**hidden(page), **more})

    async def log_in(self, client: OAuthClient, password: str = PASSWORD, **changed: str) -> Answer:
        """Be sent to log in, and do."""
        page = await self.authorize(client, **changed)
        if page.status == 303:  # somebody is logged in
            return page
        return await self.fill_in(page, username="ada", password=password)

    async def code(self, client: OAuthClient, **changed: str) -> str:
        """Log in, and return the code that the client gets."""
        return told(await self.log_in(client, **changed))["code"]


def wanted(client: OAuthClient, **changed: str) -> dict[str, str]:
    """Return what a client asks for; what is changed to nothing is left out."""
    asked = {
        "response_type": "code",
        "client_id": client.id,
        "redirect_uri": BACK,
        "state": "st&te",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changed,
    }
    return {name: value for name, value in asked.items() if value}


def hidden(page: Answer) -> dict[str, str]:
    """Return what a page's form holds."""
    found = _HIDDEN.findall(page.body.decode())
    return {unescape(name): unescape(value) for name, value in found}


def told(answer: Answer) -> dict[str, str]:
    """Return what a client is told by way of the browser."""
    assert answer.status == 303, answer
    return dict(parse_qsl(urlsplit(answer.fields["location"]).query))


Work = Callable[[OAuthHouse], Awaitable[None]]


def within(folder: Path, work: Work) -> None:
    """Do the work in a house of its own."""
    at(in_folder(folder), work)


def at(url: DatabaseUrl, work: Work) -> None:
    """Do the work in an empty house in this database, where ada is."""

    async def done() -> None:
        async with emptied(url, *_EMPTIED, *identity_house._EMPTIED) as database:
            house = OAuthHouse(House(database))
            house.issuing = msgspec.structs.replace(ISSUING, roles=ROLES)
            try:
                await house.look()
                await house.ada()
                await work(house)
            finally:
                assert house.sign_in is not None
                house.sign_in.passwords.close()

    asyncio.run(done())


async def _answered(
    app: PublicApp, method: str, path: str, sent: bytes, fields: Mapping[str, str]
) -> Answer:
    target, _, query = path.partition("?")
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": target,
        "raw_path": target.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [
            (name.replace("_", "-").encode(), text.encode("latin-1"))
            for name, text in fields.items()
        ],
    }
    said: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": sent, "more_body": False}

    async def send(message: Message) -> None:
        said.append(message)

    await app(scope, receive, send)
    found: dict[str, str] = {}
    for name, text in said[0]["headers"]:
        before = found.get(name.decode())
        found[name.decode()] = text.decode() if before is None else f"{before}\n{text.decode()}"
    body = b"".join(message.get("body", b"") for message in said[1:])
    return Answer(said[0]["status"], found, body)

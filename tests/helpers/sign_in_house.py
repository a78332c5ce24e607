"""Everything that issues tokens, over SQLite in a file, with a clock of the test's."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from tests.helpers.asgi import Answer, App, Message
from tests.helpers.databases import emptied
from tests.helpers.identity_house import ISSUING, KEY, LASTING, NOW, House
from tta_gateway.features.identity import refresh_token
from tta_gateway.features.identity.accounts import Accounts
from tta_gateway.features.identity.bearer import Bearers
from tta_gateway.features.identity.bound import OWN_ISSUER, IdentityBound, Issuer, Issuing
from tta_gateway.features.identity.key_keeper import KeyKeeper
from tta_gateway.features.identity.own_passwords import OwnPasswords
from tta_gateway.features.identity.recheck import Rechecker
from tta_gateway.features.identity.registration import Registration
from tta_gateway.features.identity.second_factor import SecondFactors
from tta_gateway.features.identity.sign_in import Grant, SignIn, Stores
from tta_gateway.features.identity.sql_account_codes import SqlAccountCodes
from tta_gateway.features.identity.sql_recheck import SqlRecheck
from tta_gateway.features.identity.verifier import verifier
from tta_gateway.support.metrics import Registry
from tta_gateway.support.sql.url import in_folder

PASSWORD = "correct horse battery"
ADDRESS = "192.0.2.1"
OWN = Issuer(
    name=OWN_ISSUER,
    issuer=ISSUING.url,
    audiences=ISSUING.audiences,
    types=("at+jwt",),
    role_claim="roles",
    levels={"2": 2},
    narrows="clients",
    roles=tuple(ISSUING.roles),
    leeway=10.0,
    longest=ISSUING.access,
)


class SignInHouse:
    """All of it; `now` is the time."""

    def __init__(self, kept: House) -> None:
        self.kept = kept
        self.now = NOW
        self.events: list[tuple[str, dict[str, object]]] = []
        self.told = 0
        self.ids = 0
        self.issuing: Issuing | None = ISSUING
        self.keys: KeyKeeper | None = KeyKeeper(
            kept.keys, issuing=self._issuing, sealing=lambda: KEY, wall=self.wall
        )
        self.sealing = KEY
        self.sign_in: SignIn | None = SignIn(
            Stores(kept.users, kept.sessions, kept.failures, kept.logins),
            self.keys,
            issuing=self._issuing,
            key=lambda: KEY,
            wall=self.wall,
            new_id=self.new_id,
        )
        self.sign_in.log = self
        self.second_factors: SecondFactors | None = SecondFactors(
            kept.factors,
            self.sign_in,
            issuing=self._issuing,
            key=lambda: KEY,
            sealing=lambda: self.sealing,
            wall=self.wall,
        )
        self.sign_in.gate = self.second_factors
        self.sign_in.ended = self._changed
        self.said: list[str] = []
        self.counts = Registry()
        self.rechecker = self.sign_in.rechecker = Rechecker(
            SqlRecheck(lambda: kept.database, lasting=lambda: LASTING),
            issuing=self._issuing,
            key=lambda: self.sealing,
            wall=self.wall,
            log=self,
            counts=self.counts,
        )
        self.rechecker.ended, self.rechecker.degraded = self._changed, self.said.append
        self.accounts: Accounts | None = Accounts(
            kept.users,
            self.sign_in.passwords,
            roles=lambda: ISSUING.roles,
            wall=self.wall,
            new_id=self.new_id,
        )
        self.accounts.changed = self._changed
        self.codes = SqlAccountCodes(lambda: kept.database, lasting=lambda: LASTING)
        self.registration: Registration | None = Registration(
            self.codes,
            self.sign_in,
            self.accounts,
            issuing=self._issuing,
            wall=self.wall,
            new_id=self.new_id,
        )
        self.own_passwords: OwnPasswords | None = OwnPasswords(
            self.codes,
            self.sign_in,
            self.second_factors,
            issuing=self._issuing,
            wall=self.wall,
            new_id=self.new_id,
        )
        self.own_passwords.changed = self._changed
        self.steps: list[tuple[str, str, str]] = []
        self.registration.tell = self.own_passwords.tell = self._step
        self.bearers = Bearers(wall=self.wall)

    def _step(self, step: str, subject: str, by: str) -> None:
        self.steps.append((step, subject, by))

    def wall(self) -> float:
        return self.now

    def new_id(self) -> str:
        self.ids += 1
        return f"id-{self.ids}"

    def _issuing(self) -> Issuing:
        assert self.issuing is not None
        return self.issuing

    async def _changed(self) -> None:
        self.told += 1

    revealed = 0

    def event(self, name: str, **fields: object) -> None:
        self.events.append((name, fields))

    async def look(self) -> None:
        """Take up keys as they are."""
        assert self.keys is not None
        await self.keys.look()
        bound = IdentityBound(own=OWN)
        self.bearers.verifier = verifier(bound, self.keys.told().keys)

    async def reveal(self) -> None:
        """Have every node take up what has been revoked."""
        self.revealed += 1

    def key_set(self) -> dict[str, list[dict[str, object]]]:
        assert self.keys is not None
        return self.keys.key_set()

    async def login(self, name: str = "ada", password: str = PASSWORD) -> Grant:
        """Log in."""
        assert self.sign_in is not None
        return await self.sign_in.login(name, password, address=ADDRESS)

    async def ada(self, *roles: str) -> None:
        """Have a user."""
        assert self.accounts is not None
        await self.accounts.create("ada", PASSWORD, roles or ("player",), by="admin")


def within(
    folder: Path, work: Callable[[SignInHouse], Awaitable[None]], *, now: float = NOW
) -> None:
    """Do the work in a house with a key."""

    async def done() -> None:
        async with emptied(in_folder(folder)) as database:
            house = SignInHouse(House(database))
            house.now = now
            try:
                await house.look()
                await work(house)
            finally:
                if house.sign_in is not None:
                    house.sign_in.passwords.close()

    asyncio.run(done())


async def answered(
    app: App,
    method: str,
    path: str,
    body: Mapping[str, object] | None = None,
    **fields: str,
) -> Answer:
    """Return what an app says; `_` in a field's name is `-`."""
    said: list[Message] = []
    target, _, query = path.partition("?")
    sent = b"" if body is None else json.dumps(body).encode()
    if body is not None:
        fields.setdefault("content_type", "application/json")
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

    async def receive() -> Message:
        return {"type": "http.request", "body": sent, "more_body": False}

    async def send(message: Message) -> None:
        said.append(message)

    await app(scope, receive, send)
    told: dict[str, str] = {}
    for name, text in said[0]["headers"]:  # one that is there twice stands in two lines
        before = told.get(name.decode())
        told[name.decode()] = text.decode() if before is None else f"{before}\n{text.decode()}"
    return Answer(
        said[0]["status"],
        told,
        b"".join(message.get("body", b"") for message in said[1:]),
    )


def a_token() -> str:
    """Return a refresh token that nobody knows."""
    return refresh_token.first()

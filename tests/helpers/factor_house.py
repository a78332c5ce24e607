"""Somebody with second factors, who asks the endpoints: an authenticator, a key, and the codes."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pyotp

from tests.helpers.asgi import Answer
from tests.helpers.sign_in_house import PASSWORD, SignInHouse, answered, within
from tests.helpers.soft_key import SoftKey
from tta_gateway.features.identity import api, factors_api
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.node.public_api import PublicApp

AUTH: Final = "/api/v1/auth"
STEP: Final = 30.0


class Person:
    """Somebody who has logged in, or is about to."""

    def __init__(self, house: SignInHouse, name: str = "ada") -> None:
        self.house = house
        self.name = name
        self.token = ""
        self.refresh = ""
        self.secret = ""
        self.codes: list[str] = []
        self.failed: list[Exception] = []
        self.app = PublicApp(
            [api.router(house), factors_api.router(house)],
            bound=ProblemBound,
            failed=lambda _, error: self.failed.append(error),
        )

    async def ask(
        self,
        method: str,
        word: str,
        body: dict[str, Any] | None = None,
        *,
        token: str | None = None,
    ) -> Answer:
        """Ask, with the access token unless another one is given."""
        shown = self.token if token is None else token
        fields = {"authorization": f"Bearer {shown}"} if shown else {}
        answer = await answered(self.app, method, f"{AUTH}/{word}", body, **fields)
        assert self.failed == []
        return answer

    async def post(
        self, word: str, body: dict[str, Any] | None = None, *, token: str | None = None
    ) -> Answer:
        """Post."""
        return await self.ask("POST", word, {} if body is None else body, token=token)

    async def login(self) -> Answer:
        """Log in, with a password that is right."""
        body = {"username": self.name, "password": PASSWORD}
        return self.taken(await self.post("login", body, token=""))

    async def asked(self) -> dict[str, Any]:
        """Log in, and return what is asked."""
        answer = await self.login()
        assert answer.json["mfa_required"] is True, answer.json
        challenge: dict[str, Any] = answer.json["mfa_challenge"]
        return challenge

    def taken(self, answer: Answer) -> Answer:
        """Keep the tokens of an answer, if there are any."""
        self.token = answer.json.get("access_token") or self.token
        self.refresh = answer.json.get("refresh_token") or self.refresh
        return answer

    def code(self, later: float = 0.0) -> str:
        """Return what the authenticator shows."""
        return pyotp.TOTP(self.secret).at(int(self.house.now + later))

    def next_code(self) -> str:
        """Wait for the next code, and return it."""
        self.house.now += STEP
        return self.code()

    async def enrol_totp(self, mfa_token: str = "") -> Answer:
        """Enrol an authenticator."""
        who = {"mfa_token": mfa_token} if mfa_token else {}
        token = "" if mfa_token else None
        begun = await self.post("mfa/totp", who, token=token)
        assert begun.status == 200, begun.json
        self.secret = begun.json["secret"]
        body = {**who, "enrolment": begun.json["enrolment"], "code": self.code()}
        done = self.taken(await self.post("mfa/totp/confirm", body, token=token))
        self.codes = done.json.get("recovery_codes") or self.codes
        return done

    async def enrol_key(self, key: SoftKey) -> Answer:
        """Enrol a security key."""
        begun = await self.post("mfa/webauthn/options")
        assert begun.status == 200, begun.json
        said = key.create(begun.json["webauthn"])
        body = {"enrolment": begun.json["enrolment"], "credential": said}
        done = self.taken(await self.post("mfa/webauthn", body))
        self.codes = done.json.get("recovery_codes") or self.codes
        return done

    async def verify(self, mfa_token: str, method: str = "totp", **said: object) -> Answer:
        """Show a second factor."""
        body = {"mfa_token": mfa_token, "method": method, **said}
        return self.taken(await self.post("mfa/verify", body, token=""))


async def somebody(house: SignInHouse, name: str = "ada", *roles: str) -> Person:
    """Return somebody who has logged in."""
    assert house.accounts is not None
    await house.accounts.create(name, PASSWORD, roles or ("player",), by="admin")
    made = Person(house, name)
    await made.login()
    return made


def with_ada(folder: Path, work: Callable[[Person], Awaitable[None]], *roles: str) -> None:
    """Do the work with somebody who has logged in."""

    async def done(house: SignInHouse) -> None:
        await work(await somebody(house, "ada", *roles))

    within(folder, done)

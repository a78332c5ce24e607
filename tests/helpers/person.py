"""Somebody with an authenticator, who logs in at a gateway of processes."""

import time
from typing import Any

import pyotp

from tests.helpers.issuing_gateway import AUTH, PASSWORD, Answer, Issuing


class Person:
    """Somebody with an authenticator, whose clock can be moved on by a step."""

    def __init__(self, one: Issuing, name: str, *roles: str, is_there: bool = False) -> None:
        if not is_there:
            one.user(name, *roles)
        self.one, self.name = one, name
        self.secret = self.token = self.refresh = ""
        self.codes: list[str] = []

    def at(self, other: Issuing) -> "Person":
        """Return the same one, at another node."""
        made = Person(other, self.name, is_there=True)
        made.secret, made.codes = self.secret, self.codes
        return made

    def post(self, word: str, body: dict[str, Any], *, token: str | None = None) -> Answer:
        """Ask, and keep the tokens."""
        shown = self.token if token is None else token
        answer = self.one.ask("POST", f"{AUTH}/{word}", body, token=shown)
        self.token = answer.told.get("access_token") or self.token
        self.refresh = answer.told.get("refresh_token") or self.refresh
        return answer

    def login(self) -> Answer:
        """Log in with the password."""
        return self.post("login", {"username": self.name, "password": PASSWORD}, token="")

    def asked(self) -> str:
        """Log in as far as the second factor."""
        told = self.login().told
        assert told["mfa_required"] is True, told
        return str(told["mfa_challenge"]["mfa_token"])

    def enrol(self, mfa_token: str = "") -> Answer:
        """Enrol the authenticator, by the code of the step before."""
        who = {"mfa_token": mfa_token} if mfa_token else {}
        begun = self.post("mfa/totp", who)
        assert begun.status == 200, begun
        self.secret = begun.told["secret"]
        body = {**who, "enrolment": begun.told["enrolment"], "code": self.code(-1)}
        done = self.post("mfa/totp/confirm", body)
        self.codes = done.told.get("recovery_codes", [])
        return done

    def code(self, steps: int) -> str:
        """Return what the authenticator shows, so many steps from now: each counts once."""
        return pyotp.TOTP(self.secret).at(int(time.time()) + 30 * steps)

    def heard(self, path: str) -> tuple[int, str]:
        """Call a route."""
        answer = self.one.ask("GET", path, token=self.token)
        return answer.status, answer.code

"""Requests for authorization: read strictly, and answered at the client's address alone.

Until client and address are known to belong together nothing is sent anywhere (RFC 6749 4.1.2.1,
RFC 9700 4.11): a person is told.  From then on errors go to the client, each with `state` and `iss`
(RFC 9207).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode

from tta_gateway.features.identity.oauth_client import CODE, OPENID, OAuthClient

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")  # what S256 makes (RFC 7636 4.2)
_LONGEST: Final = 4096  # characters of a value
_MOST: Final = 64
_SECONDS: Final = re.compile(r"[0-9]{1,9}")
PARAMETERS: Final = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "max_age",
    "login_hint",
    "response_mode",
)
"""Those that are looked at; others are passed over (RFC 6749 3.1)."""
_ELSEWHERE: Final = {"request": "request_not_supported", "request_uri": "request_uri_not_supported"}


class NotARequest(ValueError):
    """Nothing of OAuth; the words are for who has sent it."""


class Refused(Exception):
    """The client hears that it does not get what it asks for."""

    def __init__(self, error: str, description: str) -> None:
        """Keep the word of RFC 6749 4.1.2.1 or OpenID Connect Core 3.1.2.6, and what is wrong."""
        super().__init__(description)
        self.error = error
        self.description = description


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client asks for, that may ask for it; `said` is all that it has said."""

    client: OAuthClient
    redirect_uri: str
    scope: str
    challenge: str
    nonce: str
    prompts: frozenset[str]
    max_age: float | None
    hint: str
    said: Mapping[str, str]


def form(text: str) -> dict[str, str]:
    """Return the parameters of a query or a body; NotARequest if one of them stands there twice.

    One without a value is as if it were not there (RFC 6749 3.1).
    """
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=_MOST,
            errors="strict",
        )  # fmt: skip
    except ValueError:
        raise NotARequest("The parameters are not `application/x-www-form-urlencoded`.") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotARequest("A parameter stands there twice.")
    if any("\0" in value for value in found.values()):
        raise NotARequest("A parameter holds NUL.")
    if any(len(value) > _LONGEST for value in found.values()):
        raise NotARequest(f"A parameter is longer than {_LONGEST} characters.")
    return {name: value for name, value in found.items() if value}


def address(client: OAuthClient | None, said: Mapping[str, str]) -> str:
    """Return where answers to a request go; NotARequest if that is not sure."""
    if client is None:
        raise NotARequest("The program that sent you here is not known (`client_id`).")
    uri = said.get("redirect_uri", "")
    if not client.answers_at(uri):
        raise NotARequest(
            "The address that the answer is to go to is not one of the program's (`redirect_uri`)."
        )
    return uri


def wish(client: OAuthClient, said: Mapping[str, str]) -> Wish:
    """Return what a client asks for, whose address has been looked at; Refused."""
    _look_at_kind(client, said)
    _look_at_challenge(said)
    scope = client.scope_of(said.get("scope", ""))
    if scope is None:
        raise Refused("invalid_scope", "The client may not have that scope.")
    prompts = frozenset(said.get("prompt", "").split())
    if "none" in prompts and len(prompts) > 1:
        raise Refused("invalid_request", "prompt: `none` stands alone.")
    age = said.get("max_age")
    if age is not None and not _SECONDS.fullmatch(age):
        raise Refused("invalid_request", "max_age is a number of seconds.")
    return Wish(
        client=client,
        redirect_uri=said["redirect_uri"],
        scope=scope,
        challenge=said["code_challenge"],
        nonce=said.get("nonce", "") if OPENID in scope.split() else "",
        prompts=prompts,
        max_age=None if age is None else float(age),
        hint=said.get("login_hint", ""),
        said={name: said[name] for name in PARAMETERS if name in said},
    )


def _look_at_kind(client: OAuthClient, said: Mapping[str, str]) -> None:
    for name, error in _ELSEWHERE.items():
        if name in said:
            raise Refused(error, f"`{name}` is not taken here: send the parameters themselves.")
    if "response_type" not in said:
        raise Refused("invalid_request", "response_type is missing: `code`.")
    if said["response_type"] != "code":
        raise Refused("unsupported_response_type", "Only `response_type=code` is answered here.")
    if said.get("response_mode", "query") != "query":
        raise Refused("invalid_request", "Answers come in the query: leave `response_mode` out.")
    if not client.may(CODE):
        raise Refused("unauthorized_client", "The client may not ask for codes.")


def _look_at_challenge(said: Mapping[str, str]) -> None:
    """Refuse a request without PKCE; left out, the method would be `plain` (RFC 7636 4.3)."""
    if said.get("code_challenge_method") != "S256":
        raise Refused("invalid_request", "PKCE is needed: `code_challenge_method=S256`.")
    if not _CHALLENGE.fullmatch(said.get("code_challenge", "")):
        raise Refused("invalid_request", "code_challenge is not what S256 makes (RFC 7636 4.2).")


def answer(uri: str, issuer: str, state: str, pairs: Sequence[tuple[str, str]]) -> str:
    """Return where a browser goes with an answer: its own query stays (RFC 6749 3.1.2)."""
    told = [*pairs, *([("state", state)] if state else []), ("iss", issuer)]
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode(told)}"

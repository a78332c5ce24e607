"""Tickets for whoever shows an access token."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.identity_house import ISSUING
from tests.helpers.sign_in_house import OWN, SignInHouse, answered, within
from tta_gateway.features.identity.bound import IdentityBound
from tta_gateway.features.identity.public import TICKET
from tta_gateway.features.identity.revoked import issued
from tta_gateway.features.identity.ticket import Tickets, issuer_of
from tta_gateway.features.identity.ticket_api import claims, router
from tta_gateway.features.identity.verifier import verifier
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.kernel.principal import Principal
from tta_gateway.node.public_api import PublicApp


class Client:
    """Somebody who asks for one."""

    def __init__(self, house: SignInHouse) -> None:
        self.house = house
        self.failed: list[Exception] = []
        self.app = PublicApp(
            [router(house)], bound=ProblemBound, failed=lambda _, error: self.failed.append(error)
        )

    async def ask(self, body: dict[str, object], token: str = "") -> tuple[int, Any]:
        fields = {"authorization": f"Bearer {token}"} if token else {}
        answer = await answered(self.app, "POST", TICKET, body, **fields)
        assert self.failed == []
        return answer.status, answer.json


def asked(folder: Path, work: Callable[[Client], Awaitable[None]]) -> None:
    async def done(house: SignInHouse) -> None:
        await house.ada("player", "therapist")
        await work(Client(house))

    within(folder, done)


def test_a_ticket_is_for_whoever_the_token_is_of(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        house = client.house
        grant = await house.login()
        status, told = await client.ask({"path": "/ws/chat"}, grant.access_token)
        assert (status, told["expires_in"]) == (200, 30)
        assert house.keys is not None
        believed = IdentityBound(own=issuer_of(OWN))
        tickets = Tickets(verifier(believed, house.keys.told().keys))
        found = tickets.proved(told["ticket"].encode(), b"/ws/chat", house.now)
        assert isinstance(found, Principal)
        assert (found.subject, found.session) == (grant.user.id, grant.session.id)
        assert found.roles == {"player", "therapist"}
        assert (found.claims["client_id"], found.is_narrow) == ("tta-gateway", False)
        token = house.bearers.verifier.prove(grant.access_token.encode(), house.now)
        assert isinstance(token, Principal)
        assert (found.expires, found.level) == (token.expires, token.level)
        assert issued(found) == issued(token)
        # As an access token it is worth nothing.
        assert not isinstance(
            house.bearers.verifier.prove(told["ticket"].encode(), house.now), Principal
        )
        _, another = await client.ask({"path": "/ws/chat"}, grant.access_token)
        assert another["ticket"] != told["ticket"]

    asked(tmp_path, work)


def test_who_shows_no_token_or_a_ticket_gets_none(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        grant = await client.house.login()
        _, told = await client.ask({"path": "/a"}, grant.access_token)
        for token, code in (("", "identity_token_missing"), (told["ticket"], "_token_purpose")):
            status, refused = await client.ask({"path": "/a"}, token)
            assert status == 401
            assert refused["code"].endswith(code)

    asked(tmp_path, work)


@pytest.mark.parametrize("path", ["", "ws", "/a b", "/\u00e4", "/" + "a" * 1024])
def test_what_is_no_path_is_refused(tmp_path: Path, path: str) -> None:
    async def work(client: Client) -> None:
        grant = await client.house.login()
        status, _ = await client.ask({"path": path}, grant.access_token)
        assert status in (400, 422)

    asked(tmp_path, work)


def test_without_keys_it_says_so(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        house, grant = client.house, await client.house.login()
        house.keys = None
        status, told = await client.ask({"path": "/a"}, grant.access_token)
        assert (status, told["code"]) == (503, "identity_store_unavailable")
        house.issuing = None
        assert (await client.ask({"path": "/a"}, grant.access_token))[0] == 404

    asked(tmp_path, work)


def test_it_says_how_well_somebody_is_proved() -> None:
    who = Principal(subject="p1", issuer="gateway", level=2, claims={"iat": 5.0})
    said = claims(ISSUING, who, "/ws", now=7.0, new_id=lambda: "t")
    assert (said["acr"], said["since"], said["iat"]) == ("2", 5.0, 7.0)

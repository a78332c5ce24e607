"""Issuing in control: what lasts is told to workers, whichever node has changed it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from fastapi import FastAPI

from tests.helpers.configuration import loaded
from tests.helpers.fake_clock import FakeClock
from tests.helpers.sign_in_house import PASSWORD, answered
from tests.unit.features.identity.issuing import NOW, a_signer, a_token
from tta_gateway.features.identity.api_key_store import Refusal
from tta_gateway.features.identity.api_keys_admin import router
from tta_gateway.features.identity.bound import (
    API_KEYS,
    KEYS,
    REVOKED,
    IssuerKeys,
    OwnKeys,
    RevokedTokens,
)
from tta_gateway.features.identity.oauth_client import Terms
from tta_gateway.features.identity.oauth_clients import NotSo
from tta_gateway.features.identity.sign_in import Grant, SignIn
from tta_gateway.kernel.errors import ClientFault
from tta_gateway.node.databases import Databases
from tta_gateway.node.degraded import Degrading, say
from tta_gateway.node.issuing import Issuance
from tta_gateway.node.proving import keys_of, revoked_of
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.snapshot.parts import Parts, base_of, parted
from tta_gateway.support.metrics import Registry
from tta_gateway.support.sql.away import Unavailable

ISSUING = "identity: {issuing: {url: 'https://gate'}}\n"


class Node:
    """A control process of a state folder that all nodes of a test share, as its database."""

    def __init__(
        self, state: Path, clock: FakeClock, known: dict[str, bytes] | None = None
    ) -> None:
        self.clock = clock
        self.state = state
        self.known = known if known is not None else {}
        self.put_now = asyncio.Event()
        self.events: list[str] = []
        self.databases = Databases(cast("Any", self))
        self.issuance = Issuance(
            self.databases, cast("Any", self), log=cast("Any", self), clock=clock, counts=Registry()
        )

    def event(self, name: str, **_: object) -> None:
        self.events.append(name)

    def put(self, name: str, finding: msgspec.Struct | None) -> None:
        if finding is None:
            del self.known[name]
        else:
            self.known[name] = msgspec.msgpack.encode(finding)
        self.put_now.set()

    def parts(self, text: str = ISSUING) -> Parts:
        snapshot = compile_snapshot(loaded(f"state_dir: {self.state}\n{text}").settings, 1)
        return parted(snapshot)

    async def begin(self, text: str = ISSUING) -> "Node":
        """Go by a configuration, with its database."""
        parts = self.parts(text)
        live = {name: msgspec.Raw(raw) for name, raw in self.known.items()}
        self.issuance.recover(live, cast("Any", self))
        self.issuance.adopt(parts, self.state)
        self.databases.adopt(base_of(parts), is_needed=self.issuance.issuing is not None)
        await self.databases.look()
        return self

    @property
    def sign_in(self) -> SignIn:
        assert self.issuance.sign_in is not None
        return self.issuance.sign_in

    async def ada(self) -> Grant:
        """Make a user and log in."""
        assert self.issuance.accounts is not None
        await self.issuance.accounts.create("ada", PASSWORD, ("player",), by="admin")
        return await self.login()

    async def login(self) -> Grant:
        return await self.sign_in.login("ada", PASSWORD, address="192.0.2.1")

    def counts(self, grant: Grant) -> bool:
        """Whether an access token counts here."""
        try:
            return self.issuance.bearers.ours(f"Bearer {grant.access_token}") is not None
        except ClientFault:
            return False

    def revoked(self) -> dict[str, RevokedTokens]:
        told = ((name, raw) for name, raw in self.known.items() if name.startswith(REVOKED))
        return {name: revoked_of(raw) for name, raw in told}

    async def end(self) -> None:
        self.issuance.adopt(self.parts(""), self.state)
        self.databases.adopt(base_of(self.parts("")), is_needed=False)
        await self.databases.look()


class House:
    """Makes nodes, and ends them."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.clock = FakeClock()
        self.nodes: list[Node] = []

    async def node(self, text: str = ISSUING, known: dict[str, bytes] | None = None) -> Node:
        made = Node(self.state, self.clock, known)
        self.nodes.append(made)
        return await made.begin(text)


def within(state: Path, work: Callable[[House], Awaitable[None]]) -> None:
    async def done() -> None:
        house = House(state)
        try:
            await work(house)
        finally:
            for node in house.nodes:
                await node.end()

    asyncio.run(done())


def test_control_believes_what_issuers_have_published_as_workers_do(tmp_path: Path) -> None:
    text = "identity: {issuers: [{name: clinic, keys_url: 'https://a/b', issuer: 'https://home'}]}"

    async def work(house: House) -> None:
        node, signer = await house.node(text + "\n"), a_signer()
        node.clock.advance(NOW - node.clock.wall())
        shown = "Bearer " + a_token(signer).decode()
        with pytest.raises(ClientFault):
            node.issuance.bearers.needed(shown)
        jwk = json.dumps(signer.as_dict(private=False)).encode()
        node.issuance.published = {"clinic": IssuerKeys(url="https://a/b", keys=(jwk,))}
        node.issuance.believe()
        assert node.issuance.bearers.needed(shown).subject == "clinic:p1"

    within(tmp_path, work)


def test_where_nothing_is_issued_there_is_nobody_to_ask(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        node = await house.node("")
        assert (node.issuance.issuing, node.issuance.sign_in) == (None, None)
        with pytest.raises(Unavailable):
            node.issuance.key_set()

    within(tmp_path, work)


def test_who_still_waits_when_issuing_ends_hears_that_it_has(tmp_path: Path) -> None:
    """And whoever looks for ever goes on, for whenever it begins again."""

    async def work(house: House) -> None:
        node = await house.node()
        await node.issuance.look()
        node.issuance.adopt(node.parts(""), node.state)
        with pytest.raises(Unavailable, match="any more"):
            node.issuance.roles()

    within(tmp_path, work)


def test_a_key_is_made_and_told_and_tokens_of_it_count(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        node = await house.node()
        await node.issuance.look()
        assert len(msgspec.msgpack.decode(node.known[KEYS], type=OwnKeys).keys) == 1
        assert len(node.issuance.key_set()["keys"]) == 1
        assert node.counts(await node.ada())
        await node.issuance.look()
        assert node.events == ["signing_keys_changed"]

    within(tmp_path, work)


def test_what_one_node_has_issued_and_ended_another_knows_of(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        one, other = await house.node(), await house.node()
        await one.issuance.look()
        grant = await one.ada()
        await other.issuance.look()
        assert other.counts(grant)
        await one.sign_in.logout(grant.user.id, grant.session.id)
        await other.issuance.look()
        assert not other.counts(grant)
        (told,) = other.revoked().values()
        assert {*told.sessions} == {grant.session.id}

    within(tmp_path, work)


def test_who_is_disabled_is_out_everywhere(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        one, other = await house.node(), await house.node()
        await one.issuance.look()
        grant = await one.ada()
        assert one.issuance.accounts is not None
        await one.issuance.accounts.disable(grant.user)
        for node in (one, other):
            await node.issuance.look()
            assert not node.counts(grant)
            (told,) = node.revoked().values()
            assert {*told.subjects} == {grant.user.id}

    within(tmp_path, work)


def test_the_next_control_goes_on_with_what_was_told_before_it_has_asked(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        one = await house.node()
        await one.issuance.look()
        grant, good = await one.ada(), await one.login()
        await one.sign_in.logout(grant.user.id, grant.session.id)
        await one.issuance.look()
        following = Node(house.state, house.clock, dict(one.known))
        parts = following.parts()
        live = {name: msgspec.Raw(raw) for name, raw in following.known.items()}
        following.issuance.recover(live, cast("Any", following))
        following.issuance.adopt(parts, house.state)  # and there is no database
        assert [following.counts(one) for one in (grant, good)] == [False, True]
        with pytest.raises(Unavailable):
            await following.issuance.look()
        assert following.known == one.known

    within(tmp_path, work)


def test_sections_of_a_control_before_that_say_nothing_more_go(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        stale = msgspec.msgpack.encode(RevokedTokens(sessions={"old": 1.0}))
        node = await house.node(known={f"{REVOKED}7": stale, "service/a": b"\x80"})
        await node.issuance.look()
        assert {*node.known} == {KEYS, "service/a"}

    within(tmp_path, work)


def test_what_is_over_is_told_no_more(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        node = await house.node()
        await node.issuance.look()
        grant = await node.ada()
        await node.sign_in.logout(grant.user.id, grant.session.id)
        await node.issuance.look()
        assert len(node.revoked()) == 1
        house.clock.advance(700.0)
        await node.issuance.look()
        assert node.revoked() == {}

    within(tmp_path, work)


def test_a_logout_is_told_at_once_and_what_fails_is_tried_again(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        node = Node(house.state, house.clock)
        house.nodes.append(node)
        running = asyncio.get_running_loop().create_task(node.issuance.run())
        await node.begin()
        async with asyncio.timeout(10):
            while KEYS not in node.known:
                await node.put_now.wait()
            grant = await node.ada()
            await node.sign_in.logout(grant.user.id, grant.session.id)
            assert len(node.revoked()) == 1  # before anybody has been answered
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert keys_of(msgspec.Raw(node.known[KEYS])).keys

    within(tmp_path, work)


def test_another_secret_of_the_nodes_signs_with_another_key(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        node = await house.node()
        await node.issuance.look()
        before = await node.ada()
        text = ISSUING.replace("'https://gate'", "'https://gate', algorithm: ES256")
        node.issuance.adopt(node.parts(text), house.state)
        await node.issuance.look()
        assert node.counts(before)
        assert len(node.issuance.key_set()["keys"]) == 2
        assert node.counts(await node.login())

    within(tmp_path, work)


TWO = f"{ISSUING}access: {{two_person: [admin, therapist]}}\n"


def test_keys_and_clients_that_count_no_more_are_spread_as_logouts_are(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        node = await house.node()
        await node.issuance.look()
        assert node.issuance.api_keys is not None
        assert node.issuance.registrar is not None
        told: list[set[str]] = []

        async def spread() -> None:
            """Take up what is new, as control does (features/nodes)."""
            await node.issuance.take()
            told.append({name for name in node.known if name.startswith((API_KEYS, REVOKED))})

        await node.issuance.api_keys.add("a", ["player"], [], lasts=60.0)
        node.issuance.spread = spread
        await node.issuance.api_keys.rotate("a", overlap=0.0, lasts=60.0)
        assert await node.issuance.api_keys.revoke("a") == 1
        client, _ = await node.issuance.registrar.create("b", Terms(kind="confidential"))
        await node.issuance.registrar.set_active(client, is_active=False)
        assert [len(one) for one in told] == [1, 0, 1]

    within(tmp_path, work)


def test_a_key_that_is_revoked_counts_no_more_here_where_there_are_no_other_nodes(
    tmp_path: Path,
) -> None:
    async def work(house: House) -> None:
        node = await house.node()
        await node.issuance.look()
        assert node.issuance.api_keys is not None
        await node.issuance.api_keys.add("a", ["player"], [], lasts=60.0)
        assert any(name.startswith(API_KEYS) for name in node.known)
        await node.issuance.api_keys.revoke("a")
        assert not any(name.startswith(API_KEYS) for name in node.known)

    within(tmp_path, work)


def test_the_answer_that_a_key_is_revoked_says_which_nodes_were_not_told(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        node = await house.node()
        await node.issuance.look()
        app = FastAPI()
        app.include_router(router(node.issuance))
        desk, path = Degrading(app), "/admin/v1/apikeys"

        async def spread() -> None:
            say("nodes-lapsed=1")

        node.issuance.spread = spread
        made = await answered(desk, "POST", path, {"name": "a", "roles": ["player"]})
        rotated = await answered(desk, "POST", f"{path}/a/rotate", {"overlap": 0})
        gone = await answered(desk, "DELETE", f"{path}/a")
        assert [(one.status, one.fields.get("x-degraded")) for one in (made, rotated, gone)] == [
            (201, None),
            (201, "nodes-lapsed=1"),
            (200, "nodes-lapsed=1"),
        ]

    within(tmp_path, work)


def test_programs_have_no_role_that_two_people_grant(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        node = await house.node()
        await node.issuance.look()
        keys, registrar = node.issuance.api_keys, node.issuance.registrar
        assert keys is not None
        assert registrar is not None
        terms = Terms(kind="confidential", roles=("therapist",))
        await registrar.create("before", terms)
        node.issuance.adopt(node.parts(TWO), house.state)
        with pytest.raises(Refusal, match="alone"):
            await keys.add("a", ["therapist"], [], lasts=60.0)
        with pytest.raises(NotSo, match="alone"):
            await registrar.create("after", terms)

    within(tmp_path, work)

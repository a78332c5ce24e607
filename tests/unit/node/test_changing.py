"""Where changes that two people make meet the rest of control."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest
from fastapi import HTTPException

from tests.helpers.change_store import MemoryChanges
from tests.helpers.fake_clock import FakeClock
from tests.helpers.house import Events
from tests.unit.features.changes.test_service import Kind
from tta_gateway.features.access.bound import AccessBound
from tta_gateway.features.changes.algorithm import Step
from tta_gateway.features.identity.accounts import Wrong
from tta_gateway.features.identity.problems import MISSING, NO_PERSON, NOT_OURS
from tta_gateway.features.identity.store import ACTIVE, User
from tta_gateway.kernel.errors import ClientFault
from tta_gateway.kernel.events import ChangeStepped, Event
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.two_person import Unfit
from tta_gateway.node.changing import Changing, Granting, Outside
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import Parts, parted
from tta_gateway.support.bus import Bus

PROGRAM, ELSEWHERE = "Bearer of a program", "Bearer of another issuer"


def parts(*two_person: str) -> Parts:
    bound = AccessBound(two_person=two_person, within=60.0)
    features = {"access": msgspec.Raw(msgspec.msgpack.encode(bound))}
    return parted(
        Snapshot(version=1, state_dir=".", listeners=(), services=(), routes=(), features=features)
    )


class House:
    """Changes; who shows `Bearer admin` is the administration, others show subject and role."""

    def __init__(self) -> None:
        self.clock, self.events, self.bus = FakeClock(), Events(), Bus()
        self.heard: list[Event] = []
        self.bus.subscribe(self.heard.append)
        self.store = MemoryChanges()
        self.changing = Changing(
            Outside(self.bus, cast("Any", self.events), self.clock),
            store=lambda: cast("Any", self.store),
            kinds=cast("Any", {"words": Kind()}),
            shown=self.shown,
            is_admin=lambda said: said == "Bearer admin",
        )

    def shown(self, authorization: str | None) -> Principal:
        if not authorization:
            raise ClientFault(MISSING)
        if authorization in (PROGRAM, ELSEWHERE):
            raise ClientFault(NO_PERSON if authorization == PROGRAM else NOT_OURS)
        subject, _, role = authorization.partition(" ")
        return Principal(subject=subject, issuer="clinic", roles=frozenset({role}))


@pytest.fixture
def house() -> House:
    made = House()
    made.changing.adopt(parts("therapist"))
    return made


def status(work: Callable[[], object]) -> int:
    with pytest.raises(HTTPException) as raised:
        work()
    assert raised.value.detail
    return raised.value.status_code


def test_a_person_proposes_and_decides_and_the_administration_reads(house: House) -> None:
    changing = house.changing
    changing.reader("Bearer admin")
    for role in ("admin", "clinical_supervisor"):
        changing.reader(f"p1 {role}")
        assert changing.proposer(f"p1 {role}") == changing.decider(f"p1 {role}") == "p1"
    for work in (changing.proposer, changing.decider):
        assert status(lambda work=work: work("Bearer admin")) == 403  # type: ignore[misc]
        assert status(lambda work=work: work(None)) == 401  # type: ignore[misc]
        assert status(lambda work=work: work("p1 therapist")) == 403  # type: ignore[misc]
    assert status(lambda: changing.reader("p1 player")) == 403


def test_programs_and_who_logged_in_elsewhere_are_told_who_may(house: House) -> None:
    changing = house.changing
    for shown in (PROGRAM, ELSEWHERE):
        for work in (changing.reader, changing.proposer, changing.decider):
            with pytest.raises(HTTPException) as raised:
                work(shown)
            assert raised.value.status_code == 403
            assert "a person who has logged in at the gateway" in raised.value.detail


def test_each_step_is_told_as_an_event_and_in_the_log(house: House) -> None:
    async def work() -> None:
        changes = house.changing.changes
        one = await changes.propose("words", {"word": "yes"}, reason="because", by="p1")
        assert one.until - one.proposed == 60.0
        await changes.take(one.id, Step.APPROVE, by="p2")
        other = await changes.propose("words", {"word": "no"}, reason="because", by="p1")
        house.clock.advance(61.0)

        async def once(_: float) -> None:
            raise TimeoutError

        with pytest.raises(TimeoutError):
            await house.changing.run(once)
        told = [one for one in house.heard if isinstance(one, ChangeStepped)]
        assert [(each.id, each.step, each.by) for each in told] == [
            (one.id, "propose", "p1"),
            (one.id, "approve", "p2"),
            (other.id, "propose", "p1"),
            (other.id, "expire", ""),
        ]

    asyncio.run(work())


def test_where_no_change_needs_two_there_are_none(house: House) -> None:
    house.changing.adopt(parts())
    assert status(lambda: house.changing.changes) == 409
    assert status(lambda: House().changing.changes) == 409

    async def once(_: float) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        asyncio.run(house.changing.run(once))


class Issuance:
    """Users of whom `ada` is one, a player."""

    def __init__(self) -> None:
        self.accounts: Issuance | None = self
        self.revealed = 0

    async def grantable(self, name: str, roles: list[str]) -> User:
        if name != "ada" or "king" in roles:
            raise Wrong("no")
        return User("u1", "ada", ACTIVE, 0.0, 0.0, frozenset({"player"}))

    def roles(self) -> tuple[str, ...]:
        return ("player", "therapist")

    async def reveal(self) -> None:
        self.revealed += 1


def test_a_grant_is_prepared_with_who_it_is_and_which_roles() -> None:
    issuance = Issuance()
    granting = Granting(cast("Any", issuance))
    made = asyncio.run(granting.prepare({"user": "ada", "grant": ["therapist"]}))
    assert json.loads(made.change) == {"user": "u1", "grant": ["therapist"]}
    assert made.summary == "grant therapist to ada"
    asked: list[dict[str, object]] = [
        {},
        {"user": "ada"},
        {"user": "ada", "grant": []},
        {"user": "ada", "grant": ["therapist"], "revoke": []},
        {"user": "bob", "grant": ["therapist"]},
        {"user": "ada", "grant": ["king"]},
    ]
    for one in asked:
        with pytest.raises(Unfit):
            asyncio.run(granting.prepare(one))
    asyncio.run(granting.applied())
    assert issuance.revealed == 1
    issuance.accounts = None
    with pytest.raises(Unfit):
        asyncio.run(granting.prepare({"user": "ada", "grant": ["therapist"]}))


@pytest.mark.parametrize(
    ("role", "by", "why"), [("king", "p2", "king"), ("therapist", "u1", "your own roles")]
)
def test_a_role_that_is_no_more_or_that_would_be_one_s_own_is_not_granted(
    role: str, by: str, why: str
) -> None:
    granting = Granting(cast("Any", Issuance()))
    change = json.dumps({"user": "u1", "grant": [role]})
    with pytest.raises(Unfit, match=why):
        asyncio.run(granting.apply(cast("Any", None), change, id="1", by=by, now=1.0))

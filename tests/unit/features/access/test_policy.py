"""Who gets through to a route, and what the others are told."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar, cast

import msgspec
import pytest

from tests.helpers.builders import a_head, a_route, an_exchange, answered, from_upstream
from tta_gateway.features.access.algorithm import Ties
from tta_gateway.features.access.bound import ASKED, AccessBound, OwnerFrom, RouteAccess
from tta_gateway.features.access.metrics import GLASS, LOOKED_UP, REFUSED
from tta_gateway.features.access.policy import (
    NOBODY,
    Access,
    AskingAccess,
    BoundAccess,
    Circle,
    Look,
    book_of,
    unheard,
)
from tta_gateway.features.access.problems import NOT_THERE, OWNER_UNTOLD
from tta_gateway.kernel.events import Event, GlassUsed
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.route import Route
from tta_gateway.support.metrics import Registry

T = TypeVar("T")
NOW = 1_800_000_000.0
PROGRESS = RouteAccess(default="progress:read", owner="player_id")
ROLES: Mapping[str, tuple[str, ...]] = {
    "player": ("progress:read:own", "notes:write:own", "worlds:read"),
    "therapist": ("progress:read:care", "notes:read:care", "content:clinical"),
    "service": ("progress:read",),
    "admin": ("notes:read", "users:read"),
}


class Consent:
    """One person's consent that another may read."""

    def covers(self, person: str, reader: str) -> bool:
        return (person, reader) == ("p3", "t1")


class House:
    """A route that asks, and who is known to it."""

    def __init__(self, bound: RouteAccess = PROGRESS) -> None:
        self.registry = Registry()
        self.events: list[Event] = []
        self.ties = Ties()
        self.circle = Circle(self.ties, self.events.append)
        self.access = Access(
            book_of(AccessBound(roles={**ROLES})),
            self.circle,
            wall=lambda: NOW,
            registry=self.registry,
            consents=Consent(),
        )
        found = self.access.for_route(asking(bound))
        assert isinstance(found, BoundAccess)
        self.bound: BoundAccess = found

    def ask(
        self,
        role: str = "player",
        person: str = "p1",
        *,
        subject: str = "p1",
        method: str = "GET",
    ) -> tuple[Exchange, Response | None]:
        exchange = an_exchange(a_head(method, f"/{person}"))
        exchange.params = {"player_id": person}
        exchange.request_id = b"r1"
        roles = frozenset(role.split())
        exchange.principal = Principal(subject=subject, issuer="home", roles=roles)
        return exchange, self.bound.on_request(exchange)

    def code(
        self, role: str = "player", person: str = "p1", *, subject: str = "p1", method: str = "GET"
    ) -> str:
        """Why not; empty if they may."""
        _, answer = self.ask(role, person, subject=subject, method=method)
        if answer is None:
            return ""
        assert answer.problem is not None
        return answer.problem.code.removeprefix("access_")

    def detail(self, role: str, person: str = "p1") -> str:
        _, answer = self.ask(role, person)
        assert answer is not None
        return answer.detail or ""

    def counted(self, reason: str, mode: str = "enforced") -> float:
        return float(self.registry.child(REFUSED, reason, mode).values()[0])


def asking(bound: RouteAccess) -> Route:
    raw = msgspec.Raw(msgspec.msgpack.encode(bound))
    route = a_route("/{player_id}", auth="required", features={"access": raw})
    return msgspec.structs.replace(route, name="progress")


def test_a_route_that_asks_for_nothing_has_no_rule() -> None:
    assert House().access.for_route(a_route()) is None
    assert House().access.for_route(None) is None


def test_without_a_circle_nobody_is_tied_to_anybody() -> None:
    alone = Access(book_of(AccessBound(roles={**ROLES})), wall=lambda: NOW, registry=Registry())
    bound = alone.for_route(asking(PROGRESS))
    assert isinstance(bound, BoundAccess)
    exchange = an_exchange()
    exchange.params = {"player_id": "p2"}
    exchange.principal = Principal(subject="t1", issuer="h", roles=frozenset({"therapist"}))
    answer = bound.on_request(exchange)
    assert answer is not None
    assert answer.problem is NOT_THERE


def test_the_platforms_roles_count_where_no_others_are_written() -> None:
    platform = book_of(AccessBound())
    assert platform.mask({"player"}) & platform.demand("progress:read").own
    assert book_of(AccessBound(roles={})).mask({"player"}) == 1


# --- whose it is ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "person", "code"),
    [
        ("player", "p1", ""),
        ("player", "p2", "not_there"),
        ("player", "P1", "not_there"),
        ("player", "", "not_there"),
        ("service", "p2", ""),
        ("admin", "p2", "permission_missing"),
        ("admin", "p1", "permission_missing"),
        ("", "p1", "permission_missing"),
        ("unheard_of", "p1", "permission_missing"),
        ("therapist", "p2", "not_there"),
        ("player therapist", "p1", ""),
        ("admin player", "p2", "not_there"),
    ],
)
def test_a_permission_reaches_as_far_as_it_says(role: str, person: str, code: str) -> None:
    assert House().code(role, person) == code


def test_what_a_token_lists_is_looked_at_by_nobody() -> None:
    house = House()
    exchange = an_exchange(a_head())
    claims: dict[str, object] = {"permissions": ["progress:read"], "scope": "progress:read"}
    exchange.principal = Principal(
        subject="p1", issuer="home", claims=claims, scopes=frozenset({"progress:read"})
    )
    answer = house.bound.on_request(exchange)
    assert answer is not None
    assert answer.status == 403


def test_whoever_cares_for_somebody_may_see_what_is_theirs_until_it_ends() -> None:
    house = House()
    house.ties.care_for((), {"t1": {"p2": NOW + 1, "p4": NOW}})
    assert house.code("therapist", "p2", subject="t1") == ""
    assert house.code("therapist", "p4", subject="t1") == "not_there"  # it has ended
    assert house.code("therapist", "p2", subject="t2") == "not_there"
    assert house.code("player", "p2", subject="t1") == "not_there"  # their role does not reach it
    assert house.code("admin", "p2", subject="t1") == "permission_missing"


def test_who_has_been_let_in_by_the_person_may_see_what_is_theirs() -> None:
    assert House().code("therapist", "p3", subject="t1") == ""
    assert House().code("therapist", "p3", subject="t2") == "not_there"
    assert not NOBODY.covers("p3", "t1")


def test_a_clinicians_own_data_is_not_their_patients() -> None:
    assert House().code("therapist", "t1", subject="t1") == "not_there"


@pytest.mark.parametrize("person", ["p\ufffd", "\ufffd"])
def test_what_is_no_text_is_nobodys(person: str) -> None:
    house = House()
    house.ties.care_for((), {person: {person: NOW + 1}})
    assert house.code("player", person, subject=person) == "not_there"
    assert house.code("therapist", person, subject=person) == "not_there"


def test_one_answer_is_given_of_all_who_are_not_theirs() -> None:
    answers = [House().ask("player", person)[1] for person in ("p2", "p404", "x" * 100)]
    assert {(one.status, one.problem, one.detail) for one in answers if one} == {
        (404, NOT_THERE, None)
    }


def test_without_a_permission_it_must_be_theirs_or_of_whom_they_care_for() -> None:
    house = House(RouteAccess(owner="player_id"))
    house.ties.care_for((), {"t1": {"p2": NOW + 1}})
    assert house.code("", "p1") == ""
    assert house.code("service", "p2") == "not_there"
    assert house.code("therapist", "p2", subject="t1") == ""


def test_where_no_owner_is_named_what_reaches_to_care_reaches_nothing() -> None:
    """Red with any reach taken: a therapist would see what is of anybody's patients."""
    house = House(RouteAccess(default="progress:read"))
    assert [house.code(role) for role in ("player", "service")] == ["", ""]
    assert house.code("therapist") == "permission_missing"
    assert house.code("admin") == "permission_missing"


# --- methods -------------------------------------------------------------------------------------

BY_METHOD = RouteAccess(permissions={"GET": "notes:read", "POST": "notes:write"})


@pytest.mark.parametrize(
    ("method", "role", "code"),
    [
        ("GET", "admin", ""),
        ("HEAD", "admin", ""),
        ("GET", "player", "permission_missing"),
        ("HEAD", "player", "permission_missing"),
        ("POST", "player", ""),
        ("POST", "admin", "permission_missing"),
        ("DELETE", "admin", "method_closed"),
        ("OPTIONS", "player", "method_closed"),
    ],
)
def test_each_method_needs_its_own(method: str, role: str, code: str) -> None:
    assert House(BY_METHOD).code(role, method=method) == code


def test_all_others_need_the_default() -> None:
    bound = RouteAccess(permissions={"GET": "worlds:read"}, default="users:read")
    assert House(bound).code("player", method="DELETE") == "permission_missing"
    assert House(bound).code("admin", method="DELETE") == ""
    assert House(bound).code("admin", method="HEAD") == "permission_missing"


def test_a_head_that_has_its_own_is_not_a_get() -> None:
    bound = RouteAccess(permissions={"GET": "users:read", "HEAD": "worlds:read"})
    assert House(bound).code("player", method="HEAD") == ""


# --- roles and clinical content ------------------------------------------------------------------


def test_one_of_the_roles_must_be_the_callers() -> None:
    house = House(RouteAccess(roles=("therapist", "admin"), default="worlds:read"))
    assert house.code("player") == "role_missing"
    assert house.code("admin") == "permission_missing"
    assert house.code("player admin") == ""
    assert "`therapist`, `admin`" in house.detail("player")
    assert House(RouteAccess(roles=("admin",))).code("admin") == ""


def test_clinical_content_is_for_clinicians_and_for_whom_it_is_of() -> None:
    """Red with `any` taken for clinical: administrators and services are none."""
    house = House(RouteAccess(default="progress:read", owner="player_id", clinical=True))
    house.ties.care_for((), {"t1": {"p2": NOW + 1}})
    assert house.code("service", "p2") == "clinical_role_missing"
    assert house.code("service therapist", "p2") == ""
    assert house.code("player", "p1") == ""
    assert house.code("player", "p2") == "not_there"
    assert house.code("therapist", "p2", subject="t1") == ""


def test_clinical_content_without_an_owner_is_for_clinicians_alone() -> None:
    house = House(RouteAccess(default="notes:read", clinical=True))
    assert house.code("admin") == "clinical_role_missing"
    assert house.code("admin therapist") == ""
    assert House(RouteAccess(clinical=True)).code("therapist") == ""


# --- what is told --------------------------------------------------------------------------------


def test_what_is_missing_is_named() -> None:
    assert "`progress:read`" in House().detail("admin")
    assert House().detail("player", person="p2") == ""


def test_refusals_are_counted_by_what_was_missing() -> None:
    house = House()
    for _ in range(2):
        house.code("player", "p2")
    house.code("admin")
    assert (house.counted("owner"), house.counted("permission")) == (2.0, 1.0)
    assert house.counted("owner", "shadow") == 0.0


def test_in_shadow_mode_it_is_told_and_lets_through() -> None:
    house = House(RouteAccess(default="progress:read", owner="player_id", shadow=True))
    exchange, answer = house.ask("player", "p2")
    assert (answer, exchange.shadowed) == (None, "access_not_there")
    assert (house.counted("owner", "shadow"), house.counted("owner")) == (1.0, 0.0)
    exchange, _ = house.ask("player", "p1")
    assert exchange.shadowed == ""


def test_each_use_of_broken_glass_is_told() -> None:
    house = House()
    house.ties.break_glass({"t1": {"p2": NOW + 1, "p4": NOW}})
    assert house.code("therapist", "p4", subject="t1") == "not_there"
    assert house.code("player", "p2", subject="t1") == "not_there"
    assert house.events == []
    for _ in range(2):
        assert house.code("therapist", "p2", subject="t1") == ""
    used = GlassUsed(
        subject="t1", person="p2", route="progress", method="GET", request_id="r1", at=NOW
    )
    assert house.events == [used, used]
    assert house.registry.child(GLASS).values()[0] == 2.0
    unheard(used)


def test_who_cares_for_them_anyway_uses_no_glass() -> None:
    house = House()
    house.ties.break_glass({"t1": {"p2": NOW + 1}})
    house.ties.care_for((), {"t1": {"p2": NOW + 1}})
    assert house.code("therapist", "p2", subject="t1") == ""
    assert house.events == []


# --- what stays open -----------------------------------------------------------------------------


class Origin:
    """A client's end, which notes how it was ended."""

    def __init__(self) -> None:
        self.dismissed: list[tuple[int, bytes]] = []

    def dismiss(self, code: int, reason: bytes) -> None:
        self.dismissed.append((code, reason))


def opened(
    house: House, person: str = "p2", *, changed: Mapping[str, object] | None = None
) -> tuple[Exchange, Origin]:
    """What a therapist has opened, by default a WebSocket."""
    exchange, answer = house.ask("therapist", person, subject="t1")
    assert answer is None
    origin = Origin()
    exchange.origin = cast("Any", origin)
    response = from_upstream(101)
    for name, value in (changed or {}).items():
        setattr(response, name, value)
    return answered(exchange, response), origin


EVENTS = [(b"content-type", b"text/event-stream; charset=utf-8")]


@pytest.mark.parametrize("changed", [{}, {"status": 200, "fields": EVENTS}])
@pytest.mark.parametrize("glass", [True, False])
def test_what_stays_open_ends_with_the_tie_that_it_was_let_through_by(
    glass: bool, changed: dict[str, object]
) -> None:
    house = House()
    ties = {"t1": {"p2": NOW + 1}}
    house.ties.break_glass(ties) if glass else house.ties.care_for((), ties)
    exchange, origin = opened(house, changed=changed)
    house.circle.tick()
    assert origin.dismissed == []
    house.ties.break_glass({}) if glass else house.ties.care_for(("t1",), {})
    house.circle.tick()
    assert [code for code, _ in origin.dismissed] == [1008]
    assert exchange.error is not None
    assert exchange.error.problem.code == "access_ended"
    house.circle.tick()
    assert len(origin.dismissed) == 1
    assert len(house.events) == (1 if glass else 0)  # to look again is no use


def test_a_consent_lets_it_go_on_and_an_answer_that_ends_by_itself_may() -> None:
    house = House()
    _, by_consent = opened(house, "p3")
    house.ties.care_for((), {"t1": {"p2": NOW + 1}})
    _, whole = opened(house, changed={"status": 200})
    waiting, _ = house.ask("therapist", "p2", subject="t1")
    house.ties.care_for(("t1",), {})
    house.circle.tick()
    assert (by_consent.dismissed, whole.dismissed, waiting.error) == ([], [], None)


def test_what_is_over_is_not_looked_at_again_and_what_is_ones_own_never() -> None:
    house = House()
    house.ties.care_for((), {"t1": {"p2": NOW + 1}})
    exchange, origin = opened(house)
    own, _ = house.ask("player", "p1")
    assert list(house.circle.tied) == [exchange]
    house.bound.on_finish(own)
    house.bound.on_finish(exchange)
    house.ties.care_for(("t1",), {})
    house.circle.tick()
    assert (house.circle.tied, origin.dismissed) == ({}, [])


def test_one_that_ends_among_thousands_that_stay_need_not_wait_for_its_turn() -> None:
    house = House()
    house.ties.care_for((), {"t1": {"p2": NOW + 1, "p4": NOW + 1}})
    stay = [opened(house)[1] for _ in range(1900)]
    ends = opened(house, "p4")[1]
    house.ties.care_for(("t1",), {"t1": {"p2": NOW + 1}})
    house.circle.tick()
    assert ([code for code, _ in ends.dismissed], sum(len(one.dismissed) for one in stay)) == (
        [1008],
        0,
    )


def test_where_much_is_open_it_is_looked_at_a_few_at_a_time() -> None:
    house = House()
    house.ties.care_for((), {"t1": {"p2": NOW + 1}})
    origins = [opened(house)[1] for _ in range(450)]
    house.ties.care_for(("t1",), {})
    ended = []
    for _ in range(4):
        house.circle.tick()
        ended.append(sum(len(one.dismissed) for one in origins))
    assert ended == [200, 400, 450, 450]


@pytest.mark.parametrize(
    ("bound", "said"),
    [
        (PROGRESS, "needs `progress:read`; whose it is: `{player_id}`"),
        (
            RouteAccess(permissions={"GET": "worlds:read"}, default="users:read"),
            "GET needs `worlds:read`; any other needs `users:read`",
        ),
        (RouteAccess(roles=("admin", "auditor")), "one of the roles admin, auditor"),
        (
            RouteAccess(default="notes:read", clinical=True, shadow=True),
            "needs `notes:read`; clinical: its owner, or `content:clinical`; only tells, and lets "
            "through",
        ),
    ],
)
def test_it_says_what_it_asks(bound: RouteAccess, said: str) -> None:
    assert House(bound).bound.explain() == said


# --- masks ---------------------------------------------------------------------------------------


def test_what_roles_hold_is_worked_out_once_for_each_set_of_them() -> None:
    house = House()
    for role in ("player", "player", "therapist", "player"):
        house.code(role)
    known = house.access._masks
    assert known.keys() == {frozenset({"player"}), frozenset({"therapist"})}
    player, therapist = frozenset({"player"}), frozenset({"therapist"})
    known[player] = known[therapist]
    assert house.code("player", "p1") == "not_there"  # and that is what counts


def test_not_every_set_of_roles_is_remembered_for_ever() -> None:
    house = House()
    for number in range(5000):
        house.access.mask(frozenset({f"r{number}"}))
    assert len(house.access._masks) <= 4096
    assert house.access.mask(frozenset({"player"})) == house.access.book.mask({"player"})


# --- who is permitted less than their roles hold ------------------------------------------------


def permitted(house: House, role: str, person: str, *permissions: str) -> bool:
    """Whether somebody gets in who is permitted these alone."""
    exchange = an_exchange(a_head("GET", f"/{person}"))
    exchange.params = {"player_id": person}
    exchange.principal = Principal(
        subject="p1", issuer="a", roles=frozenset({role}), permitted=frozenset(permissions)
    )
    return house.bound.on_request(exchange) is None


@pytest.mark.parametrize(
    ("role", "permission", "person", "gets_in"),
    [
        ("service", "progress:read", "p2", True),
        ("service", "worlds:read", "p2", False),
        ("service", "progress:read:any", "p2", True),
        ("service", "progress:read:own", "p2", False),
        ("player", "progress:read:own", "p1", True),
        ("player", "progress:read", "p1", True),
        ("player", "progress:read", "p2", False),
        ("player", "nothing:known", "p1", False),
        ("service", "nothing:known:any", "p2", False),
    ],
)
def test_who_is_permitted_less_gets_no_further(
    role: str, permission: str, person: str, *, gets_in: bool
) -> None:
    house = House()
    for _ in range(2):  # and once more, as it is remembered
        assert permitted(house, role, person, permission) is gets_in


def test_a_role_alone_opens_nothing_to_them() -> None:
    house = House(RouteAccess(roles=("admin",)))
    assert permitted(house, "admin", "")
    assert not permitted(house, "admin", "", "users:read")


def test_few_bounds_are_remembered_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tta_gateway.features.access.policy._MOST", 2)
    access = House().access
    for name in ("a", "b", "c", "a"):
        assert access.within(frozenset({name})) == access.book.within([name])


class Proved(House):
    """A route that asks how well, and how long ago, somebody has been proved."""

    def answer(
        self,
        level: int,
        ago: float,
        *,
        subject: str = "p1",
        person: str = "p1",
        role: str = "player",
    ) -> Response | None:
        exchange = an_exchange(a_head("GET", f"/{person}"))
        exchange.params = {"player_id": person}
        exchange.principal = Principal(
            subject=subject,
            issuer="home",
            roles=frozenset((role,)),
            level=level,
            authenticated=NOW - ago,
        )
        return self.bound.on_request(exchange)


@pytest.mark.parametrize(
    ("asked", "fresh", "level", "ago", "passes"),
    [
        (0, 0.0, 1, 1e9, True),
        (1, 0.0, 1, 1e9, True),
        (2, 0.0, 1, 0.0, False),
        (2, 0.0, 2, 1e9, True),
        (2, 900.0, 2, 900.0, True),
        (2, 900.0, 2, 901.0, False),
        (2, 900.0, 1, 1.0, False),
        (0, 900.0, 1, 899.0, True),
        (0, 900.0, 2, 901.0, False),
        (0, 900.0, 1, NOW, False),  # nobody has said when
        (0, 900.0, 1, -60.0, True),
        (0, 900.0, 1, -61.0, False),  # one that has not been yet is no proof
    ],
)
def test_a_route_asks_how_well_and_how_long_ago(
    asked: int, fresh: float, level: int, ago: float, *, passes: bool
) -> None:
    house = Proved(
        RouteAccess(default="progress:read", owner="player_id", level=asked, fresh=fresh)
    )
    assert (house.answer(level, ago) is None) == passes


def test_who_is_sent_back_is_told_what_is_asked_as_rfc_9470_has_it() -> None:
    house = Proved(RouteAccess(default="progress:read", owner="player_id", level=2, fresh=900.0))
    answer = house.answer(1, 0.0)
    assert answer is not None
    assert answer.problem is not None
    assert (answer.status, answer.problem.code) == (401, "access_authentication_insufficient")
    assert answer.problem.challenge == (
        'Bearer error="insufficient_user_authentication", acr_values="2", max_age="900"'
    )
    assert "with a second factor, 900 s ago at most" in house.bound.explain()


def test_who_may_not_at_all_is_not_sent_for_a_second_factor() -> None:
    house = Proved(RouteAccess(default="notes:read", level=2))
    answer = house.answer(1, 0.0)
    assert answer is not None
    assert answer.status == 403


def test_somebody_else_s_and_nobody_s_data_ask_alike() -> None:
    house = Proved(RouteAccess(default="progress:read", owner="player_id", level=2))
    told = [house.answer(1, 0.0, role="therapist", person=one) for one in ("p1", "p9")]
    assert [one.status for one in told if one] == [401, 401]


def test_what_is_their_own_nobody_needs_a_second_factor_for_where_that_is_spared() -> None:
    bound = RouteAccess(
        default="progress:read", owner="player_id", clinical=True, level=2, spares_owner=True
    )
    house = Proved(bound)
    house.ties.care_for((), {"t1": {"p1": NOW + 60}})
    assert house.answer(1, 1e9) is None
    weak = house.answer(1, 0.0, subject="t1", role="therapist")
    assert weak is not None
    assert weak.status == 401
    assert house.answer(2, 1e9, subject="t1", role="therapist") is None
    assert "not for what is their own" in house.bound.explain()


def test_glass_is_not_used_by_who_is_sent_back() -> None:
    house = Proved(RouteAccess(default="progress:read", owner="player_id", fresh=60.0))
    house.ties.break_glass({"t1": {"p1": NOW + 60}})
    assert house.answer(1, 61.0, subject="t1", role="therapist") is not None
    assert house.events == []
    assert house.answer(1, 60.0, subject="t1", role="therapist") is None
    assert [type(one) for one in house.events] == [GlassUsed]
    assert "proved, 60 s ago at most" in house.bound.explain()


def test_a_level_that_is_only_tried_lets_through_and_tells() -> None:
    house = Proved(RouteAccess(default="worlds:read", level=2, shadow=True))
    assert house.answer(1, 0.0) is None
    assert house.registry.child(REFUSED, "level", "shadow").values()[0] == 1.0


# --- what a program is let do ------------------------------------------------------------------


def narrow(
    house: House, scopes: str, role: str = "player", person: str = "p1", *, subject: str = "p1"
) -> Response | None:
    """What a program hears that asks for somebody with these scopes."""
    exchange = an_exchange(a_head("GET", f"/{person}"))
    exchange.params = {"player_id": person}
    exchange.principal = Principal(
        subject=subject,
        issuer="gateway",
        roles=frozenset(role.split()),
        scopes=frozenset(scopes.split()),
        is_narrow=True,
    )
    return house.bound.on_request(exchange)


def said(answer: Response | None) -> tuple[str, str]:
    """Why not, and what is asked for; empty if they may."""
    if answer is None:
        return "", ""
    assert answer.problem is not None
    asked = answer.problem.challenge.partition("scope=")[2] if answer.status == 403 else ""
    return answer.problem.code.removeprefix("access_"), asked.strip('"')


SCOPE = "scope_insufficient"
ASKS = {
    "theirs": PROGRESS,
    "any": RouteAccess(default="worlds:read"),
    "clinical": RouteAccess(default="progress:read", owner="player_id", clinical=True),
    "role": RouteAccess(roles=("player", "therapist")),
    "role_too": RouteAccess(roles=("player", "therapist"), default="worlds:read"),
    "owner": RouteAccess(owner="player_id"),
    "closed": RouteAccess(permissions={"PUT": "worlds:read"}),
}


@pytest.mark.parametrize(
    ("asks", "scopes", "person", "expected"),
    [
        ("theirs", "progress:read", "p1", ("", "")),
        ("theirs", "progress:read:own", "p1", ("", "")),
        ("theirs", "all", "p1", ("", "")),
        ("theirs", "", "p1", (SCOPE, "progress:read")),
        ("theirs", "openid worlds:read", "p1", (SCOPE, "progress:read")),
        ("theirs", "progress:read", "p2", ("not_there", "")),
        ("theirs", "openid", "p2", (SCOPE, "progress:read")),  # and not a word of who is there
        ("any", "worlds:read", "p1", ("", "")),
        ("any", "progress:read", "p1", (SCOPE, "worlds:read")),
        ("clinical", "progress:read", "p1", ("", "")),  # it is their own
        ("role", "progress:read worlds:read", "p1", (SCOPE, "all")),
        ("role", "all", "p1", ("", "")),
        ("role_too", "worlds:read", "p1", ("", "")),
        ("role_too", "openid", "p1", (SCOPE, "worlds:read")),
        ("owner", "openid", "p1", (SCOPE, "all")),
        ("owner", "all", "p1", ("", "")),
        ("closed", "all", "p1", ("method_closed", "")),
    ],
)
def test_a_program_may_what_it_was_let_do_and_its_user_may(
    asks: str, scopes: str, person: str, expected: tuple[str, str]
) -> None:
    assert said(narrow(House(ASKS[asks]), scopes, person=person)) == expected


def test_no_scope_gives_what_the_user_lacks() -> None:
    house = House()
    assert said(narrow(house, "progress:read users:read all", "admin")) == (
        "permission_missing",
        "",
    )
    assert said(narrow(House(ASKS["role"]), "all", "admin")) == ("role_missing", "")
    house.ties.care_for((), {"t1": {"p2": NOW + 1}})
    assert said(narrow(house, "progress:read", "therapist", "p2", subject="t1")) == ("", "")
    assert said(narrow(house, "progress:read:own", "therapist", "p2", subject="t1")) == (
        SCOPE,
        "progress:read",
    )


def test_clinical_content_is_a_scope_of_its_own() -> None:
    house = House(ASKS["clinical"])
    house.ties.care_for((), {"t1": {"p2": NOW + 1}})
    both = "progress:read content:clinical"
    assert said(narrow(house, "progress:read", "therapist", "p2", subject="t1")) == (SCOPE, both)
    assert said(narrow(house, both, "therapist", "p2", subject="t1")) == ("", "")
    assert said(narrow(house, both, "service", "p2", subject="t1")) == (
        "clinical_role_missing",
        "",
    )


def test_sets_of_scopes_are_remembered_and_not_all_of_them() -> None:
    house = House()
    house.access._scopes.update({frozenset({str(number)}): 0 for number in range(4096)})
    for number in range(5):
        assert said(narrow(house, f"progress:read x{number}")) == ("", "")
    assert len(house.access._scopes) <= 4096


@pytest.mark.parametrize(
    "who",
    [
        Principal(
            subject="key:reports", issuer="own", roles=frozenset({"service"}), session="key:1"
        ),
        Principal(subject="c1", issuer="own", roles=frozenset({"service"}), session="epoch"),
        Principal(subject="spiffe://a/b", issuer="mtls", roles=frozenset({"service"})),
    ],
    ids=["a key", "a client", "a certificate"],
)
@pytest.mark.parametrize(
    "asks",
    [{"level": 2}, {"fresh": 900.0}, {"level": 2, "spares_owner": True}],
    ids=["a factor", "a login", "a factor of others"],
)
def test_a_program_has_shown_no_second_factor_and_logged_in_at_no_time(
    who: Principal, asks: dict[str, object]
) -> None:
    house = House(msgspec.structs.replace(PROGRESS, **asks))
    exchange = an_exchange(a_head("GET", "/p1"))
    exchange.params, exchange.principal = {"player_id": "p1"}, who
    answer = house.bound.on_request(exchange)
    assert answer is not None
    assert answer.problem is not None
    assert answer.problem.code == "access_authentication_insufficient"


# --- whose it is, asked of the service -----------------------------------------------------------

SESSION = RouteAccess(
    default="progress:read",
    owner=ASKED,
    owner_from=OwnerFrom(path="/s/{id}/messages", field="player_id"),
)


async def settled(waiting: Awaitable[T]) -> T:
    """What is waited for; compiled, it is no coroutine that asyncio knows."""
    return await waiting


class Looking:
    """What asks the service, which has houses by their names."""

    def __init__(self, asked: "Asked") -> None:
        self._asked = asked

    def mark(self, exchange: Exchange) -> bytes:
        return exchange.request.host or b""

    async def ask(self, exchange: Exchange, path: bytes) -> tuple[int, bytes]:
        self._asked.asked.append(path)
        if exchange.request.host == b"elsewhere":
            return 200, b'{"player_id": "p2"}'
        return self._asked.said.get(path, (404, b""))


class Asked:
    """A route that asks its service whose it is, and the service: it knows sessions of people."""

    def __init__(self, bound: RouteAccess = SESSION) -> None:
        self.house = House()
        self.said: dict[bytes, tuple[int, bytes]] = {
            b"/s/s1/messages": (200, b'{"player_id": "p1"}'),
            b"/s/s2/messages": (200, b'{"player_id": "p2"}'),
            b"/s/s9/messages": (502, b""),
        }
        self.asked: list[bytes] = []
        self.house.access.lookups = self
        found = self.house.access.for_route(self._route(bound))
        assert isinstance(found, AskingAccess)
        self.bound = found

    def _route(self, bound: RouteAccess) -> Route:
        raw = msgspec.Raw(msgspec.msgpack.encode(bound))
        return a_route("/x/{id}/{rest:path}", auth="required", features={"access": raw})

    def of(self, route: Route) -> Look:
        assert route.service == "players"
        return Looking(self)

    def ask(
        self,
        session: str = "s1",
        *,
        role: str = "player",
        subject: str = "p1",
        at: float = 1000.0,
        host: bytes = b"home",
    ) -> tuple[Exchange, Response | None]:
        exchange = an_exchange(a_head("GET", f"/x/{session}/more"), started=at)
        exchange.request.host = host
        exchange.params = {"id": session, "rest": "more"}
        exchange.principal = Principal(
            subject=subject, issuer="home", roles=frozenset(role.split())
        )
        found = self.bound.on_request(exchange)
        if found is None or isinstance(found, Response):
            return exchange, found
        return exchange, asyncio.run(settled(found))

    def code(self, session: str = "s1", **who: Any) -> str:  # noqa: ANN401 - of `ask`
        answer = self.ask(session, **who)[1]
        if answer is None:
            return ""
        assert answer.problem is not None
        return answer.problem.code.removeprefix("access_")

    def counted(self, result: str) -> float:
        return float(self.house.registry.child(LOOKED_UP, result).values()[0])


def test_whose_it_is_is_asked_once_in_a_while() -> None:
    one = Asked()
    assert [one.code(at=at) for at in (1000.0, 1004.9, 1005.0)] == ["", "", ""]
    assert one.asked == [b"/s/s1/messages"] * 2
    assert one.counted("told") == 2


def test_what_is_not_ones_own_and_what_is_not_there_are_one_answer() -> None:
    one = Asked()
    _, of_another = one.ask("s2")
    _, of_nobody = one.ask("s7")
    assert of_another is not None
    assert of_nobody is not None
    assert of_another.problem is of_nobody.problem is NOT_THERE
    assert of_another.detail == of_nobody.detail
    assert one.counted("hidden") == 1
    assert one.house.counted("owner") == 2


def test_nobody_is_let_in_on_a_guess() -> None:
    one = Asked()
    _, answer = one.ask("s9")
    assert answer is not None
    assert (answer.status, answer.problem) == (503, OWNER_UNTOLD)
    assert one.counted("away") == 1
    one.said[b"/s/s1/messages"] = (200, b"no json")
    assert one.code("s1") == "owner_untold"
    assert Asked(msgspec.structs.replace(SESSION, shadow=True)).code("s9") == ""


def test_an_answer_to_one_is_not_anothers() -> None:
    one = Asked(msgspec.structs.replace(SESSION, owner_from=OwnerFrom(path="/s/{id}/messages")))
    assert one.code("s1") == ""
    one.said[b"/s/s1/messages"] = (403, b"")
    assert one.code("s1") == ""  # known still
    assert one.code("s1", subject="p2") == "not_there"
    assert one.code("s1", at=1006.0) == "not_there"


def test_what_is_ones_own_in_one_house_is_not_so_in_another() -> None:
    """Red where the path alone is known: the same number is another's thing there."""
    one = Asked()
    assert one.code("s1") == ""
    assert one.code("s1", host=b"elsewhere") == "not_there"
    assert one.code("s1") == ""
    assert len(one.asked) == 2


def test_who_may_or_may_not_in_any_case_costs_no_question() -> None:
    one = Asked()
    assert one.code("s2", role="service") == ""
    assert one.code("s2", role="admin") == "permission_missing"
    assert one.asked == []
    named = Asked(msgspec.structs.replace(SESSION, roles=("therapist",)))
    assert (named.code("s1"), named.asked) == ("role_missing", [])


def test_care_reaches_as_far_as_the_service_says_whose_it_is() -> None:
    one = Asked()
    assert one.code("s2", role="therapist", subject="t1") == "not_there"
    one.house.ties.care_for((), {"t1": {"p2": NOW + 60}})
    exchange, answer = one.ask("s2", role="therapist", subject="t1")
    assert answer is None
    assert exchange in one.house.circle.tied
    one.bound.on_finish(exchange)
    assert one.house.circle.tied == {}


def test_one_caller_asks_a_few_questions_at_once() -> None:
    """Red without `Asking.begin`: a flood of them went to the service before any limit."""
    one = Asked()

    async def at_once() -> list[str]:
        under_way, refused = [], []
        for number in range(20):
            exchange = an_exchange(a_head("GET", f"/x/n{number}/more"), started=1000.0)
            exchange.params = {"id": f"n{number}", "rest": "more"}
            roles = frozenset({"player"})
            exchange.principal = Principal(subject="p1", issuer="home", roles=roles)
            found = one.bound.on_request(exchange)
            if isinstance(found, Response):
                assert found.problem is not None
                refused.append(found.problem.code)
            else:
                assert found is not None  # the others are asked about
                under_way.append(settled(found))
        await asyncio.gather(*under_way)
        return refused

    assert asyncio.run(at_once()) == ["access_owner_untold"] * 4
    assert len(one.asked) == 16
    assert one.code("s1") == ""  # and behind them
    assert one.counted("away") == 4.0


def test_who_goes_while_it_is_asked_uses_no_tie_and_is_not_kept() -> None:
    """Red where nobody looks whether the exchange is over: it stayed in the circle for ever."""
    one = Asked()
    one.house.ties.break_glass({"t1": {"p2": NOW + 60}})
    exchange = an_exchange(a_head("GET", "/x/s2/more"), started=1000.0)
    exchange.params = {"id": "s2", "rest": "more"}
    exchange.principal = Principal(subject="t1", issuer="home", roles=frozenset({"therapist"}))
    asked = one.bound.on_request(exchange)
    assert asked is not None
    assert not isinstance(asked, Response)
    one.bound.on_finish(exchange)  # the client's connection is lost
    exchange.finished = exchange.aborted = True
    assert asyncio.run(settled(asked)) is None
    assert one.house.circle.tied == {}
    assert one.house.events == []


def test_what_is_clinical_or_asks_for_more_waits_for_whose_it_is() -> None:
    bound = msgspec.structs.replace(SESSION, clinical=True, level=2, spares_owner=True)
    one = Asked(bound)
    assert one.code("s1") == ""
    assert one.code("s2") == "authentication_insufficient"
    clinical = Asked(msgspec.structs.replace(SESSION, clinical=True))
    assert clinical.code("s2", role="service", subject="x") == "clinical_role_missing"


def test_a_program_of_a_clinician_is_asked_whose_it_is_before_it_lacks_a_scope() -> None:
    """Red where what is clinical is told to be a scope that is missing, whosever it is."""
    one = Asked(msgspec.structs.replace(SESSION, clinical=True))
    codes = []
    for session in ("s1", "s2"):
        exchange = an_exchange(a_head("GET", f"/x/{session}/more"), started=1000.0)
        exchange.params = {"id": session, "rest": "more"}
        exchange.principal = Principal(
            subject="p1",
            issuer="home",
            roles=frozenset({"service", "therapist"}),
            scopes=frozenset({"progress:read"}),
            is_narrow=True,
        )
        asked = one.bound.on_request(exchange)
        assert asked is not None
        assert not isinstance(asked, Response)
        answer = asyncio.run(settled(asked))
        codes.append(said(answer))
    assert codes == [("", ""), (SCOPE, "progress:read content:clinical")]


def test_a_subject_without_a_name_owns_nothing() -> None:
    assert Asked().code("s7", subject="") == "not_there"


def test_routes_that_ask_at_the_same_place_know_the_same() -> None:
    one = Asked()
    other = one.house.access.for_route(one._route(msgspec.structs.replace(SESSION, level=1)))
    assert isinstance(other, AskingAccess)
    assert one.code("s1") == ""
    one.bound = other
    assert one.code("s1") == ""
    assert one.asked == [b"/s/s1/messages"]


def test_it_says_where_it_asks() -> None:
    assert "whose it is: asked at `/s/{id}/messages`" in Asked().bound.explain()


def test_an_explanation_asks_nobody() -> None:
    access = Access(book_of(AccessBound(roles={**ROLES})), wall=lambda: NOW, registry=Registry())
    look = access.lookups.of(a_route())
    assert asyncio.run(settled(look.ask(an_exchange(), b"/"))) == (0, b"")
    assert look.mark(an_exchange()) == b""

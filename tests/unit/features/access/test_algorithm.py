"""Roles and permissions as bits, and who is tied to whom."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.access.algorithm import (
    NOTHING,
    Book,
    Owners,
    Ties,
    is_name,
    owner_in,
    split,
)
from tta_gateway.features.access.bound import CLINICAL, REACHES

BOOK = Book(
    {
        "player": ("progress:read:own", "worlds:read"),
        "therapist": ("progress:read:care", CLINICAL),
        "service": ("progress:read",),
        "nobody": (),
    }
)


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ("progress:read:own", ("progress:read", "own")),
        ("progress:read:care", ("progress:read", "care")),
        ("progress:read:any", ("progress:read", "any")),
        ("progress:read", ("progress:read", "any")),
    ],
)
def test_a_permission_that_says_no_reach_reaches_all(held: str, expected: tuple[str, str]) -> None:
    assert split(held) == expected


@pytest.mark.parametrize(
    ("role", "reach"), [("player", "own"), ("therapist", "care"), ("service", "any")]
)
def test_a_role_holds_what_it_holds_as_far_as_it_reaches(role: str, reach: str) -> None:
    demand, mask = BOOK.demand("progress:read"), BOOK.mask({role})
    by_reach = dict(zip(REACHES, (demand.own, demand.care, demand.any), strict=True))
    assert [one for one, bits in by_reach.items() if mask & bits] == [reach]
    assert mask & demand.held
    assert not BOOK.mask({"nobody"}) & demand.held


def test_who_is_in_several_roles_holds_what_each_of_them_does() -> None:
    both = BOOK.mask({"player", "therapist"})
    assert both == BOOK.mask({"player"}) | BOOK.mask({"therapist"})


def test_a_role_that_is_not_known_holds_nothing() -> None:
    assert BOOK.mask({"root"}) == BOOK.mask(())
    assert not BOOK.mask({"root"}) & BOOK.demand("worlds:read").held
    assert BOOK.roles({"root"}) == 0


def test_a_permission_that_no_role_holds_is_held_by_nobody() -> None:
    demand = BOOK.demand("planets:move")
    everything = BOOK.mask({"player", "therapist", "service"})
    assert (demand.held, everything & demand.held) == (0, 0)


def test_a_clinical_role_is_one_that_says_so() -> None:
    assert BOOK.mask({"therapist"}) & BOOK.clinical
    assert not BOOK.mask({"player", "service"}) & BOOK.clinical
    assert not Book({}).mask(()) & Book({}).clinical


def test_where_nothing_is_demanded_everybody_holds_it_for_what_is_theirs() -> None:
    for mask in (BOOK.mask(()), BOOK.mask({"player"}), BOOK.mask({"root"})):
        assert mask & NOTHING.own
        assert mask & NOTHING.care
        assert not mask & NOTHING.any


PERMISSIONS = st.builds(
    lambda thing, verb, reach: f"{thing}:{verb}{reach}",
    st.sampled_from(["a", "b", "c", "content"]),
    st.sampled_from(["read", "write", "clinical"]),
    st.sampled_from(["", ":own", ":care", ":any"]),
)
SOME = ["r1", "r2", "r3", "r4"]
TABLES = st.dictionaries(st.sampled_from(SOME), st.lists(PERMISSIONS, max_size=6), max_size=4)


@given(TABLES, st.frozensets(st.sampled_from([*SOME, "r5"])), PERMISSIONS)
def test_the_bits_say_what_the_table_does(
    table: dict[str, list[str]], roles: frozenset[str], asked: str
) -> None:
    book = Book(table)
    mask, (name, _) = book.mask(roles), split(asked)
    held = {split(one) for role in roles for one in table.get(role, ())}
    demand = book.demand(name)
    by_reach = dict(zip(REACHES, (demand.own, demand.care, demand.any), strict=True))
    assert {reach for reach, bits in by_reach.items() if mask & bits} == {
        reach for one, reach in held if one == name
    }
    assert bool(mask & book.clinical) == any(one == CLINICAL for one, _ in held)
    for role in (*SOME, "r5"):
        assert bool(mask & book.roles({role})) == (role in roles and role in table)


@given(TABLES)
def test_no_two_things_share_a_bit(table: dict[str, list[str]]) -> None:
    book = Book(table)
    names = {split(one)[0] for some in table.values() for one in some} | {CLINICAL}
    demands = [book.demand(name) for name in names]
    bits = [bit for one in demands for bit in (one.own, one.care, one.any)]
    bits += [book.roles({role}) for role in table]
    assert all(bit.bit_count() == 1 for bit in bits)
    assert len({1, *bits}) == len(bits) + 1


# --- ties ----------------------------------------------------------------------------------------


def test_nobody_is_in_anybodys_care_who_has_not_been_told_of() -> None:
    assert not Ties().is_cared_for("p1", "t1", 0.0)
    assert not Ties().is_behind_glass("p1", "t1", 0.0)


def test_care_ends_at_its_time() -> None:
    ties = Ties()
    ties.care_for((), {"t1": {"p1": 10.0}})
    assert ties.is_cared_for("p1", "t1", 9.999)
    assert not ties.is_cared_for("p1", "t1", 10.0)
    assert not ties.is_cared_for("p2", "t1", 1.0)
    assert not ties.is_cared_for("t1", "p1", 1.0)  # it leads one way


def test_who_is_told_of_no_more_cares_for_nobody_and_others_stay() -> None:
    ties = Ties()
    ties.care_for((), {"t1": {"p1": 10.0}, "t2": {"p1": 10.0}})
    ties.care_for(("t1",), {})
    assert not ties.is_cared_for("p1", "t1", 1.0)
    assert ties.is_cared_for("p1", "t2", 1.0)
    ties.care_for(("t1", "t2"), {"t2": {"p3": 10.0}})
    assert not ties.is_cared_for("p1", "t2", 1.0)
    assert ties.is_cared_for("p3", "t2", 1.0)


def test_glass_is_broken_for_one_before_one_until_then() -> None:
    ties = Ties()
    ties.break_glass({"t1": {"p1": 10.0}})
    assert ties.is_behind_glass("p1", "t1", 9.0)
    assert not ties.is_behind_glass("p1", "t1", 10.0)
    assert not ties.is_cared_for("p1", "t1", 9.0)
    ties.break_glass({})
    assert not ties.is_behind_glass("p1", "t1", 9.0)


@pytest.mark.parametrize(("text", "good"), [("p1", True), ("Zoë", True), ("p\ufffd", False)])
def test_what_is_no_text_is_nobodys_name(text: str, good: bool) -> None:
    assert is_name(text) is good


@pytest.mark.parametrize(
    ("permitted", "reaches"),
    [
        (["notes:read"], {"own", "care", "any"}),
        (["notes:read:own"], {"own"}),
        (["notes:read:care", "notes:read:own"], {"own", "care"}),
        (["notes:read:any"], {"any"}),
        (["worlds:read"], set[str]()),
        (["nothing:known", "nothing:known:own"], set[str]()),
        ([], set[str]()),
    ],
)
def test_who_is_permitted_some_alone_holds_nothing_beyond(
    permitted: list[str], reaches: set[str]
) -> None:
    book = Book({"all": ["notes:read:own", "notes:read:care", "notes:read", "worlds:read"]})
    held = book.mask(["all"]) & book.within(permitted)
    demand = book.demand("notes:read")
    bits = {"own": demand.own, "care": demand.care, "any": demand.any}
    assert {reach for reach, bit in bits.items() if held & bit} == reaches
    assert not held & book.roles(["all"])
    assert held & NOTHING.own


# --- scopes --------------------------------------------------------------------------------------


@given(
    TABLES,
    st.frozensets(st.sampled_from(SOME)),
    st.lists(PERMISSIONS, max_size=4),
    st.lists(st.sampled_from(["story", "openid", "r1", "all:read"]), max_size=2),
)
def test_a_program_holds_no_more_than_its_scopes_and_no_more_than_its_user(
    table: dict[str, list[str]], roles: frozenset[str], asked: list[str], others: list[str]
) -> None:
    book = Book(table, {"story": ["a:read", "b:write:own"]})
    whole, scopes = book.mask(roles), [*asked, *others]
    held = whole & book.scoped(scopes)
    assert not held & ~whole
    named = {*asked} | ({"a:read", "b:write:own"} if "story" in others else set())
    for name in {split(one)[0] for some in table.values() for one in some}:
        demand = book.demand(name)
        reaches = {reach for one, reach in map(split, named) if one == name}
        for reach, bits in zip(REACHES, (demand.own, demand.care, demand.any), strict=True):
            is_let = name in named or reach in reaches
            assert bool(held & bits) == (is_let and bool(whole & bits))
    assert not held & (book.roles(SOME) | NOTHING.own | NOTHING.care)


def test_one_scope_lets_a_program_do_all_that_its_user_may() -> None:
    whole = BOOK.mask({"player", "therapist"})
    assert whole & BOOK.scoped(("openid", "all")) == whole
    assert whole & BOOK.scoped(("openid",)) == 0
    assert BOOK.scoped(()) == 0


# --- owners that a service tells -----------------------------------------------------------------


def test_an_owner_is_known_for_a_while_and_to_who_has_asked() -> None:
    owners = Owners(5.0)
    owners.learn("p1", b"/s1", "p1", 100.0)
    assert owners.known("p1", b"/s1", 104.9) == "p1"
    assert owners.known("p1", b"/s1", 105.0) == ""
    assert owners.known("p2", b"/s1", 101.0) == ""
    assert owners.known("p1", b"/s2", 101.0) == ""
    owners.learn("p1", b"/s1", "p3", 110.0)
    assert owners.known("p1", b"/s1", 111.0) == "p3"


def test_of_too_many_what_was_learnt_first_is_forgotten() -> None:
    owners = Owners(5.0)
    for number in range(10_001):
        owners.learn("p1", b"/s%d" % number, "p1", 100.0)
    assert owners.known("p1", b"/s0", 101.0) == ""
    assert owners.known("p1", b"/s1", 101.0) == owners.known("p1", b"/s10000", 101.0) == "p1"


@pytest.mark.parametrize(
    ("status", "body", "field", "owner"),
    [
        (200, b"anything", "", "me"),
        (204, b"", "", "me"),
        (200, b'{"player_id": "p1", "x": [1]}', "player_id", "p1"),
        (200, b'{"player_id": 7}', "player_id", None),
        (200, b'{"player_id": "p\xef\xbf\xbd"}', "player_id", None),
        (200, b'{"other": "p1"}', "player_id", None),
        (200, b'["p1"]', "player_id", None),
        (200, b'{"player_id": "p1"', "player_id", None),
        (200, b"[" * 100_000, "player_id", None),
        (200, b"", "player_id", None),
        (403, b'{"player_id": "me"}', "player_id", ""),
        (404, b"", "", ""),
        (410, b"", "", ""),
        (422, b"", "", ""),
        (401, b"", "", None),
        (429, b"", "", None),
        (500, b"", "", None),
        (503, b'{"player_id": "me"}', "player_id", None),
        (302, b"", "", None),
        (101, b"", "", None),
        (0, b"", "", None),
    ],
)
def test_what_a_service_says_is_an_owner_or_nobody_or_nothing(
    status: int, body: bytes, field: str, owner: str | None
) -> None:
    assert owner_in(status, body, field=field, reader="me") == owner

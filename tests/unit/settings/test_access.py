"""What must agree of roles and of routes that ask for them."""

import msgspec
import pytest

from tests.helpers.configuration import complaints, loaded
from tta_gateway.features.access.bound import RouteAccess
from tta_gateway.settings.compile import compile_snapshot

ENVIRON = {"SECRET": "0123456789abcdef" * 4}
ISSUERS = "identity: {issuers: [{name: home, secret: {env: SECRET}}]}\n"
COACH = "access: {roles: {coach: {extends: [coach, player], permissions: [teams:lead]}}}\n"


def text(written: str, path: str = "/players/{player_id}/x", rest: str = "") -> str:
    return f"{ISSUERS}{rest}routes: [{{path: '{path}', service: players, {written}}}]\n"


def said(written: str, path: str = "/players/{player_id}/x", rest: str = "") -> list[str]:
    return [
        one.partition(" ")[2] for one in complaints(text(written, path=path, rest=rest), ENVIRON)
    ]


@pytest.mark.parametrize(
    "written",
    [
        "access: {permission: progress:read, owner: player_id}",
        "access: {permissions: {GET: progress:read, default: notes:write}}",
        "methods: [GET, HEAD, POST], access: {permissions: {GET: a:b, POST: a:b}}",
        "roles: [player, coach]",
        "roles: [coach], access: {shadow: true}",
        "access: {permission: teams:lead, content: clinical}",
        "access: {owner: player_id}",
        "access: {content: clinical}",
    ],
)
def test_what_agrees_is_taken(written: str) -> None:
    rest = COACH.replace("teams:lead", "teams:lead, a:b")
    assert said(written, rest=rest) == []


@pytest.mark.parametrize(
    ("written", "place", "sentence"),
    [
        ("auth: none, access: {permission: progress:read}", "access", "write `auth: required`"),
        ("auth: optional, roles: [player]", "roles", "write `auth: required`"),
        ("roles: [plaier]", "roles[0]", "there is no role `plaier`: do you mean `player`?"),
        (
            "access: {permission: progres:read}",
            "access.permission",
            "no role holds `progres:read`: do you mean `progress:read`?",
        ),
        (
            "access: {permissions: {GET: worlds:read, POST: worlds:wreck}}",
            "access.permissions.POST",
            "no role holds `worlds:wreck`",
        ),
        (
            "access: {owner: player}",
            "access.owner",
            "`{player}` is not in `/players/{player_id}/x`: do you mean `player_id`?",
        ),
        ("access: {shadow: true}", "access", "asks for nothing"),
        ("access: {}", "access", "asks for nothing"),
        (
            "methods: [GET, POST], access: {permissions: {GET: worlds:read}}",
            "access.permissions",
            "nobody could use POST: write its permission, or `default`",
        ),
        (
            "methods: [POST], access: {permissions: {GET: worlds:read, POST: worlds:read}}",
            "access.permissions.GET",
            "the route takes no GET",
        ),
    ],
)
def test_what_does_not_is_named_with_what_to_write(written: str, place: str, sentence: str) -> None:
    (one,) = said(written)
    assert one.startswith(f"routes[0].{place}: ")
    assert sentence in one


def test_what_names_nobody_is_no_owner() -> None:
    (one,) = said("access: {owner: rest}", path="/players/{rest:path}")
    assert "`{rest:path}` is more than one segment" in one


@pytest.mark.parametrize("written", ["access: [1]", "access: {owner: 7}", "roles: player"])
def test_what_is_of_another_kind_is_left_to_others(written: str) -> None:
    assert not [one for one in said(written) if "is not in" in one or "no role" in one]
    assert not [one for one in said("access: {owner: a}", path="a//b") if "is not in" in one]


def test_what_a_role_held_before_it_was_replaced_is_nothing_that_anybody_holds() -> None:
    rest = "access: {roles: {researcher: {permissions: [worlds:read]}}}\n"
    (one,) = said("access: {permission: research:write}", rest=rest)
    assert "no role holds `research:write`" in one
    rest = "access: {roles: {researcher: {extends: [researcher]}}}\n"
    assert said("access: {permission: research:write}", rest=rest) == []


def test_a_route_carries_what_it_asks() -> None:
    written = "roles: [player], access: {permission: progress:read, owner: player_id}"
    snapshot = compile_snapshot(loaded(text(written), ENVIRON).settings, 1)
    (route, *_) = snapshot.routes
    found = msgspec.msgpack.decode(route.features["access"], type=RouteAccess)
    assert found == RouteAccess(default="progress:read", owner="player_id", roles=("player",))


@pytest.mark.parametrize(
    ("roles", "issues", "sentence"),
    [
        ("[therapist, admin]", True, ""),
        ("[]", False, ""),
        ("[therapst]", True, "there is no role `therapst`: do you mean `therapist`?"),
        ("[therapist]", False, "it has none: write `identity: {issuing: {url: …}}`"),
    ],
)
def test_two_people_grant_roles_that_there_are_to_users_of_our_own(
    roles: str, issues: bool, sentence: str
) -> None:
    identity = "identity: {issuing: {url: 'https://gate'}}\n" if issues else ""
    text = f"{identity}access: {{two_person: {roles}, two_person_within: 2h}}\n"
    told = complaints(text + "services: {up: {endpoints: ['http://127.0.0.1:9']}}\n")
    found = [one for one in told if "two_person" in one]
    assert bool(found) is bool(sentence)
    assert sentence in "".join(found)


@pytest.mark.parametrize(
    ("asked", "path", "sentence"),
    [
        ("owner_from: {path: '/s/{id}'}", "/a/{id}/{rest:path}", ""),
        ("owner_from: {path: '/s/{id}'}, owner: id", "/a/{id}", "stands beside `owner`"),
        ("owner_from: {path: '/s/{ide}'}", "/a/{id}", "do you mean `id`?"),
        ("owner_from: {path: '/s/{rest}'}", "/a/{id}/{rest:path}", "`{rest}` is no segment of"),
        ("owner_from: {path: '/s/{id:path}'}", "/a/{id}", "`{id}` is no segment of"),
        ("owner_from: {path: '/s'}", "/a/{id}", "names nothing of `/a/{id}`"),
        ("owner_from: {path: '/s//{id}'}", "/a/{id}", "an empty segment (`//`) never matches"),
    ],
)
def test_a_place_to_ask_whose_something_is_names_it_by_the_path(
    asked: str, path: str, sentence: str
) -> None:
    found = [one for one in said(f"access: {{{asked}}}", path=path) if "owner_from" in one]
    assert bool(found) is bool(sentence)
    assert sentence in "".join(found)


def test_whose_something_is_is_asked_of_a_service() -> None:
    route = "{path: '/a/{id}', respond: {status: 204}, access: {owner_from: {path: '/s/{id}'}}}"
    told = complaints(f"routes: [{route}]\n")
    assert any("the route has not one: write `service`" in one for one in told)
    route = "{path: '/a//{id}', service: up, access: {owner_from: {path: '/s/{id}'}}}"
    assert not [one for one in complaints(f"routes: [{route}]\n") if "owner_from" in one]


@pytest.mark.parametrize(
    ("token", "more", "is_wrong"),
    [
        ("strip", "", True),
        ("{mode: strip}", "", True),
        ("strip", ", field: player_id", False),
        ("pass", "", False),
        ("{mode: mint, secret: {env: HOME}}", "", False),
    ],
)
def test_a_service_that_does_not_see_who_asks_says_whose_it_is_by_name(
    token: str, more: str, is_wrong: bool
) -> None:
    """Red without `_unshown` (settings/access.py): everybody was everything's owner."""
    route = f"path: '/a/{{id}}', service: up, access: {{owner_from: {{path: '/s/{{id}}'{more}}}}}"
    services = f"services: {{up: {{endpoints: ['http://127.0.0.1:9'], token: {token}}}}}"
    told = complaints(f"{services}\nroutes: [{{{route}}}]\n")
    assert bool([one for one in told if "is not shown who asks" in one]) is is_wrong

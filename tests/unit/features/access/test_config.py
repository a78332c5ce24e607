"""Roles and what routes ask, as operators write them."""

import pytest

from tests.helpers.configuration import complaints, loaded
from tta_gateway.features.access.bound import ASKED, AccessBound, OwnerFrom, RouteAccess
from tta_gateway.features.access.config import (
    AccessConfig,
    OwnerFromConfig,
    RoleConfig,
    RouteAccessConfig,
    compile,
    compile_route,
    held,
)
from tta_gateway.features.access.table import ROLES


def roles(text: str) -> AccessBound:
    return compile(loaded(f"access: {{roles: {{{text}}}}}\n").settings.access)


def wrong(text: str) -> str:
    return "\n".join(complaints(f"access: {{roles: {{{text}}}}}\n"))


def test_where_nothing_is_written_workers_go_by_what_they_know() -> None:
    assert compile(AccessConfig()) == AccessBound()
    assert held({}) == dict(ROLES)


def test_a_role_that_is_written_stands_beside_the_others() -> None:
    found = roles("coach: {permissions: [progress:read:care, worlds:read]}").roles
    assert found is not None
    assert found["coach"] == ("progress:read:care", "worlds:read")
    assert {name: found[name] for name in ROLES} == dict(ROLES)


def test_one_that_is_there_already_is_replaced() -> None:
    found = roles("admin: {permissions: [users:read]}").roles
    assert found is not None
    assert found["admin"] == ("users:read",)


def test_a_role_holds_what_those_hold_that_it_extends() -> None:
    found = roles(
        "coach: {extends: [researcher, helper], permissions: [worlds:read]},"
        " helper: {permissions: [notes:read:care]}"
    ).roles
    assert found is not None
    expected = (*ROLES["researcher"], "notes:read:care")
    assert found["coach"] == tuple(dict.fromkeys((*expected, "worlds:read")))


def test_a_role_that_extends_itself_adds_to_what_it_held() -> None:
    found = roles("admin: {extends: [admin], permissions: [reports:read]}").roles
    assert found is not None
    assert found["admin"] == (*ROLES["admin"], "reports:read")
    other = roles("coach: {extends: [coach], permissions: [worlds:read]}").roles
    assert other is not None
    assert other["coach"] == ("worlds:read",)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: {extends: [b]}", "`a` extends `b`, which is no role"),
        ("a: {extends: [b]}, b: {extends: [a]}", "extends itself by way of another"),
        (
            "a: {extends: [b]}, b: {extends: [c, c]}, c: {extends: [b, c]}",
            "extends itself by way of another",
        ),
        ("a: {permissions: [everything]}", "access.roles.a.permissions[0]"),
        ("a: {permissions: ['a:b:c:d']}", "access.roles.a.permissions[0]"),
        ("a: {permissions: [profile:own]}", "ends as a reach does"),
        ("a: {permissions: [profile:own:any]}", "ends as a reach does"),
        ("Admin: {permissions: [a:b]}", "access.roles.Admin"),
        ("a: {grants: [a:b]}", "access.roles.a.grants"),
    ],
)
def test_what_could_not_be_meant_is_refused(text: str, sentence: str) -> None:
    assert sentence in wrong(text)


def test_a_diamond_is_no_circle() -> None:
    text = "a: {extends: [b, c]}, b: {extends: [d]}, c: {extends: [d]}, d: {permissions: [x:y]}"
    found = roles(text).roles
    assert found is not None
    assert found["a"] == ("x:y",)
    assert RoleConfig() == RoleConfig(extends=(), permissions=())


@pytest.mark.parametrize(
    ("config", "asked", "expected"),
    [
        (None, (), None),
        (None, ("admin",), RouteAccess(roles=("admin",))),
        (
            RouteAccessConfig(permission="progress:read", owner="id", content="clinical"),
            (),
            RouteAccess(default="progress:read", owner="id", clinical=True),
        ),
        (
            RouteAccessConfig(permissions={"GET": "a:b", "default": "c:d"}, shadow=True),
            ("admin",),
            RouteAccess(permissions={"GET": "a:b"}, default="c:d", roles=("admin",), shadow=True),
        ),
        (
            RouteAccessConfig(permissions={"GET": "a:b"}),
            (),
            RouteAccess(permissions={"GET": "a:b"}),
        ),
        (RouteAccessConfig(owner="id"), (), RouteAccess(owner="id")),
        (
            RouteAccessConfig(owner_from=OwnerFromConfig(path="/a/{b}")),
            (),
            RouteAccess(owner=ASKED, owner_from=OwnerFrom(path="/a/{b}")),
        ),
        (
            RouteAccessConfig(owner_from=OwnerFromConfig(path="/a/{b}", field="of", keep=9.0)),
            (),
            RouteAccess(owner=ASKED, owner_from=OwnerFrom(path="/a/{b}", field="of", keep=9.0)),
        ),
    ],
)
def test_a_route_becomes_what_it_asks(
    config: RouteAccessConfig | None, asked: tuple[str, ...], expected: RouteAccess | None
) -> None:
    assert compile_route(config, asked) == expected


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("permission: a:b, permissions: {GET: a:b}", "stands beside `permission`"),
        ("permissions: {default: worlds:read}", "write `permission: worlds:read`"),
        ("permission: worlds:read:own", "access.permission"),
        ("permission: worlds:own", "ends as a reach does"),
        ("permissions: {get: worlds:read}", "access.permissions"),
        ("content: secret", "access.content"),
        ("owner: ''", "access.owner"),
        ("owner_from: {path: a}", "access.owner_from.path"),
        ("owner_from: {path: '/a/{b}', keep: 2m}", "access.owner_from.keep"),
        ("owner_from: {path: '/a/{b}', keep: 0s}", "access.owner_from.keep"),
        ("owner_from: {path: '/a/{b}', field: ''}", "access.owner_from.field"),
        ("owner_from: {}", "access.owner_from.path"),
    ],
)
def test_a_route_that_could_not_be_meant_is_refused(written: str, sentence: str) -> None:
    route = f"{{path: '/a/{{b}}', service: players, access: {{{written}}}}}"
    assert sentence in "\n".join(complaints(f"routes: [{route}]\n"))


def test_scopes_are_written_by_name() -> None:
    found = loaded("access: {scopes: {story: [sessions:read, 'progress:read:own']}}\n")
    assert compile(found.settings.access).scopes == {
        "story": ("sessions:read", "progress:read:own")
    }


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("all: [worlds:read]", "lets a client do whatever its user may"),
        ("'worlds:read': [worlds:read]", "each of those is a scope already"),
        ("story: []", "access.scopes.story"),
        ("'a b': [worlds:read]", "access.scopes"),
        ("story: [worlds]", "access.scopes.story[0]"),
        ("story: [worlds:reed]", "no role holds `worlds:reed`"),
    ],
)
def test_a_scope_that_could_not_be_meant_is_refused(written: str, sentence: str) -> None:
    assert sentence in "\n".join(complaints(f"access: {{scopes: {{{written}}}}}\n"))

"""Which routes ask for a second factor though they say nothing of it."""

import msgspec
import pytest

from tta_gateway.features.access.bound import RouteAccess
from tta_gateway.features.access.public import ROUTES
from tta_gateway.features.access.table import ROLES
from tta_gateway.kernel.route import Route
from tta_gateway.settings.second_factor import StepUpConfig
from tta_gateway.settings.step_up import raised, stepped_up
from tta_gateway.settings.tree import Settings

ASKED = StepUpConfig(fresh=900.0)


@pytest.mark.parametrize(
    ("bound", "level", "spares"),
    [
        (RouteAccess(clinical=True, owner="p", default="progress:read"), 2, True),
        (RouteAccess(roles=("admin",)), 2, False),
        (RouteAccess(roles=("admin", "auditor")), 2, False),
        (RouteAccess(roles=("admin", "player")), 0, False),
        (RouteAccess(default="users:write"), 2, False),
        (RouteAccess(default="profile:read"), 0, False),
        (RouteAccess(permissions={"GET": "users:write"}, default="profile:read"), 0, False),
        (RouteAccess(default="nobody:holds"), 0, False),
        (RouteAccess(owner="p"), 0, False),
    ],
)
def test_clinical_content_and_what_administrators_alone_reach(
    bound: RouteAccess, level: int, *, spares: bool
) -> None:
    made = raised(bound, ASKED, ROLES)
    assert (made.level, made.spares_owner) == (level, spares)
    assert made.fresh == (900.0 if level else 0.0)


@pytest.mark.parametrize("written", [RouteAccess(clinical=True, level=1)])
@pytest.mark.parametrize("fresh", [0.0, 60.0])
def test_what_a_route_says_itself_stands(written: RouteAccess, fresh: float) -> None:
    bound = msgspec.structs.replace(written, fresh=fresh)
    assert raised(bound, ASKED, ROLES) is bound


def settings(**factors: object) -> Settings:
    return Settings.model_validate(
        {
            "listen": "127.0.0.1:1",
            "routes": [{"path": "/", "respond": {"status": 200, "body": "a"}, "auth": "none"}],
            "identity": {"issuing": {"url": "https://gate", "second_factor": factors}},
        }
    )


def asked(route: Route) -> RouteAccess:
    return msgspec.msgpack.decode(route.features["access"], type=RouteAccess)


def test_breaking_glass_is_among_them() -> None:
    made = stepped_up(ROUTES, settings(step_up={}))
    assert {(asked(one).level, asked(one).fresh) for one in made} == {(2, 0.0)}


def test_without_it_and_without_anything_that_is_asked_routes_stay_as_they_are() -> None:
    assert all(a is b for a, b in zip(stepped_up(ROUTES, settings()), ROUTES, strict=True))
    plain = Route(name="a", path="/")
    access = msgspec.Raw(msgspec.msgpack.encode(RouteAccess(default="profile:read")))
    open_to_all = Route(name="b", path="/b", features={"access": access})
    admin = msgspec.Raw(msgspec.msgpack.encode(RouteAccess(default="users:write")))
    service = Route(name="c", path="/c", auth="none", features={"access": admin})
    routes = (plain, open_to_all, service)  # a service has a certificate, and no second factor
    assert all(
        a is b for a, b in zip(stepped_up(routes, settings(step_up={})), routes, strict=True)
    )

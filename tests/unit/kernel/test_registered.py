"""Routes that services declare, and what becomes of them."""

import msgspec
import pytest

from tta_gateway.kernel.registered import Declared, Registered
from tta_gateway.kernel.route import Route


@pytest.mark.parametrize(
    ("methods", "name"), [((), "/a"), (("GET",), "GET /a"), (("GET", "POST"), "GET,POST /a")]
)
def test_a_route_is_called_as_the_operators_own_would_be(
    methods: tuple[str, ...], name: str
) -> None:
    assert Declared(path="/a", methods=methods).name == name


def test_who_says_nothing_lets_nobody_in() -> None:
    assert Declared(path="/a").auth == "required"
    assert msgspec.msgpack.decode(msgspec.msgpack.encode({"path": "/a"}), type=Declared) == (
        Declared(path="/a", auth="required")
    )


def test_they_survive_the_way_to_a_worker() -> None:
    one = Registered(routes=(Route(name="/a", path="/a", service="players"),))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=Registered) == one

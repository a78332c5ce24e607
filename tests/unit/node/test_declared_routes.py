"""Declared routes, as a worker takes them up."""

from typing import Any, cast

import msgspec

from tests.helpers.builders import a_route
from tta_gateway.kernel.registered import SECTION, Registered
from tta_gateway.kernel.route import Route
from tta_gateway.node.declared_routes import DeclaredRoutes
from tta_gateway.node.sections import Sections
from tta_gateway.routing.template import parse
from tta_gateway.snapshot.parts import RegisteredParts


class House:
    """Somebody who has a place for every route whose path is a template."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.placed: list[str] = []
        log = cast("Any", self)
        self.routes = DeclaredRoutes(Sections(log), log)

    def event(self, name: str, **fields: str) -> None:
        self.lines.append(f"{name} {fields['section']} {fields['error']}")

    def place(self, route: Route) -> None:
        parse(route.path)
        self.placed.append(route.path)

    def put(self, *paths: str) -> int:
        data = msgspec.msgpack.encode(Registered(routes=tuple(map(a_route, paths))))
        steps = list(self.routes.put({SECTION: msgspec.Raw(data)}, self.place))
        return len(steps)


def test_each_is_put_in_its_place_with_a_step() -> None:
    house = House()
    assert (house.put("/a", "/b"), house.placed, house.lines) == (2, ["/a", "/b"], [])


def test_where_there_are_none_nothing_is_put() -> None:
    house = House()
    assert list(house.routes.put({}, house.place)) == []


def test_what_has_no_place_is_left_out_and_told_of_once() -> None:
    house = House()
    for _ in range(2):
        assert house.put("/a", "/{b}/{b}") == 2
    assert house.placed == ["/a", "/a"]
    (line,) = house.lines
    assert line.startswith("finding_not_read routes/registered ")
    assert "is left out: a name stands in the path twice" in line


def test_what_is_left_out_anew_is_told_of_anew() -> None:
    house = House()
    for path in ("//", "/b", "//"):
        house.put(path)
    assert len(house.lines) == 2


def test_one_that_cannot_be_read_is_left_out_alone() -> None:
    house = House()
    route = msgspec.msgpack.encode(a_route("/a"))
    parts = RegisteredParts(routes=(msgspec.Raw(b"\x01"), msgspec.Raw(route), msgspec.Raw(b"\x01")))
    live = {SECTION: msgspec.Raw(msgspec.msgpack.encode(parts))}
    steps = list(house.routes.put(live, house.place))
    assert [one and one.path for one in steps] == [None, "/a", None]
    assert (house.placed, len(house.lines)) == (["/a"], 1)


def test_of_many_each_is_read_with_its_step() -> None:
    """Red where all are read at once: five thousand take ten milliseconds."""
    house = House()
    good, bad = msgspec.msgpack.encode(a_route("/a")), b"\x01"
    parts = RegisteredParts(routes=(msgspec.Raw(good), msgspec.Raw(bad)))
    live = {SECTION: msgspec.Raw(msgspec.msgpack.encode(parts))}
    told = [len(house.lines) for _ in house.routes.put(live, house.place)]
    assert told == [0, 1]

"""Every route of the sample platform, by every role: who gets through, and to whose data.

The table says it without the code: what is not in it gets nobody through, and a route that is not
in it fails the test.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Iterator
from itertools import product
from pathlib import Path
from typing import Final, cast

import msgspec
import pytest

from examples.tta import configuration
from tests.helpers.platform_table import (
    EVERYBODY,
    EXPECTED,
    METHODS,
    MY_PATIENT,
    NOBODY,
    OPEN,
    OVERRIDES,
    SECRETS,
    SPELLINGS,
    STRANGER,
    filled,
)
from tta_gateway.features.access.algorithm import Ties
from tta_gateway.features.access.policy import Access, Circle, Look
from tta_gateway.features.access.table import ROLES
from tta_gateway.kernel.exchange import Exchange, Origin
from tta_gateway.kernel.message import RequestHead, Response
from tta_gateway.kernel.peer import Peer
from tta_gateway.kernel.plan import Plan
from tta_gateway.kernel.policy import Answer
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.route import Route
from tta_gateway.node.policies import Reach, policies
from tta_gateway.node.tables import sides, table
from tta_gateway.pipeline.run import Runner
from tta_gateway.routing.table import Table
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.settings.load import load
from tta_gateway.support.clock import SystemClock
from tta_gateway.support.metrics import Registry
from tta_gateway.wire.http1_server import ServerCodec
from tta_gateway.wire.limits import Limits

BLANKS: Final[dict[str, str | int]] = {
    **dict.fromkeys(("accounts", "players", "characters", "worlds_a"), "http://127.0.0.1:9001"),
    **dict.fromkeys(
        ("worlds_b", "sessions", "conversation", "pages", "team"), "http://127.0.0.1:9002"
    ),
    "port": 8080,
    "admin_port": 8081,
    "probe_port": 8082,
    "url": "http://127.0.0.1:8080",
    "access": "10m",
    "state_dir": "/nowhere",
}


class Sessions:
    """The service of sessions: it tells what was said in one to its owner, whose id it has here."""

    def of(self, route: Route) -> Look:
        assert route.service == "sessions"
        return self

    def mark(self, _: Exchange) -> bytes:
        return b""

    async def ask(self, exchange: Exchange, path: bytes) -> tuple[int, bytes]:
        assert exchange.principal is not None
        theirs = f"/api/v1/sessions/{exchange.principal.subject}/messages".encode()
        there = f"/api/v1/sessions/{NOBODY}/messages".encode()
        return 200 if path == theirs else 404 if path == there else 403, b"{}"


class House:
    """The gateway of the sample platform, up to where services would be asked."""

    def __init__(self, folder: Path) -> None:
        written = configuration.write(folder / "gateway.yaml", BLANKS)
        settings = load(written, dict.fromkeys(SECRETS, "0123456789abcdef" * 4)).settings
        self.snapshot = compile_snapshot(settings, 1)
        ties = Ties()
        for role in ROLES:
            ties.care_for((), {role: {MY_PATIENT: float("inf")}})
        ordered = policies(
            self.snapshot,
            registry=Registry(),
            lines=None,
            clock=SystemClock(),
            reach=Reach(circle=Circle(ties, lambda _: None)),
        )
        for one in ordered:
            if isinstance(one, Access):
                one.lookups = Sessions()
        self.table: Table = table(
            sides(self.snapshot.routes)[0],
            [one for one in ordered if one.name != "identity"],
            runner=Runner(_never, _never),
            forward=_never,
        )

    def ask(
        self, method: str, path: str, role: str, *fields: str
    ) -> tuple[str, Response | None, Exchange]:
        """The route that takes a request, what is answered before its end, and the exchange."""
        lines = [f"{method} {path} HTTP/1.1", "Host: a", *fields, "", ""]
        head = ServerCodec(Limits()).receive("\r\n".join(lines).encode())[0]
        assert isinstance(head, RequestHead), (method, path)
        destination, params = self.table.find(head)
        peer = Peer("192.0.2.7", port=1, scheme=b"http", trusted=False)
        origin = cast("Origin", None)
        exchange = Exchange(head, origin=origin, peer=peer, plan=destination.plan, started=0.0)
        exchange.params = params
        if destination.route is not None and destination.route.auth == "required":
            exchange.principal = Principal(subject=role, issuer="a", roles=frozenset((role,)))
        name = "" if destination.route is None else destination.route.path
        return name, _answer(exchange, destination.plan), exchange


def _never(*_: object) -> None:
    raise AssertionError("nobody is asked here")


def _answer(exchange: Exchange, plan: Plan) -> Response | None:
    for _, step in plan.request:
        found = step(exchange)
        if inspect.isawaitable(found):  # a service is asked, and has answered in this turn
            found = asyncio.run(_settled(found))
        if isinstance(found, Response):
            return found
    return None


async def _settled(waiting: Awaitable[Answer]) -> Answer:
    return await waiting


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("demonstration"))


def cases() -> Iterator[tuple[str, str, str, str, bool]]:
    """Yield method, path of the route, role, person, and whether that gets through."""
    for (path, by_method), method, role in product(EXPECTED.items(), METHODS, sorted(EVERYBODY)):
        who = by_method.get(method)
        if who is None:
            continue
        reached = ((role, who.own), (MY_PATIENT, who.care), (STRANGER, who.any))
        for person, roles in reached:
            yield method, path, role, person, role in roles


def test_the_table_has_every_route_with_every_method_and_no_other(house: House) -> None:
    written = {
        route.path: {*(route.methods or METHODS), *(("HEAD",) if "GET" in route.methods else ())}
        for route in house.snapshot.routes
        if route.service != "gateway" and route.path != "/api/v1/limits"  # workers' own
    }
    assert written == {path: {*by_method} for path, by_method in EXPECTED.items()}


def test_each_role_gets_through_where_the_table_says_and_nowhere_else(house: House) -> None:
    wrong, seen = [], 0
    for method, path, role, person, expected in cases():
        found, answer, _ = house.ask(method, filled(path, person), role)
        seen += 1
        assert found == path, (method, path)
        if (answer is None) is not expected:
            wrong.append((method, path, role, person, expected))
        if answer is not None:
            assert answer.status in (403, 404), (method, path)
    assert wrong == []
    assert seen > 3000


def test_who_is_in_no_role_gets_through_nowhere_that_asks(house: House) -> None:
    for method, path, _, person, _ in cases():
        route, answer, _ = house.ask(method, filled(path, person), "")
        is_open = EXPECTED[route][method] is OPEN
        assert (answer is None) is is_open, (method, path)


def test_whether_there_is_somebody_is_told_to_nobody(house: House) -> None:
    """The answer about a stranger is that about somebody who does not exist, to the byte."""
    for method, path, role, person, _ in cases():
        if person != STRANGER or not ("{player_id}" in path or "{session_id}" in path):
            continue
        _, of_stranger, _ = house.ask(method, filled(path, STRANGER), role)
        _, of_nobody, _ = house.ask(method, filled(path, NOBODY), role)
        assert of_stranger is not None
        assert of_nobody is not None
        assert of_stranger.problem is of_nobody.problem
        assert of_stranger.detail == of_nobody.detail
        assert of_stranger.fields == of_nobody.fields


@pytest.mark.parametrize("name", OVERRIDES)
def test_fields_that_ask_for_another_method_or_path_change_nothing(house: House, name: str) -> None:
    for method, path, role, person, expected in cases():
        other = f"/api/v1/players/{STRANGER}" if name.endswith("url") else "DELETE"
        target = filled(path, person)
        _, answer, exchange = house.ask(method, target, role, f"{name.upper()}: {other}")
        assert (answer is None) is expected, (method, path, role)
        assert exchange.request.fields == []
        assert [one for one, _ in exchange.upstream_fields or () if one != b"authorization"] == []


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("role", ["player", "admin", "service", "moderator"])
def test_no_spelling_of_a_path_leads_to_anybody_elses_data(
    house: House, spelling: str, role: str
) -> None:
    target = spelling.replace("{other}", STRANGER).replace("{}", role)
    quoted = "".join(one if one.isascii() else "%C3%A9" for one in target)
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        route, answer, _ = house.ask(method, quoted, role)
        if answer is None:
            assert route == "", (method, route)  # no route takes it: 404 or 400


def test_a_spelling_of_ones_own_path_is_ones_own(house: House) -> None:
    for path in ("/api/v1/players/pl%61yer/progress", "/api/v1/x/../players/player/progress"):
        route, answer, exchange = house.ask("GET", path, "player")
        assert (route, answer) == ("/api/v1/players/{player_id}/progress", None)
        assert exchange.request.path == b"/api/v1/players/player/progress"


def test_the_compiled_rules_travel_whole(house: House) -> None:
    for route in house.snapshot.routes:
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(route), type=type(route)) == route

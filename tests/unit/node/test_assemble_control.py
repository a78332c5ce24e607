"""Control's parts, put together: who is let in where, and what it counts from."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.asgi import Answer, asked
from tests.helpers.builders import an_endpoint
from tests.helpers.configuration import PLAYERS, ROUTES, loaded
from tests.helpers.fake_clock import FakeClock
from tests.helpers.register_store import a_registration
from tta_gateway.features.registration.record import Register
from tta_gateway.features.registration.record import section as registered
from tta_gateway.kernel.events import EndpointChanged, EndpointSeen
from tta_gateway.kernel.registered import REGISTRATION, SECTION, Declared, Registered
from tta_gateway.kernel.route import Route, Service
from tta_gateway.kernel.standing import Instance, Stand, Standing, section
from tta_gateway.node.assemble_control import Control
from tta_gateway.node.child import Child, hear
from tta_gateway.node.segments import Segments
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.settings.public import INTERNAL
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import Live, decode_live, parted, revived
from tta_gateway.support.metrics import Metric, Registry
from tta_gateway.support.segment import Segment

COUNTER = Metric("requests_total", "counter", "Requests.")


class House:
    """A control process of a state folder."""

    def __init__(
        self,
        folder: Path,
        *services: Service,
        live: dict[str, msgspec.Raw] | None = None,
        channel: socket.socket | None = None,
    ) -> None:
        self.segments = Segments()
        self.clock = FakeClock()
        self.snapshot = Snapshot(
            version=1, state_dir=str(folder), listeners=(), services=services, routes=()
        )
        self.lines: list[bytes] = []
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ours.setblocking(False)
        try:
            self.control = Control(
                revived(parted(self.snapshot), Live(sections=live or {})),
                self.segments.fd,
                clock=self.clock,
                lines=cast("Any", self),
                channel=channel or self.ours,
            )
        except OSError:
            self.close()
            raise
        self.token = (folder / "admin.token").read_text().strip()

    flushed = 0

    def put(self, line: bytes) -> None:
        self.lines.append(line)

    def flush(self) -> None:
        self.flushed += 1

    def close(self) -> None:
        os.close(self.segments.fd)
        self.ours.close()
        self.theirs.close()

    def counts(self, amount: float) -> None:
        """Another process begins and counts."""
        number = self.segments.take()
        Registry(Segment(self.segments.fd, number)).child(COUNTER).add(amount)

    def asked(self, path: str, *, token: str = "") -> Answer:
        fields = {"authorization": f"Bearer {token}"} if token else {}
        return asked(self.control.admin, "GET", path, **fields)

    def page(self) -> bytes:
        return self.asked("/metrics", token=self.token).body


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("path", ["/metrics", "/admin/v1/node", "/admin/v1/config"])
def test_the_administration_is_for_those_who_show_the_token(house: House, path: str) -> None:
    assert (house.asked(path).status, house.asked(path, token="wrong").status) == (401, 401)


def test_who_shows_the_token_reads_metrics(house: House) -> None:
    assert house.asked("/metrics", token=house.token).status == 200


def test_metrics_may_be_for_all_and_nothing_else_is(house: House) -> None:
    opened = msgspec.structs.replace(house.snapshot, open_metrics=True)
    asyncio.run(house.control.apply(parted(opened)))
    assert (house.asked("/metrics").status, house.asked("/admin/v1/node").status) == (200, 401)


def test_all_that_was_counted_is_on_the_page(house: House) -> None:
    house.counts(2.0)
    house.counts(3.0)
    assert b"\nrequests_total 5.0\n" in house.page()


def test_who_begins_later_is_on_the_next_page(house: House) -> None:
    house.counts(2.0)
    house.page()
    house.counts(3.0)
    assert b"\nrequests_total 5.0\n" in house.page()


def test_an_error_is_a_problem(house: House) -> None:
    answer = house.asked("/nowhere", token=house.token)
    assert (answer.status, answer.fields["content-type"]) == (404, "application/problem+json")


def test_the_public_side_knows_nothing_of_the_administration(house: House) -> None:
    paths = ["/metrics", "/admin/v1/node", "/docs", "/openapi.json"]
    assert [asked(house.control.public, "GET", path).status for path in paths] == [404] * 4


def routes_of(text: str) -> tuple[Route, ...]:
    return compile_snapshot(loaded(text).settings, 1).routes


def test_what_fires_is_listed_for_those_who_show_the_token(house: House) -> None:
    down = EndpointChanged(service="players", endpoint="e", change="down", at=1.0)
    house.control.bus.publish(down)
    answer = house.asked("/admin/v1/alerts", token=house.token)
    assert [one["alert"] for one in answer.json["alerts"]] == ["EndpointDown"]
    assert house.asked("/admin/v1/alerts").status == 401


def test_a_configuration_names_the_sinks(house: House) -> None:
    text = "alerts: {webhooks: [{url: 'http://127.0.0.1:1/a'}]}\n"
    features = compile_snapshot(loaded(text).settings, 1).features
    named = msgspec.structs.replace(house.snapshot, features=features)
    asyncio.run(house.control.apply(parted(named)))
    (sink,) = house.asked("/admin/v1/alerts", token=house.token).json["sinks"]
    assert sink == {"sink": "http://127.0.0.1:1", "waiting": 0, "failing": None}


def test_a_route_to_what_is_for_services_is_not_described(house: House) -> None:
    routes = tuple(one for _, routes in INTERNAL.values() for one in routes)
    asyncio.run(house.control.apply(parted(msgspec.structs.replace(house.snapshot, routes=routes))))
    assert asked(house.control.public, "GET", "/api/v1/openapi.json").json["paths"] == {}


def test_who_registers_shows_a_token_that_the_configuration_names(house: House) -> None:
    path = "/internal/v1/services/players"
    assert asked(house.control.public, "GET", path).status == 401
    environ = {"TOKEN": "a-token-of-the-players"}
    text = (
        "listen: [127.0.0.1:8080, {address: 127.0.0.1:8083, internal: true}]\n"
        "registration: {tokens: [{token: {env: TOKEN}, services: [players]}]}\n"
        f"{PLAYERS}{ROUTES}"
    )
    snapshot = compile_snapshot(loaded(text, environ).settings, 2)
    here = msgspec.structs.replace(snapshot, state_dir=house.snapshot.state_dir)
    asyncio.run(house.control.apply(parted(here)))
    shown = "Bearer a-token-of-the-players"
    answer = asked(house.control.public, "GET", path, authorization=shown)
    assert (answer.status, answer.json["instances"]) == (200, [])
    assert not answer.json["current"]
    body = b'{"url": "https://10.0.0.7:9001"}'
    place = f"{path}/instances/a"
    answer = asked(
        house.control.public,
        "PUT",
        place,
        body,
        authorization=shown,
        content_type="application/json",
    )
    assert (answer.status, answer.json["code"]) == (422, "registration_invalid")


OFF = "openapi: {enabled: false}\n"
OTHER = "routes: [{path: /api/v1/openapi.json, service: gateway, methods: [GET], auth: none"


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("", ["/api/v1/openapi.json"]),
        (OFF, []),
        (f"{OFF}{OTHER}}}]", ["/api/v1/openapi.json"]),
        (f"{OFF}{OTHER}, rewrite: {{path: /other}}}}]", []),
    ],
)
def test_what_clients_can_reach_is_described(house: House, text: str, paths: list[str]) -> None:
    snapshot = msgspec.structs.replace(house.snapshot, routes=routes_of(text))
    asyncio.run(house.control.apply(parted(snapshot)))
    answer = asked(house.control.public, "GET", "/api/v1/openapi.json")
    assert (answer.status, list(answer.json["paths"])) == (200, paths)


def test_public_errors_are_worded_as_the_operator_has_it(house: House) -> None:
    assert "message" not in asked(house.control.public, "GET", "/nowhere").json
    features = compile_snapshot(loaded("profile: tta").settings, 1).features
    worded = msgspec.structs.replace(house.snapshot, features=features)
    asyncio.run(house.control.apply(parted(worded)))
    assert asked(house.control.public, "GET", "/nowhere").json["message"]


def test_a_fault_of_an_app_is_named_and_what_a_person_wrote_is_not(house: House) -> None:
    def fail() -> None:
        raise ValueError("what a person wrote")

    house.control.public.app.add_api_route("/fails", fail)
    house.control.admin.add_api_route("/fails", fail)
    public = asked(house.control.public, "GET", "/fails", x_request_id="the-id")
    with pytest.raises(ValueError, match="person"):  # the server hears of it, and is silent
        asked(house.control.admin, "GET", "/fails")
    events = [msgspec.json.decode(line) for line in house.lines]
    assert public.status == 500
    assert [one["event"] for one in events] == ["public_failed", "admin_failed"]
    assert events[0]["request_id"] == "the-id"
    assert all(one["error"] == "ValueError" and one["where"] for one in events)
    assert b"person" not in b"".join(house.lines)


def test_a_task_that_dies_is_named(house: House) -> None:
    house.control.died("usage", ValueError("secret"))
    (line,) = house.lines
    told = msgspec.json.decode(line)
    assert (told["event"], told["task"], told["error"]) == ("task_died", "usage", "ValueError")


def test_its_log_goes_out_when_that_is_asked_for(house: House) -> None:
    house.control.flush()
    assert house.flushed == 1


CONSUL = """\
services:
  players:
    discover: {consul: players, routes: [/live/], auth_none: true}
routes: [{path: /, service: players, auth: none}]
"""


def test_what_a_registry_said_last_is_there_after_a_start_of_the_whole(
    house: House, tmp_path: Path
) -> None:
    """Endpoints and routes; and operators see that nobody has confirmed it."""

    async def configured(one: House) -> None:
        snapshot = compile_snapshot(loaded(CONSUL).settings, 1)
        await one.control.apply(
            parted(msgspec.structs.replace(snapshot, state_dir=str(tmp_path), probe=None))
        )

    asyncio.run(configured(house))
    routes = (Declared(path="/live/a", auth="none"), Declared(path="/else", auth="none"))
    instance = Instance(id="a", endpoint=an_endpoint(9001), routes=routes)
    house.control.services.found("players", "consul", (instance,))
    house.control.flush()
    house.control.keepsake.wait(5.0)
    after = House(tmp_path)
    asyncio.run(configured(after))
    assert list(after.control.services.kept["players"].endpoints) == [an_endpoint(9001).name]
    section = msgspec.msgpack.decode(after.control.findings.known[SECTION], type=Registered)
    assert [one.path for one in section.routes] == ["/live/a"]

    async def seen() -> None:
        task = asyncio.get_running_loop().create_task(after.control.discovery.run())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(seen())
    (told,) = after.asked("/admin/v1/registries", token=after.token).json["registries"]
    assert (told["instances"], told["unconfirmed"]) == ({"players": 1}, ["players"])
    assert told["routes"] == [{"service": "players", "route": "/live/a"}]
    assert [one["route"] for one in told["refused_routes"]] == ["/else"]
    after.close()


INSIDE = "listen: [127.0.0.1:8080, {address: 127.0.0.1:8083, internal: true}]\n"
TOKEN = "{token: {env: TOKEN}, services: [%s], routes: [%s], auth_none: true}"
REGISTERED = """\
services: {players: {discover: {consul: players}}, worlds: {discover: {consul: worlds}}}
routes: [{path: /, service: players, auth: none}]
"""


@pytest.mark.parametrize(
    ("tokens", "endpoints", "paths"),
    [
        (TOKEN % ("players", "/live/"), ["127.0.0.1:9001"], ["/live/a"]),
        (TOKEN % ("players", "/else/"), ["127.0.0.1:9001"], []),
        (TOKEN % ("worlds", "/live/"), [], []),
        ("", [], []),
    ],
)
def test_what_had_registered_goes_by_the_tokens_of_today(
    house: House, tmp_path: Path, tokens: str, endpoints: list[str], paths: list[str]
) -> None:
    """Red with what was kept in force without a token, in features/registration/service.py."""

    async def configured(one: House, tokens: str) -> None:
        inside = f"{INSIDE}registration: {{tokens: [{tokens}]}}\n" if tokens else ""
        text = f"{inside}{REGISTERED}"
        snapshot = compile_snapshot(loaded(text, {"TOKEN": "a-token-of-the-players"}).settings, 1)
        await one.control.apply(parted(msgspec.structs.replace(snapshot, state_dir=str(tmp_path))))

    asyncio.run(configured(house, TOKEN % ("players", "/live/")))
    routes = (Declared(path="/live/a", auth="none"),)
    instance = Instance(id="a", endpoint=an_endpoint(9001), routes=routes)
    house.control.services.found("players", REGISTRATION, (instance,))
    house.control.findings.put(
        registered("players"), Register(known=(a_registration(routes=routes),))
    )
    house.control.flush()
    house.control.keepsake.wait(5.0)
    after = House(tmp_path)
    asyncio.run(configured(after, tokens))
    assert list(after.control.services.kept["players"].endpoints) == endpoints
    raw = after.control.findings.known.get(SECTION)
    known = () if raw is None else msgspec.msgpack.decode(raw, type=Registered).routes
    assert [one.path for one in known] == paths
    after.close()


def test_where_the_gateway_itself_is_no_registry_sends_requests(house: House) -> None:
    """Red with `own` not passed on, in node/assemble_control.py."""
    snapshot = msgspec.structs.replace(
        compile_snapshot(loaded(CONSUL).settings, 1), state_dir=house.snapshot.state_dir
    )
    asyncio.run(house.control.apply(parted(snapshot)))
    assert snapshot.admin is not None
    endpoint = an_endpoint(snapshot.admin.port)
    house.control.services.found("players", "consul", (Instance(id="a", endpoint=endpoint),))
    assert house.control.services.kept["players"].endpoints == {}
    told = msgspec.json.decode(house.lines[-1])
    assert {name: told[name] for name in ("event", "service", "source", "endpoint", "reason")} == {
        "event": "instance_refused",
        "service": "players",
        "source": "consul",
        "endpoint": endpoint.name,
        "reason": "it is an address of the gateway itself",
    }


def test_of_one_that_comes_and_goes_is_told_once_in_a_minute(house: House) -> None:
    snapshot = msgspec.structs.replace(
        compile_snapshot(loaded(CONSUL).settings, 1), state_dir=house.snapshot.state_dir
    )
    asyncio.run(house.control.apply(parted(snapshot)))
    assert snapshot.admin is not None
    ours = Instance(id="a", endpoint=an_endpoint(snapshot.admin.port))
    told = []
    for seconds in (0.0, 1.0, 60.0):
        house.clock.advance(seconds)
        for instances in ((ours,), ()):
            house.control.services.found("players", "consul", instances)
        told.append(sum(b"instance_refused" in line for line in house.lines))
    assert told == [1, 1, 2]


def test_a_folder_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        House(tmp_path / "nowhere")


# What a control before this one has found out

FIRST, SECOND = (Service(name=name, endpoints=(an_endpoint(),)) for name in ("one", "other"))
NONSENSE = msgspec.Raw(msgspec.msgpack.encode({"endpoints": 7, "known": "a", "alerts": 1.5}))


def encoded(found: Standing) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(found))


def standing(port: int) -> msgspec.Raw:
    stand = Stand(endpoint=an_endpoint(port), state="up", source="registration", id="a")
    return encoded(Standing(endpoints=(stand,)))


@pytest.fixture
def line() -> Iterator[tuple[socket.socket, Child]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.setblocking(False)
    with ours, theirs:
        yield ours, Child(cast("Any", None), theirs)


def told(child: Child) -> tuple[set[str], set[str]]:
    """The names of sections that the supervisor has been told, and of those that are no more."""
    sections: set[str] = set()
    gone: set[str] = set()
    while (said := hear(child)) is not None:
        live = decode_live(said.data)
        sections |= live.sections.keys()
        gone |= set(live.gone)
    return sections, gone


def test_what_another_version_has_found_out_keeps_no_control_from_serving(
    tmp_path: Path, line: tuple[socket.socket, Child]
) -> None:
    """Red with an error in the place of what cannot be read in node/sections.py."""
    names = (section("one"), SECTION, "registration/known", "control/alerts", "store/state")
    other = Standing(endpoints=(Stand(endpoint=an_endpoint()),), open={"/": 9e9})
    live = {**dict.fromkeys(names, NONSENSE), section("other"): encoded(other)}
    house = House(tmp_path, FIRST, SECOND, live=live, channel=line[0])
    kept = house.control.services.kept
    assert set(kept["one"].endpoints) == {an_endpoint().name}
    assert kept["other"].open == other.open  # what can be read goes on
    events = [msgspec.json.decode(one) for one in house.lines]
    unread = [one.get("section") for one in events if one["event"] == "finding_not_read"]
    assert unread == [section("one")]
    assert section("one") in told(line[1])[1]  # so that nobody reads it again
    os.close(house.segments.fd)


def test_of_services_that_went_meanwhile_nobody_is_told_any_more(
    tmp_path: Path, line: tuple[socket.socket, Child]
) -> None:
    house = House(tmp_path, FIRST, live={section("gone"): standing(9100)}, channel=line[0])
    assert section("gone") in told(line[1])[1]
    os.close(house.segments.fd)


# What workers say


def test_what_workers_have_said_that_are_no_more_is_forgotten_within_seconds(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, FIRST)
    part = Segment(house.segments.fd, house.segments.take())
    part.owner = 7
    part.beat()
    seen = EndpointSeen(
        service="one",
        endpoint=an_endpoint().name,
        weight=1.0,
        ratio=1.0,
        in_flight=0,
        open=1,
        at=house.clock.wall(),
        by="worker 7",
    )
    for by in ("worker 7", "worker 8"):
        house.control.bus.publish(msgspec.structs.replace(seen, by=by))
    known = house.control.services.kept["one"].endpoints[an_endpoint().name]
    house.control.tidy()
    assert set(known.seen) == {"worker 7", "worker 8"}
    house.clock.advance(5.0)
    house.control.tidy()
    assert set(known.seen) == {"worker 7"}
    os.close(house.segments.fd)


def test_notes_that_cannot_be_read_are_told_once_a_minute(house: House) -> None:
    heard, sender = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with heard, sender:
        heard.setblocking(False)
        reader = house.control.reader_of(heard)
        for _ in range(3):
            sender.send(b"nonsense")
        reader.hear()
    assert len(house.lines) == 1

"""A worker's parts together, without a socket: whoever asks is a piece of the gateway itself."""

import asyncio
import operator
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.builders import a_head, a_route, an_endpoint, an_exchange
from tests.helpers.fake_clock import FakeClock
from tests.helpers.fake_origin import FakeOrigin
from tta_gateway.features.access_log.bound import AccessLogBound
from tta_gateway.features.cors.bound import CorsBound
from tta_gateway.kernel.events import EndpointSeen, Event
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import RequestHead
from tta_gateway.kernel.registered import SECTION, Registered
from tta_gateway.kernel.route import Respond, Route, Service
from tta_gateway.kernel.standing import Stand, Standing, section
from tta_gateway.kernel.timing import ClientTimeouts, ConnectionLimits
from tta_gateway.node import assemble_worker
from tta_gateway.node.assemble_worker import Worker
from tta_gateway.pipeline.plan import bind
from tta_gateway.snapshot.model import Certificate, Listener, ListenerTls, Snapshot
from tta_gateway.snapshot.parts import Live, Parts, parted, revived, whole
from tta_gateway.support.log import LineFile
from tta_gateway.support.metrics import Registry
from tta_gateway.wire.limits import Limits

SNAPSHOT = Snapshot(
    version=1,
    state_dir=".",
    listeners=(Listener(host="127.0.0.1"), Listener(unix="/run/g", trusted=("10.0.0.0/8",))),
    services=(Service(name="players", endpoints=(an_endpoint(),)),),
    routes=(
        a_route("/players/{id}"),
        a_route("/hello", service="", respond=Respond(body="hello", content_type="text/plain")),
        a_route("/old", service="", redirect="/new", redirect_status=301),
        a_route("/worlds", service="", respond=Respond(missing_service="worlds")),
    ),
)


def _log(path: str) -> LineFile:
    return LineFile(path or "-")


class Loop:
    """An event loop that nobody asks for anything."""

    def call_soon(self, call: object) -> None:
        """Forget what is to be called."""


def raw(struct: msgspec.Struct) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(struct))


class House:
    """A worker with its log in a file, and somebody to ask it."""

    def __init__(self, log: Path, **features: msgspec.Raw) -> None:
        self.log = log
        features = {"access_log": raw(AccessLogBound(path=str(log))), **features}
        snapshot = msgspec.structs.replace(SNAPSHOT, features=features)
        self.begin(parted(snapshot))

    def begin_anew(self) -> None:
        """Be the worker after this one."""
        self.begin(self.worker.parts)

    def begin(self, parts: Parts) -> None:
        self.worker = Worker(
            parts,
            loop=cast("Any", Loop()),
            clock=FakeClock(),
            registry=Registry(),
            logs=_log,
        )

    def ask(self, method: str, target: str, head: RequestHead | None = None) -> FakeOrigin:
        origin = FakeOrigin(self.worker.runner)
        request = head or a_head(method, target)
        destination, params = self.worker.table.find(request)
        origin.exchange = an_exchange(request, origin=origin, plan=destination.plan)
        origin.exchange.params = params
        self.worker.runner.begin(origin.exchange)
        return origin

    def lines(self) -> list[dict[str, Any]]:
        for log in self.worker.logs:
            log.flush()
        return [msgspec.json.decode(line) for line in self.log.read_bytes().splitlines()]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "access.log")
    yield made
    for log in made.worker.logs:
        log.close()


def problem(origin: FakeOrigin) -> dict[str, Any]:
    members: dict[str, Any] = msgspec.json.decode(origin.body)
    return members


def test_a_worker_loads_the_decoder_of_zstd_when_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[bool] = []
    monkeypatch.setattr(assemble_worker, "prepare", lambda: loaded.append(True))
    made = House(tmp_path / "access.log")
    assert loaded == [True]
    for log in made.worker.logs:
        log.close()


def test_what_no_route_takes_is_answered_as_a_problem(house: House) -> None:
    origin = house.ask("GET", "/nowhere")
    assert (origin.status, problem(origin)["code"]) == (404, "routing_not_found")


def test_a_problem_and_its_answer_name_the_same_request(house: House) -> None:
    origin = house.ask("GET", "/nowhere")
    assert origin.head is not None
    said = origin.head.get(b"x-request-id") or b""
    assert problem(origin)["correlation_id"] == said.decode() != ""


def test_a_fixed_answer_is_given_here(house: House) -> None:
    assert house.ask("GET", "/hello").said == ["200", b"hello", "end"]


def test_a_redirect_is_given_here(house: House) -> None:
    origin = house.ask("GET", "/old")
    assert origin.head is not None
    assert (origin.status, origin.head.get(b"location")) == (301, b"/new")


def test_a_missing_service_is_said_here(house: House) -> None:
    assert problem(house.ask("GET", "/worlds"))["code"] == "routing_service_missing"


def test_an_exchange_is_written_to_the_log_when_it_is_over(house: House) -> None:
    house.ask("GET", "/hello?secret")
    assert [(one["path"], one["route"], one["status"]) for one in house.lines()] == [
        ("/hello", "/hello", 200)
    ]


def test_an_exchange_is_counted_when_it_is_over(house: House) -> None:
    house.ask("GET", "/hello")
    counted = {
        (metric.name, values): cells for metric, values, cells in house.worker.registry.collect()
    }
    key = ("tta_http_requests_total", ("GET", "/hello", "200", "api-gateway"))
    assert counted[key] == [1.0]


def test_a_log_that_is_off_writes_no_file(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    House(log, access_log=raw(AccessLogBound(path=str(log), enabled=False)))
    assert not log.exists()


def test_a_feature_acts_as_its_settings_say(tmp_path: Path) -> None:
    house = House(tmp_path / "log", cors=raw(CorsBound(origins=("https://app",))))
    head = a_head("GET", "/hello", fields=[(b"origin", b"https://app")])
    origin = house.ask("GET", "/hello", head)
    assert origin.head is not None
    assert origin.head.get(b"access-control-allow-origin") == b"https://app"


def test_each_listener_believes_its_own_proxies(house: House) -> None:
    assert [one.is_proxy("10.1.2.3") for one in house.worker.entrances.each] == [False, True]


def test_a_connection_begins_at_the_listener_that_it_came_by(house: House) -> None:
    assert house.worker.client(1)._entrance is house.worker.entrances.each[1]


def test_a_service_s_route_ends_with_the_forwarder(house: House) -> None:
    destination, _ = house.worker.table.find(a_head("GET", "/players/7"))
    assert destination.plan.forward == house.worker.forwarder.forward


def test_a_fault_is_written_without_what_it_says(
    house: House, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    def fails(_: Exchange) -> None:
        raise ValueError("what a person wrote")

    origin = FakeOrigin(house.worker.runner)
    plan = bind(house.worker.policies, None, forward=fails)
    origin.exchange = an_exchange(origin=origin, plan=plan)
    house.worker.runner.begin(origin.exchange)
    house.lines()
    event = msgspec.json.decode(capfdbinary.readouterr().out)
    assert (event["event"], event["error"], "person" in str(event)) == (
        "exchange_failed",
        "ValueError",
        False,
    )


def test_a_fault_is_written_with_where_it_happened(
    house: House, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    house.worker.died("connect", _raised())
    house.lines()
    event = msgspec.json.decode(capfdbinary.readouterr().out)
    assert (event["event"], event["task"], len(event["where"])) == ("task_died", "connect", 1)


def _raised() -> BaseException:
    with pytest.raises(ValueError, match="why") as caught:
        raise ValueError("why")
    return caught.value


def test_every_tick_writes_what_has_gathered_and_ends_waits(house: House) -> None:
    house.ask("GET", "/hello")
    for call in house.worker.sweeper.each_tick:
        call()
    assert house.log.read_bytes().count(b"\n") == 1


def test_a_suspended_exchange_becomes_a_task_that_is_kept(house: House) -> None:
    done: list[str] = []

    async def work() -> None:
        done.append("done")

    async def main() -> None:
        house.worker._spawn(work())
        await asyncio.sleep(0)

    asyncio.run(main())
    assert done == ["done"]


# Another snapshot


def changed(house: House, **changes: object) -> Snapshot:
    """Apply a snapshot that differs in this, and return it; what control has found out stays."""
    before, live = whole(house.worker.parts), house.worker.parts.live
    after = msgspec.structs.replace(before, version=before.version + 1, **changes)
    asyncio.run(house.worker.apply(msgspec.structs.replace(parted(after), live=live)))
    return after


def test_new_routes_are_served_and_old_ones_are_not(house: House) -> None:
    other = a_route("/other", service="", respond=Respond(body="other"))
    changed(house, routes=(other,))
    assert (house.ask("GET", "/other").status, house.ask("GET", "/hello").status) == (200, 404)


def live(house: House, *routes: Route) -> None:
    """Have services declare these routes."""
    section = raw(Registered(routes=routes))
    parts = revived(house.worker.parts, Live(sections={SECTION: section}))
    asyncio.run(house.worker.apply(parts))


def test_routes_of_services_are_served_while_they_are_there(house: House) -> None:
    live(house, a_route("/live", service="", respond=Respond(body="live")))
    assert (house.ask("GET", "/live").status, house.ask("GET", "/hello").status) == (200, 200)
    live(house)
    assert (house.ask("GET", "/live").status, house.ask("GET", "/hello").status) == (404, 200)


def test_a_worker_begins_with_what_services_have_declared(house: House) -> None:
    live(house, a_route("/live", service="", respond=Respond(body="live")))
    house.begin_anew()
    assert house.ask("GET", "/live").status == 200


@pytest.mark.parametrize("anew", [False, True])
def test_a_declared_route_that_makes_no_sense_is_left_out_alone(house: House, anew: bool) -> None:
    fit = a_route("/live", service="", respond=Respond(body="live"))
    live(house, a_route("/{a}/{a}"), fit)
    if anew:
        house.begin_anew()
    after = msgspec.structs.replace(
        whole(house.worker.parts), routes=(a_route("/b", service="", respond=Respond(body="b")),)
    )
    parts = parted(after)
    asyncio.run(
        house.worker.apply(msgspec.structs.replace(parts, live=dict(house.worker.parts.live)))
    )
    assert (house.ask("GET", "/live").status, house.ask("GET", "/b").status) == (200, 200)


@pytest.mark.parametrize("anew", [False, True])
def test_listeners_for_services_serve_what_is_for_services_and_nothing_else(
    house: House, anew: bool
) -> None:
    inside = a_route("/inside", service="", respond=Respond(body="in"), internal=True)
    listeners = (Listener(host="127.0.0.1"), Listener(unix="/run/g", internal=True))
    changed(house, routes=(*SNAPSHOT.routes, inside), listeners=listeners)
    if anew:
        house.begin_anew()
    public, internal = (one.directory for one in house.worker.entrances.each)
    for path in ("/inside", "/hello"):
        head = a_head("GET", path)
        found = [one.find(head)[0].plan.route for one in (public, internal)]
        assert [one is not None for one in found] == [path == "/hello", path == "/inside"]


def test_many_routes_are_put_in_place_turn_by_turn(house: House) -> None:
    routes = tuple(
        a_route(f"/r{number}", service="", respond=Respond(body=str(number)))
        for number in range(90)
    )
    after = msgspec.structs.replace(whole(house.worker.parts), routes=routes)
    work = house.worker.apply(parted(after))
    turns = 0
    while True:
        try:
            work.send(None)
        except StopIteration:
            break
        turns += 1
        assert house.ask("GET", "/hello").status == 200  # the old table stands meanwhile
    assert (turns, house.ask("GET", "/r89").status) == (5, 200)  # one for the services


def test_many_services_change_places_in_one_step_and_are_made_and_let_go_in_many(
    house: House,
) -> None:
    old, new = (
        tuple(Service(name=f"s{number}", endpoints=(an_endpoint(port),)) for number in range(500))
        for port in (9001, 9002)
    )
    changed(house, services=old)
    house.worker.standings.changed({})  # what is gone is forgotten
    after = msgspec.structs.replace(whole(house.worker.parts), services=new)
    work = house.worker.apply(parted(after))
    taken = house.worker.standings._taken
    seen: list[set[int]] = []
    made, before = [0], dict(house.worker.forwarder.upstreams)
    while True:
        try:
            work.send(None)
        except StopIteration:
            break
        upstreams = house.worker.forwarder.upstreams
        seen.append({one.pools[0].endpoint.port for one in upstreams.values()})
        made.append(sum(known is not before.get(name) for name, (known, _) in taken.items()))
    assert all(len(ports) == 1 for ports in seen)  # never some old ones and some new ones
    assert (seen[0], seen[-1]) == ({9001}, {9002})
    assert (made[-1], max(map(operator.sub, made[1:], made))) == (500, 9)  # of those in one turn


def test_a_service_that_has_not_changed_keeps_its_connections(house: House) -> None:
    before = house.worker.forwarder.upstreams["players"]
    changed(house)
    assert house.worker.forwarder.upstreams["players"] is before
    moved = Service(name="players", endpoints=(an_endpoint(9999),))
    changed(house, services=(moved,))
    assert house.worker.forwarder.upstreams["players"].service == moved


def test_what_control_finds_out_costs_nobody_else_anything(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every context made anew would forget the sessions of all TLS clients."""
    monkeypatch.setattr(assemble_worker, "contexts_aside", None)
    found: list[object] = []
    monkeypatch.setattr(house.worker.valkeys, "adopt", lambda _, live: found.append(live))
    adopted: list[object] = []
    monkeypatch.setattr(house.worker, "_adopt", adopted.append)
    table = house.worker.table
    live = {"store/state": msgspec.Raw(b"\x01")}
    later = msgspec.structs.replace(house.worker.parts, version=2, live=live)
    asyncio.run(house.worker.apply(later))
    assert found == [live]
    assert (house.worker.snapshot.version, house.worker.parts) == (2, later)
    assert (house.worker.table, adopted) == (table, [])


def test_new_limits_hold_for_new_connections(house: House) -> None:
    after = changed(
        house,
        limits=Limits(head=1024),
        client_timeouts=ClientTimeouts(header=1.0),
        connections=ConnectionLimits(per_worker=7),
    )
    entrance = house.worker.entrances.each[0]
    assert (entrance.limits, entrance.timeouts) == (after.limits, after.client_timeouts)
    assert house.worker.guests.limits == after.connections


def test_no_more_clients_are_let_in_than_descriptors_allow() -> None:
    loop = cast("Any", Loop())
    worker = Worker(
        parted(SNAPSHOT),
        loop=loop,
        clock=FakeClock(),
        registry=Registry(),
        logs=_log,
        descriptors=1024,
    )
    assert worker.guests.limits.per_worker == 1024 - 128 - 256
    wants = ConnectionLimits(per_worker=30_000)
    asyncio.run(worker.apply(parted(msgspec.structs.replace(SNAPSHOT, connections=wants))))
    assert worker.guests.limits.per_worker == 1024 - 128 - 256


def test_another_access_log_is_written_and_the_old_one_still_can_be(
    house: House, tmp_path: Path
) -> None:
    other = tmp_path / "other.log"
    features = {"access_log": raw(AccessLogBound(path=str(other)))}
    changed(house, features=features)
    house.ask("GET", "/hello")
    assert house.lines() == []
    assert b"/hello" in other.read_bytes()


def test_a_log_that_cannot_be_opened_changes_nothing(house: House, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    features = {"access_log": raw(AccessLogBound(path=str(tmp_path / "file" / "log")))}
    before = house.worker.snapshot
    with pytest.raises(FileExistsError):
        changed(house, features=features, routes=())
    assert house.worker.snapshot is before
    assert house.ask("GET", "/hello").status == 200


def test_what_is_counted_goes_on_being_counted(house: House) -> None:
    house.ask("GET", "/hello")
    changed(house)
    house.ask("GET", "/hello")
    counts = {
        (metric.name, labels[1:3]): values[0]
        for metric, labels, values in house.worker.registry.collect()
    }
    assert counts["tta_http_requests_total", ("/hello", "200")] == 2.0


# The way in


def test_only_what_asks_for_more_comes_by_the_doorway(house: House) -> None:
    def kinds() -> list[str]:
        return [type(house.worker.protocol(index)).__name__ for index in range(2)]

    assert kinds() == ["ClientConnection", "ClientConnection"]
    changed(house, listeners=(Listener(host="127.0.0.1", proxy_protocol=True), Listener(unix="/g")))
    assert kinds() == ["Doorway", "ClientConnection"]


def test_a_plain_listener_may_lead_everything_to_https(house: House) -> None:
    changed(house, listeners=(Listener(redirect_port=443), Listener(unix="/g")))
    found, _ = house.worker.entrances.each[0].directory.find(a_head("GET", "/hello"))
    other, _ = house.worker.entrances.each[1].directory.find(a_head("GET", "/hello"))
    assert (found.plan.route, other.plan.route is None) == (None, False)


def test_a_certificate_that_openssl_refuses_changes_nothing(house: House) -> None:
    one = Certificate(certificate="none.pem", pem=b"none", kind="", names=(), expires=0)
    tls = ListenerTls(certificates=(one,))
    before = house.worker.snapshot
    with pytest.raises(OSError, match=r"none\.pem"):
        changed(house, listeners=(Listener(tls=tls), Listener(unix="/g")))
    assert house.worker.snapshot is before


# What control tells, and what it is told


def standing_for(port: int) -> msgspec.Raw:
    return raw(Standing(endpoints=(Stand(endpoint=an_endpoint(port)),)))


def found(house: House, **standings: msgspec.Raw) -> None:
    """Have control tell how these services are."""
    sections = {section(name): one for name, one in standings.items()}
    asyncio.run(house.worker.apply(revived(house.worker.parts, Live(sections=sections))))


def asked_at(house: House, service: str) -> list[str]:
    return [one.name for one in house.worker.forwarder.upstreams[service].pools]


def services(count: int) -> tuple[Service, ...]:
    return tuple(
        Service(name=f"s{number}", endpoints=(an_endpoint(9000 + number),))
        for number in range(count)
    )


def test_a_service_is_asked_where_control_has_found_it_now_and_by_the_next_worker(
    house: House,
) -> None:
    found(house, players=standing_for(9100))
    assert asked_at(house, "players") == ["127.0.0.1:9100"]
    house.begin_anew()
    assert asked_at(house, "players") == ["127.0.0.1:9100"]


def test_a_service_of_a_new_configuration_is_asked_where_control_has_found_it(
    house: House,
) -> None:
    found(house, players=standing_for(9100), worlds=standing_for(9200))
    changed(house, services=(*SNAPSHOT.services, Service(name="worlds", endpoints=())))
    assert [asked_at(house, name) for name in ("players", "worlds")] == [
        ["127.0.0.1:9100"],
        ["127.0.0.1:9200"],
    ]
    moved = Service(name="players", endpoints=(an_endpoint(9999),), host="a")
    changed(house, services=(moved,))
    assert asked_at(house, "players") == ["127.0.0.1:9100"]


def test_what_has_not_changed_is_not_touched(house: House) -> None:
    changed(house, services=services(100))
    pools = {name: one.pools for name, one in house.worker.forwarder.upstreams.items()}
    found(house, s7=standing_for(9100))
    touched = [
        name
        for name, one in house.worker.forwarder.upstreams.items()
        if one.pools is not pools[name]
    ]
    assert touched == ["s7"]


def test_many_standings_are_taken_up_turn_by_turn(house: House) -> None:
    changed(house, services=services(90))
    sections = {section(f"s{number}"): standing_for(9100) for number in range(90)}
    work = house.worker.apply(revived(house.worker.parts, Live(sections=sections)))
    turns = 0
    while True:
        try:
            work.send(None)
        except StopIteration:
            break
        turns += 1
    assert (turns, asked_at(house, "s89")) == (3, ["127.0.0.1:9100"])


def test_what_another_version_has_found_out_keeps_no_worker_from_serving(house: House) -> None:
    """Red with an error in the place of what cannot be read in node/sections.py."""
    nonsense = msgspec.Raw(msgspec.msgpack.encode({"endpoints": 7, "routes": "a", "served": 1.5}))
    names = (section("players"), SECTION, "store/state", "store/cache", "control/alerts", "later/x")
    house.begin(revived(house.worker.parts, Live(sections=dict.fromkeys(names, nonsense))))
    assert house.ask("GET", "/hello").status == 200
    assert asked_at(house, "players") == [an_endpoint().name]
    later = msgspec.Raw(msgspec.msgpack.encode([nonsense]))
    asyncio.run(
        house.worker.apply(revived(house.worker.parts, Live(sections=dict.fromkeys(names, later))))
    )
    assert house.ask("GET", "/hello").status == 200
    found(house, players=standing_for(9100))
    assert asked_at(house, "players") == ["127.0.0.1:9100"]


def test_how_endpoints_do_is_told_to_control(house: House) -> None:
    told: list[Event] = []

    class Way:
        """The way to control."""

        def show(self, events: Sequence[Event]) -> int:
            told.extend(events)
            return len(events)

        put = told.append
        flush = staticmethod(lambda: None)
        take_dropped = staticmethod(lambda: 0)

    house.worker.telling.way = cast("Any", Way())
    house.worker.forwarder.upstreams["players"].pools[0].open = 1
    house.worker.sweeper.now = 10.0
    house.worker._look_after()
    assert [type(one) for one in told] == [EndpointSeen]


def test_what_is_known_of_routes_that_are_gone_is_forgotten(house: House) -> None:
    changed(house, services=services(60), routes=(a_route("/a", service="s59"),))
    upstream = house.worker.forwarder.upstreams["s59"]
    (pool,) = upstream.pools
    for route in ("/a", "/b"):
        upstream.answered(pool, route, 200, 0.1, 1.0)
    changed(house, routes=(a_route("/a", service="s59"), a_route("/c", service="s59")))
    assert house.worker.forwarder.upstreams["s59"] is upstream
    assert (set(pool.timings), set(upstream._timings._typical)) == ({"/a"}, {"/a"})

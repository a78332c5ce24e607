"""The gate within the whole edge, on paper: whoever was let in is let out once, however it ends."""

from typing import Final, Literal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.fake_loop import FakeLoop
from tests.helpers.fake_transport import FakeTransport
from tests.helpers.happenings import NUMBER, STEPS, Step, of_client, of_service, says
from tests.helpers.paper_gateway import (
    GET,
    OK,
    Open,
    PaperGateway,
    paper_gateways,
    post,
    statuses,
)
from tta_gateway.features.admission.bound import AdmissionBound, RouteAdmission
from tta_gateway.features.admission.policy import Gate, TrafficClass
from tta_gateway.features.admission.rooms import Rooms, ServiceRoom
from tta_gateway.kernel.route import EndpointLimits
from tta_gateway.support.metrics import Registry

UPGRADE: Final = (
    b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
SWITCHED: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
)
ROOM: Final = 2
Name = Literal["crisis", "therapeutic", "standard", "background"]


class House:
    """A gateway on paper with room for two, and what looks after it."""

    def __init__(
        self, build: Open, traffic: Name = "therapeutic", *, crisis: int = 0, room: int = ROOM
    ) -> None:
        raw = msgspec.Raw(msgspec.msgpack.encode(RouteAdmission(traffic=traffic)))
        self.loop: FakeLoop | None = None
        self.rooms = Rooms(
            registry=Registry(), clock=self._time, chance=lambda: 0.0, future=self._future
        )
        self.rooms.adopt(AdmissionBound(enabled=True, reserved=(crisis, 0, 0, 0)))
        self.gateway: PaperGateway = build(
            policies=(TrafficClass(self.rooms), Gate(self.rooms)),
            capacity=EndpointLimits(connections=4, pending=1),
            features={"admission": raw},
        )
        self.loop = self.gateway.loop
        self.room: ServiceRoom = self.rooms.of("players")
        self.room.resize(room)
        self.gateway.sweeper.each_tick.append(self._tick)

    def _time(self) -> float:
        return 0.0 if self.loop is None else self.loop.time()

    def _future(self):  # type: ignore[no-untyped-def]  # noqa: ANN202 - asyncio's own
        assert self.loop is not None
        return self.loop.create_future()

    def _tick(self) -> None:
        self.room.look(0.2, self._time())
        self.room.fill(self._time())

    def check(self) -> None:
        """Nobody is let out twice, and no more are in than were let in."""
        assert 0 <= self.room.in_flight <= ROOM
        assert self.room.in_flight == sum(self.room.of)
        assert self.room.waiting == len(self.rooms.waiting)

    def ask(self, request: bytes = GET) -> FakeTransport:
        client = self.gateway.client()
        client.feed(request)
        self.gateway.loop.run_ready()
        return client


# What matters here, oftener than among everything that may happen.
OFTEN: Final[st.SearchStrategy[Step]] = st.one_of(
    st.builds(of_client, NUMBER, st.sampled_from((GET, UPGRADE, post(b"abc"))).map(says)),
    st.builds(of_client, NUMBER, st.just(FakeTransport.lose)),
    st.builds(of_service, NUMBER, st.sampled_from((OK, SWITCHED)).map(says)),
    st.just(lambda gateway: gateway.client()),
    st.just(lambda gateway: gateway.loop.run_ready()),
)


@given(
    st.lists(st.one_of(OFTEN, OFTEN, STEPS), max_size=30),
    st.sampled_from(("crisis", "therapeutic", "background")),
)
def test_whatever_happens_nobody_stays_in_the_room(steps: list[Step], traffic: Name) -> None:
    with paper_gateways() as build:
        house = House(build, traffic, crisis=50)
        gateway = house.gateway
        gateway.client()
        gateway.client()
        for step in steps:
            step(gateway)
            house.check()
        gateway.outlast(1000.0)
        gateway.leave()
        house.check()
        assert (house.room.in_flight, house.room.waiting) == (0, 0)
        assert len(house.rooms.sessions) == 0


def test_the_next_is_let_in_when_the_service_answers() -> None:
    with paper_gateways() as build:
        house = House(build)
        house.ask()
        house.ask()
        third = house.ask()
        assert (house.room.in_flight, house.room.waiting) == (2, 1)
        assert len(house.gateway.loop.opened) == 2
        house.gateway.loop.opened[0].feed(OK)
        house.gateway.loop.run_ready()
        assert (house.room.in_flight, house.room.waiting) == (2, 0)
        house.gateway.loop.opened[0].feed(OK)
        house.gateway.loop.run_ready()
        assert statuses(third.sent) == [200]


def test_a_client_that_goes_while_it_waits_leaves_the_queue_and_nothing_is_asked_for_it() -> None:
    with paper_gateways() as build:
        house = House(build)
        house.ask()
        house.ask()
        third = house.ask()
        third.lose()
        house.gateway.loop.run_ready()
        assert house.room.waiting == 0
        for end in house.gateway.loop.opened:
            end.feed(OK)
        house.gateway.loop.run_ready()
        assert house.room.in_flight == 0
        assert len(house.gateway.loop.opened) == 2


def test_who_waits_in_vain_is_told_so_and_may_ask_again_on_the_same_connection() -> None:
    with paper_gateways() as build:
        house = House(build)
        house.ask()
        house.ask()
        third = house.ask()
        house.gateway.wait(4.0)
        assert statuses(third.sent) == [503]
        house.gateway.loop.opened[0].feed(OK)
        house.gateway.loop.run_ready()
        third.feed(GET)
        house.gateway.loop.run_ready()
        assert house.room.in_flight == 2


def test_a_socket_that_stays_open_takes_up_no_room() -> None:
    with paper_gateways() as build:
        house = House(build)
        client = house.ask(UPGRADE)
        assert house.room.in_flight == 1
        house.gateway.service.feed(SWITCHED)
        house.gateway.loop.run_ready()
        assert statuses(client.sent) == [101]
        assert house.room.in_flight == 0


def test_a_client_that_reads_slowly_takes_up_no_room() -> None:
    with paper_gateways() as build:
        house = House(build)
        client = house.ask()
        client.get_stuck()
        house.gateway.service.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 9)
        house.gateway.loop.run_ready()
        assert house.room.in_flight == 0


def test_a_service_that_dies_gives_the_room_back() -> None:
    with paper_gateways() as build:
        house = House(build)
        client = house.ask(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
        house.gateway.service.lose()
        house.gateway.loop.run_ready()
        assert statuses(client.sent) == [502]
        assert house.room.in_flight == 0

"""The rooms of a worker, told how its services do; over a fake loop."""

from tests.helpers.builders import an_endpoint
from tests.helpers.fake_clock import FakeClock
from tests.helpers.fake_loop import FakeLoop
from tta_gateway.kernel.route import Endpoint, EndpointLimits, Service
from tta_gateway.node.admitting import Admitting
from tta_gateway.support.metrics import Registry
from tta_gateway.upstream import service
from tta_gateway.upstream.attempt import Upstream


def upstream(*endpoints: Endpoint, **limits: int) -> Upstream:
    made: Upstream = service.Upstream(
        Service(name="players", endpoints=endpoints, limits=EndpointLimits(**limits))
    )
    return made


def test_room_grows_with_the_endpoints_that_are_asked_and_goes_with_the_service() -> None:
    with FakeLoop() as loop:
        clock = FakeClock()
        admitting = Admitting(Registry(), loop.real, clock=clock.monotonic)
        room = admitting.rooms.of("players")

        def tick(services: dict[str, Upstream], times: int = 1) -> None:
            for _ in range(times):
                clock.advance(0.2)
                admitting.tick(services, lag=0.0, behind=0.0)

        tick({"players": upstream(an_endpoint(1))})
        first = room.limit
        tick({"players": upstream(an_endpoint(1), an_endpoint(2), connections=49, pending=1)})
        assert room.limit == 2 * 50
        tick({"players": upstream(an_endpoint(1), an_endpoint(2), an_endpoint(3))})
        assert room.limit == 3 * first
        tick({}, times=100)
        assert admitting.rooms.of("players") is not room


def test_what_a_turn_is_waited_for_with_is_the_loop_s_own() -> None:
    with FakeLoop() as loop:
        admitting = Admitting(Registry(), loop.real, clock=loop.time)
        assert not admitting.rooms.future().done()

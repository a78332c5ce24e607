import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.admission.algorithm import PROMPT, Waiting
from tta_gateway.features.admission.bound import AdmissionBound
from tta_gateway.features.admission.metrics import LIMIT, PRESSURE, TAKEN, WAITING
from tta_gateway.features.admission.problems import SHED
from tta_gateway.features.admission.rooms import UNKNOWN, Rooms
from tta_gateway.kernel.traffic import BACKGROUND, CRISIS, STANDARD, THERAPEUTIC
from tta_gateway.support.metrics import Registry


class House:
    """Rooms, with a clock and endpoints of the test's own."""

    def __init__(self, *, chance: float = 0.0) -> None:
        self.clock = FakeClock()
        self.registry = Registry()
        self.endpoints = 1
        self.each = 1000
        self.rooms = Rooms(
            registry=self.registry,
            clock=self.clock.monotonic,
            chance=lambda: chance,
            extent=lambda _: (self.endpoints, self.each),
        )

    def tick(self, *, busy: float = 0.0) -> None:
        self.clock.advance(0.2)
        self.rooms.tick(busy=busy, lag=0.0)


def test_a_service_has_one_room_however_many_routes_lead_there() -> None:
    rooms = House().rooms
    assert rooms.of("players") is rooms.of("players")
    assert rooms.of("players") is not rooms.of("stories")


def test_where_nobody_can_wait_there_is_room_for_everybody() -> None:
    room = House().rooms.of("players")
    assert all(room.take(BACKGROUND) for _ in range(10 * UNKNOWN))


def test_what_is_going_on_is_shown() -> None:
    house = House()
    room = house.rooms.of("players")
    room.take(STANDARD)
    for _ in range(3):
        house.tick(busy=1.0)
    shown = {metric: cells[0] for metric, _, cells in house.registry.collect()}
    assert (shown[LIMIT], shown[TAKEN], shown[WAITING]) == (1000, 1, 0)
    assert shown[PRESSURE] > 0


def test_more_endpoints_make_more_room_and_none_changes_nothing() -> None:
    house = House()
    room = house.rooms.of("players")
    house.tick()
    house.endpoints = 3
    house.tick()
    assert room.limit == 3000
    house.endpoints = 0
    house.tick()
    assert room.limit == 3000
    house.endpoints = 1
    house.tick()
    assert room.limit == 1000


def test_where_an_endpoint_may_be_asked_little_at_once_some_are_with_it_and_wait_there() -> None:
    house = House()
    house.each = 2
    room = house.rooms.of("players")
    house.tick()
    assert room.limit == 64


def test_while_nothing_is_short_only_what_is_for_crises_is_kept() -> None:
    house = House()
    room = house.rooms.of("players")
    house.tick()
    assert [room.reserved_for(one) for one in range(4)] == [100, 0, 0, 0]
    assert all(room.take(BACKGROUND) for _ in range(900))
    assert not room.take(BACKGROUND)
    house.tick()
    assert [room.reserved_for(one) for one in range(4)] == [100, 400, 50, 0]


def test_a_look_lets_in_who_waits() -> None:
    house = House()
    room = house.rooms.of("players")
    house.tick()
    for _ in range(1000):
        room.take(THERAPEUTIC)
    outcomes: list[int] = []
    room.wait(Waiting(THERAPEUTIC, house.clock.monotonic() + 9.0, outcomes.append), 0.0)
    house.endpoints = 2
    house.tick()
    assert len(outcomes) == 1


@pytest.mark.parametrize(
    ("traffic", "least", "most"),
    [(CRISIS, 1, 2), (THERAPEUTIC, 1, 3), (STANDARD, 2, 10), (BACKGROUND, 5, 30)],
)
def test_who_is_turned_away_is_told_when_to_come_again_not_all_at_once(
    traffic: int, least: int, most: int
) -> None:
    for chance, after in ((0.0, least), (0.999, most)):
        refusal = House(chance=chance).rooms.refusal(SHED, traffic)
        assert refusal.deferrable
        problem = refusal.response.problem
        assert problem is not None
        assert (problem.code, problem.retry_after) == ("admission_shed", after)


def test_other_settings_hold_at_once_and_what_is_known_stays() -> None:
    house = House()
    room = house.rooms.of("players")
    house.tick()
    house.rooms.adopt(AdmissionBound(reserved=(50, 0, 0, 0), least=7))
    assert room.reserved_for(CRISIS) == 500
    assert room.adaptive.least == 7
    assert house.rooms.of("players") is room


def test_services_that_are_gone_are_forgotten_once_nobody_is_there() -> None:
    house = House()
    gone, busy = house.rooms.of("gone"), house.rooms.of("busy")
    busy.take(STANDARD)
    house.rooms.retain(frozenset())
    house.rooms.retain(frozenset())
    assert house.rooms.of("busy") is busy
    assert house.rooms.of("gone") is not gone


def test_the_room_at_a_service_that_is_on_its_way_in_is_not_forgotten() -> None:
    house = House()
    house.rooms.retain(frozenset({"players"}))
    room = house.rooms.of("stories")  # its routes are made
    house.rooms.retain(frozenset({"players"}))
    house.rooms.retain(frozenset({"players", "stories"}))
    assert house.rooms.of("stories") is room


def test_a_worker_that_is_late_does_not_ask_services_less_for_that() -> None:
    house = House()
    room = house.rooms.of("players")
    house.tick()
    for _ in range(5):
        for _ in range(100):
            room.adaptive.failed()
        house.clock.advance(0.2)
        house.rooms.tick(busy=1.0, lag=0.5)
    assert room.limit == 1000


def test_a_worker_that_is_late_keeps_no_lower_class_waiting_and_therapy_as_long_as_ever() -> None:
    house = House()
    room = house.rooms.of("players")
    patient = [house.rooms.patience(one) for one in range(4)]
    house.tick()
    assert (patient, room.is_hurried) == ([10.0, 3.0, 2.0, 0.5], False)
    for _ in range(5):
        house.tick(busy=1.0)
    assert [house.rooms.patience(one) for one in range(4)] == [10.0, 3.0, PROMPT, PROMPT]
    assert room.is_hurried


def test_refusals_are_told_by_rote_unless_there_is_more_to_say() -> None:
    rooms = House().rooms
    first, again = rooms.refusal(SHED, STANDARD).response, rooms.refusal(SHED, STANDARD).response
    assert first.rote
    assert first.problem is again.problem
    assert not rooms.refusal(SHED, STANDARD, "More.").response.rote

"""What is known of one service and its endpoints."""

import msgspec
import pytest

from tests.helpers.known_services import ONE, THIRD, House, seen
from tta_gateway.kernel.events import EndpointChanged, EndpointSeen
from tta_gateway.node.known import CONFIGURATION


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def looked_at() -> House:
    return House(checked=True)


def test_the_last_transitions_are_remembered(house: House) -> None:
    for number in range(50):
        house.bus.publish(
            EndpointChanged(
                service="players", endpoint=ONE.name, change="penalised", at=float(number)
            )
        )
    kept = house.services.kept["players"].transitions
    assert [one.at for one in kept] == [float(number) for number in range(30, 50)]


def test_what_workers_see_is_kept_by_worker(house: House) -> None:
    seen = EndpointSeen(
        service="players",
        endpoint=ONE.name,
        weight=0.5,
        ratio=3.0,
        in_flight=1,
        open=2,
        at=1.0,
        by="worker 7",
    )
    for weight in (0.5, 0.6):
        house.bus.publish(msgspec.structs.replace(seen, weight=weight))
    known = house.services.kept["players"].endpoints[ONE.name]
    assert {by: one.weight for by, one in known.seen.items()} == {"worker 7": 0.6}


def test_what_workers_saw_that_are_no_more_is_forgotten(house: House) -> None:
    for worker in range(3):
        house.bus.publish(
            EndpointSeen(
                service="players",
                endpoint=ONE.name,
                weight=1.0,
                ratio=1.0,
                in_flight=0,
                open=1,
                at=house.clock.wall(),
                by=f"worker {worker}",
            )
        )
        house.clock.advance(40.0)
    seen = house.services.kept["players"].endpoints[ONE.name].seen
    assert sorted(seen) == ["worker 1", "worker 2"]


def test_of_two_sources_with_one_endpoint_the_first_stands(house: House) -> None:
    house.found(9001, 9002)
    assert house.services.kept["players"].endpoints[ONE.name].source == CONFIGURATION


def test_how_often_it_was_ejected_in_a_row_the_next_control_knows_too(house: House) -> None:
    ejected = EndpointChanged(
        service="players",
        endpoint=ONE.name,
        change="ejected",
        at=house.clock.wall(),
        until=house.clock.wall() + 60.0,
    )
    house.bus.publish(ejected)
    known = house.next().services.kept["players"].endpoints[ONE.name]
    assert (known.ejections, known.out_until) == (2, ejected.until)


def test_its_weight_is_what_workers_see_on_average_or_what_is_written_down(house: House) -> None:
    known = house.services.kept["players"].endpoints[ONE.name]
    seen(house, by="worker 7", weight=0.2)
    seen(house, by="worker 8", weight=0.4)
    assert known.weight(house.clock.wall()) == pytest.approx(0.3)
    assert known.weight(house.clock.wall() + 10.0) == 1.0


def test_it_is_good_while_it_is_up_and_stays_and_is_not_ejected(house: House) -> None:
    known = house.services.kept["players"].endpoints[ONE.name]
    now = house.clock.wall()
    found = [known.is_good(now)]
    known.ejected_until = now + 1.0
    found += [known.is_good(now), known.is_good(now + 1.0)]
    known.state = "down"
    found.append(known.is_good(now + 1.0))
    house.found(9003, draining=True)
    found.append(house.services.kept["players"].endpoints[THIRD.name].is_good(now))
    assert found == [True, False, True, False, False]


def test_what_workers_tell_of_their_answers_adds_up(house: House) -> None:
    for by in ("worker 7", "worker 8"):
        seen(house, by=by, turn=1, asked=5, failed=2)
        seen(house, by=by, turn=1, asked=5, failed=2)
    share = house.services.kept["players"].endpoints[ONE.name].share
    assert (share.asked, share.failed) == (10, 4)

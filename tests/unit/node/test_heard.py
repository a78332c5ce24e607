"""What workers say, and what all of them are told of it."""

import msgspec
import pytest

from tests.helpers.known_services import ONE, OTHER, PLAYERS, THIRD, House
from tta_gateway.kernel.events import BreakerChanged, EndpointChanged, EndpointSeen
from tta_gateway.kernel.route import Endpoint
from tta_gateway.node.readmission import Look


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def looked_at() -> House:
    return House(checked=True)


def test_what_one_worker_ejects_all_do(house: House) -> None:
    ejected = EndpointChanged(
        service="players", endpoint=ONE.name, change="ejected", at=1.0, until=31.0, by="worker 7"
    )
    house.bus.publish(ejected)
    house.bus.publish(msgspec.structs.replace(ejected, until=30.0, by="worker 8"))
    assert house.stand(9001).ejected_until == 31.0


def ejected(house: House, *, at: float = 0.0, lasts: float = 30.0) -> float:
    """Let a worker eject the first endpoint, which then refused connections; return when."""
    now = house.clock.wall() + at
    house.bus.publish(
        EndpointChanged(
            service="players",
            endpoint=ONE.name,
            change="ejected",
            at=now,
            until=now + lasts,
            by="worker 7",
            proof="connection",
        )
    )
    return now


def looks(house: House, *moments: float, endpoint: Endpoint = ONE) -> None:
    for began in moments:
        look = Look(began=began, passed=True, shows="answer", healthy=2)
        house.services.heard.saw("players", endpoint.name, look)


def test_checks_that_pass_end_an_ejection_for_all_workers(looked_at: House) -> None:
    at = ejected(looked_at)
    looks(looked_at, at + 1.0)
    assert (looked_at.stand(9001).ejected_until, looked_at.stand(9001).cleared) == (at + 30.0, 0.0)
    looks(looked_at, at + 3.0)
    assert (looked_at.stand(9001).ejected_until, looked_at.stand(9001).cleared) == (0.0, at + 1.0)


def test_what_is_ejected_again_is_out_again(looked_at: House) -> None:
    at = ejected(looked_at)
    looks(looked_at, at + 1.0, at + 3.0)
    looked_at.clock.advance(5.0)
    again = ejected(looked_at, lasts=60.0)
    looks(looked_at, again + 1.0, again + 3.0, again + 5.0)
    assert looked_at.stand(9001).ejected_until == again + 60.0
    looks(looked_at, again + 7.0)
    assert looked_at.stand(9001).cleared == again + 1.0


def test_checks_behind_the_end_of_an_ejection_change_nothing(looked_at: House) -> None:
    at = ejected(looked_at)
    looked_at.clock.advance(31.0)
    looks(looked_at, at + 31.0, at + 33.0)
    assert looked_at.stand(9001).cleared == 0.0


def test_nor_do_those_of_what_is_not_ejected_or_not_known(looked_at: House) -> None:
    before = dict(looked_at.told)
    looks(looked_at, 1.0, 2.0, endpoint=OTHER)
    looks(looked_at, 1.0, 2.0, endpoint=THIRD)
    looked_at.services.heard.saw(
        "nobody", ONE.name, Look(1.0, passed=True, shows="answer", healthy=1)
    )
    assert looked_at.told == before


def test_without_settings_of_outliers_their_defaults_count() -> None:
    house = House(checked=True)
    house.services.adopt([msgspec.structs.replace(PLAYERS, outliers=None)], checked=lambda _: True)
    at = ejected(house)
    looks(house, at + 1.0, at + 3.0)
    assert house.stand(9001).cleared == at + 1.0


OPEN = BreakerChanged(
    service="players", route="/a", state="open", at=1.0, until=1_700_000_010.0, by="worker 7"
)


def opened(house: House) -> dict[str, float] | None:
    standing = house.told["service/players"]
    return None if standing is None else standing.open


def test_when_one_worker_s_breaker_opens_all_are_told_until_when(house: House) -> None:
    house.bus.publish(OPEN)
    house.bus.publish(msgspec.structs.replace(OPEN, route="/b"))
    house.bus.publish(msgspec.structs.replace(OPEN, until=OPEN.until - 5.0, by="worker 8"))
    assert opened(house) == {"/a": OPEN.until, "/b": OPEN.until}
    house.bus.publish(msgspec.structs.replace(OPEN, until=OPEN.until + 20.0, by="worker 8"))
    assert opened(house) == {"/a": OPEN.until + 20.0, "/b": OPEN.until}


def test_once_it_is_closed_what_is_over_is_told_no_more(house: House) -> None:
    house.bus.publish(OPEN)
    house.clock.advance(10.0)
    ramp = msgspec.structs.replace(OPEN, state="ramp", until=0.0)
    house.bus.publish(ramp)
    told = opened(house)
    house.bus.publish(msgspec.structs.replace(ramp, state="closed"))
    assert (told, opened(house)) == ({"/a": OPEN.until}, None)


def test_how_each_worker_s_breaker_is_can_be_looked_up_until_it_is_closed(house: House) -> None:
    house.bus.publish(OPEN)
    half = msgspec.structs.replace(OPEN, state="half_open", until=0.0, by="worker 8")
    house.bus.publish(half)
    kept = house.services.kept["players"].breakers
    assert kept == {"/a": {"worker 7": OPEN, "worker 8": half}}
    house.bus.publish(msgspec.structs.replace(half, state="closed"))
    assert kept == {"/a": {"worker 7": OPEN}}


def test_a_breaker_of_a_service_that_is_gone_is_nobody_s(house: House) -> None:
    house.bus.publish(msgspec.structs.replace(OPEN, service="gone"))
    assert opened(house) is None


def test_a_new_control_knows_which_breakers_are_open(house: House) -> None:
    house.bus.publish(OPEN)
    before = house.told["service/players"]
    assert before is not None
    after = House(live={"players": before})
    after.found(9003)
    assert opened(after) == {"/a": OPEN.until}


def test_what_workers_have_said_that_are_no_more_is_forgotten(house: House) -> None:
    half = msgspec.structs.replace(OPEN, state="half_open", until=0.0, by="worker 8")
    other = msgspec.structs.replace(half, route="/b")
    seen = EndpointSeen(
        service="players",
        endpoint=ONE.name,
        weight=1.0,
        ratio=1.0,
        in_flight=0,
        open=1,
        at=house.clock.wall(),
        by="worker 7",
    )
    for event in (OPEN, half, other, seen, msgspec.structs.replace(seen, by="worker 8")):
        house.bus.publish(event)
    house.services.heard.retain({"worker 7", "worker 9"})
    kept = house.services.kept["players"]
    assert kept.breakers == {"/a": {"worker 7": OPEN}}
    assert set(kept.endpoints[ONE.name].seen) == {"worker 7"}


def test_a_breaker_is_forgotten_when_nobody_has_spoken_of_its_route_for_an_hour(
    house: House,
) -> None:
    wall = house.clock.wall()
    half = msgspec.structs.replace(OPEN, state="half_open", until=0.0, at=wall)
    for event in (half, msgspec.structs.replace(half, route="/b", at=wall + 60.0)):
        house.bus.publish(event)
    house.clock.advance(3601.0)
    house.services.heard.retain({"worker 7"})
    assert set(house.services.kept["players"].breakers) == {"/b"}


def test_one_that_is_closed_is_known_to_be_as_long_as_others_take_it_for_open(
    house: House,
) -> None:
    house.bus.publish(OPEN)
    house.bus.publish(msgspec.structs.replace(OPEN, state="closed"))
    breakers = house.services.kept["players"].breakers
    house.services.heard.retain({"worker 7"})
    assert breakers == {"/a": {}}
    house.clock.advance(10.0)
    house.services.heard.retain({"worker 7"})
    assert breakers == {}

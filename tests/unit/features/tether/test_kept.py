"""A tether as its worker keeps it: what its service and the gateway end, and what goes on."""

from typing import Any, Final

import pytest

from tests.helpers.tether_house import TOO_MANY, House
from tta_gateway.features.admission.problems import SHED
from tta_gateway.kernel.message import Response, answer_of
from tta_gateway.kernel.problem import NOT_FOUND, OWN_UNAVAILABLE, Problem
from tta_gateway.kernel.said import Need


@pytest.mark.parametrize(
    ("answer", "ended"),
    [
        (Response(403), (1008, b"the service refuses")),
        (answer_of(NOT_FOUND), (1008, NOT_FOUND.code.encode())),
        (answer_of(TOO_MANY), (1013, b"too_many")),
        (Response(429), None),
        (Response(404), None),
        (Response(503), None),
        (answer_of(OWN_UNAVAILABLE), None),
        (answer_of(SHED), None),
    ],
)
def test_only_whoever_may_not_come_hears_so(
    answer: Response, ended: tuple[int, bytes] | None
) -> None:
    house = House()
    socket, _ = house.came("/ws")
    house.ear.refused(answer)
    assert socket.ended == ended
    house.now = 1.0
    for one in list(house.kept):
        one.on_deadline(1.0)
    assert len(house.desk.legs) == (2 if ended is None else 1)


@pytest.mark.parametrize("shed", [TOO_MANY, SHED])
def test_a_session_that_goes_on_waits_where_there_are_too_many(shed: Problem) -> None:
    house = House()
    socket, _ = house.joined()
    house.ear.closed(1006, b"", is_of_policy=False)
    house.now = 1.0
    house.kept[0].on_deadline(1.0)
    house.ear.refused(answer_of(shed))
    assert socket.ended is None
    house.now = 5.0
    house.kept[0].on_deadline(5.0)
    assert len(house.desk.legs) == 3


def test_each_leg_is_of_the_same_session() -> None:
    house = House()
    house.joined()
    house.ear.closed(1006, b"", is_of_policy=False)
    house.now = 1.0
    house.kept[0].on_deadline(1.0)
    first, second = (guest for guest, _, _ in house.desk.legs)
    assert (first.session, second.number) == (second.session, 2)


@pytest.mark.parametrize(("code", "goes_on"), [(1008, False), (1011, False), (3000, True)])
def test_what_the_gateway_ends_is_over_but_for_an_expired_token(
    code: int, *, goes_on: bool
) -> None:
    house = House()
    socket, _ = house.joined()
    house.ear.closed(code, b"why", is_of_policy=True)
    assert (socket.ended is None) is goes_on
    assert len(house.sockets) == int(goes_on)


def test_what_has_not_reached_the_service_may_be_said_again() -> None:
    house = House()
    _, hearer = house.joined()
    message = b'{"id": "msg_00112233"}'
    hearer.message(message, is_text=True)
    house.ear.stopped(message)
    hearer.message(message, is_text=True)
    assert house.leg.heard == [message, message]


def test_who_takes_nothing_of_what_the_gateway_says_is_heard_no_further() -> None:
    house = House()
    socket, hearer = house.joined()
    hearer.may_write(may=False)
    for _ in range(300):
        house.ear.tell(b"x" * 250, is_text=True, is_help=False)
    assert not socket.is_read
    hearer.may_write(may=True)
    assert socket.is_read


def test_what_the_gateway_says_is_told_to_whoever_is_there() -> None:
    house = House()
    socket, hearer = house.joined()
    house.ear.tell(b"pong", is_text=True, is_help=False)
    hearer.closed(1006)
    house.ear.tell(b"nobody hears", is_text=True, is_help=False)
    assert socket.texts() == ["pong"]


def test_what_waits_for_a_service_is_listened_to_by_the_desk() -> None:
    house = House()
    socket, hearer = house.came("/ws")
    hearer.message(b"dark", is_text=True)
    assert house.desk.listened == [b"dark"]
    assert socket.texts() == ["card"]


BINDING: Final[dict[str, Any]] = {"channel": "session:", "parameter": "session_id"}


def test_what_is_said_at_a_bound_socket_is_said_in_its_channel() -> None:
    house = House(**BINDING)
    _, hearer = house.joined("/ws?session_id=s1")
    hearer.message(b"asked", is_text=True)
    assert house.bond.heard == []  # it is not known whether it goes on
    house.ear.passed(
        b"as policies made it", is_text=True, need=Need(2, is_spared=True, undelivered=lambda: None)
    )
    house.ear.message(b"told", is_text=True)
    assert (house.bond.channel, house.bond.serves) == ("session:s1", False)
    assert house.bond.heard == [
        (b"as policies made it", True, "client"),
        (b"told", True, "service"),
    ]
    assert house.bond.needs == [2]


@pytest.mark.parametrize("target", ["/ws", "/ws?session_id=", "/ws?other=s1"])
def test_who_names_no_session_is_bound_to_none(target: str) -> None:
    house = House(**BINDING)
    house.joined(target)
    house.ear.message(b"told", is_text=True)
    assert house.desk.bonds == []


def test_what_others_say_reaches_the_client_in_the_words_of_the_route() -> None:
    house = House(words=True, **BINDING)
    socket, _ = house.joined("/ws?session_id=s1")
    house.bond.bonded.others_said(b"1", by_service=False)
    house.bond.bonded.others_said(b"2", by_service=True)
    assert socket.heard[-2:] == [b"other: 1", b"service: 2"]


def test_a_service_that_cannot_hear_a_member_has_its_client_told() -> None:
    house = House(serves=True, messages=1, **BINDING)
    counted: list[str] = []
    house.sockets.count = counted.append
    socket, _ = house.joined("/ws?session_id=s1")
    house.bond.bonded.service_hears(b"1")
    house.ear.closed(1006, b"", is_of_policy=False)
    for one in (b"2", b"3"):
        house.bond.bonded.service_hears(one)
    assert house.leg.relayed == [b"1"]
    assert house.bond.serves
    assert [one["status"] for one in socket.events()] == ["attached", "service_away", "unheard"]
    assert counted == ["begun", "unheard"]


def test_a_bond_hears_whether_its_client_keeps_up_comes_back_and_goes() -> None:
    house = House(**BINDING)
    _, hearer = house.joined("/ws?session_id=s1")
    hearer.may_write(may=False)
    hearer.closed(1006)
    _, again = house.came("/ws?session_id=s1")
    bond = house.bond
    assert bond.heard == [False, True, "came back"]
    again.closed(1000)
    assert bond.is_over
    assert len(house.desk.bonds) == 1


def test_a_client_without_a_sign_of_life_holds_no_channel_back() -> None:
    house = House(**BINDING)
    _, hearer = house.joined("/ws?session_id=s1")
    hearer.may_write(may=False)
    house.ear.message(b"1", is_text=True)
    house.now = 30.0
    house.kept[0].on_deadline(30.0)
    assert house.bond.heard[-1] is True

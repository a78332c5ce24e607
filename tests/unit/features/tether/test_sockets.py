"""Who comes with what token, and to which tether they come back."""

from collections.abc import Callable
from typing import Final

import msgspec
import pytest

from tests.helpers.tether_house import AUTH, EXPIRED, House
from tests.helpers.tethered import a_line
from tta_gateway.features.tether.metrics import EVENTS
from tta_gateway.features.tether.parcel import Parcel, Seat
from tta_gateway.features.tether.relay import TAKEN, Ask, Line
from tta_gateway.features.tether.sockets import MOST_AWAY
from tta_gateway.kernel.message import Response, answer_of
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import OWN_UNAVAILABLE


def test_messages_pass_both_ways() -> None:
    house = House()
    socket, hearer = house.joined()
    hearer.message(b"a", is_text=True)
    house.ear.message(b"b", is_text=True)
    assert (house.leg.heard, socket.texts()) == ([b"a"], ["b"])
    assert socket.events()[0] | {"resume": ""} == {
        "event": "connection",
        "status": "attached",
        "resumed": False,
        "received": 0,
        "resume": "",
    }


def test_what_becomes_of_a_tether_is_counted() -> None:
    house = House()
    counted: list[str] = []
    house.sockets.count = counted.append
    socket, hearer = house.joined()
    hearer.closed(1006)
    _, again = house.came(f"/ws?resume={socket.events()[0]['resume']}")
    house.ear.closed(1006, b"", is_of_policy=False)
    house.now = 1.0
    house.kept[0].on_deadline(1.0)
    house.ear.opened()
    again.closed(1000)
    assert counted == ["begun", "resumed", "reattached", "ended"]
    assert set(counted) < set(EVENTS)


def test_events_are_in_the_words_of_the_route_where_it_has_some() -> None:
    socket, _ = House(words=True).joined()
    assert socket.heard[0].startswith(b"connection {'status': 'attached'")


def test_nobody_is_told_where_the_route_says_so() -> None:
    socket, _ = House(events=False).joined()
    assert socket.heard == []


def test_who_comes_back_by_the_token_gets_what_was_missed() -> None:
    house = House()
    socket, hearer = house.joined()
    house.ear.message(b"1", is_text=True)
    hearer.closed(1006)
    house.ear.message(b"2", is_text=True)
    back, again = house.came(f"/ws?resume={socket.events()[0]['resume']}&received=1")
    assert back.texts() == ["2"]
    again.message(b"a", is_text=True)
    assert (house.leg.heard, len(house.sockets), len(house.desk.legs)) == ([b"a"], 1, 1)


@pytest.mark.parametrize("received", ["", "&received=x", "&received=-1", "&received=" + "9" * 20])
def test_without_a_number_pongs_count(received: str) -> None:
    house = House()
    socket, hearer = house.joined()
    house.ear.message(b"1", is_text=True)
    socket.ponged(socket.pings[-1])
    house.ear.message(b"2", is_text=True)
    hearer.closed(1006)
    back, _ = house.came(f"/ws?resume={socket.events()[0]['resume']}{received}")
    assert back.texts() == ["2"]


def test_a_session_is_gone_on_with_when_its_client_is_away() -> None:
    house = House()
    _, hearer = house.joined("/ws?session_id=s1")
    hearer.closed(1006)
    back, _ = house.came("/ws?session_id=s1")
    assert back.events()[0]["resumed"] is True


def test_two_sockets_of_one_session_are_two_while_both_are_there() -> None:
    house = House()
    house.joined("/ws?session_id=s1")
    house.joined("/ws?session_id=s1")
    assert len(house.sockets) == 2


@pytest.mark.parametrize(
    ("target", "who"),
    [
        ("/ws?session_id=s1", "p2"),
        ("/ws?session_id=s2", "p1"),
        ("/ws?session_id=", "p1"),
        ("/ws?session_id=s1", None),
        ("/other?session_id=s1", "p1"),
        ("/ws?session_id=s1&resume=unknown", "p1"),
        ("/ws?resume={resume}", "p2"),
        ("/ws?resume={resume}", None),
        ("/other?resume={resume}", "p1"),
    ],
)
def test_nobody_else_and_nothing_else_is_gone_on_with(target: str, who: str | None) -> None:
    house = House()
    socket, hearer = house.joined("/ws?session_id=s1")
    house.ear.message(b"secret", is_text=True)
    hearer.closed(1006)
    resume = socket.events()[0]["resume"]
    other, _ = house.joined(target.format(resume=resume), who)
    assert other.texts() == []
    assert other.events()[0]["resumed"] is False
    assert len(house.sockets) == 2


_FULL = {"level": 2, "scopes": frozenset(("chat",)), "roles": frozenset(("nurse",))}


@pytest.mark.parametrize(
    ("changed", "resumed"),
    [
        ({}, True),
        ({"level": 3, "expires": 9e9}, True),
        ({"level": 1}, False),
        ({"roles": frozenset()}, False),
        ({"is_narrow": True}, False),
        ({"scopes": frozenset(("profile",))}, False),
        ({"permitted": frozenset(("read",))}, False),
        ({"issuer": "another"}, False),
    ],
)
@pytest.mark.parametrize("by_token", [False, True])
def test_who_shows_a_token_that_may_other_things_has_another_tether(
    changed: dict[str, object], *, resumed: bool, by_token: bool
) -> None:
    house = House()
    socket, hearer = house.joined("/ws?session_id=s1", shown=_FULL)
    hearer.closed(1006)
    token = f"&resume={socket.events()[0]['resume']}" if by_token else ""
    house.came(f"/ws?session_id=s1{token}", shown={**_FULL, **changed})
    assert len(house.desk.legs) == (1 if resumed else 2)


def test_somebody_unknown_comes_back_by_the_token_alone() -> None:
    house = House(session="")
    socket, hearer = house.joined(who=None)
    hearer.closed(1006)
    back, _ = house.came(f"/ws?resume={socket.events()[0]['resume']}", None)
    assert back.events()[0]["resumed"] is True


def test_what_was_taken_over_is_heard_no_more() -> None:
    house = House()
    socket, hearer = house.joined()
    back, _ = house.came(f"/ws?resume={socket.events()[0]['resume']}")
    assert socket.ended == (1001, b"it goes on over another connection")
    hearer.message(b"late", is_text=True)
    hearer.may_write(may=False)
    hearer.closed(1001)
    assert house.leg.heard == []
    assert house.leg.is_read
    house.ear.message(b"1", is_text=True)
    assert back.texts() == ["1"]


# --- the first message ---


@pytest.mark.parametrize("is_refused", [False, True])
def test_a_token_that_the_request_shows_is_proved_before_anything_is_joined(
    *, is_refused: bool
) -> None:
    house = House(first_message=10.0)
    _, before = house.came("/ws?session_id=s1")
    house.desk.asked[0][1].may(house.desk.proofs[0])
    before.closed(1006)
    socket, hearer = house.came("/ws?session_id=s1")
    assert (socket.is_read, socket.heard, house.kept[0].is_here) == (False, [], False)
    token, asker = house.desk.asked[1]
    assert token == b""
    if is_refused:
        asker.may_not(house.desk.proofs[1], Response(403))
        assert (socket.ended, socket.heard) == ((1008, b"refused"), [])
        return
    house.desk.proofs[1].exchange.principal = Principal(subject="p1", issuer="today")
    asker.may(house.desk.proofs[1])
    assert (socket.is_read, house.kept[0].is_here, len(house.desk.legs)) == (True, True, 1)
    hearer.due(99.0)
    assert socket.ended is None


def test_the_first_message_shows_the_token() -> None:
    house = House(first_message=10.0)
    socket, hearer = house.came("/ws", None)
    assert (socket.woken_at, house.desk.legs) == (10.0, [])
    hearer.message(AUTH, is_text=True)
    assert not socket.is_read
    ((token, asker),) = house.desk.asked
    hearer.message(b"not yet", is_text=True)
    proof = house.desk.proofs[0]
    asker.may(proof)
    assert (token, proof.is_kept, socket.is_read) == (b"good", True, True)
    assert house.desk.legs[0][0].token == b"good"
    hearer.due(10.0)
    assert socket.ended is None
    hearer.closed(1006)
    assert proof.is_over


@pytest.mark.parametrize(("first", "is_text"), [(b"hello", True), (AUTH, False)])
def test_what_shows_no_token_ends_it(first: bytes, *, is_text: bool) -> None:
    socket, hearer = House(first_message=10.0).came("/ws", None)
    hearer.message(first, is_text=is_text)
    assert socket.ended == (1008, b"the first message must be {type: auth, token: ...}")


def test_it_is_listened_to_all_the_same_and_no_end_is_bare() -> None:
    house = House(first_message=10.0)
    house.desk.goes_before = b"help"
    socket, hearer = house.came("/ws", None)
    hearer.message(b"dark", is_text=True)
    assert house.desk.listened == [b"dark"]
    assert socket.texts() == ["card", "help"]
    for way in ("due", "may_not", "ended"):
        other, hearer = house.came("/ws", None)
        if way == "due":
            hearer.due(10.0)
        else:
            hearer.message(AUTH, is_text=True)
            proof, asker = house.desk.proofs[-1], house.desk.asked[-1][1]
            if way == "may_not":
                asker.may_not(proof, Response(403))
            else:
                asker.ended(proof, 3000, b"expired")
        assert other.texts() == ["help"]
        assert other.ended is not None


def test_so_does_none_in_time() -> None:
    socket, hearer = House(first_message=10.0).came("/ws", None)
    hearer.due(10.0)
    assert socket.ended == (1008, b"no token has come in time")


@pytest.mark.parametrize(
    ("answer", "ended"),
    [
        (answer_of(EXPIRED), (1008, b"identity_token_expired")),
        (Response(403), (1008, b"refused")),
        (answer_of(OWN_UNAVAILABLE), (1013, OWN_UNAVAILABLE.code.encode())),
    ],
)
def test_a_token_that_is_refused_ends_it(answer: Response, ended: tuple[int, bytes]) -> None:
    house = House(first_message=10.0)
    socket, hearer = house.came("/ws", None)
    hearer.message(AUTH, is_text=True)
    house.desk.asked[0][1].may_not(house.desk.proofs[0], answer)
    assert socket.ended == ended


def test_a_token_that_cannot_be_held_joins_nothing() -> None:
    house = House(first_message=10.0)
    socket, hearer = house.came("/ws", None)
    hearer.message(AUTH, is_text=True)
    asker, proof = house.desk.asked[0][1], house.desk.proofs[0]
    proof.on_keep = lambda: asker.ended(proof, 1011, b"a fault")
    asker.may(proof)
    assert (socket.ended, house.desk.legs) == ((1011, b"a fault"), [])


def test_a_token_that_is_withdrawn_ends_it() -> None:
    house = House(first_message=10.0)
    socket, hearer = house.came("/ws", None)
    hearer.message(AUTH, is_text=True)
    asker, proof = house.desk.asked[0][1], house.desk.proofs[0]
    asker.may(proof)
    asker.ended(proof, 1008, b"ended")
    assert socket.ended == (1008, b"ended")


def test_who_has_gone_meanwhile_hears_nothing() -> None:
    house = House(first_message=10.0)
    socket, hearer = house.came("/ws", None)
    hearer.message(AUTH, is_text=True)
    hearer.closed(1006)
    asker, proof = house.desk.asked[0][1], house.desk.proofs[0]
    asker.may(proof)
    asker.may_not(proof, Response(403))
    asker.ended(proof, 1008, b"ended")
    hearer.due(10.0)
    assert (socket.ended, proof.is_over, house.desk.legs) == (None, True, [])


def test_a_client_that_was_slow_before_its_token_was_proved_still_is() -> None:
    house = House(first_message=10.0)
    _, hearer = house.came("/ws")
    hearer.may_write(may=False)
    house.desk.asked[0][1].may(house.desk.proofs[0])
    house.ear.opened()
    assert not house.leg.is_read


def test_a_service_that_is_behind_is_so_for_whoever_comes_back_by_a_first_message() -> None:
    house = House(first_message=10.0)
    _, before = house.came("/ws?session_id=s1")
    house.desk.proofs[0].exchange.principal = Principal(subject="p1", issuer="today")
    house.desk.asked[0][1].may(house.desk.proofs[0])
    house.ear.opened()
    house.ear.may_write(may=False)
    before.closed(1006)
    socket, _ = house.came("/ws?session_id=s1")
    house.desk.proofs[1].exchange.principal = Principal(subject="p1", issuer="today")
    house.desk.asked[1][1].may(house.desk.proofs[1])
    assert not socket.is_read


def test_flow_is_passed_on() -> None:
    house = House()
    socket, hearer = house.joined()
    hearer.may_write(may=False)
    house.ear.may_write(may=False)
    assert (house.leg.is_read, socket.is_read) == (False, False)


def test_a_worker_that_leaves_keeps_nothing_for_who_is_away() -> None:
    house = House()
    _, hearer = house.joined("/ws?session_id=s1")
    house.joined("/ws?session_id=s1")[1].closed(1006)
    house.sockets.leave()
    assert len(house.sockets) == 1
    hearer.closed(1001)
    assert (len(house.sockets), house.kept) == (0, [])


@pytest.mark.parametrize("who", ["p1", None])
def test_of_one_person_only_so_many_are_waited_for(who: str | None) -> None:
    house = House()
    _, other = house.joined(who="p2")
    other.closed(1006)
    tokens = []
    for _ in range(MOST_AWAY + 1):
        socket, hearer = house.joined(who=who)
        tokens.append(socket.events()[0]["resume"])
        hearer.closed(1006)
    assert len(house.sockets) == MOST_AWAY + 1
    resumed = []
    for token in (tokens[0], tokens[1], tokens[-1]):
        socket, _ = house.came(f"/ws?resume={token}", who)
        if not socket.events():
            house.ear.opened()
        resumed.append(socket.events()[0]["resumed"])
    assert resumed == [False, True, True]


def test_who_comes_back_from_another_address_is_waited_for_as_before() -> None:
    house = House()
    socket, hearer = house.joined(who=None)
    hearer.closed(1006)
    house.address = "192.0.2.2"
    live, there = house.came(f"/ws?resume={socket.events()[0]['resume']}", None)
    house.address = "192.0.2.1"
    for _ in range(MOST_AWAY):
        house.joined(who=None)[1].closed(1006)
    assert live.ended is None
    there.closed(1006)
    assert len(house.sockets) == MOST_AWAY


def test_a_client_that_gives_no_sign_of_life_is_waited_for_as_one_that_has_gone() -> None:
    house = House()
    for _ in range(MOST_AWAY + 2):
        house.joined()
    for now in (15.0, 25.0):
        house.now = now
        for one in list(house.kept):
            one.on_deadline(now)
    assert len(house.sockets) == MOST_AWAY
    house.sockets.leave()
    assert len(house.sockets) == 0


def test_who_comes_back_is_waited_for_no_longer() -> None:
    house = House()
    for _ in range(MOST_AWAY):
        socket, hearer = house.joined()
        hearer.closed(1006)
        back, _ = house.came(f"/ws?resume={socket.events()[0]['resume']}")
        assert back.events()[0]["resumed"] is True
    _, hearer = house.joined()
    hearer.closed(1006)
    assert len(house.sockets) == MOST_AWAY + 1


def test_nothing_is_kept_of_who_is_erased_whether_or_not_they_are_there() -> None:
    house = House()
    live, _ = house.joined()
    away, hearer = house.joined()
    house.ear.message(b"secret", is_text=True)
    hearer.closed(1006)
    other, _ = house.joined(who="p2")
    house.sockets.erase("today/p1")
    assert live.ended == (1001, b"what was kept has been erased: connect again")
    assert (other.ended, len(house.sockets)) == (None, 1)
    back, _ = house.joined(f"/ws?resume={away.events()[0]['resume']}")
    assert (back.texts(), back.events()[0]["resumed"]) == ([], False)


def _logged_out(house: House, *sessions: str) -> None:
    house.sockets.log_out(sessions, lambda principal: principal.issuer == "today")


_FIRST: Final = {"session": "login 1"}
_SECOND: Final = {"session": "login 2"}


def _both_away(house: House, target: str = "/ws", who: str = "p1") -> str:
    """Have neither side of a tether of the first login be there; return its token."""
    socket, hearer = house.joined(target, who, _FIRST)
    house.ear.message(b"secret", is_text=True)
    house.ear.closed(1006, b"", is_of_policy=False)
    hearer.closed(1006)
    return str(socket.events()[0]["resume"])


@pytest.mark.parametrize("by_session", [False, True])
def test_who_is_logged_out_loses_a_tether_whose_sides_are_both_away(*, by_session: bool) -> None:
    """Nothing is open that would end with the login; another of the same person has it not."""
    house = House()
    resume = _both_away(house, "/ws?session_id=s1")
    _logged_out(house, "login 0", "login 1")
    assert (len(house.sockets), house.kept) == (0, [])
    target = "/ws?session_id=s1" if by_session else f"/ws?resume={resume}"
    back, _ = house.joined(target, shown=_SECOND)
    assert (back.texts(), back.events()[0]["resumed"]) == ([], False)


def test_so_does_who_is_there_while_the_service_is_away() -> None:
    house = House()
    socket, _ = house.joined(shown=_FIRST)
    house.ear.closed(1006, b"", is_of_policy=False)
    _logged_out(house, "login 1")
    assert socket.ended == (1008, b"the session has been ended: log in again")
    assert len(house.sockets) == 0


def test_a_tether_is_of_the_login_that_came_to_it_last() -> None:
    house = House()
    resume = _both_away(house)
    house.came(f"/ws?resume={resume}", shown=_SECOND)
    _logged_out(house, "login 1")
    assert len(house.sockets) == 1
    _logged_out(house, "login 2")
    assert len(house.sockets) == 0


def test_a_login_of_another_issuer_by_the_same_name_is_another() -> None:
    house = House()
    house.joined(shown={**_FIRST, "issuer": "yesterday"})
    _logged_out(house, "login 1")
    assert len(house.sockets) == 1


def test_of_many_some_end_in_a_turn_and_nobody_comes_back_to_the_others() -> None:
    house = House()
    later: list[Callable[[], None]] = []
    house.sockets.later = later.append
    resumes = [_both_away(house, who=f"p{at}") for at in range(120)]
    _logged_out(house, "login 1")
    assert (len(house.sockets), len(later)) == (20, 1)
    back, _ = house.joined(f"/ws?resume={resumes[-1]}", "p119", _SECOND)
    assert (back.texts(), back.events()[0]["resumed"]) == ([], False)
    later[0]()
    assert (len(house.sockets), len(later)) == (1, 1)


# --- what comes too late ---


def test_what_comes_behind_the_end_is_listened_to_and_counts_as_not_arrived() -> None:
    house = House()
    socket, hearer = house.joined("/ws?session_id=s1")
    house.sockets.erase("today/p1")
    heard = list(socket.heard)
    hearer.late(b"dark", is_text=True)
    hearer.late(b"well", is_text=True)
    assert (house.desk.listened, house.desk.lost) == ([b"dark", b"well"], [b"dark"])
    assert (house.desk.sessions, house.leg.heard) == ([house.desk.legs[0][0].session] * 2, [])
    assert house.desk.sessions[0] != ""
    assert socket.heard == heard


def test_a_token_that_comes_too_late_is_nothing_that_anybody_says() -> None:
    house = House(first_message=5.0)
    _, hearer = house.came("/ws", None)
    hearer.due(5.0)
    hearer.late(AUTH, is_text=True)
    hearer.late(AUTH, is_text=False)
    hearer.late(b"dark", is_text=True)
    assert (house.desk.listened, house.desk.lost) == ([AUTH, b"dark"], [b"dark"])


# --- other workers ---


class Others:
    """The other workers, which answer when the test says so."""

    def __init__(self) -> None:
        self.asked: list[Ask] = []
        self.told: list[Callable[[Line | None], None]] = []

    def seek(self, ask: Ask, told: Callable[[Line | None], None]) -> bool:
        self.asked.append(ask)
        self.told.append(told)
        return True


def _beside(house: House) -> tuple[House, Others]:
    """Another worker, which asks others for what it has not."""
    other, others = House(), Others()
    other.plan = house.plan
    other.sockets.elsewhere = others
    return other, others


def test_a_client_goes_on_with_its_tether_at_another_worker() -> None:
    house = House()
    socket, hearer = house.joined("/ws?session_id=s1")
    house.ear.message(b"1", is_text=True)
    hearer.closed(1006)
    house.ear.message(b"2", is_text=True)
    other, others = _beside(house)
    back, again = other.came(f"/ws?resume={socket.events()[0]['resume']}&received=1")
    was_read = back.is_read
    here, there = a_line()
    heard: list[tuple[int, int, bytes]] = []
    here.hear = lambda kind, number, payload: heard.append((kind, number, payload))
    assert house.sockets.take(others.asked[0], there)
    assert heard.pop(0)[0] == TAKEN
    others.told[0](here)
    for frame in heard:
        here.hear(*frame)
    assert (was_read, back.is_read) == (False, True)
    assert back.texts() == ["2"]
    again.message(b"a", is_text=True)
    house.ear.message(b"3", is_text=True)
    assert (house.leg.heard, back.texts(), other.desk.legs) == ([b"a"], ["2", "3"], [])
    back.ponged(back.pings[-1])
    again.closed(1006)
    assert house.kept[0].tether.seems_gone(0.0)


def test_who_is_unknown_everywhere_begins_anew() -> None:
    house, others = _beside(House())
    socket, hearer = house.came("/ws?session_id=s1")
    others.told[0](None)
    house.ear.opened()
    assert socket.is_read
    assert socket.events()[0]["resumed"] is False
    hearer.message(b"a", is_text=True)
    assert house.leg.heard == [b"a"]


@pytest.mark.parametrize("is_found", [False, True])
def test_who_has_gone_while_others_were_asked_is_not_begun_for(*, is_found: bool) -> None:
    house, others = _beside(House())
    _, hearer = house.came("/ws?session_id=s1")
    hearer.closed(1006)
    line, _ = a_line()
    others.told[0](line if is_found else None)
    assert (len(house.sockets), line.is_over) == (0, is_found)


def test_who_has_shown_a_token_first_waits_for_the_others_too() -> None:
    house, others = _beside(House(first_message=10.0))
    socket, hearer = house.came("/ws?session_id=s1", None)
    hearer.message(AUTH, is_text=True)
    proof = house.desk.proofs[0]
    proof.exchange.principal = Principal(subject="p1", issuer="today")
    house.desk.asked[0][1].may(proof)
    was_read = socket.is_read
    others.told[0](None)
    assert (was_read, socket.is_read) == (False, True)


def test_nobody_elses_client_is_taken_and_none_by_who_leaves() -> None:
    house = House()
    socket, hearer = house.joined("/ws?session_id=s1")
    hearer.closed(1006)
    other, others = _beside(house)
    other.came(f"/ws?resume={socket.events()[0]['resume']}", "p2")
    other.came(f"/ws?resume={socket.events()[0]['resume']}", "p1")
    _, there = a_line()
    assert not house.sockets.take(others.asked[0], there)
    house.sockets.is_leaving = True
    assert not house.sockets.take(others.asked[1], there)
    assert there.sent == []


def test_a_worker_that_leaves_ends_what_it_keeps_for_clients_elsewhere() -> None:
    house = House()
    socket, _ = house.joined("/ws?session_id=s1")
    other, others = _beside(house)
    other.came(f"/ws?resume={socket.events()[0]['resume']}")
    _, there = a_line()
    assert house.sockets.take(others.asked[0], there)
    house.sockets.leave()
    assert there.is_over
    assert len(house.sockets) == 0


# --- workers of other nodes ---


class Store:
    """The store by which tethers are handed over, as one worker knows it."""

    def __init__(self) -> None:
        self.is_there, self.finds = True, False
        self.held: dict[str, object] = {}
        self.asked: list[Ask] = []
        self.told: list[Callable[[Parcel | None], None]] = []
        self.put: list[tuple[Parcel, Callable[[bool], None]]] = []

    def seek(self, ask: Ask, told: Callable[[Parcel | None], None]) -> bool:
        self.asked.append(ask)
        self.told.append(told)
        return self.finds

    def holds(self, token: str, key: tuple[str, str, str] | None) -> None:
        self.held[token] = key

    def forget(self, token: str) -> None:
        self.held.pop(token, None)

    def put_down(self, parcel: Parcel, told: Callable[[bool], None]) -> None:
        self.forget(parcel.token)
        self.put.append((msgspec.msgpack.decode(_packed(parcel), type=Parcel), told))


_packed = msgspec.msgpack.encode


def _afar(**bound: str) -> tuple[House, Store]:
    """A worker that shares a store, and has nobody to ask there."""
    house, store = House(words=False, **bound), Store()
    house.sockets.afar = store
    return house, store


def _beyond(house: House) -> tuple[House, Store]:
    """A worker of another node, which asks for what it has not."""
    other, store = _afar()
    other.plan, store.finds = house.plan, True
    return other, store


def _handed_over(
    house: House, store: Store, target: str, *, is_down: bool = True
) -> tuple[Parcel, list[bool]]:
    """Have somebody ask for a tether whose service answers its Close."""
    told: list[bool] = []
    other, asking = _beyond(house)
    other.came(target)
    assert house.sockets.give(asking.asked[0], told.append)
    house.ear.closed(1012, b"", is_of_policy=False)
    parcel, put = store.put[-1]
    put(is_down)
    return parcel, told


def test_a_tether_goes_on_at_another_node() -> None:
    house, store = _afar()
    socket, hearer = house.joined("/ws?session_id=s1")
    house.ear.message(b"1", is_text=True)
    hearer.closed(1006)
    house.ear.message(b"2", is_text=True)
    session = house.desk.legs[0][0].session
    target = f"/ws?session_id=s1&resume={socket.events()[0]['resume']}&received=1"
    parcel, told = _handed_over(house, store, target)
    assert (told, len(house.sockets), house.kept, store.held) == ([True], 0, [], {})
    other, there = _beyond(house)
    back, again = other.came(target)
    was_read = back.is_read
    there.told[0](parcel)
    assert (was_read, back.is_read) == (False, True)
    assert (back.events()[0]["resumed"], back.texts()) == (True, ["2"])
    other.ear.opened()
    assert back.events()[1] == {"event": "connection", "status": "reattached", "unanswered": 0}
    guest = other.desk.legs[0][0]
    assert (guest.session, guest.number) == (session, 2)
    again.message(b"a", is_text=True)
    assert other.leg.heard == [b"a"]
    again.closed(1006)
    assert other.came("/ws?session_id=s1")[0].events()[0]["resumed"] is True
    assert list(there.held.values()) == [parcel.key]


def test_who_has_gone_meanwhile_is_waited_for_where_it_has_come_to() -> None:
    house, store = _afar()
    socket, _ = house.joined()
    target = f"/ws?resume={socket.events()[0]['resume']}"
    parcel, _ = _handed_over(house, store, target)
    assert socket.ended == (1001, b"it goes on over another connection")
    other, there = _beyond(house)
    _, hearer = other.came(target)
    hearer.closed(1006)
    there.told[0](parcel)
    back, _ = other.came(target)
    assert back.events()[0]["resumed"] is True


def test_who_is_known_nowhere_begins_anew_behind_those_of_the_node_and_of_others() -> None:
    house, others = _beside(House())
    house.sockets.afar = store = Store()
    store.finds = True
    socket, _ = house.came("/ws?session_id=s1")
    assert store.asked == []
    others.told[0](None)
    store.told[0](None)
    house.ear.opened()
    assert socket.events()[0]["resumed"] is False
    gone, hearer = house.came("/ws?session_id=s2")
    hearer.closed(1006)
    others.told[1](None)
    assert len(store.told) == 1
    store.finds = False
    house.came("/ws?session_id=s3")
    others.told[2](None)
    assert (len(house.sockets), gone.ended) == (2, None)


def test_what_cannot_be_put_down_goes_on_here() -> None:
    house, store = _afar()
    socket, hearer = house.joined("/ws?session_id=s1")
    hearer.closed(1006)
    target = f"/ws?resume={socket.events()[0]['resume']}"
    _, told = _handed_over(house, store, target, is_down=False)
    assert (told, len(house.sockets)) == ([False], 1)
    assert house.came(target)[0].events()[0]["resumed"] is True


def test_nobody_elses_tether_is_given_nor_one_that_is_not_here() -> None:
    house, _ = _afar()
    socket, _ = house.joined("/ws?session_id=s1")
    other, asking = _beyond(house)
    for target, who in (
        (f"/ws?resume={socket.events()[0]['resume']}", "p2"),
        ("/ws?session_id=s1", "p1"),  # whose client is there
        ("/ws?resume=none", "p1"),
    ):
        other.came(target, who)
    assert [house.sockets.give(ask, lambda _: None) for ask in asking.asked] == [False] * 3
    assert socket.ended is None


def test_who_ask_while_it_parts_are_told_with_the_others() -> None:
    house, store = _afar()
    socket, hearer = house.joined("/ws?session_id=s1")
    hearer.closed(1006)
    other, asking = _beyond(house)
    for target in (f"/ws?resume={socket.events()[0]['resume']}", "/ws?session_id=s1"):
        other.came(target)
    other.came("/ws?session_id=s1", "p2")
    told: list[bool] = []
    given = [house.sockets.give(ask, told.append) for ask in asking.asked]
    house.ear.closed(1012, b"", is_of_policy=False)
    store.put[0][1](True)
    assert (given, told, len(store.put)) == ([True, True, False], [True, True], 1)


def test_what_ends_while_it_parts_is_not_handed_over() -> None:
    house, store = _afar(channel="room:", parameter="room_id")
    socket, hearer = house.joined("/ws?room_id=r1")
    hearer.closed(1006)
    other, asking = _beyond(house)
    other.came(f"/ws?room_id=r1&resume={socket.events()[0]['resume']}")
    told: list[bool] = []
    house.sockets.give(asking.asked[0], told.append)
    house.ear.closed(1012, b"", is_of_policy=False)
    house.sockets._by_token.clear()
    next(iter(house.sockets._parting)).tether.end(1008, b"revoked")
    taken = house.bond.taken
    assert taken is not None
    taken(Seat("name", 1, 2, "epoch"))
    assert (told, store.put, house.kept) == ([False], [], [])


def test_its_place_in_a_channel_goes_along() -> None:
    house, store = _afar(channel="room:", parameter="room_id")
    socket, hearer = house.joined("/ws?room_id=r1")
    hearer.closed(1006)
    target = f"/ws?room_id=r1&resume={socket.events()[0]['resume']}"
    other, there = _beyond(house)
    other.came(target)
    house.sockets.give(there.asked[0], lambda _: None)
    house.ear.closed(1012, b"", is_of_policy=False)
    assert store.put == []
    taken = house.bond.taken
    assert taken is not None
    taken(seat := Seat("name", 1, 2, "epoch"))
    there.told[0](store.put[0][0])
    assert (other.bond.seat, other.bond.heard) == (seat, ["came back"])


def test_a_worker_that_leaves_puts_down_what_it_has() -> None:
    house, store = _afar()
    counted: list[str] = []
    house.sockets.count = counted.append
    _, hearer = house.joined("/ws?session_id=s1")
    hearer.closed(1006)
    socket, there = house.joined("/ws?session_id=s2")
    assert not house.sockets.leave()
    house.desk.legs[0][1].closed(1012, b"", is_of_policy=False)
    store.put[0][1](True)
    assert (len(store.put), socket.ended, house.sockets.leave()) == (1, None, True)
    there.closed(1012)
    assert not house.sockets.leave()
    house.desk.legs[1][1].closed(1012, b"", is_of_policy=False)
    store.put[1][1](False)
    assert house.sockets.leave()
    assert counted[2:] == ["handed_over", "ended"]
    assert len(house.sockets) == 0


def test_where_there_is_no_store_it_ends_what_it_has() -> None:
    house, store = _afar()
    store.is_there = False
    _, hearer = house.joined()
    house.sockets.leave()
    hearer.closed(1006)
    assert (len(house.sockets), store.put) == (0, [])


def test_of_a_person_nothing_is_packed_that_says_more_than_who_they_are() -> None:
    house, store = _afar()
    _, hearer = house.joined("/ws?session_id=s1", shown={"claims": {"name": "Ada"}})
    hearer.closed(1006)
    parcel, _ = _handed_over(house, store, "/ws?session_id=s1")
    assert parcel.principal is not None
    assert (parcel.principal.key, parcel.principal.claims) == ("today/p1", {})


def test_a_tether_of_who_is_erased_while_it_parts_is_put_down_nowhere() -> None:
    house, store = _afar()
    socket, _ = house.joined()
    told: list[bool] = []
    other, asking = _beyond(house)
    other.came(f"/ws?resume={socket.events()[0]['resume']}")
    assert house.sockets.give(asking.asked[0], told.append)
    house.sockets.erase("today/p2")
    house.sockets.erase("today/p1")
    house.ear.closed(1012, b"", is_of_policy=False)
    assert (store.put, told, len(house.sockets), house.kept) == ([], [False], 0, [])


@pytest.mark.parametrize("is_down", [True, False])
def test_one_that_is_just_being_put_down_does_not_go_on_here(*, is_down: bool) -> None:
    """What has come into the store is deleted there (node/forgetting.py)."""
    house, store = _afar()
    socket, _ = house.joined()
    told: list[bool] = []
    other, asking = _beyond(house)
    other.came(f"/ws?resume={socket.events()[0]['resume']}")
    assert house.sockets.give(asking.asked[0], told.append)
    house.ear.closed(1012, b"", is_of_policy=False)
    house.sockets.erase("today/p1")
    store.put[0][1](is_down)
    assert (told, len(house.sockets)) == ([is_down], 0)


def test_a_tether_of_a_login_that_ends_while_it_parts_is_put_down_nowhere() -> None:
    house, store = _afar()
    socket, _ = house.joined(shown=_FIRST)
    told: list[bool] = []
    other, asking = _beyond(house)
    other.came(f"/ws?resume={socket.events()[0]['resume']}", shown=_SECOND)
    assert house.sockets.give(asking.asked[0], told.append)
    _logged_out(house, "login 2")
    _logged_out(house, "login 1")
    assert not house.sockets.give(asking.asked[0], told.append)
    house.ear.closed(1012, b"", is_of_policy=False)
    assert (store.put, told, len(house.sockets), house.kept) == ([], [False], 0, [])


@pytest.mark.parametrize("is_down", [True, False])
def test_one_of_a_login_that_ends_while_it_is_put_down_counts_as_given_to_nobody(
    *, is_down: bool
) -> None:
    """Who asks for it then needs that login, which nobody has (node/tether_nodes.py)."""
    house, store = _afar()
    socket, _ = house.joined(shown=_FIRST)
    told: list[bool] = []
    other, asking = _beyond(house)
    other.came(f"/ws?resume={socket.events()[0]['resume']}", shown=_SECOND)
    assert house.sockets.give(asking.asked[0], told.append)
    house.ear.closed(1012, b"", is_of_policy=False)
    _logged_out(house, "login 1")
    store.put[0][1](is_down)
    assert (told, len(house.sockets)) == ([False], 0)


def test_what_comes_of_a_login_that_has_ended_is_not_gone_on_with() -> None:
    """The worker that gave it may have heard later of the logout; what waits counts as lost."""
    house, store = _afar()
    socket, hearer = house.joined(shown=_FIRST)
    house.ear.closed(1006, b"", is_of_policy=False)
    hearer.message(b"dark", is_text=True)
    hearer.closed(1006)
    other, asking = _beyond(house)
    other.sockets.has_ended = lambda principal: principal.session == "login 1"
    back, _ = other.came(f"/ws?resume={socket.events()[0]['resume']}", shown=_SECOND)
    house.sockets.give(asking.asked[0], lambda _: None)
    parcel, put = store.put[-1]
    put(True)
    asking.told[0](parcel)
    other.ear.opened()
    assert (back.texts(), back.events()[0]["resumed"]) == ([], False)
    assert len(other.sockets) == 1
    assert other.desk.lost == [b"dark"]


def test_what_waits_is_heard_again_where_it_goes_on_by_its_session_and_helped_once() -> None:
    house, store = _afar()
    socket, hearer = house.came("/ws?session_id=s1")
    hearer.message(b"dark", is_text=True)
    hearer.message(b"well", is_text=True)
    other, there = _beyond(house)
    target = "/ws?session_id=s1"
    hearer.closed(1006)
    _, again = other.came(target)
    house.sockets.give(there.asked[0], lambda _: None)
    parcel, put = store.put[-1]
    put(True)
    there.told[0](parcel)
    assert socket.texts() == ["card"]
    assert other.desk.listened == [b"dark", b"well"]
    assert other.desk.sessions == house.desk.sessions
    back = other.sockets.find(there.asked[0])
    assert back is None  # its client is there
    assert parcel.contents.card == (b"card", True)
    assert (house.desk.lost, other.desk.lost) == ([], [])
    again.closed(1000)
    assert other.desk.lost == [b"dark"]


@pytest.mark.parametrize(
    ("is_asked", "is_down", "lost"),
    [(True, True, []), (True, False, [b"dark"]), (False, True, [b"dark"])],
)
def test_what_a_worker_that_leaves_has_put_down_for_nobody_counts_as_not_arrived(
    lost: list[bytes], *, is_asked: bool, is_down: bool
) -> None:
    """Red where a message at risk is gone with its worker, and its record says that it arrived."""
    house, store = _afar()
    _, hearer = house.came("/ws?session_id=s1")
    hearer.message(b"dark", is_text=True)
    hearer.closed(1006)
    other, asking = _beyond(house)
    other.came("/ws?session_id=s1")
    assert not house.sockets.leave()
    if is_asked:
        house.sockets.give(asking.asked[0], lambda _: None)
    store.put[0][1](is_down)
    assert house.desk.lost == lost
    assert house.sockets.leave()


def test_what_there_is_no_time_to_put_down_ends_and_counts_as_not_arrived() -> None:
    house, store = _afar()
    _, parting = house.joined("/ws?session_id=s0")
    parting.closed(1006)
    house.sockets.leave()  # its service does not answer
    (socket, there), (_, away) = (house.came(f"/ws?session_id={name}") for name in ("s1", "s2"))
    there.message(b"dark s1", is_text=True)
    away.message(b"dark s2", is_text=True)
    away.closed(1006)
    house.sockets.leave()  # and the store not
    house.sockets.stop()
    assert sorted(house.desk.lost) == [b"dark s1", b"dark s2"]
    assert socket.ended == (1012, b"the worker goes: connect again")
    assert (len(house.sockets), house.kept) == (0, [])
    store.put[0][1](True)
    assert house.sockets.leave()

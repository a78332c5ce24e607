from tests.helpers.builders import an_exchange
from tta_gateway.features.admission import session
from tta_gateway.features.admission.session import Elsewhere, Sessions, mark_of


def test_somebody_is_in_a_session_until_the_last_of_what_they_have_open_is_over() -> None:
    sessions, one, other = Sessions(), an_exchange(), an_exchange()
    sessions.begin(one, "p7")
    sessions.begin(other, "p7")
    assert sessions.is_open("p7")
    sessions.end(one)
    assert sessions.is_open("p7")
    sessions.end(other)
    assert not sessions.is_open("p7")
    assert len(sessions) == 0


def test_what_is_no_session_ends_none() -> None:
    sessions = Sessions()
    sessions.begin(an_exchange(), "p7")
    sessions.end(an_exchange())
    assert len(sessions) == 1


def test_what_is_told_of_is_what_has_changed_in_the_end() -> None:
    sessions, one, other = Sessions(), an_exchange(), an_exchange()
    sessions.begin(one, "p7")
    sessions.begin(other, "p8")
    assert sessions.changes(1) == {mark_of("p7"): True}
    assert sessions.changes(9) == {mark_of("p8"): True}
    assert sessions.changes(9) == {}
    sessions.begin(an_exchange(), "p7")  # it is open already
    assert sessions.changes(9) == {}
    sessions.end(other)
    assert sessions.changes(9) == {mark_of("p8"): False}
    assert sessions.marks() == [mark_of("p7")]
    assert sessions.has(mark_of("p7"))
    assert not sessions.has(mark_of("p8"))


def test_who_is_in_a_session_at_a_neighbour_is_in_one() -> None:
    """Red where `is_open` looks at what is open here alone."""
    sessions = Sessions()
    sessions.elsewhere.hear(2, [mark_of("p7"), mark_of("p8")], [], until=5.0)
    sessions.elsewhere.hear(3, [mark_of("p7")], [], until=9.0)
    assert sessions.is_open("p7")
    assert not sessions.is_open("p9")
    sessions.elsewhere.hear(2, [], [mark_of("p7"), mark_of("p9")], until=5.0)
    assert sessions.is_open("p7")  # it is still open at the other
    sessions.elsewhere.forget(3)
    sessions.elsewhere.forget(4)
    assert not sessions.is_open("p7")
    assert len(sessions.elsewhere) == 1


def test_what_nobody_tells_any_more_is_forgotten_and_what_is_told_again_is_not() -> None:
    elsewhere = Elsewhere()
    elsewhere.hear(2, [mark_of("a"), mark_of("b")], [], until=5.0)
    elsewhere.hear(2, [mark_of("a")], [], until=9.0)
    elsewhere.fade(4.9, 10)
    assert len(elsewhere) == 2
    elsewhere.fade(5.0, 10)
    assert (elsewhere.is_open("a"), elsewhere.is_open("b")) == (True, False)
    elsewhere.fade(9.0, 10)
    assert len(elsewhere) == 0
    elsewhere.hear(2, [mark_of("a"), mark_of("b")], [], until=9.5)
    elsewhere.fade(10.0, 1)
    assert len(elsewhere) == 1  # so many at a time


def test_no_more_is_remembered_than_there_is_room_for() -> None:
    marks = [number.to_bytes(16, "big") for number in range(session.MOST + 1)]
    elsewhere = Elsewhere()
    elsewhere.hear(1, marks, [], until=9.0)
    assert len(elsewhere) == session.MOST
    elsewhere.hear(2, [mark_of("a")], [], until=9.0)
    assert not elsewhere.is_open("a")
    elsewhere.hear(1, [], marks[:1], until=9.0)
    elsewhere.hear(2, [mark_of("a")], [], until=9.0)
    assert elsewhere.is_open("a")

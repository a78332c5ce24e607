from tests.helpers.builders import an_exchange
from tta_gateway.features.admission.session import Sessions


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

"""What is said through a socket."""

import pytest

from tests.helpers.sayings import a_saying
from tta_gateway.kernel.said import Hearing, Need, Said, fate_of


def a_need(lost: list[str]) -> Need:
    """A need that writes down when it is not delivered."""
    return Need(3, is_spared=True, undelivered=lambda: lost.append("lost"))


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (a_saying(b"a secret"), "<text of 8 bytes by the client>"),
        (a_saying(b"", is_text=False, by_service=True), "<binary of 0 bytes by the service>"),
    ],
)
def test_what_is_shown_of_a_message_is_nobody_s_secret(said: Said, shown: str) -> None:
    assert repr(said) == shown


def test_what_was_found_says_how_grave_it_is_and_whether_limits_stop_it() -> None:
    need = Need(2, is_spared=False, undelivered=list[str]().clear)
    assert (need.level, need.is_spared) == (2, False)


def test_that_it_has_not_arrived_is_kept_once() -> None:
    lost: list[str] = []
    need = a_need(lost)
    assert lost == []
    need.lost()
    need.lost()
    assert lost == ["lost"]


def test_what_is_heard_of_a_message_is_there_once_it_is_done() -> None:
    lost: list[str] = []
    hearing, need = Hearing(), a_need(lost)
    assert (hearing.is_done, hearing.need) == (False, None)
    hearing.done(need)
    assert (hearing.is_done, hearing.need, lost) == (True, need, [])


@pytest.mark.parametrize("is_lost_first", [True, False])
def test_a_message_that_goes_nowhere_is_kept_whether_it_is_heard_before_or_behind(
    is_lost_first: bool,
) -> None:
    """Red where the queue is cleared while the scan still looks, and nobody hears of it."""
    lost: list[str] = []
    hearing = Hearing()
    if is_lost_first:
        hearing.lost()
        assert lost == []
        hearing.done(a_need(lost))
    else:
        hearing.done(a_need(lost))
        hearing.lost()
    assert lost == ["lost"]


def test_of_a_message_in_which_nothing_was_found_nothing_is_kept() -> None:
    hearing = Hearing()
    hearing.lost()
    hearing.done(None)
    assert (hearing.is_done, hearing.need) == (True, None)


def test_what_waited_is_kept_if_all_of_it_is() -> None:
    assert fate_of([None, Hearing()]) == ""
    kept, counted = a_need([]), a_need([])
    kept.is_kept = True
    first, second = Hearing(), Hearing()
    first.done(kept)
    assert fate_of([None, first, second]) == "kept"
    second.done(counted)
    assert fate_of([first, second]) == "counted"

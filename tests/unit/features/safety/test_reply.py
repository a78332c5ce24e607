"""What is remembered of a reply that comes in parts."""

from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.safety import reply as module
from tta_gateway.features.safety.reply import PAUSE, TAIL, Replies, Reply


def test_the_end_of_what_was_said_is_kept_for_each_member() -> None:
    reply = Reply()
    for number in range(300):
        reply.said("a", f"{number} ")
    assert len(reply.before("a")) == TAIL
    assert reply.before("a").endswith("298 299 ")
    assert reply.before("b") == ""


def test_of_many_members_the_oldest_gives_way() -> None:
    reply = Reply()
    for number in range(module._MEMBERS + 1):
        reply.said(f"m{number}", "x")
    assert (reply.before("m0"), reply.before("m1")) == ("", "x")


def test_what_goes_on_with_what_was_withheld_is_muted_until_the_client_speaks() -> None:
    reply = Reply()
    reply.at(0.0)
    reply.withheld("a")
    assert (reply.is_muted("a"), reply.is_muted("b")) == (True, False)
    reply.answered()
    assert not reply.is_muted("a")
    reply.withheld("a")
    reply.shows("a")
    reply.shows("b")
    assert not reply.is_muted("a")


def test_what_comes_behind_some_seconds_does_not_go_on() -> None:
    reply = Reply()
    reply.at(0.0)
    reply.withheld("a")
    found = []
    for now in (2.9, 5.8, 8.8):
        reply.at(now)
        found.append(reply.is_muted("a"))
    assert found == [True, True, False]


def test_nobody_is_muted_for_ever() -> None:
    reply = Reply()
    reply.withheld("a")
    for now in range(30):
        reply.at(float(now))
        assert reply.is_muted("a")
    reply.at(PAUSE)
    assert not reply.is_muted("a")


def test_behind_a_pause_all_begins_anew() -> None:
    clock = FakeClock()
    replies = Replies(clock.monotonic)
    replies.at("c1").said("a", "begun ")
    clock.advance(PAUSE - 1)
    assert replies.at("c1").before("a") == "begun "
    clock.advance(PAUSE)
    assert replies.at("c1").before("a") == ""


def test_replies_are_forgotten_when_they_are_over_or_very_many() -> None:
    replies = Replies(FakeClock().monotonic)
    replies.at("c1").said("a", "begun ")
    replies.over("c1")
    replies.over("nobody")
    assert replies.at("c1").before("a") == ""
    replies.at("c1").said("a", "begun ")
    replies.answered("c1")
    replies.answered("nobody")
    assert replies.at("c1").before("a") == "begun "
    replies.at("c1").said("a", "begun ")
    for number in range(module._MOST):
        replies.at(f"other {number}")
    assert replies.at("c1").before("a") == ""

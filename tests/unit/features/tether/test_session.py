"""One tether: who goes and comes, and what each side is told of what the other has said."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.tethered import Held, Side
from tta_gateway.features.tether.algorithm import State
from tta_gateway.features.tether.session import LATER
from tta_gateway.kernel.said import Hearing, Need


def test_it_begins_with_a_client_and_reaches_for_the_service() -> None:
    held = Held(opens=False)
    assert held.is_in(State.SERVICE_AWAY)
    held.came()
    assert held.is_in(State.ATTACHED)
    assert held.means.told == [("attached", {"resumed": False, "received": 0})]


def test_messages_pass_both_ways() -> None:
    held = Held()
    held.client_says(b"a", b"b")
    held.service_says(b"c")
    assert (held.leg.heard, held.client.heard) == ([b"a", b"b"], [b"c"])


def test_what_the_client_says_waits_for_the_service() -> None:
    held = Held(opens=False)
    held.client_says(b"a", b"b")
    held.came()
    assert held.leg.heard == [b"a", b"b"]


def test_more_than_may_wait_ends_it_with_1013() -> None:
    held = Held(messages=2, opens=False)
    held.client_says(b"a", b"b", b"c")
    assert held.client.ended == (1013, b"the service is away: connect again later")
    assert held.is_in(State.OVER)
    assert held.means.times_over == 1
    assert held.leg.ended == (1001, b"")


# --- the service goes ---


def test_a_service_that_goes_is_told_and_reached_again() -> None:
    held = Held()
    held.client_says(b"a")
    held.went()
    assert held.statuses == ["attached", "service_away"]
    held.client_says(b"b")
    held.tick(0.1)
    held.came()
    assert held.means.told[-1] == ("reattached", {"unanswered": 1})
    assert (len(held.means.legs), held.leg.heard) == (2, [b"b"])


@pytest.mark.parametrize("code", [1000, 1008, 1003, 4001])
def test_a_service_that_ends_it_for_good_ends_it(code: int) -> None:
    held = Held()
    held.went(code)
    assert held.client.ended == (code, b"why")
    assert held.tether.due == math.inf


def test_a_service_is_reached_less_and_less_often_until_it_stays_away_for_too_long() -> None:
    held = Held(opens=False)
    times = []
    while held.tether.state is not State.OVER:
        times.append(held.now)
        held.tether.service_refused(
            held.leg, held.now, code=1013, reason=b"away", is_of_token=False
        )
        held.tick(held.tether.due - held.now)
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses[:5] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6])
    assert held.now == pytest.approx(20.0)
    assert held.client.ended == (1013, b"the service is away: connect again later")
    assert held.statuses == ["service_away"]


def test_a_leg_that_hangs_is_given_up_when_time_is_over() -> None:
    held = Held(opens=False)
    held.tick(20.0)
    assert held.client.ended is not None
    assert held.leg.ended is not None


def test_a_service_that_dies_young_again_and_again_is_given_up() -> None:
    held = Held()
    while held.tether.state is not State.OVER:
        held.went()
        held.tick(0.5)
        held.tick(2.0)
        held.tether.client_ponged(held.client.pings[-1] if held.client.pings else b"", held.now)
        held.came()
        held.now += 1.0
        assert held.now < 30.0
    assert held.client.ended == (1013, b"the service is away: connect again later")


def test_one_that_has_stayed_is_looked_for_anew() -> None:
    held = Held()
    held.now = 100.0
    held.went()
    held.tick(19.0)
    assert held.is_in(State.SERVICE_AWAY)


def test_whoever_may_not_come_hears_1008() -> None:
    held = Held(opens=False)
    held.tether.service_refused(held.leg, 0.0, code=1008, reason=b"no", is_of_token=True)
    assert held.client.ended == (1008, b"no")


def test_a_token_that_has_ended_meanwhile_waits_for_another() -> None:
    held = Held()
    held.went(1012)
    held.client_goes(3000)
    held.tether.service_refused(held.leg, 0.0, code=1008, reason=b"", is_of_token=True)
    assert held.is_in(State.BOTH_AWAY)
    held.client_comes()
    assert held.is_in(State.SERVICE_AWAY)
    assert len(held.means.legs) == 2
    held.came()
    assert held.statuses[-2:] == ["attached", "reattached"]


def test_while_the_client_is_there_such_a_token_is_tried_again() -> None:
    held = Held()
    held.went(1012)
    held.tick(0.1)
    held.tether.service_refused(held.leg, held.now, code=1008, reason=b"", is_of_token=True)
    assert held.is_in(State.SERVICE_AWAY)
    assert held.tether.due < held.now + 1.0


def test_a_leg_of_before_is_heard_no_more() -> None:
    held = Held()
    before = held.leg
    held.went()
    held.tick(0.1)
    held.tether.service_came(before, held.now)
    held.tether.service_refused(before, held.now, code=1008, reason=b"", is_of_token=False)
    held.tether.service_went(before, 1000, b"", held.now)
    held.service_says(b"nobody's")
    assert held.is_in(State.SERVICE_AWAY)
    assert held.client.heard == []


def test_a_leg_that_ends_before_it_is_open_is_tried_again() -> None:
    held = Held(opens=False)
    held.went()
    held.tick(0.1)
    assert len(held.means.legs) == 2


def test_what_a_leg_that_dies_has_not_been_told_waits_for_the_next() -> None:
    held = Held(opens=False)
    held.client_says(b"a", b"b")
    held.leg.on_send = held.went
    held.came()
    first = held.leg
    held.tick(0.1)
    held.came()
    assert (first.heard, held.leg.heard) == ([b"a"], [b"b"])


def test_what_is_lost_with_a_service_may_be_said_again_and_reaches_the_next() -> None:
    held = Held()
    message = b'{"id": "msg_00112233"}'
    held.client_says(message)
    held.went()
    held.tick(0.2)
    held.came()
    held.client_says(message)
    assert held.leg.heard == [message]


def test_what_the_service_answered_and_what_waits_for_it_may_not() -> None:
    held = Held()
    messages = [b'{"id": "number-%d"}' % number for number in range(3)]
    held.client_says(messages[0])
    held.service_says(b"1")
    held.client_says(messages[1])
    held.leg.on_send = held.went
    held.went()
    held.client_says(messages[2], *messages)
    held.tick(0.2)
    held.came()
    assert held.leg.heard == [messages[2], messages[1]]


def test_what_a_limit_has_stopped_may_be_said_again_and_is_not_lost_with_the_service() -> None:
    held = Held()
    message = b'{"id": "msg_00112233"}'
    held.client_says(b"a", message)
    held.tether.client_stopped(held.means.legs[0], message)
    held.client_says(message)
    assert held.leg.heard == [b"a", message, message]
    held.tether.client_stopped(held.means.legs[0], message)
    held.tether.client_stopped(held.means.legs[0], b"never said")
    held.went()
    held.tick(0.2)
    held.came()
    assert held.means.told[-1] == ("reattached", {"unanswered": 1})
    held.tether.client_stopped(held.means.legs[0], b"a leg of before")


# --- the client goes ---


def test_a_client_that_is_done_ends_it() -> None:
    held = Held()
    held.client_goes(1000)
    assert held.leg.ended == (1000, b"")
    assert held.means.times_over == 1


def test_a_client_that_comes_back_gets_what_it_missed() -> None:
    held = Held()
    held.service_says(b"1", b"2")
    held.client_goes()
    held.service_says(b"3", b"4")
    back = held.client_comes(received=1)
    assert held.means.told[-1] == ("attached", {"resumed": True, "received": 1})
    assert back.heard == [b"2", b"3", b"4"]
    held.client_says(b"a")
    assert held.leg.heard == [b"a"]


def test_one_that_says_no_number_gets_what_no_pong_has_confirmed() -> None:
    held = Held()
    held.service_says(b"1")
    assert held.client.pings == [b"1"]
    held.service_says(b"2")
    held.tether.client_ponged(b"1", 0.0)
    assert held.client.pings == [b"1", b"2"]
    held.client_goes()
    assert held.client_comes().heard == [b"2"]


def test_a_pong_that_nobody_has_asked_for_confirms_nothing() -> None:
    held = Held()
    held.service_says(b"1")
    held.tether.client_ponged(b"7", 0.0)
    held.client_goes()
    assert held.client_comes().heard == [b"1"]


def test_what_is_there_no_more_is_told() -> None:
    held = Held(messages=2)
    held.client_goes()
    held.service_says(b"1", b"2", b"3")
    back = held.client_comes(received=0)
    assert held.means.told[-1][1] == {"resumed": True, "received": 0, "missed": 1}
    assert back.heard == [b"2", b"3"]


def test_a_number_that_was_never_said_counts_as_all() -> None:
    held = Held()
    held.service_says(b"1")
    held.client_goes()
    assert held.client_comes(received=99).heard == []


def test_a_client_that_stays_away_is_waited_for_no_longer() -> None:
    held = Held()
    held.client_goes()
    assert held.tether.due == 60.0
    held.tick(60.0)
    assert held.leg.ended == (1001, b"")
    assert held.means.times_over == 1


def test_a_client_that_comes_over_another_connection_takes_it_over() -> None:
    held = Held()
    before = held.client
    held.service_says(b"1")
    held.tether.client_may_write(may=False)
    back = held.client_comes(received=0)
    assert before.ended == (1001, b"it goes on over another connection")
    assert back.heard == [b"1"]
    assert held.tether.is_of(back)
    assert held.leg.is_read


def test_a_service_that_goes_while_nobody_is_there_is_reached_when_somebody_is() -> None:
    held = Held()
    held.client_goes()
    held.went()
    assert held.is_in(State.BOTH_AWAY)
    held.tick(30.0)
    assert len(held.means.legs) == 1
    held.client_comes()
    assert len(held.means.legs) == 2


def test_who_comes_back_while_a_leg_is_opening_has_as_long_as_anybody() -> None:
    held = Held()
    held.now = 10.0
    held.went()
    held.tick(0.2)
    held.client_goes()
    held.now = 35.0
    back = held.client_comes()
    held.tick(0.1)
    assert (back.ended, len(held.means.legs)) == (None, 2)
    held.tick(20.0)
    assert back.ended is not None


def test_a_leg_may_come_while_the_client_is_away() -> None:
    held = Held(opens=False)
    held.client_goes()
    held.came()
    assert held.is_in(State.CLIENT_AWAY)
    held.service_says(b"1")
    assert held.client_comes().heard == [b"1"]


def test_what_was_said_before_is_not_passed_on_again() -> None:
    held = Held()
    held.client_says(b"a")
    held.client_goes()
    held.client_comes()
    held.client_says(b"a", b"b")
    assert held.leg.heard == [b"a", b"b"]


def test_what_has_been_answered_may_be_said_again() -> None:
    held = Held()
    held.client_says(b"a")
    held.service_says(b"1")
    held.tether.client_ponged(b"1", 0.0)
    held.client_goes()
    held.client_comes()
    held.client_says(b"a")
    assert held.leg.heard == [b"a", b"a"]


def test_a_client_goes_once() -> None:
    held = Held()
    was_alone = held.tether.is_alone
    held.client_goes()
    assert (was_alone, held.tether.is_alone) == (False, True)
    held.client_goes(1000)
    assert held.is_in(State.CLIENT_AWAY)


# --- signs of life, and flow ---


def test_a_silent_client_is_asked_for_a_sign_of_life_and_gives_one() -> None:
    held = Held()
    held.tick(15.0)
    assert held.client.pings == [b"0"]
    held.tick(1.0)
    held.tether.client_ponged(b"0", held.now)
    assert held.tether.due == 31.0


def test_one_that_gives_none_has_gone() -> None:
    held = Held()
    held.tick(15.0)
    assert not held.tether.seems_gone(held.now + 0.5)
    assert held.tether.seems_gone(held.now + 1.0)
    held.tick(10.0)
    assert held.client.ended == (1001, b"no sign of life: connect again")
    assert held.is_in(State.CLIENT_AWAY)
    assert held.tether.seems_gone(held.now)
    assert held.tether.due == 85.0


def test_one_that_is_not_read_since_the_service_is_behind_has_not_gone() -> None:
    held = Held()
    held.tick(14.0)
    held.tether.service_may_write(may=False)
    for _ in range(60):
        held.tick(1.0)
    assert (held.client.ended, held.client.pings) == (None, [])
    held.tether.service_may_write(may=True)
    held.tick(15.0)
    held.tick(15.0)
    assert held.client.pings == [b"0"]
    held.tick(10.0)
    assert held.client.ended is not None


def test_nor_is_one_that_was_asked_before() -> None:
    held = Held()
    held.tick(15.0)
    held.tether.service_may_write(may=False)
    held.tick(9.0)
    held.tether.service_may_write(may=True)
    held.tick(1.0)
    assert held.client.ended is None
    held.tick(10.0)
    assert held.client.ended is not None


def test_who_takes_nothing_of_what_the_gateway_says_is_heard_no_further() -> None:
    held = Held()
    held.tether.gateway_said(b"x" * 70_000, is_text=True)
    held.tether.client_may_write(may=False)
    is_read = []
    for size in (60_000, 6_000):
        held.tether.gateway_said(b"x" * size, is_text=True)
        is_read.append(held.client.is_read)
    held.tether.service_may_write(may=False)
    held.tether.service_may_write(may=True)
    for may in (False, True):
        held.tether.client_may_write(may=may)
        is_read.append(held.client.is_read)
    assert is_read == [True, False, False, True]
    held.client_goes()
    held.tether.gateway_said(b"nobody is there", is_text=True)


def test_it_is_heard_again_when_the_service_keeps_up_too() -> None:
    held = Held()
    held.tether.client_may_write(may=False)
    held.tether.gateway_said(b"x" * 70_000, is_text=True)
    held.tether.service_may_write(may=False)
    held.tether.client_may_write(may=True)
    assert not held.client.is_read
    held.tether.service_may_write(may=True)
    assert held.client.is_read


def test_who_does_not_keep_up_holds_the_other_side_back() -> None:
    held = Held()
    held.tether.client_may_write(may=False)
    held.tether.service_may_write(may=False)
    assert (held.leg.is_read, held.client.is_read) == (False, False)
    held.tether.client_may_write(may=True)
    held.tether.service_may_write(may=True)
    assert (held.leg.is_read, held.client.is_read) == (True, True)


def test_a_leg_that_comes_while_the_client_is_slow_is_not_read() -> None:
    held = Held(opens=False)
    held.tether.client_may_write(may=False)
    held.came()
    assert not held.leg.is_read


def test_a_client_that_was_slow_holds_nobody_back_when_it_has_gone() -> None:
    held = Held()
    held.tether.client_may_write(may=False)
    held.client_goes()
    assert held.leg.is_read


def test_a_client_that_comes_back_waits_for_a_service_that_is_behind() -> None:
    held = Held()
    held.tether.service_may_write(may=False)
    held.client_goes()
    assert not held.client_comes().is_read


def test_a_client_is_read_again_when_the_service_that_was_behind_has_gone() -> None:
    held = Held()
    held.tether.service_may_write(may=False)
    held.went()
    assert held.client.is_read


def test_a_service_may_be_behind_while_nobody_is_there() -> None:
    held = Held()
    held.client_goes()
    held.tether.service_may_write(may=False)
    held.tether.service_may_write(may=True)
    assert held.client_comes().is_read


# --- the end ---


def test_what_is_over_does_nothing_any_more() -> None:
    held = Held()
    held.tether.end(1008, b"no")
    held.tether.end(1000, b"")
    held.client_says(b"a")
    held.service_says(b"b")
    held.client_goes()
    held.went()
    held.tether.service_refused(held.leg, 0.0, code=1008, reason=b"", is_of_token=False)
    held.tether.service_came(held.leg, 0.0)
    held.tether.client_ponged(b"0", 0.0)
    held.tick(1000.0)
    assert held.client.ended == (1008, b"no")
    assert (held.client.heard, held.leg.heard, held.means.times_over) == ([], [], 1)


def test_it_may_end_while_nobody_is_there() -> None:
    held = Held()
    held.client_goes()
    held.went()
    held.tether.end(1008, b"")
    assert held.means.times_over == 1


# --- whatever happens ---

_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("client says"), st.integers(1, 3)),
        st.tuples(st.just("service says"), st.integers(1, 3)),
        st.tuples(st.just("cut"), st.integers(0, 3)),
        st.tuples(st.just("service dies"), st.just(0)),
        st.tuples(st.just("moves"), st.integers(0, 3)),
        st.tuples(st.just("back"), st.just(0)),
    ),
    max_size=40,
)


class World:
    """Both ends as they are behind lines that lose what is on its way when they are cut."""

    def __init__(self) -> None:
        self.held = Held(messages=1000, size=1 << 20)
        self.said_by_client = self.said_by_service = 0
        self.client_has: list[bytes] = []
        self.service_has: list[bytes] = []

    def do(self, step: str, number: int) -> None:
        held = self.held
        held.now += 0.01
        {
            "client says": self._client_says,
            "service says": self._service_says,
            "cut": self._cut,
            "service dies": self._service_dies,
            "moves": self._moves,
            "back": self._back,
        }[step](number)
        assert held.tether.state is not State.OVER

    def _client_says(self, number: int) -> None:
        for _ in range(number if self.held.tether.is_of(self.held.client) else 0):
            self.said_by_client += 1
            self.held.client_says(b"c%d" % self.said_by_client)

    def _service_says(self, number: int) -> None:
        is_there = self.held.tether.state in (State.ATTACHED, State.CLIENT_AWAY)
        for _ in range(number if is_there else 0):
            self.said_by_service += 1
            self.held.service_says(b"s%d" % self.said_by_service)

    def _cut(self, number: int) -> None:
        """Cut the client's line: the last messages have not arrived."""
        self._arrives(max(0, len(self.held.client.heard) - number))
        self.held.client_goes()

    def _arrives(self, count: int) -> None:
        self.client_has += self.held.client.heard[:count]
        self.held.client = Side()

    def _service_dies(self, _: int) -> None:
        self.service_has += self.held.leg.heard
        self.held.leg.heard = []
        self.held.went()

    def _moves(self, number: int) -> None:
        """Have it go on at another worker; the service says a last word before it answers."""
        self._arrives(max(0, len(self.held.client.heard) - number))
        is_there = self.held.tether.state in (State.ATTACHED, State.CLIENT_AWAY)
        self.said_by_service += is_there
        self.service_has += self.held.leg.heard
        self.held.leg.heard = []
        self.held.moves(b"s%d" % self.said_by_service)

    def _back(self, _: int) -> None:
        held = self.held
        if not held.tether.is_of(held.client):
            held.client_comes(received=len(self.client_has))
        if held.tether.state is State.SERVICE_AWAY:
            held.tick(max(0.0, held.tether.due - held.now))
            held.came()


@given(_STEPS)
def test_each_side_gets_all_that_the_other_has_said_once_and_in_order(
    steps: list[tuple[str, int]],
) -> None:
    """The client says by number what it has; nothing is larger than the bounds."""
    world = World()
    for step, number in [*steps, ("back", 0), ("back", 0)]:
        world.do(step, number)
    world._arrives(len(world.held.client.heard))
    world._service_dies(0)
    assert world.client_has == [b"s%d" % one for one in range(1, world.said_by_service + 1)]
    assert world.service_has == [b"c%d" % one for one in range(1, world.said_by_client + 1)]


def test_what_others_say_is_numbered_with_what_the_service_says() -> None:
    held = Held()
    held.service_says(b"1")
    held.tether.others_said(b"2", now=0.0)
    held.client_goes()
    held.tether.others_said(b"3", now=0.0)
    held.service_says(b"4")
    assert held.client_comes(received=1).heard == [b"2", b"3", b"4"]


def test_what_others_say_is_heard_without_a_service_and_answers_nothing() -> None:
    held = Held()
    held.client_says(b"asked")
    held.tether.others_said(b"1", now=0.0)
    held.went()
    held.tether.others_said(b"2", now=0.0)
    assert held.client.heard == [b"1", b"2"]
    held.tick(1.0)
    held.came()
    assert held.means.told[-1] == ("reattached", {"unanswered": 1})


def test_a_service_hears_what_others_say_or_will_when_it_is_there() -> None:
    held = Held(messages=2)
    assert held.tether.service_hears(b"1")
    assert held.leg.relayed == [b"1"]
    held.went()
    assert [held.tether.service_hears(one) for one in (b"2", b"3", b"4")] == [True, True, False]
    held.client_says(b"mine")
    held.tick(1.0)
    held.came()
    assert (held.leg.heard, held.leg.relayed) == ([b"mine"], [b"2", b"3"])


def test_what_is_over_hears_nothing_of_others() -> None:
    held = Held()
    held.client_goes(1000)
    held.tether.others_said(b"1", now=0.0)
    assert not held.tether.service_hears(b"1")
    assert held.leg.relayed == []


def test_a_service_that_goes_while_it_is_told_hears_the_rest_later() -> None:
    held = Held()
    held.went()
    for one in (b"1", b"2"):
        held.tether.service_hears(one)
    held.tick(1.0)
    leg = held.leg
    leg.on_relay = held.went
    held.came()
    assert leg.relayed == [b"1"]
    held.tick(5.0)
    held.came()
    assert held.leg.relayed == [b"2"]


def test_what_waits_for_the_service_is_listened_to_and_goes_on_as_heard() -> None:
    held = Held(opens=False)
    held.means.hearing = hearing = Hearing()
    held.client_says(b"dark")
    assert held.means.listened == [b"dark"]
    held.came()
    held.client_says(b"well")
    assert held.means.listened == [b"dark"]
    assert held.leg.hearings == [hearing, None]


@pytest.mark.parametrize("comes", ["before", "behind"])
def test_what_waited_in_vain_is_told_to_whoever_keeps_it(comes: str) -> None:
    lost: list[int] = []
    need = Need(2, is_spared=True, undelivered=lambda: lost.append(1))
    held = Held(opens=False)
    held.means.hearing = hearing = Hearing()
    held.client_says(b"dark")
    if comes == "before":
        hearing.done(need)
    held.tether.end(1013, b"away")
    hearing.done(need)
    hearing.lost()
    assert lost == [1]


def test_so_is_what_there_is_no_room_for() -> None:
    lost: list[int] = []
    held = Held(opens=False, messages=1)
    held.client_says(b"well")
    held.means.hearing = hearing = Hearing()
    hearing.done(Need(2, is_spared=True, undelivered=lambda: lost.append(1)))
    held.client_says(b"dark")
    assert lost == [1]
    assert held.client.ended is not None


@pytest.mark.parametrize(
    ("code", "told"),
    [(1013, [b"help"]), (1008, [b"help"]), (1011, [b"help"]), (1001, []), (1000, [])],
)
def test_no_end_that_is_ours_is_bare(code: int, told: list[bytes]) -> None:
    held = Held()
    held.means.goes_before = b"help"
    held.tether.end(code, b"why")
    assert held.client.heard == told
    assert held.client.ended == (code, b"why")


def test_a_card_for_who_is_away_is_given_when_they_come_back() -> None:
    held = Held()
    held.tether.client_went(1006, 1.0)
    held.tether.gateway_said(b"pong", is_text=True)
    held.tether.gateway_said(b"card", is_text=True, is_help=True)
    held.client = Side()
    held.tether.client_came(held.client, received=-1, now=2.0)
    assert held.client.heard == [b"card"]
    held.tether.client_ponged(held.client.pings[-1], 3.0)
    again = Side()
    held.tether.client_came(again, received=-1, now=4.0)
    assert again.heard == []


def test_a_card_that_a_client_may_not_have_had_is_given_again() -> None:
    held = Held()
    held.tether.service_said(b"a", is_text=True, now=1.0)
    held.tether.gateway_said(b"card", is_text=True, is_help=True)
    held.tether.client_ponged(held.client.pings[-1], 1.5)  # that Ping was before the card
    held.tether.client_went(1006, 2.0)
    held.client = Side()
    held.tether.client_came(held.client, received=1, now=3.0)
    assert held.client.heard == [b"card"]
    held.tether.end(1000, b"")
    held.tether.gateway_said(b"card", is_text=True, is_help=True)


@pytest.mark.parametrize(("is_kept", "fate"), [(True, "kept"), (False, "counted"), (None, "")])
def test_who_is_sent_away_hears_what_becomes_of_what_waited(
    is_kept: bool | None, fate: str
) -> None:
    held = Held(opens=False)
    lost: list[str] = []
    hearing = held.means.hearing = Hearing()
    held.tether.client_said(b"a", is_text=True, now=held.now)
    if is_kept is not None:
        need = Need(2, is_spared=True, undelivered=lambda: lost.append("a"))
        need.is_kept = is_kept
        hearing.done(need)
    held.tether.end(LATER, b"away")
    assert held.means.fates == [fate]
    assert len(lost) == int(is_kept is not None)


# --- going on at another worker ---


def test_it_parts_once_its_service_has_said_its_last_and_goes_on_elsewhere() -> None:
    held = Held()
    held.client_says(b"a")
    held.service_says(b"1")
    held.client_goes()
    held.service_says(b"2")
    leg = held.leg
    held.moves(b"3")
    assert leg.finished == (1012, b"it goes on over another socket")
    assert held.is_in(State.BOTH_AWAY)
    assert held.client_comes(received=1).heard == [b"2", b"3"]
    held.client_says(b"a")  # said again: the service has had it
    held.came()
    assert held.means.told[-2:] == [
        ("attached", {"resumed": True, "received": 1}),
        ("reattached", {"unanswered": 0}),
    ]
    assert held.leg.heard == []


def test_a_client_that_is_there_hears_that_it_goes_on_elsewhere() -> None:
    held = Held()
    client = held.client
    held.moves()
    assert client.ended == (1001, b"elsewhere")
    assert held.means.times_over == 0


def test_what_waits_for_the_service_waits_elsewhere() -> None:
    held = Held()
    held.went()
    held.client_says(b"a", b"b")
    held.tether.service_hears(b"of others")
    held.moves()
    held.client_comes()
    held.came()
    assert (held.leg.heard, held.leg.relayed) == ([b"a", b"b"], [b"of others"])


def test_what_waits_is_listened_to_again_elsewhere_and_helped_once() -> None:
    """Red where a message at risk waits elsewhere as if nobody had ever listened to it."""
    lost: list[str] = []
    held = Held()
    held.went()
    for text, is_at_risk in ((b"dark", True), (b"well", False)):
        held.means.hearing = Hearing()
        need = Need(2, is_spared=True, undelivered=lambda: lost.append("here"))
        held.means.hearing.done(need if is_at_risk else None)
        held.client_says(text)
    before = held.tether
    held.means.listened.clear()
    held.means.hearing = hearing = Hearing()
    held.moves()
    assert (held.means.listened, held.means.helped) == ([b"dark", b"well"], [b"dark"])
    need = Need(2, is_spared=True, undelivered=lambda: lost.append("there"))
    need.is_kept = True
    hearing.done(need)
    held.client_comes()
    held.tether.end(LATER, b"away")
    assert (held.means.fates, lost) == (["kept"], ["there"])
    before.lost()
    assert lost == ["there", "here"]


def test_elsewhere_all_waits_that_has_waited_here() -> None:
    """Red where what is beyond the bounds of who goes on is dropped without a word."""
    held = Held()
    held.went()
    held.client_says(b"a", b"b")
    held.tether.service_hears(b"of others")
    held.terms.bounds.messages = 1
    held.moves()
    held.client_comes()
    held.came()
    assert (held.leg.heard, held.leg.relayed) == ([b"a", b"b"], [b"of others"])


def test_what_had_no_answer_may_be_said_again_elsewhere() -> None:
    held = Held()
    held.client_says(b'{"id": "message-1"}')
    held.moves()
    held.client_comes()
    held.client_says(b'{"id": "message-1"}')
    held.came()
    assert held.means.told[-1] == ("reattached", {"unanswered": 1})
    assert held.leg.heard == [b'{"id": "message-1"}']


def test_a_card_goes_along() -> None:
    held = Held()
    held.client_goes()
    held.tether.gateway_said(b"card", is_text=True, is_help=True)
    held.moves()
    assert held.client_comes().heard == [b"card"]


def test_a_service_that_does_not_answer_is_waited_for_only_so_long() -> None:
    held = Held()
    held.client_goes()
    held.tether.part(1001, b"", held.now)
    assert held.tether.due == pytest.approx(1.0)
    held.tick(0.5)
    assert (held.leg.ended, held.means.times_parted) == (None, 0)
    held.tick(0.5)
    assert (held.leg.ended, held.means.times_parted) == ((1001, b""), 1)
    assert held.tether.due == math.inf


def test_a_service_that_is_only_reached_for_is_let_go_at_once() -> None:
    held = Held(opens=False)
    held.tether.part(1001, b"", held.now)
    assert (held.leg.ended, held.means.times_parted) == ((1001, b""), 1)


def test_what_policies_end_meanwhile_goes_on_nowhere() -> None:
    held = Held()
    held.client_goes()
    held.tether.part(1001, b"", held.now)
    held.tether.end(1008, b"revoked")
    assert (held.means.times_over, held.means.times_parted) == (1, 0)
    assert held.is_in(State.OVER)


def test_elsewhere_a_client_is_waited_for_only_so_long() -> None:
    held = Held()
    held.moves()
    held.tick(60.0)
    assert held.is_in(State.OVER)

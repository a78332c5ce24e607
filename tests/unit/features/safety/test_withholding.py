"""A stream of texts through the sink that withholds; the whole way stands in test_policy.py."""

from collections.abc import Callable, Iterator

import pytest

from tests.helpers.builders import an_exchange
from tta_gateway.features.safety.decoding import Truncated
from tta_gateway.features.safety.parts import Events, Part, Words
from tta_gateway.features.safety.withholding import (
    BEHIND,
    TURN,
    Ending,
    Turns,
    Withholding,
)
from tta_gateway.kernel.message import NO_FIELDS, Fields
from tta_gateway.kernel.verdict import Verdict

HARM = "nobody would miss you"


class Client:
    def __init__(self) -> None:
        self.shown = b""
        self.how = ""

    def send_data(self, data: bytes) -> None:
        assert not self.how
        self.shown += data

    def send_end(self, trailers: Fields = NO_FIELDS) -> None:
        assert not self.how
        self.how = f"ended {len(trailers)}"

    def abort(self) -> None:
        self.how = "cut"


class Attempt:
    def __init__(self) -> None:
        self.told: list[str] = []

    def cancel(self) -> None:
        self.told.append("cancel")

    def fall_behind(self) -> None:
        self.told.append("wait")

    def catch_up(self) -> None:
        self.told.append("go on")

    def pause_answer(self) -> None: ...

    def resume_answer(self) -> None: ...


class House:
    def __init__(self, *, events: bool = False) -> None:
        self.client, self.attempt = Client(), Attempt()
        self.turns: list[Callable[[], None]] = []
        self.found: list[str] = []
        self.faults: list[BaseException] = []
        self.is_broken = self.is_deaf = False
        self.now = 0.0
        self.takes = 0.0  # seconds, to look at a text
        self.judged: list[str] = []
        self.exchange = an_exchange(origin=self)
        self.exchange.attempt = self.attempt
        self.sink = Withholding(
            self.exchange,
            self.client,
            parts=Events() if events else Words(),
            judge=self._judge,
            turns=Turns(self.turns.append, lambda: self.now),
            ending=Ending(
                lambda last: b" [safe]" if not events or last.endswith(b"\n") else b"\n [safe]",
                found=self._hear,
                fault=self.faults.append,
            ),
        )

    def _hear(self, _: Verdict, text: str) -> None:
        if self.is_deaf:
            raise ZeroDivisionError
        self.found.append(text)

    def flush(self) -> None: ...

    def _judge(self, text: str) -> Verdict:
        self.judged.append(text)
        self.now += self.takes
        if self.is_broken:
            raise ZeroDivisionError
        return Verdict(2) if HARM in text else Verdict()

    def say(self, *parts: str) -> None:
        for part in parts:
            self.sink.send_data(part.encode())

    def turn(self) -> None:
        for call in [self.turns.pop(0) for _ in range(len(self.turns))]:
            call()


def test_words_are_shown_when_they_are_whole() -> None:
    house = House()
    house.say("so it", " goes")
    assert house.client.shown == b"so it "
    house.sink.send_end([(b"a", b"b")])
    assert (house.client.shown, house.client.how) == (b"so it goes", "ended 1")


def test_what_is_harmful_is_not_shown_nor_anything_behind_it() -> None:
    house = House()
    house.say("well, nobody would ", "miss y", "ou at all", " and more")
    house.sink.send_end()
    assert HARM.encode() not in house.client.shown
    assert house.client.shown.endswith(b" [safe]")
    assert (house.client.how, house.attempt.told) == ("ended 0", ["cancel"])
    assert len(house.found) == 1


def test_it_is_found_in_the_last_word_too() -> None:
    house = House()
    house.say("nobody would miss you")
    house.sink.send_end()
    assert house.client.shown == b"nobody would miss  [safe]"


def test_a_long_part_is_looked_at_a_slice_in_a_turn_while_the_service_waits() -> None:
    house = House()
    text = "fair weather " * (BEHIND // 6)
    house.say(text)
    assert (len(house.judged) > 1, house.client.shown) == (True, b"")
    assert house.attempt.told == ["wait"]
    house.say("and more. ")
    house.sink.send_end()
    turns = 0
    while house.turns:
        house.turn()
        turns += 1
    assert turns >= len(text) // TURN - 1
    assert house.client.shown == (text + "and more. ").encode()
    assert house.client.how == "ended 0"


def test_the_service_goes_on_when_all_has_been_looked_at() -> None:
    house = House()
    house.say("fair weather " * (BEHIND // 6))
    while house.turns:
        house.turn()
    assert house.attempt.told == ["wait", "go on"]


@pytest.mark.parametrize("how", ["aborted", "finished", "cut"])
def test_nothing_goes_on_when_it_is_over(how: str) -> None:
    house = House()
    house.say("fair weather " * 2000)
    if how == "cut":
        house.sink.abort()
    else:
        setattr(house.exchange, how, True)
    judged = len(house.judged)
    house.turn()
    assert (len(house.judged), house.turns, house.client.shown) == (judged, [], b"")


def test_what_is_held_back_is_not_shown_when_the_service_breaks_off() -> None:
    house = House()
    house.say("half a wor")
    house.sink.abort()
    house.sink.send_end()
    assert (house.client.shown, house.client.how) == (b"half a ", "cut")


def test_events_that_say_nothing_keep_their_place() -> None:
    house = House(events=True)
    house.say(": ping\n\n", "data: wor\n\n", ": ping\n\n", "data: d.\n\n")
    assert house.client.shown == b": ping\n\ndata: wor\n\n: ping\n\ndata: d.\n\n"


def test_no_more_than_so_much_is_held_back() -> None:
    house = House(events=True)
    house.say(*[f"data: {'a' * 20}{number:04}\n\n" for number in range(40)])
    assert house.client.shown
    house.sink.send_end()
    while house.turns:
        house.turn()
    assert house.client.shown.count(b"data") == 40


def test_texts_beyond_the_bounds_go_on_together() -> None:
    house = House(events=True)
    members = ",".join(f'"m{number}":"x{number}."' for number in range(64))
    house.say(f"data: {{{members}}}\n\n")
    house.say('data: {"b":"nobody would "}\n\n', 'data: {"c":"miss you."}\n\n')
    while house.turns:
        house.turn()
    assert len(house.found) == 1


def test_without_an_attempt_there_is_nobody_to_wait() -> None:
    house = House()
    house.exchange.attempt = None
    house.say("fair weather " * (BEHIND // 6), HARM)
    while house.turns:
        house.turn()
    house.sink.send_end()
    assert house.client.shown.endswith(b" [safe]")


@pytest.mark.parametrize("turns", [0, 1, 5])
def test_what_a_fault_of_ours_kept_from_being_looked_at_is_not_shown(turns: int) -> None:
    house = House()
    house.say("It is fine. ")
    house.turn()
    house.is_broken = turns == 0
    house.say("secret words " * 2000)
    for _ in range(turns):
        house.is_broken = True
        house.turn()
    house.say("and more. ")
    house.sink.send_end()
    assert house.client.shown == b"It is fine.  [safe]"
    assert house.client.how == "ended 0"
    assert house.attempt.told[-1] == "cancel"
    assert len(house.faults) == 1


def test_a_fault_in_telling_what_was_found_cuts_the_answer() -> None:
    house = House()
    house.is_deaf = True
    house.say(HARM + ". ")
    assert (house.client.shown, house.client.how, len(house.faults)) == (b"", "cut", 1)


@pytest.mark.parametrize(("takes", "most"), [(0.0, 4), (0.0004, 3), (0.0009, 2), (0.002, 1)])
def test_a_turn_is_over_when_looking_has_taken_long(takes: float, most: int) -> None:
    house = House()
    house.takes = takes
    text = "fair weather " * 2000
    house.say(text)
    each = [len(house.judged)]
    while house.turns:
        before = len(house.judged)
        house.turn()
        each.append(len(house.judged) - before)
    assert max(each) == most
    assert house.client.shown == text.encode()


def test_a_turn_in_which_nothing_was_looked_at_takes_nothing_of_the_next() -> None:
    house = House()
    house.takes = 0.0004
    house.say("fair")
    assert not house.judged
    house.now += 1.0
    house.say(f" {'fair weather ' * 60} ")
    assert len(house.judged) == 3


class Cut:
    def feed(self, data: bytes) -> Iterator[Part]:
        yield Part(data, [("", data.decode())])

    def rest(self) -> Iterator[Part]:
        yield Part(b"", [])
        raise Truncated("truncated")


def test_what_has_not_come_whole_is_broken_off() -> None:
    house = House()
    house.sink._parts = Cut()
    house.say("so it goes. ")
    house.sink.send_end()
    assert (house.client.shown, house.client.how) == (b"so it goes. ", "cut")
    assert [str(fault) for fault in house.faults] == ["truncated"]
    house.say("more ")
    assert house.client.shown == b"so it goes. "


def test_many_small_events_of_one_read_are_taken_apart_over_turns() -> None:
    house = House(events=True)
    sent = "data: a.\n\n" * 1000
    house.say(sent)
    turns = 0
    while house.turns:
        house.turn()
        turns += 1
    assert turns > 10
    assert house.client.shown == sent.encode()


def test_what_is_safe_comes_behind_what_was_shown_last() -> None:
    house = House(events=True)
    house.say(f"data: {'fair weather ' * 6000}", f"{HARM}. \n\n")
    while house.turns:
        house.turn()
    assert house.client.shown.endswith(b" \n [safe]")

"""What becomes of messages by what policies say of them, without any socket."""

from collections.abc import Callable

import pytest

from tests.helpers.builders import Bound, a_plan, an_exchange
from tests.helpers.sayings import Socket, Words
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Refusal, Response, answer_of
from tta_gateway.kernel.policy import Answer
from tta_gateway.kernel.problem import (
    INTERNAL,
    UPSTREAM_BUSY,
    WEBSOCKET_MALFORMED,
)
from tta_gateway.kernel.said import Said
from tta_gateway.pipeline.conversation import IN_A_ROW, Conversation, Passage

TOO_MANY = Response(429)


class House:
    """A conversation on a route, and a policy that answers what it is told to."""

    def __init__(self, *, words: bool = False) -> None:
        self.answers: dict[bytes, Answer] = {}
        self.waiting: list[Callable[[Answer], None]] = []
        self.waits = False
        self.seen: list[tuple[bytes, bool]] = []
        policy = Bound(on_message=None, hears_replies=True)
        if words:
            policy.wording = Words()  # type: ignore[attr-defined]  # a policy has what it has
        self.socket = Socket()
        self.exchange = an_exchange(plan=a_plan([policy]))
        self.conversation = Conversation(self.exchange, self, self.socket)
        self.went_on: list[bytes | None] = []

    def ask(self, exchange: Exchange, said: Said, told: Callable[[Answer], None]) -> None:
        assert exchange is self.exchange
        self.seen.append((said.data, said.by_service))
        if self.waits:
            self.waiting.append(told)
            return
        if said.data == b"change me":
            said.data = b"changed"
        told(self.answers.get(said.data))

    def say(self, passage: Passage, data: bytes) -> bytes | None:
        assert passage.look(data, is_text=True)
        return _data_of(passage)

    def client_says(self, data: bytes) -> bytes | None:
        return self.say(self.conversation.from_client, data)


def _data_of(passage: Passage) -> bytes | None:
    return None if passage.passes is None else passage.passes.data


def test_both_ways_are_looked_at() -> None:
    house = House()
    talk = house.conversation
    assert (house.say(talk.from_client, b"a"), house.say(talk.from_service, b"b")) == (b"a", b"b")
    assert house.seen == [(b"a", False), (b"b", True)]
    assert (talk.from_client.is_open, talk.from_service.is_open) == (False, False)


def test_a_way_that_nobody_looks_at_is_open() -> None:
    exchange = an_exchange(plan=a_plan([Bound(on_message=None)]))
    talk = Conversation(exchange, House(), Socket())
    assert (talk.from_client.is_open, talk.from_service.is_open) == (False, True)


def test_a_policy_may_change_what_goes_on() -> None:
    assert House().client_says(b"change me") == b"changed"


def test_what_a_policy_answers_goes_back_and_not_on() -> None:
    house = House()
    house.answers = {b"ping": Response(200, body=b"pong"), b"quiet": Response(204)}
    assert (house.client_says(b"ping"), house.client_says(b"quiet")) == (None, None)
    assert (house.socket.told, house.socket.closed) == ([(b"pong", True)], [])


@pytest.mark.parametrize("by_service", [False, True])
@pytest.mark.parametrize("answer", [TOO_MANY, Refusal(TOO_MANY), answer_of(INTERNAL)])
def test_whoever_is_refused_is_told_where_there_are_words(
    answer: Response | Refusal, by_service: bool
) -> None:
    house = House(words=True)
    house.answers[b"bad"] = answer
    talk = house.conversation
    passage = talk.from_service if by_service else talk.from_client
    assert house.say(passage, b"bad") is None
    status = answer.status if isinstance(answer, Response) else 429
    assert house.socket.told == [(b"refused %d: bad" % status, True)]
    assert house.socket.closed == []
    assert house.say(passage, b"good") == b"good"


def test_whoever_goes_on_all_the_same_is_ended() -> None:
    house = House(words=True)
    house.answers[b"bad"] = TOO_MANY
    for _ in range(IN_A_ROW):
        house.client_says(b"bad")
    house.client_says(b"good")
    for _ in range(IN_A_ROW):
        house.client_says(b"bad")
    assert (len(house.socket.told), house.socket.closed) == (2 * IN_A_ROW, [])
    house.client_says(b"bad")
    assert (len(house.socket.told), house.socket.closed) == (2 * IN_A_ROW, [(1008, b"refused")])


def test_a_service_whose_words_are_all_refused_is_ended_by_no_fault_of_the_client() -> None:
    house = House(words=True)
    house.answers[b"bad"] = answer_of(WEBSOCKET_MALFORMED)
    for _ in range(IN_A_ROW + 1):
        house.say(house.conversation.from_service, b"bad")
    assert house.socket.closed == [(1011, b"websocket_malformed")]


@pytest.mark.parametrize(
    ("answer", "by_client", "by_service"),
    [
        (TOO_MANY, 1013, 1013),
        (answer_of(UPSTREAM_BUSY), 1013, 1013),
        (answer_of(INTERNAL), 1011, 1011),
        (answer_of(WEBSOCKET_MALFORMED), 1008, 1011),
        (Refusal(answer_of(WEBSOCKET_MALFORMED)), 1008, 1011),
    ],
)
def test_without_words_a_close_says_why(answer: Answer, by_client: int, by_service: int) -> None:
    house = House()
    house.answers[b"bad"] = answer
    house.client_says(b"bad")
    house.say(house.conversation.from_service, b"bad")
    assert [code for code, _ in house.socket.closed] == [by_client, by_service]
    assert house.socket.told == []


def test_a_message_may_have_to_wait() -> None:
    house = House()
    passage = house.conversation.from_client
    passage.decided = lambda: house.went_on.append(_data_of(passage))
    house.waits = True
    assert not passage.look(b"one", is_text=True)
    assert house.went_on == []
    house.waiting.pop()(None)
    assert not passage.look(b"two", is_text=True)
    house.waiting.pop()(TOO_MANY)
    assert house.went_on == [b"one", None]


def test_what_waited_is_decided_even_where_nobody_waits_for_it() -> None:
    house = House()
    house.waits = True
    assert not house.conversation.from_client.look(b"one", is_text=False)
    house.waiting.pop()(None)
    passes = house.conversation.from_client.passes
    assert passes is not None
    assert (passes.data, passes.is_text) == (b"one", False)

"""Messages that policies look at, one after the other."""

from collections.abc import Callable

import pytest

from tests.helpers.builders import Bound, a_plan, an_exchange
from tests.helpers.sayings import Socket
from tta_gateway.edge.passing import MANY, Passing
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.policy import Answer
from tta_gateway.kernel.said import Need, Said
from tta_gateway.pipeline.conversation import Conversation


class House:
    """A direction, and a policy that thinks for as long as the test wants."""

    def __init__(self, *, is_looked_at: bool = True) -> None:
        policies = [Bound(on_message=None)] if is_looked_at else []
        self.waiting: list[Callable[[Answer], None]] = []
        self.thinks = False
        self.delivered: list[bytes] = []
        self.held: list[bool] = []
        self.stopped: list[bytes] = []
        exchange = an_exchange(plan=a_plan(policies))
        passage = Conversation(exchange, self, Socket()).from_client
        self.passing = Passing(passage, self._deliver, self.held.append, self.stopped.append)

    def ask(self, exchange: Exchange, said: Said, told: Callable[[Answer], None]) -> None:  # noqa: ARG002
        if self.thinks:
            self.waiting.append(told)
        else:
            told(Response(204) if said.data == b"no" else None)

    def _deliver(self, payload: bytes, is_text: bool, need: Need | None) -> None:
        assert need is None
        assert is_text
        self.delivered.append(payload)

    def put(self, *texts: bytes) -> None:
        for text in texts:
            self.passing.put(text, is_text=True)


@pytest.mark.parametrize("is_looked_at", [False, True])
def test_what_is_let_through_passes_in_order(*, is_looked_at: bool) -> None:
    house = House(is_looked_at=is_looked_at)
    house.put(b"a", b"b")
    assert house.delivered == [b"a", b"b"]


def test_what_is_not_let_through_does_not_and_that_is_heard() -> None:
    house = House()
    house.put(b"a", b"no", b"b")
    assert (house.delivered, house.stopped) == ([b"a", b"b"], [b"no"])


def test_so_is_what_had_to_wait() -> None:
    house = House()
    house.thinks = True
    house.put(b"late")
    assert house.stopped == []
    house.waiting.pop()(Response(204))
    assert (house.delivered, house.stopped) == ([], [b"late"])


def test_what_follows_waits_behind_one_that_is_looked_at() -> None:
    house = House()
    house.thinks = True
    house.put(b"a", b"b")
    assert (house.delivered, len(house.waiting)) == ([], 1)
    house.thinks = False
    house.waiting.pop()(None)
    assert house.delivered == [b"a", b"b"]


def test_where_many_wait_the_source_is_held_back_until_fewer_do() -> None:
    house = House()
    house.thinks = True
    house.put(*[b"%d" % number for number in range(MANY + 1)])
    assert house.held == [True]
    house.waiting.pop()(None)
    assert house.held == [True, False]


def test_behind_the_end_nothing_passes() -> None:
    house = House()
    house.thinks = True
    house.put(b"a", b"b")
    house.passing.clear()
    house.waiting.pop()(None)
    assert house.delivered == [b"a"]
    assert house.waiting == []

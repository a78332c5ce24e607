"""Drills are let in by their token, and nothing else is on their path."""

import msgspec

from tests.helpers.builders import a_head, a_plan, a_route, an_exchange
from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.escalation.policy import Drills
from tta_gateway.features.escalation.problems import UNKNOWN_DRILL
from tta_gateway.features.escalation.public import ROUTES, TOKEN
from tta_gateway.kernel.drill import Drill
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response


class Ordered:
    def __init__(self) -> None:
        self.drill = Drill("7", by="ben", level=3, now=FakeClock().monotonic)
        self.tokens = {b"t": self.drill}

    def take(self, token: bytes) -> Drill | None:
        return self.tokens.pop(token, None)


def asking(*fields: tuple[bytes, bytes]) -> Exchange:
    head = a_head()
    head.fields = list(fields)
    made = an_exchange(head, plan=a_plan(route=ROUTES[0]))
    made.response = Response(200)
    return made


def test_it_acts_where_drills_come_and_nowhere_else() -> None:
    drills = Drills(Ordered().take)
    assert drills.for_route(ROUTES[0]) is drills
    assert drills.for_route(a_route()) is None
    assert drills.for_route(None) is None
    assert drills.for_route(msgspec.structs.replace(ROUTES[0], stream="moderations")) is None
    assert drills.explain() == "lets in drills that the administration has begun, and nothing else"


def test_a_token_makes_one_request_a_drill_whose_answer_says_how_far_it_has_come() -> None:
    ordered = Ordered()
    drills, exchange = Drills(ordered.take), asking((TOKEN, b"t"))
    assert drills.on_request(exchange) is None
    assert exchange.drill is ordered.drill
    drills.on_response(exchange)
    assert exchange.response is not None
    assert exchange.response.get(b"server-timing") == ordered.drill.timing()
    again = drills.on_request(asking((TOKEN, b"t")))
    assert again is not None
    assert again.problem is UNKNOWN_DRILL


def test_what_is_no_drill_is_refused_and_told_nothing() -> None:
    drills = Drills(Ordered().take)
    for exchange in (asking(), asking((TOKEN, b"x"))):
        answer = drills.on_request(exchange)
        assert answer is not None
        assert answer.problem is UNKNOWN_DRILL
        drills.on_response(exchange)
        assert exchange.response is not None
        assert exchange.response.fields == []

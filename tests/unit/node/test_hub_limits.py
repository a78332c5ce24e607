"""How many connections somebody may have at once, and how often receipts may be sent."""

import random
from collections.abc import Awaitable

import msgspec

from tests.helpers.builders import a_head, an_exchange
from tests.helpers.fake_clock import FakeClock
from tests.helpers.steps import Work
from tta_gateway.features.ratelimit.bound import Limit, RateLimitBound, RouteLimits
from tta_gateway.features.ratelimit.policy import Keeping, RateLimit
from tta_gateway.features.ratelimit.tally import Tally
from tta_gateway.features.realtime.bound import InboxBound, RealtimeBound
from tta_gateway.features.realtime.codes import TOO_MANY_REQUESTS
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.route import Route
from tta_gateway.node.hub_answers import Answer
from tta_gateway.node.hub_limits import HubLimits
from tta_gateway.node.hub_visitor import Visitor, head
from tta_gateway.node.inquiry import Inquiries, Inquiry, pass_on
from tta_gateway.pipeline.plan import bind
from tta_gateway.pipeline.run import Runner
from tta_gateway.support.metrics import Registry

SEATS = Limit(id="s", name="s", handle="s", of="concurrent", amount=2, key=("user",))
OFTEN = Limit(id="o", name="o", handle="o", amount=2, per=60.0, burst=2, key=("user",))


def limited(name: str, limit: Limit) -> Route:
    raw = msgspec.Raw(msgspec.msgpack.encode(RouteLimits(limits=(limit,))))
    return Route(name=name, path="/", features={"ratelimit": raw})


BOUND = RealtimeBound(
    seats=limited("connect", SEATS), inbox=InboxBound(receipts=limited("ack", OFTEN))
)


class House:
    """Limits, and connections that have proved who they are."""

    def __init__(self, bound: RealtimeBound = BOUND) -> None:
        clock, works = FakeClock(), list[Work]()
        tally = Tally(monotonic=clock.monotonic, wall=clock.wall, chance=random.Random(7).random)
        keeping = Keeping(RateLimitBound(limits=(SEATS, OFTEN)), tally, registry=Registry())
        runner = Runner(works.append, lambda _, error: self.faults.append(error))
        self.faults: list[BaseException] = []
        self.inquiries = Inquiries(runner, clock=clock.monotonic)
        self.limits = HubLimits(self.inquiries)
        self.limits.adopt(bound, [RateLimit(keeping)])

    def came(self, subject: str = "ada", *, is_inner: bool = False) -> tuple[Visitor, Inquiry]:
        visitor = Visitor(an_exchange(a_head()), is_inner=is_inner)
        made = head(b"CONNECT", b"/connect", visitor.shown, visitor.opening)
        plan = bind([], Route(name="connect", path="/"), forward=pass_on)
        proved = self.inquiries.ask(plan, made, like=visitor.opening, params={}, asker=Answer())
        proved.exchange.principal = Principal(subject=subject, issuer="home")
        return visitor, proved

    def sits(self, visitor: Visitor, proved: Inquiry) -> bool:
        refusal = self.limits.seat(visitor, proved)
        assert refusal is None or refusal.status == 429
        return refusal is None


def test_a_person_has_so_many_connections_at_once_and_another_when_one_has_ended() -> None:
    house = House()
    first, second, third = (house.came() for _ in range(3))
    assert [house.sits(*one) for one in (first, second, third)] == [True, True, False]
    assert house.sits(*house.came("ben"))
    first[0].close()
    assert house.sits(*third)
    assert not house.sits(*house.came())
    assert house.faults == []


def test_who_has_a_seat_needs_no_other_with_another_token() -> None:
    """Red where a connection at the limit ends itself by its new token."""
    house = House()
    one, other = house.came(), house.came()
    assert house.sits(*one)
    assert house.sits(*other)
    assert house.sits(one[0], house.came()[1])
    one[0].close()
    assert house.sits(*house.came())


def test_a_socket_that_is_bound_to_a_channel_takes_none() -> None:
    house = House()
    for _ in range(5):
        assert house.sits(*house.came(is_inner=True))


def test_without_limits_everybody_has_one() -> None:
    house = House(RealtimeBound())
    for _ in range(5):
        visitor, proved = house.came()
        assert house.sits(visitor, proved)
        assert house.limits.receipt(visitor, proved) is None


def test_receipts_may_be_sent_so_often_by_one_person() -> None:
    house = House()
    ada, ben = house.came(), house.came("ben")
    answers = [house.limits.receipt(*one) for one in (ada, ada, ada, ben)]
    assert not any(isinstance(one, Awaitable) for one in answers)
    assert answers == [None, None, TOO_MANY_REQUESTS, None]

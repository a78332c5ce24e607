"""The crisis lane over the whole edge, on paper, with fakes in the place of the safety work.

The invariant: whatever refuses, however the body comes, whatever fails, nobody in a crisis gets a
bare refusal; and nobody else gets anything but the refusal.
"""

import asyncio
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.builders import Bound
from tests.helpers.fake_transport import FakeTransport
from tests.helpers.paper_gateway import GET, OK, Open, paper_gateways, post, statuses
from tta_gateway.kernel.crisis import Fate, Help
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Refusal, Response
from tta_gateway.kernel.policy import Answer
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.traffic import CRISIS
from tta_gateway.kernel.verdict import Category
from tta_gateway.pipeline.lane import (
    A_MINUTE,
    BYTES,
    FORWARDED,
    HELD,
    HELD_EACH,
    LEAST,
    LOOK,
    SECONDS,
    Lane,
)

HELP: Final = Help(line=b"call 988", card=b"the card")
CRY: Final = b"I cannot go on"
WEATHER: Final = b"It is sunny"
LINE: Final = b"x-crisis-support: call 988"


class Words:
    """Verdicts by one phrase; each takes so long, and may fail."""

    def __init__(self) -> None:
        self.takes = 0.0
        self.fails = False
        self.read: list[bytes] = []

    def look(self, exchange: Exchange, body: bytes) -> Iterator[bool]:  # noqa: ARG002 - the port's
        self.read.append(body)
        if self.fails:
            raise ZeroDivisionError
        yield CRY in body


class Journal:
    """Incidents: `durable`, not, failing, or never."""

    def __init__(self) -> None:
        self.how = "durable"
        self.opened: list[bytes] = []

    def open(self, exchange: Exchange, body: bytes) -> Awaitable[Fate]:  # noqa: ARG002 - as above
        self.opened.append(body)
        return self._open()

    async def _open(self) -> Fate:
        if self.how == "failing":
            raise OSError
        if self.how == "never":
            await asyncio.sleep(1000.0)
        return "kept" if self.how == "durable" else ""


class Helping:
    """Helps: the same for everybody."""

    def of(
        self,
        exchange: Exchange,  # noqa: ARG002 - the port's, as the others
        level: int,  # noqa: ARG002
        categories: tuple[Category, ...] = (),  # noqa: ARG002
        fate: Fate = "",  # noqa: ARG002
    ) -> Help:
        return HELP


class House:
    """A gateway on paper whose one route is scanned, and that refuses as the test says."""

    def __init__(
        self, build: Open, *, status: int = 429, person: str = "p7", refusers: int = 1
    ) -> None:
        self.words, self.journal = Words(), Journal()
        self.reported: list[BaseException] = []
        self.exchanges: list[Exchange] = []
        self.status, self.person = status, person
        self.now = 0.0
        self.lane = Lane(
            verdicts=self.words,
            incidents=self.journal,
            helps=Helping(),
            scans=lambda _: True,
            clock=self._time,
            report=lambda _, error: self.reported.append(error),
        )
        refusing = [Bound(on_request=self._refuse) for _ in range(refusers)]
        self.gateway = build(policies=(*refusing, self.lane))

    def _time(self) -> float:
        self.now += self.words.takes if hasattr(self, "words") else 0.0
        return self.now

    def _refuse(self, exchange: Exchange) -> Answer:
        self.exchanges.append(exchange)
        if self.person:
            exchange.principal = Principal(subject=self.person, issuer="a")
        if not self.status:
            return None
        return Refusal(Response(self.status), deferrable=True)

    def ask(self, request: bytes, *, address: str = "192.0.2.7") -> FakeTransport:
        client = self.gateway.client((address, 40000))
        client.feed(request)
        self.settle()
        return client

    def settle(self) -> None:
        for _ in range(5):
            self.gateway.loop.run_ready()

    @property
    def asked(self) -> int:
        """How often the service was asked."""
        return sum(end.sent.count(b" HTTP/1.1\r\n") for end in self.gateway.loop.opened)


def test_who_is_in_no_crisis_is_refused_and_told_where_help_is() -> None:
    with paper_gateways() as build:
        house = House(build)
        client = house.ask(post(WEATHER))
        assert statuses(client.sent) == [429]
        assert LINE in client.sent
        assert (house.words.read, house.asked) == ([WEATHER], 0)


def test_a_crisis_is_forwarded_whole_though_it_was_refused() -> None:
    with paper_gateways() as build:
        house = House(build)
        client = house.ask(post(CRY))
        assert house.gateway.service.sent.endswith(CRY)
        assert b"x-traffic-class: crisis" in house.gateway.service.sent
        assert house.lane.forwarded == 1
        house.gateway.service.feed(OK)
        house.settle()
        assert statuses(client.sent) == [200]
        assert house.lane.forwarded == 0
        assert house.exchanges[0].traffic == CRISIS


def test_what_is_refused_again_on_its_way_takes_of_the_budget_once() -> None:
    with paper_gateways() as build:
        house = House(build, refusers=3)
        for _ in range(A_MINUTE):
            client = house.ask(post(CRY))
            house.gateway.service.feed(OK)
            house.settle()
            assert statuses(client.sent) == [200]
        assert len(house.words.read) == A_MINUTE


def test_what_is_not_refused_passes_unseen() -> None:
    with paper_gateways() as build:
        house = House(build, status=0)
        house.ask(post(CRY))
        assert (house.words.read, house.asked) == ([], 1)


def test_a_body_that_comes_in_parts_is_read_whole_and_sent_whole() -> None:
    with paper_gateways() as build:
        house = House(build)
        client = house.ask(post(CRY[:5], length=len(CRY)))
        assert (statuses(client.sent), house.asked) == ([], 0)
        client.feed(CRY[5:])
        house.settle()
        assert house.words.read == [CRY]
        assert house.gateway.service.sent.endswith(CRY)


def test_a_client_that_waits_to_be_asked_for_the_body_is() -> None:
    with paper_gateways() as build:
        house = House(build)
        head = post(b"", length=len(CRY)).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
        client = house.ask(head)
        assert statuses(client.sent) == [100]
        client.feed(CRY)
        house.settle()
        assert house.asked == 1


@pytest.mark.parametrize("stated", [True, False])
def test_a_body_beyond_the_bounds_is_not_read_and_the_refusal_has_help(stated: bool) -> None:
    with paper_gateways() as build:
        house = House(build)
        body = CRY + b"x" * BYTES
        chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        chunked = b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk
        client = house.ask(post(body) if stated else chunked)
        assert statuses(client.sent) == [429]
        assert LINE in client.sent
        assert (house.words.read, house.asked) == ([], 0)


def test_a_body_that_does_not_come_is_waited_for_two_seconds() -> None:
    with paper_gateways() as build:
        house = House(build)
        client = house.ask(post(b"I can", length=len(CRY)))
        house.gateway.wait(SECONDS - 0.1)
        assert statuses(client.sent) == []
        house.gateway.wait(0.2)
        assert statuses(client.sent) == [429]
        assert LINE in client.sent


def test_only_so_many_refusals_are_held_at_once() -> None:
    with paper_gateways() as build:
        house = House(build)
        for number in range(HELD):
            house.person = f"p{number}"
            house.ask(post(b"I can", length=len(CRY)))
        assert house.lane.held == HELD
        house.person = "another"
        client = house.ask(post(CRY))
        assert statuses(client.sent) == [429]
        assert LINE in client.sent


@pytest.mark.parametrize("person", ["p7", ""])
def test_slow_bodies_of_one_person_leave_places_to_others(person: str) -> None:
    """Where nobody knows who asks, those of one network are one."""
    with paper_gateways() as build:
        house = House(build, person=person)
        slow = [house.ask(post(b"I can", length=len(CRY))) for _ in range(HELD)]
        assert house.lane.held == HELD_EACH
        refused = [client for client in slow if client.sent]
        assert [statuses(client.sent) for client in refused] == [[429]] * (HELD - HELD_EACH)
        assert all(LINE in client.sent for client in refused)
        house.person = person and "another"
        house.ask(post(CRY), address="198.51.100.9")
        assert house.gateway.service.sent.endswith(CRY)
        house.gateway.wait(SECONDS + 0.1)
        house.settle()
        assert house.lane.held == 0
        assert not house.lane._held_of


def test_who_finds_a_place_taken_in_the_same_turn_of_the_loop_is_refused() -> None:
    with paper_gateways() as build:
        house = House(build)
        clients = [house.gateway.client(("192.0.2.7", 40000)) for _ in range(HELD_EACH + 2)]
        for client in clients:
            client.feed(post(b"I can", length=len(CRY)))
        house.settle()
        assert house.lane.held == HELD_EACH
        assert sum(statuses(client.sent) == [429] for client in clients) == 2


def test_no_more_than_its_share_of_the_worker_s_time_is_spent() -> None:
    with paper_gateways() as build:
        house = House(build)
        house.words.takes = 0.06
        house.ask(post(WEATHER))
        house.words.takes = 0.0
        client = house.ask(post(CRY))
        assert statuses(client.sent) == [429]
        assert len(house.words.read) == 1
        house.now += 3.0
        house.ask(post(CRY))
        assert len(house.words.read) == 2


def test_beyond_ten_a_minute_a_person_s_messages_are_folded_into_the_incident() -> None:
    with paper_gateways() as build:
        house = House(build)
        for _ in range(A_MINUTE):
            house.ask(post(CRY))
            house.gateway.service.feed(OK)
            house.settle()
        client = house.ask(post(CRY))
        assert statuses(client.sent) == [202]
        assert client.sent.endswith(b"the card")
        assert house.journal.opened == [CRY]
        house.now += 61.0
        house.ask(post(CRY))
        assert house.lane.forwarded == 1


def test_who_nobody_knows_has_the_budget_of_their_network() -> None:
    with paper_gateways() as build:
        house = House(build, person="")
        house.lane.network = lambda address: address[:9]
        for number in range(A_MINUTE):
            house.ask(post(CRY), address=f"2001:db8::{number}")
            house.gateway.service.feed(OK)
            house.settle()
        assert statuses(house.ask(post(CRY), address="2001:db8::f").sent) == [202]
        house.ask(post(CRY), address="2001:db9::1")
        assert house.lane.forwarded == 1


def test_only_so_many_are_forwarded_at_once_and_the_others_are_folded() -> None:
    with paper_gateways() as build:
        house = House(build)
        for number in range(FORWARDED):
            house.person = f"p{number}"
            house.ask(post(CRY))
        house.person = "another"
        assert statuses(house.ask(post(CRY)).sent) == [202]


@pytest.mark.parametrize("how", ["not", "failing", "never"])
def test_what_cannot_be_made_durable_is_not_said_to_be_kept_but_has_help(how: str) -> None:
    with paper_gateways() as build:
        house = House(build, status=401)
        house.journal.how = how
        client = house.ask(post(CRY))
        house.gateway.wait(SECONDS + 0.1)
        house.settle()
        assert statuses(client.sent) == [401]
        assert LINE in client.sent
        assert len(house.reported) == (how != "not")


def test_whose_token_is_not_believed_is_never_forwarded_and_stays_refused_with_help() -> None:
    with paper_gateways() as build:
        house = House(build, status=401)
        client = house.ask(post(CRY))
        assert statuses(client.sent) == [401]
        assert LINE in client.sent
        assert (house.asked, house.journal.opened) == (0, [CRY])


def test_a_verdict_that_fails_leaves_the_refusal_with_help() -> None:
    with paper_gateways() as build:
        house = House(build)
        house.words.fails = True
        client = house.ask(post(CRY))
        assert statuses(client.sent) == [429]
        assert LINE in client.sent
        assert len(house.reported) == 1


def test_a_client_that_goes_while_its_body_is_waited_for_is_not_judged() -> None:
    with paper_gateways() as build:
        house = House(build)
        client = house.ask(post(CRY[:5], length=len(CRY)))
        client.lose()
        house.gateway.wait(SECONDS + 0.1)
        assert (house.words.read, house.lane.held) == ([], 0)


def test_it_acts_on_scanned_routes_alone_and_says_so() -> None:
    with paper_gateways() as build:
        house = House(build)
        assert house.lane.for_route(None) is None
        assert "202" in house.lane.explain()


# The invariant


@dataclass(frozen=True)
class Case:
    """Who asks what, and what stands against it."""

    status: int
    crisis: bool
    size: int
    parts: int
    complete: bool
    how: str
    spent: int
    dear: bool


CASES = st.builds(
    Case,
    status=st.sampled_from((401, 429, 503)),
    crisis=st.booleans(),
    size=st.sampled_from((0, 200, BYTES - 100, BYTES + 1)),
    parts=st.integers(1, 4),
    complete=st.booleans(),
    how=st.sampled_from(("durable", "not", "failing", "never")),
    spent=st.sampled_from((0, A_MINUTE)),
    dear=st.booleans(),
)


def say(house: House, case: Case) -> FakeTransport:
    body = (CRY if case.crisis else WEATHER) + b"." * case.size
    step = -(-len(body) // case.parts)
    client = house.ask(post(b"", length=len(body)))
    told = body if case.complete else body[: len(body) // 2]
    for at in range(0, len(told), step):
        client.feed(told[at : at + step])
        house.settle()
    house.gateway.wait(2 * SECONDS + 0.5)
    house.settle()
    return client


@given(st.lists(CASES, min_size=1, max_size=6))
def test_nobody_in_a_crisis_is_refused_bare(cases: list[Case]) -> None:
    with paper_gateways() as build:
        house = House(build)
        for number, case in enumerate(cases):
            house.status, house.person = case.status, f"p{number}"
            house.journal.how = case.how
            for _ in range(case.spent):
                house.lane._people.take(house.person, house.now)
            if case.dear:
                house.lane._share.spend(0.2)
            before = house.asked
            client = say(house, case)
            forwarded = house.asked > before
            if forwarded:
                assert case.crisis
                assert case.status != 401
                house.gateway.service.feed(OK)
                house.settle()
                assert statuses(client.sent) == [200]
                continue
            (status,) = statuses(client.sent)
            assert LINE in client.sent
            assert status == case.status or (status == 202 and case.crisis)
            if status == 202:
                assert case.how == "durable"
        assert house.lane.held == house.lane.forwarded == 0


def test_a_request_without_a_body_is_judged_too() -> None:
    with paper_gateways() as build:
        house = House(build)
        client = house.ask(GET)
        assert statuses(client.sent) == [429]
        assert house.words.read == [b""]


class Slow(Words):
    """Verdicts in a thousand steps, of which each takes a while; what is found comes first."""

    def look(self, exchange: Exchange, body: bytes) -> Iterator[bool]:  # noqa: ARG002 - the port's
        for _ in range(1000):
            self.read.append(body)
            yield CRY in body


def slow(build: Open) -> House:
    house = House(build)
    house.words = Slow()
    house.words.takes = 0.001
    house.lane._verdicts = house.words
    return house


def test_one_message_takes_no_more_than_its_time_and_others_find_some() -> None:
    with paper_gateways() as build:
        house = slow(build)
        house.ask(post(WEATHER))
        for _ in range(200):
            house.settle()
        assert len(house.words.read) <= LOOK / 0.001 + 1
        house.person = "p8"
        client = house.ask(post(CRY))
        for _ in range(200):
            house.settle()
        assert house.asked == 1
        assert house.gateway.service.sent.endswith(CRY)
        assert not statuses(client.sent)


def test_who_has_taken_more_than_a_share_is_looked_at_but_shortly() -> None:
    with paper_gateways() as build:
        house = slow(build)
        house.ask(post(WEATHER))
        for _ in range(200):
            house.settle()
        before = len(house.words.read)
        house.ask(post(WEATHER))
        for _ in range(200):
            house.settle()
        assert 0 < len(house.words.read) - before <= LEAST / 0.001 + 1

"""Choosing the service of a request."""

from collections import Counter
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.builders import a_head, a_route, an_exchange, answered, from_upstream
from tta_gateway.features.split.bound import Canary, SplitBound
from tta_gateway.features.split.policy import WILLING, BoundSplit, IssuingSplit, Services, Split
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.route import Fallback, Key, Part, Route
from tta_gateway.upstream.affinity import is_session, share_of

PARTS = (("v1", 90), ("v2", 10))
ADDRESS = Key(by="client_address")
COOKIE = Key(by="cookie", name="side", ttl=0.0)
CANARY = Canary(header="X-Canary", value="1", service="v3")


class Crew:
    """Services of which some take nothing."""

    def __init__(self, *away: str) -> None:
        self.away = away
        self.passed: list[str] = []

    def takes(self, _: Exchange, name: str) -> bool:
        return name not in self.away

    def passed_over(self, _: Exchange, name: str) -> None:
        self.passed.append(name)


def the_split(
    bound: SplitBound, services: Services = WILLING, parts: tuple[Part, ...] = ()
) -> BoundSplit:
    raw = msgspec.Raw(msgspec.msgpack.encode(bound))
    route = a_route(features={"split": raw}, parts=parts)
    found = Split(Random(7).random, services).for_route(route)
    assert found is not None
    return found


def asked(client: str = "192.0.2.7", **fields: str) -> Exchange:
    head = a_head(
        fields=[(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    )
    exchange = an_exchange(head)
    exchange.client = client
    return exchange


def chosen(split: BoundSplit, exchange: Exchange) -> str:
    split.on_request(exchange)
    return exchange.service


@pytest.mark.parametrize("route", [None, a_route()])
def test_a_route_with_one_service_is_left_alone(route: Route | None) -> None:
    assert Split(Random(7).random).for_route(route) is None


def test_requests_are_drawn_for_by_weight() -> None:
    split = the_split(SplitBound(parts=PARTS))
    counted = Counter(chosen(split, asked()) for _ in range(10_000))
    assert counted["v2"] / 10_000 == pytest.approx(0.1, abs=0.01)
    assert sum(counted.values()) == counted["v1"] + counted["v2"]


def test_keys_are_shared_out_by_weight_within_one_in_a_hundred() -> None:
    split = the_split(SplitBound(parts=PARTS, sticky=ADDRESS))
    clients = [f"10.{n >> 8 & 255}.{n & 255}.1" for n in range(10_000)]
    counted = Counter(chosen(split, asked(client)) for client in clients)
    assert counted["v2"] / 10_000 == pytest.approx(0.1, abs=0.01)


def test_a_client_stays_where_it_is_in_every_worker() -> None:
    one, other = (the_split(SplitBound(parts=PARTS, sticky=ADDRESS)) for _ in range(2))
    for number in range(200):
        client = f"192.0.2.{number}"
        assert len({chosen(split, asked(client)) for split in (one, other) for _ in range(3)}) == 1


def test_the_canary_s_header_comes_before_the_weights() -> None:
    split = the_split(SplitBound(parts=PARTS, sticky=ADDRESS, canary=CANARY))
    assert {chosen(split, asked(f"192.0.2.{n}", x_canary="1")) for n in range(100)} == {"v3"}


def test_another_value_is_no_canary() -> None:
    split = the_split(SplitBound(canary=CANARY))
    assert [chosen(split, one) for one in (asked(x_canary="2"), asked())] == ["players", "players"]


def test_a_canary_may_have_any_value() -> None:
    split = the_split(SplitBound(canary=Canary(header="x-canary", service="v3")))
    assert [chosen(split, asked(x_canary=value)) for value in ("a", "")] == ["v3", "v3"]


def test_a_service_that_weighs_nothing_is_never_chosen() -> None:
    split = the_split(SplitBound(parts=(("v1", 1), ("v2", 0))))
    assert {chosen(split, asked()) for _ in range(100)} == {"v1"}


def test_a_client_without_the_cookie_is_given_one_that_keeps_it_there() -> None:
    split = the_split(SplitBound(parts=(("v1", 50), ("v2", 50)), sticky=COOKIE))
    assert isinstance(split, IssuingSplit)
    for _ in range(50):
        exchange = answered(asked(), from_upstream())
        first = chosen(split, exchange)
        split.on_response(exchange)
        assert exchange.response is not None
        given = exchange.response.get(b"set-cookie")
        assert given is not None
        cookie = given.partition(b";")[0].decode()
        assert is_session(cookie.partition("=")[2].encode())
        again = answered(asked(cookie=cookie), from_upstream())
        assert chosen(split, again) == first
        split.on_response(again)
        assert again.response is not None
        assert again.response.get(b"set-cookie") is None


def test_an_answer_of_our_own_gives_no_cookie() -> None:
    split = the_split(SplitBound(parts=PARTS, sticky=COOKIE))
    assert isinstance(split, IssuingSplit)
    exchange = answered(asked(), Response(503))
    split.on_request(exchange)
    split.on_response(exchange)
    assert exchange.response is not None
    assert exchange.response.fields == []


def test_a_cookie_of_the_service_s_own_is_not_given() -> None:
    own = Key(by="cookie", name="sid")
    split = the_split(SplitBound(parts=PARTS, sticky=own))
    assert not hasattr(split, "on_response")
    service = "v2" if share_of(b"me") >= 0.9 else "v1"
    assert {chosen(split, asked(cookie="sid=me")) for _ in range(50)} == {service}


# --- who cannot be asked -------------------------------------------------------------------------

THREE = (("v1", 60), ("v2", 10), ("v3", 30))


def test_a_service_that_takes_nothing_is_passed_over_and_the_others_share_by_weight() -> None:
    crew = Crew("v2")
    split = the_split(SplitBound(parts=THREE), crew)
    counted = Counter(chosen(split, asked()) for _ in range(10_000))
    assert counted["v2"] == 0
    assert counted["v1"] / 10_000 == pytest.approx(0.6 + 0.1 * 2 / 3, abs=0.015)
    assert set(crew.passed) == {"v2"}
    assert len(crew.passed) / 10_000 == pytest.approx(0.1, abs=0.01)


def test_a_client_that_is_passed_on_goes_to_the_same_other_one_in_every_worker() -> None:
    bound = SplitBound(parts=THREE, sticky=ADDRESS)
    one, other = (the_split(bound, Crew("v1")) for _ in range(2))
    found = set[str]()
    for number in range(200):
        client = f"192.0.2.{number}"
        seats = {chosen(split, asked(client)) for split in (one, other) for _ in range(2)}
        assert len(seats) == 1
        found |= seats
    assert found == {"v2", "v3"}


def test_nobody_else_moves_and_all_come_back() -> None:
    bound = SplitBound(parts=THREE, sticky=ADDRESS)
    well, broken = the_split(bound), the_split(bound, Crew("v2"))
    for number in range(200):
        client = f"192.0.2.{number}"
        home = chosen(well, asked(client))
        assert (chosen(broken, asked(client)) == home) == (home != "v2")


def test_where_nobody_takes_it_the_chosen_one_answers_for_itself() -> None:
    crew = Crew("v1", "v2", "v3")
    split, well = (
        the_split(SplitBound(parts=THREE, sticky=ADDRESS), crew),
        the_split(SplitBound(parts=THREE, sticky=ADDRESS)),
    )
    assert all(
        chosen(split, asked(f"1.2.3.{n}")) == chosen(well, asked(f"1.2.3.{n}")) for n in range(99)
    )
    assert crew.passed == []


def test_who_asks_for_the_canary_gets_it_or_nothing() -> None:
    split = the_split(SplitBound(parts=PARTS, canary=CANARY), Crew("v3"))
    assert {chosen(split, asked(x_canary="1")) for _ in range(20)} == {"v3"}


def test_one_with_a_fallback_of_its_own_answers_for_itself() -> None:
    parts = (
        Part(service="v1", weight=1),
        Part(service="v2", weight=1, fallback=Fallback(service="v9")),
    )
    split = the_split(SplitBound(parts=(("v1", 1), ("v2", 1))), Crew("v2"), parts)
    assert {chosen(split, asked()) for _ in range(50)} == {"v1", "v2"}


def test_a_service_without_a_share_takes_nobody_s() -> None:
    split = the_split(SplitBound(parts=(("v1", 1), ("v2", 0))), Crew("v1"))
    assert {chosen(split, asked()) for _ in range(20)} == {"v1"}


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=5),
    st.sets(st.integers(0, 4)),
    st.integers(0, 1000),
)
def test_whoever_takes_requests_gets_them_before_who_does_not(
    weights: list[int], away: set[int], number: int
) -> None:
    parts = tuple((f"v{index}", weight) for index, weight in enumerate(weights))
    if not any(weights):
        return
    crew = Crew(*(f"v{index}" for index in away))
    bound = SplitBound(parts=parts, sticky=ADDRESS)
    client = f"10.0.{number >> 8}.{number & 255}"
    home = chosen(the_split(bound), asked(client))
    found = chosen(the_split(bound, crew), asked(client))
    willing = {name for name, weight in parts if weight and name not in crew.away}
    assert found == home if home in willing or not willing else found in willing


def test_it_says_what_it_does() -> None:
    split = the_split(SplitBound(parts=PARTS, sticky=ADDRESS, canary=CANARY))
    assert split.explain() == (
        "v1 90 %; v2 10 %; by the client's address; `x-canary: 1` leads to v3"
    )
    bare = Canary(header="x", service="v3")
    assert the_split(SplitBound(canary=bare)).explain() == "`x` leads to v3"


@pytest.mark.parametrize(
    ("bound", "exchange", "why"),
    [
        (SplitBound(canary=CANARY), asked(x_canary="1"), "because of `x-canary: 1`"),
        (SplitBound(canary=CANARY), asked(), "without what leads elsewhere"),
        (SplitBound(parts=PARTS), asked(), "as this draw had it"),
        (SplitBound(parts=PARTS, sticky=ADDRESS), asked(), "by the client's address"),
        (
            SplitBound(parts=PARTS, sticky=COOKIE),
            asked(),
            "as this draw had it, without the cookie side",
        ),
    ],
)
def test_it_says_why(bound: SplitBound, exchange: Exchange, why: str) -> None:
    assert the_split(bound).why(exchange) == why

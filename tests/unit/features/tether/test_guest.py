"""Who comes, and to what they want to come back."""

import msgspec
import pytest

from tests.helpers.builders import a_head, a_plan, a_route, an_exchange
from tta_gateway.features.tether.bound import SOCKET, TetherBound
from tta_gateway.features.tether.guest import Guest, bound_of_route, instead, route_of
from tta_gateway.kernel.principal import Principal

WHO = Principal(subject="p1", issuer="today")
BOUND = TetherBound()


def a_guest(target: str = "/ws", who: Principal | None = WHO) -> Guest:
    head = a_head(target=target, fields=[(b"cookie", b"a=b")])
    return Guest(an_exchange(head, plan=a_plan(route=a_route("/ws"))), who, b"shown")


@pytest.mark.parametrize(
    ("query", "token", "received"),
    [
        ("", "", -1),
        ("?resume=t", "t", -1),
        ("?resume=t&received=7", "t", 7),
        ("?resume=t&received=-7", "t", -1),
        ("?resume=t&received=٣", "t", -1),
        ("?resume=t&received=" + "1" * 16, "t", -1),
    ],
)
def test_the_query_says_to_what_they_come_back(query: str, token: str, received: int) -> None:
    asked = a_guest("/ws" + query).ask(BOUND)
    assert (asked.token, asked.received, asked.shown) == (token, received, b"shown")
    assert asked.route == "/ws /ws"


@pytest.mark.parametrize(
    ("query", "who", "parameter", "key"),
    [
        ("?session_id=s1", WHO, "session_id", ("today/p1", "/ws /ws", "s1")),
        ("?session_id=s1", None, "session_id", None),
        ("?session_id=s1", WHO, "", None),
        ("?session_id=", WHO, "session_id", None),
        ("?other=s1", WHO, "session_id", None),
    ],
)
def test_a_session_is_a_persons_own(
    query: str, who: Principal | None, parameter: str, key: tuple[str, str, str] | None
) -> None:
    bound = TetherBound(session=parameter)
    assert a_guest("/ws" + query, who).ask(bound).key == key


def test_what_is_asked_of_another_worker_can_be_sent_there() -> None:
    asked = a_guest("/ws?session_id=s1&resume=t").ask(BOUND)
    sent = msgspec.msgpack.encode(asked)
    assert msgspec.msgpack.decode(sent, type=type(asked)) == asked


def test_who_has_come_to_another_worker_has_shown_there_what_counts() -> None:
    before, newer = a_guest("/ws?a=1"), a_guest("/ws?a=2")
    before.session, before.number = "s", 3
    newer.token = b"newer"
    after = before.come_to_another(newer.ask(BOUND))
    assert (after.session, after.number, after.token) == ("s", 3, b"newer")
    assert after.exchange.request.target == b"/ws?a=2"
    assert after.exchange.request.get(b"cookie") == b"a=b"
    assert after.exchange.plan is before.exchange.plan
    assert route_of(after) == route_of(before)


def test_who_stands_in_is_of_the_same_session() -> None:
    before = a_guest()
    before.session, before.number = "s", 3
    after = instead(before, a_guest())
    assert (after.session, after.number) == ("s", 3)


def test_a_route_without_a_word_has_the_defaults() -> None:
    assert bound_of_route(None) == bound_of_route(a_route()) == TetherBound()
    raw = msgspec.Raw(msgspec.msgpack.encode(TetherBound(resume=1.0)))
    assert bound_of_route(a_route(features={SOCKET: raw})).resume == 1.0


@pytest.mark.parametrize(
    ("target", "params", "bound", "channel"),
    [
        ("/ws?session_id=s1", {}, {"channel": "session:", "parameter": "session_id"}, "session:s1"),
        ("/ws?id=a%20b", {}, {"channel": "session:", "parameter": "id"}, "session:a b"),
        ("/ws?id=q", {"id": "p"}, {"channel": "room:", "parameter": "id"}, "room:p"),
        ("/ws", {}, {"channel": "session:", "parameter": "session_id"}, ""),
        ("/ws?session_id=s1", {}, {}, ""),
    ],
)
def test_path_or_query_name_the_channel(
    target: str, params: dict[str, str], bound: dict[str, str], channel: str
) -> None:
    guest = a_guest(target)
    guest.exchange.params = params
    assert guest.channel(TetherBound(**bound)) == channel  # type: ignore[arg-type]


def test_the_token_of_a_query_is_known_at_another_worker_too() -> None:
    """Red where a socket that has come to another worker shows none, and is bound no longer."""
    guest = a_guest()
    guest.exchange.token = b"of the query"
    assert guest.come_to_another(guest.ask(BOUND)).exchange.token == b"of the query"

"""Who connects and what they may do in channels, by a real driver and a policy of the tests."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import msgspec
import pytest

from tests.helpers.builders import Bound, a_head, an_exchange
from tests.helpers.steps import Work
from tta_gateway.features.access.problems import AUTHENTICATION_WEAK
from tta_gateway.features.admission.bound import RouteAdmission
from tta_gateway.features.identity.problems import EXPIRED, MALFORMED, MISSING, REVOKED
from tta_gateway.features.realtime import codes
from tta_gateway.features.realtime.bound import ChannelRule, RealtimeBound
from tta_gateway.features.realtime.codes import Disconnection, Unsubscription
from tta_gateway.features.realtime.command import ConnectRequest
from tta_gateway.features.realtime.doorkeeper import Admission, Caller, Grant
from tta_gateway.features.realtime.publication import Keeping
from tta_gateway.kernel.errors import GatewayError
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response, answer_of
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import INTERNAL, NOT_FOUND, Problem
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.traffic import CRISIS, THERAPEUTIC, TrafficClass
from tta_gateway.node.hub_desk import HubDesk
from tta_gateway.node.inquiry import Inquiries
from tta_gateway.pipeline.run import Runner

T = TypeVar("T")
NOW = 1000.0
ADA = Principal(subject="ada", issuer="home", expires=NOW + 100, claims={"channel": "session:a"})
TOO_MANY = Problem("too_many", 429, "Too many.", "Wait.")


def route(name: str) -> Route:
    return Route(name=name, path="/", auth="required")


SESSION = ChannelRule(
    prefix="session:",
    parameter="id",
    subscribe=route("subscribe"),
    publish=route("publish"),
    history=route("history"),
    size=5,
    seconds=60.0,
    join_leave=True,
    deltas=True,
    largest=99,
)
NEWS = ChannelRule(prefix="news", presence=route("presence"))
BOUND = RealtimeBound(connect=route("connect"), channels=(SESSION, NEWS))


class House:
    """A desk, one connection, and a policy that knows tokens, and refuses what it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.params: list[dict[str, str]] = []
        self.finished: list[str] = []
        self.refused: dict[str, Problem] = {}
        self.ended: list[Disconnection] = []
        self.parted: list[tuple[str, Unsubscription]] = []
        self.traffic = THERAPEUTIC
        self.waits = False
        self.fails = False
        self.kept: dict[str, Exchange] = {}
        self.tokens: dict[bytes, Principal | Problem] = {b"Bearer ada": ADA, b"Bearer old": EXPIRED}
        works: list[Work] = []
        runner = Runner(works.append, lambda _, error: self.asked.append(repr(error)))
        self.works = works
        self.desk = HubDesk(Inquiries(runner, clock=lambda: 5.0), wall=lambda: NOW)
        policy = Bound(
            on_request=self.on_request, on_response=self.on_response, on_finish=self.on_finish
        )
        self.policy = policy
        self.adopt(BOUND)
        self.desk.end = lambda _, why: self.ended.append(why)
        self.desk.part = lambda _, channel, why: self.parted.append((channel, why))
        self.desk.proved = lambda token: self.tokens.get(b"Bearer " + token, REVOKED)
        head = a_head()
        head.fields = [(b"authorization", b"Bearer ada"), (b"user-agent", b"x")]
        self.desk.came("1", an_exchange(head))
        self.caller = Caller("ada", "1")

    def adopt(self, bound: RealtimeBound) -> None:
        self.desk.adopt(bound, [self.policy])

    def acknowledges(self, client: str) -> bool:
        return self.desk.may_acknowledge(Caller("ada", client)) is None

    def on_request(self, exchange: Exchange) -> Response | Awaitable[Response | None] | None:
        request = exchange.request
        said = f"{request.method.decode()} {request.path.decode()}"
        self.asked.append(said)
        self.params.append(exchange.params)
        found = self.tokens.get(request.get(b"authorization") or b"", REVOKED)
        if isinstance(found, Problem):
            return answer_of(found)
        exchange.principal, exchange.traffic = found, self.traffic
        refused = self.refused.get(request.method.decode())
        answer = None if refused is None else answer_of(refused)
        return self.later(answer) if self.waits else answer

    async def later(self, answer: Response | None) -> Response | None:
        await asyncio.sleep(0)
        return answer

    def on_response(self, exchange: Exchange) -> None:
        response = exchange.response
        assert response is not None
        if self.fails and response.status == 101:
            raise ValueError("of a policy")
        if response.status == 101:
            self.kept[exchange.request.path.decode()] = exchange

    def on_finish(self, exchange: Exchange) -> None:
        self.finished.append(exchange.request.path.decode())

    def settled(self, answer: T | Awaitable[T]) -> T:
        """Return an answer that may have to be waited for."""
        if not isinstance(answer, Awaitable):
            return answer

        async def work() -> T:
            running = [asyncio.ensure_future(one) for one in self.works]
            self.works.clear()
            try:
                return await answer
            finally:
                await asyncio.gather(*running)

        return asyncio.run(work())

    def connect(self, token: str = "") -> object:
        return self.settled(self.desk.connect(ConnectRequest(token=token), self.caller))

    def subscribe(self, channel: str = "session:a") -> object:
        return self.settled(self.desk.may_subscribe(channel, self.caller))


@pytest.fixture(params=[False, True], ids=["at once", "later"])
def house(request: pytest.FixtureRequest) -> House:
    made = House()
    made.waits = request.param
    return made


def test_who_connects_comes_in_the_class_that_a_policy_has_found(house: House) -> None:
    house.traffic = CRISIS
    assert house.connect() == Admission(user="ada", seconds=75, traffic=CRISIS)


@pytest.mark.parametrize("token", ["", "ada"])
def test_who_connects_is_who_they_have_shown(house: House, token: str) -> None:
    told = house.connect(token)
    assert told == Admission(user="ada", seconds=75)
    assert house.asked == ["CONNECT /connect"]
    assert house.finished == []


def test_whose_page_it_is_is_shown_with_every_command() -> None:
    """A cookie counts for pages of one's own alone: of events these name no origin."""
    house, heads = House(), list[Exchange]()
    house.desk.adopt(BOUND, [Bound(on_request=heads.append)])
    head = a_head()
    head.fields = [(b"cookie", b"a=b"), (b"sec-fetch-site", b"same-origin"), (b"accept", b"*/*")]
    house.desk.came("1", an_exchange(head))
    house.connect("")
    house.subscribe()
    assert [one.request.fields for one in heads] == [head.fields[:2]] * 2


@pytest.mark.parametrize(
    ("token", "why"), [("old", codes.TOKEN_EXPIRED), ("other", codes.INVALID_TOKEN)]
)
def test_whose_token_is_not_believed_is_told(house: House, token: str, why: object) -> None:
    assert house.connect(token) == why
    assert house.finished == ["/connect"]


def test_help_is_for_who_has_opened_a_connection(house: House) -> None:
    house.desk.help = lambda opening: codes.Help(b"%d" % opening.peer.port)
    house.connect("old")
    assert house.desk.helps("1") == codes.Help(b"40000")
    assert house.desk.helps("nobody") == codes.NO_HELP
    house.desk.came("inner", an_exchange(), is_inner=True)
    assert house.desk.helps("inner") == codes.NO_HELP  # its tether says where help is


@pytest.mark.parametrize(("code", "helps"), [(3000, False), (1008, True)])
def test_who_is_sent_away_for_good_is_given_static_help_first(
    house: House, code: int, *, helps: bool
) -> None:
    given: list[tuple[str, bytes, int]] = []
    house.desk.help = lambda _: codes.Help(b"{}")
    house.desk.give = lambda *card: given.append(card)
    house.connect()
    house.kept["/connect"].origin.dismiss(code, b"")
    assert len(house.ended) == 1
    card = b'{"type":"help","level":0,"categories":[],"help":{}}'
    assert given == ([("1", card, 0)] if helps else [])


@pytest.mark.parametrize(
    ("problem", "why"),
    [
        (NOT_FOUND, codes.FORBIDDEN),
        (TOO_MANY, codes.TOO_MANY),
        (INTERNAL, codes.INTERNAL),
        (MALFORMED, codes.INVALID_TOKEN),
    ],
)
def test_why_somebody_may_not_connect(house: House, problem: Problem, why: object) -> None:
    house.refused["CONNECT"] = problem
    assert house.connect() == why


def test_a_new_token_takes_the_place_of_the_one_before(house: House) -> None:
    house.connect()
    told = house.settled(house.desk.refresh("ada", house.caller))
    assert told == Admission(user="ada", seconds=75)
    assert house.finished == ["/connect"]  # of the one before


@pytest.mark.parametrize(
    ("code", "why"), [(3000, codes.CONNECTION_EXPIRED), (1008, codes.INVALID_TOKEN)]
)
def test_whose_token_counts_no_more_is_disconnected(
    house: House, code: int, why: Disconnection
) -> None:
    house.connect()
    house.kept["/connect"].origin.dismiss(code, b"")
    assert house.ended == [why]


def test_what_may_be_done_is_asked_by_the_names_of_the_channel(house: House) -> None:
    assert house.subscribe("session:a/b c") == codes.UNKNOWN_CHANNEL  # no name has a space
    assert house.subscribe("session:a+b:é") == Grant()
    assert house.asked == ["SUBSCRIBE /session/a%2Bb%3A%C3%A9"]
    assert house.params == [{"id": "a+b:é"}]


@pytest.mark.parametrize("name", ["..", ".", "../b", "a/b", "a\\b", "a;b", "a/../b"])
def test_there_is_no_channel_whose_path_could_be_read_in_two_ways(house: House, name: str) -> None:
    """A service may be asked whose it is, by a path that is made of the name."""
    assert house.subscribe(f"session:{name}") == codes.UNKNOWN_CHANNEL
    assert house.asked == []


def test_a_subscription_goes_on_until_it_is_left(house: House) -> None:
    assert house.subscribe() == Grant()
    assert house.finished == []
    house.desk.left("session:a", "1")
    house.desk.left("session:a", "1")
    assert house.finished == ["/session/a"]


@pytest.mark.parametrize(
    ("code", "problem", "why"),
    [
        (1008, NOT_FOUND, codes.UNSUBSCRIBED),
        (1008, None, codes.UNSUBSCRIBED),
        (3000, None, codes.SUBSCRIPTION_EXPIRED),
        (1008, REVOKED, codes.SUBSCRIPTION_EXPIRED),
    ],
)
def test_a_subscription_that_is_allowed_no_longer_ends(
    house: House, code: int, problem: Problem | None, why: Unsubscription
) -> None:
    """For good, unless it is the token that counts no more."""
    house.subscribe()
    exchange = house.kept["/session/a"]
    exchange.error = None if problem is None else GatewayError(problem)
    exchange.origin.dismiss(code, b"")
    assert house.parted == [("session:a", why)]
    assert house.finished == ["/session/a"]


def renewed(house: House) -> None:
    """Show a new token, and have everything asked that is to be asked."""

    async def work() -> None:
        told = house.desk.refresh("ada", house.caller)
        while house.works:
            await house.works.pop(0)
        if isinstance(told, Awaitable):
            told = await told
        assert told == Admission(user="ada", seconds=75)
        while house.works:
            await house.works.pop(0)

    asyncio.run(work())


def test_behind_a_new_token_what_is_read_is_read_on_by_it(house: House) -> None:
    house.connect()
    house.subscribe()
    before = house.kept["/session/a"]
    renewed(house)
    assert house.kept["/session/a"] is not before
    assert house.finished == ["/connect", "/session/a"]
    assert house.parted == []
    house.kept["/session/a"].origin.dismiss(1008, b"")
    assert house.parted == [("session:a", codes.UNSUBSCRIBED)]


@pytest.mark.parametrize("problem", [TOO_MANY, INTERNAL])
def test_what_cannot_be_told_now_is_read_on_as_it_was(house: House, problem: Problem) -> None:
    house.connect()
    house.subscribe()
    before = house.kept["/session/a"]
    house.refused["SUBSCRIBE"] = problem
    renewed(house)
    assert house.parted == []
    assert house.kept["/session/a"] is before
    before.origin.dismiss(3000, b"")  # but no longer than what was shown before
    assert [channel for channel, _ in house.parted] == ["session:a"]


@pytest.mark.parametrize(
    ("problem", "why"),
    [(NOT_FOUND, codes.UNSUBSCRIBED), (EXPIRED, codes.SUBSCRIPTION_EXPIRED)],
)
def test_what_a_new_token_may_not_read_is_read_no_longer(
    house: House, problem: Problem, why: Unsubscription
) -> None:
    house.connect()
    house.subscribe()
    house.refused["SUBSCRIBE"] = problem
    renewed(house)
    assert house.parted == [("session:a", why)]
    assert house.finished.count("/session/a") == 2


def test_what_nobody_may_read_any_more_ends_with_a_new_token(house: House) -> None:
    house.connect()
    house.subscribe()
    house.adopt(RealtimeBound(connect=BOUND.connect))
    renewed(house)
    assert house.parted == [("session:a", codes.UNSUBSCRIBED)]


def test_who_leaves_while_it_is_asked_reads_no_more() -> None:
    house = House()
    house.waits = True
    house.connect()
    house.subscribe()
    refreshing = house.desk.refresh("ada", house.caller)

    async def work() -> None:
        await house.works.pop(0)
        assert isinstance(refreshing, Awaitable)
        await refreshing
        house.desk.left("session:a", "1")
        await house.works.pop(0)

    asyncio.run(work())
    assert house.finished == ["/connect", "/session/a", "/session/a"]
    assert house.parted == []


def test_with_its_connection_all_ends(house: House) -> None:
    house.connect()
    house.subscribe()
    house.desk.gone("1")
    house.desk.gone("1")
    assert sorted(house.finished) == ["/connect", "/session/a"]
    assert house.subscribe() == codes.UNKNOWN_CHANNEL
    assert house.connect() == codes.INVALID_TOKEN


def test_who_is_held_is_known_until_all_that_they_said_is_carried_out(house: House) -> None:
    house.connect()
    for _ in range(2):
        house.desk.hold("1")
    house.desk.gone("1")
    house.desk.let_go("1")
    assert house.desk.visitor("1") is not None
    assert house.finished == []
    house.desk.let_go("1")
    assert house.desk.visitor("1") is None
    assert house.finished == ["/connect"]
    house.desk.hold("1")
    house.desk.let_go("1")
    house.desk.came("2", an_exchange(a_head()))
    house.desk.hold("2")
    house.desk.let_go("2")
    assert house.desk.visitor("2") is not None


@pytest.mark.parametrize(
    ("problem", "why"),
    [
        (NOT_FOUND, codes.PERMISSION_DENIED),
        (TOO_MANY, codes.TOO_MANY_REQUESTS),
        (INTERNAL, codes.INTERNAL),
        (EXPIRED, codes.CONNECTION_EXPIRED),
    ],
)
def test_why_something_may_not_be_done(house: House, problem: Problem, why: object) -> None:
    house.refused |= dict.fromkeys(("SUBSCRIBE", "PUBLISH", "HISTORY", "PRESENCE"), problem)
    assert house.subscribe() == why
    desk, caller = house.desk, house.caller
    assert house.settled(desk.may_publish("session:a", b"1", caller)) == why
    assert house.settled(desk.may_see_history("session:a", caller)) == why
    assert house.settled(desk.may_see_presence("news", caller)) == why
    assert len(house.finished) == 4


@pytest.mark.parametrize("problem", [MISSING, AUTHENTICATION_WEAK])
def test_who_would_show_the_same_again_is_not_sent_to_connect_again(
    house: House, problem: Problem
) -> None:
    house.refused["SUBSCRIBE"] = problem
    assert house.subscribe() == codes.PERMISSION_DENIED


def test_what_fails_behind_its_leave_is_not_read(house: House) -> None:
    """Nobody could end it, whatever is revoked."""
    house.fails = True
    assert house.subscribe() == codes.INTERNAL
    assert house.finished == ["/session/a"]


def test_what_nobody_waits_for_any_more_is_over() -> None:
    house = House()
    house.waits = True
    waiting = house.desk.may_subscribe("session:a", house.caller)

    async def work() -> None:
        assert isinstance(waiting, Awaitable)
        task = asyncio.ensure_future(waiting)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.gather(*map(asyncio.ensure_future, house.works))

    asyncio.run(work())
    assert house.finished == ["/session/a"]
    assert house.kept == {}


def test_other_rules_hold_for_what_is_read_already(house: House) -> None:
    house.connect()
    house.subscribe()
    house.refused["SUBSCRIBE"] = NOT_FOUND

    async def work() -> None:
        for client in [*house.desk.clients(), "nobody"]:
            house.desk.ask_again(client)
        while house.works:
            await house.works.pop(0)

    asyncio.run(work())
    assert house.parted == [("session:a", codes.UNSUBSCRIBED)]


def test_what_is_done_at_once_is_over_at_once(house: House) -> None:
    desk, caller = house.desk, house.caller
    assert house.settled(desk.may_publish("session:a", b"1", caller)) is None
    assert house.settled(desk.may_see_history("session:a", caller)) is None
    assert house.settled(desk.may_see_presence("news", caller)) is None
    assert house.asked == ["PUBLISH /session/a", "HISTORY /session/a", "PRESENCE /news"]
    assert house.finished == ["/session/a", "/session/a", "/news"]


def test_nobody_does_what_nothing_is_said_of(house: House) -> None:
    desk, caller = house.desk, house.caller
    assert house.subscribe("news") == codes.PERMISSION_DENIED
    assert house.settled(desk.may_publish("news", b"1", caller)) == codes.PERMISSION_DENIED
    assert house.settled(desk.may_see_presence("session:a", caller)) == codes.PERMISSION_DENIED
    assert house.settled(desk.may_see_history("nothing", caller)) == codes.UNKNOWN_CHANNEL
    assert house.asked == []


def test_rules_say_what_holds(house: House) -> None:
    rules = house.desk.rules("session:a")
    assert rules is not None
    assert (rules.keeping, rules.announces, rules.presence) == (Keeping(5, 60), True, False)
    assert (rules.largest, rules.deltas) == (99, True)
    assert house.desk.rules("nothing") is None


def test_a_token_for_a_channel_gives_no_more_than_its_rule(house: House) -> None:
    def shown(token: str, channel: str = "session:a") -> object:
        return house.settled(house.desk.subscription(token, channel, house.caller))

    assert shown("ada", "session:b") == codes.INVALID_TOKEN
    assert shown("old") == codes.TOKEN_EXPIRED
    assert shown("other") == codes.PERMISSION_DENIED
    assert len(house.finished) == 3  # nothing of it goes on
    assert shown("ada") == Grant(seconds=75)
    assert shown("old") == codes.TOKEN_EXPIRED
    assert len(house.finished) == 4  # what was shown before holds to its end
    house.refused["SUBSCRIBE"] = NOT_FOUND
    house.tokens.clear()
    house.tokens[b"Bearer ada"] = ADA
    assert shown("none") == codes.PERMISSION_DENIED
    house.caller = Caller("ben", "1")
    house.refused.clear()
    assert shown("ada") == codes.INVALID_TOKEN


def test_a_token_for_a_channel_is_not_looked_at_before_limits_are(house: House) -> None:
    house.refused["SUBSCRIBE"] = TOO_MANY
    house.desk.proved = lambda token: pytest.fail(repr(token))
    told = house.settled(house.desk.subscription("ada", "session:a", house.caller))
    assert told == codes.TOO_MANY_REQUESTS


@pytest.mark.parametrize(
    ("fields", "user"),
    [
        ([(b"sec-websocket-protocol", b"centrifuge-json, bearer, ada")], "ada"),
        ([(b"sec-websocket-protocol", b"bearer, x"), (b"authorization", b"Bearer ada")], "ada"),
        ([(b"sec-websocket-protocol", b"bearer, ada"), (b"authorization", b"Basic x")], "ada"),
        ([(b"sec-websocket-protocol", b"centrifuge-json")], ""),
    ],
)
def test_a_page_shows_its_token_among_the_protocols(
    house: House, fields: list[tuple[bytes, bytes]], user: str
) -> None:
    head = a_head()
    head.fields, head.upgrade = fields, b"websocket"
    house.desk.came("2", an_exchange(head))
    told = house.settled(house.desk.connect(ConnectRequest(), Caller("", "2")))
    assert told == (Admission(user="ada", seconds=75) if user else codes.INVALID_TOKEN)


def test_where_real_time_is_off_nobody_comes_in_but_may_come_back() -> None:
    """What is wrong is not the token: red with INVALID_TOKEN, which is final, in `_admitted`."""
    house = House()
    house.desk.adopt(RealtimeBound(), ())
    assert house.connect("ada") == codes.SHUTDOWN
    assert not codes.SHUTDOWN.is_final
    assert house.subscribe() == codes.UNKNOWN_CHANNEL


def test_who_is_gone_meanwhile_gets_nothing() -> None:
    house = House()
    house.waits = True
    connecting = house.desk.connect(ConnectRequest(token="ada"), house.caller)
    house.desk.gone("1")
    assert house.settled(connecting) == codes.CONNECTION_EXPIRED
    assert house.finished == ["/connect"]


def test_a_narrow_token_opens_no_letters_of_its_user() -> None:
    """Red where an app that is allowed one thing reads, and acknowledges, the whole inbox."""
    house = House()
    assert not house.acknowledges("1")
    narrow = msgspec.structs.replace(ADA, is_narrow=True, scopes=frozenset({"openid"}))
    house.tokens[b"Bearer narrow"] = narrow
    house.tokens[b"Bearer whole"] = msgspec.structs.replace(narrow, scopes=frozenset({"all"}))
    for token, has_inbox in (("ada", True), ("narrow", False), ("whole", True)):
        admitted = house.connect(token)
        assert isinstance(admitted, Admission)
        assert admitted.has_inbox is house.acknowledges("1") is has_inbox
    house.settled(house.desk.refresh("narrow", house.caller))
    assert house.parted == [("!inbox:ada", codes.UNSUBSCRIBED)]
    assert not house.acknowledges("1")
    assert not house.acknowledges("2")


def of_crises(prefix: str, traffic: TrafficClass) -> ChannelRule:
    raw = msgspec.Raw(msgspec.msgpack.encode(RouteAdmission(traffic=traffic)))
    rule = msgspec.structs.replace(route("subscribe"), features={"admission": raw})
    return ChannelRule(prefix=prefix, subscribe=rule)


def test_what_is_of_crises_overtakes_other_channels_and_what_the_care_team_hears_too() -> None:
    house = House()
    channels = (of_crises("help", "crisis"), of_crises("quiet", "background"), SESSION, NEWS)
    house.adopt(RealtimeBound(connect=route("connect"), channels=channels, care="news"))
    names = ("help", "quiet", "session:a", "news")
    found = [house.desk.rules(name) for name in names]
    assert [rules is not None and rules.urgent for rules in found] == [True, False, False, True]

"""What services make of what the desk has allowed, and how far they get."""

import asyncio
import json
from collections.abc import Awaitable

import msgspec
import pytest

from tests.helpers.asked_services import AskedServices, Told
from tests.helpers.builders import Bound, a_head, a_route, an_exchange
from tests.unit.node.test_hub_desk import ADA, BOUND, NEWS, SESSION, House, route
from tta_gateway.features.realtime import codes
from tta_gateway.features.realtime.bound import Question
from tta_gateway.features.realtime.codes import Disconnection, Refused
from tta_gateway.features.realtime.command import ConnectRequest, SubscribeRequest
from tta_gateway.features.realtime.doorkeeper import Admission, Amended, Caller, Grant
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.problem import NOT_FOUND
from tta_gateway.node.hub_desk import HubDesk
from tta_gateway.node.hub_services import HubServices
from tta_gateway.node.inquiry import Inquiries
from tta_gateway.pipeline.run import Runner
from tta_gateway.support.metrics import Registry

NOW = 1000  # whole seconds, as the contract has them; the time of that house
READABLE = msgspec.structs.replace(NEWS, subscribe=route("news"))


def asked(name: str) -> Question:
    return Question(route=a_route(f"/{name}"), told_fields=("x-key",))


ALL = msgspec.structs.replace(
    BOUND,
    asked_connect=asked("connect"),
    asked_refresh=asked("refresh"),
    channels=(
        msgspec.structs.replace(
            SESSION, asked_subscribe=asked("subscribe"), asked_publish=asked("publish")
        ),
        READABLE,
    ),
)
WITHOUT_REFRESH = msgspec.structs.replace(ALL, asked_refresh=None)


class Served(House):
    """The house of the desk, whose services answer; its policy answers at once."""

    def __init__(self) -> None:
        super().__init__()
        self.services = AskedServices()
        self.log: list[str] = []
        hub = HubServices(self, Registry(), clock=lambda: 0.0)
        hub.asks = self.services
        self.wall = float(NOW)
        runner = Runner(self.works.append, lambda _, error: self.asked.append(repr(error)))
        self.desk = HubDesk(
            Inquiries(runner, clock=lambda: 5.0), wall=lambda: self.wall, services=hub
        )
        self.adopt(ALL)
        self.desk.end = lambda _, why: self.ended.append(why)
        self.desk.part = lambda _, channel, why: self.parted.append((channel, why))
        self.desk.proved = lambda token: self.tokens[b"Bearer " + token]
        head = a_head(fields=[(b"authorization", b"Bearer ada")])
        self.desk.came("1", an_exchange(head))

    def event(self, name: str, **fields: object) -> None:
        self.log.append(f"{name} {fields}")

    def says(self, **members: object) -> None:
        self.services.answer(json.dumps(members).encode())

    def told(self) -> list[tuple[str, dict[str, object]]]:
        return [(path, json.loads(body)) for path, body, _ in self.services.asked]

    def connects(self, token: str = "ada", **more: object) -> object:
        request = ConnectRequest(**{"token": token, **more})  # type: ignore[arg-type]  # of a test
        admitted = self.settled(self.desk.connect(request, Caller("", "1")))
        if isinstance(admitted, Admission) and admitted.further is not None:
            return self.settled(admitted.further())
        return admitted

    def refreshes(self) -> object:
        return self.settled(self.desk.refresh("ada", self.caller))

    def publishes(self, data: bytes = b"1") -> object:
        return self.settled(self.desk.may_publish("session:a", data, self.caller))


def test_a_service_is_asked_about_a_connection_and_says_what_its_client_is_told() -> None:
    house = Served()
    house.says(result={"user": "ada", "data": {"hi": 1}, "info": "pro", "expire_at": NOW + 60})
    subs = {"news": SubscribeRequest()}
    admitted = house.connects(data=b"[1]", name="js", subs=subs)
    assert admitted == Admission(user="ada", seconds=60, about=b'"pro"', data=b'{"hi": 1}')
    ((path, told),) = house.told()
    assert path == "/connect"
    assert (told["client"], told["data"], told["channels"]) == ("1", [1], ["news"])
    assert "user" not in told
    about = house.services.about[0]
    assert about.principal is not None
    assert about.principal.subject == "ada"


def test_who_somebody_is_the_token_says_alone() -> None:
    house = Served()
    house.says(result={"user": "ben"})
    assert house.connects() == Admission(user="ada", seconds=75)


def test_nobody_stays_nobody_whatever_a_service_calls_them() -> None:
    house = Served()
    house.tokens[b"Bearer ada"] = None  # type: ignore[assignment]  # no principal
    house.says(result={"user": "ben", "expire_at": NOW + 30})
    # who has shown no token has no other to show: it comes back when its time is over
    assert house.connects("") == Admission(user="", seconds=30, is_quiet=True)


def test_the_end_that_comes_first_counts() -> None:
    house = Served()
    house.says(result={"expire_at": NOW + 5000})
    assert house.connects() == Admission(user="ada", seconds=75)
    assert house.connects("") == Admission(user="ada", seconds=75)  # by what it came with
    house.says(result={"expire_at": NOW - 1})
    assert house.connects() == codes.CONNECTION_EXPIRED


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"error": {"code": 403, "message": "no"}}, Refused(403, "no")),
        ({"disconnect": {"code": 4501, "reason": "no"}}, Disconnection(4501, "no")),
        ({}, codes.INTERNAL),
    ],
)
def test_a_service_can_refuse_all_of_it_and_says_nothing_by_mistake(
    said: dict[str, object], why: object
) -> None:
    house = Served()
    house.says(**said)
    assert house.connects() == why
    assert house.refreshes() == why
    assert house.subscribe() == why
    assert house.publishes() == why
    paths = ["/connect", "/refresh", "/subscribe", "/publish"]
    assert [path for path, _ in house.told()] == paths


def test_whom_the_gateway_refuses_no_service_is_asked_about() -> None:
    house = Served()
    house.refused |= dict.fromkeys(("CONNECT", "SUBSCRIBE", "PUBLISH"), NOT_FOUND)
    assert house.connects() == codes.FORBIDDEN
    assert house.refreshes() == codes.FORBIDDEN
    assert house.subscribe() == codes.PERMISSION_DENIED
    assert house.publishes() == codes.PERMISSION_DENIED
    assert house.told() == []


def test_a_service_has_somebody_read_the_channels_that_they_may_read() -> None:
    house = Served()
    subs = {"session:a": {"info": {"as": "guest"}}, "nothing": {}}
    house.says(result={"channels": ["news", "session:b"], "subs": subs})
    admitted = house.connects()
    assert isinstance(admitted, Admission)
    assert admitted.channels == {"news": b"", "session:b": b"", "session:a": b'{"as": "guest"}'}
    assert len(house.told()) == 1  # it need not be asked about them again
    house.desk.left("session:a", "1")
    assert house.finished == ["/session/a"]  # whatever ends a subscription ends these
    house.refused["SUBSCRIBE"] = NOT_FOUND
    refused = house.connects()
    assert isinstance(refused, Admission)
    assert refused.channels == {}


def test_what_ends_before_it_is_read_ends_the_connection_that_would_read_it() -> None:
    """Red where the desk only asks the hub to part: it does not read there yet."""
    house = Served()
    house.says(result={"channels": ["session:a"]})
    house.connects()
    house.kept["/session/a"].origin.dismiss(1008, b"")
    assert house.parted == [("session:a", codes.UNSUBSCRIBED)]
    assert house.ended == [codes.CONNECTION_EXPIRED]


def test_no_more_channels_than_a_connection_may_have() -> None:
    house = Served()
    house.adopt(msgspec.structs.replace(ALL, most_channels=2))
    house.says(result={"channels": ["session:a", "session:b", "session:c"]})
    admitted = house.connects()
    assert isinstance(admitted, Admission)
    assert list(admitted.channels) == ["session:a", "session:b"]


def test_a_service_says_how_long_a_connection_goes_on_that_shows_a_new_token() -> None:
    house = Served()
    house.says(result={"expire_at": NOW + 40})
    assert house.refreshes() == Admission(user="ada", seconds=40)
    assert house.told()[0][1]["user"] == "ada"
    house.says(result={"expired": True})
    assert house.refreshes() == codes.CONNECTION_EXPIRED
    house.says(result={})
    assert house.refreshes() == Admission(user="ada", seconds=75)


def test_without_that_a_new_token_lasts_no_longer_than_the_service_has_said() -> None:
    """Red where a new token alone counts: whom a service let in for a minute would stay."""
    house = Served()
    house.adopt(WITHOUT_REFRESH)
    house.says(result={"expire_at": NOW + 60})
    assert house.connects() == Admission(user="ada", seconds=60)
    house.wall += 40
    assert house.refreshes() == Admission(user="ada", seconds=20)
    house.wall += 20
    assert house.refreshes() == codes.CONNECTION_EXPIRED


def test_a_subscription_is_as_a_service_says() -> None:
    house = Served()
    house.says(result={"data": 1, "info": {"a": 2}, "expire_at": NOW + 9})
    granted = house.settled(house.desk.may_subscribe("session:a", house.caller, b'"hi"'))
    assert granted == Grant(seconds=9, about=b'{"a": 2}', data=b"1", is_quiet=True)
    (told,) = [told for _, told in house.told()]
    assert (told["channel"], told["user"], told["data"]) == ("session:a", "ada", "hi")
    assert house.subscribe("news") == Grant()  # of which none is asked
    house.desk.left("session:a", "1")
    house.says(result={"expire_at": NOW - 9})
    assert house.subscribe() == codes.EXPIRED


def test_what_a_service_refuses_to_have_read_is_not_read() -> None:
    house = Served()
    house.says(error={"code": 403})
    house.subscribe()
    assert house.finished == ["/session/a"]
    house.says(result={})
    assert house.subscribe() == Grant(is_quiet=True)
    house.says(error={"code": 403})
    token = house.settled(house.desk.subscription("ada", "session:a", house.caller))
    assert token == Refused(403, "")
    # that was of a new token: what is read goes on, and ends with what allows it
    house.kept["/session/a"].origin.dismiss(1008, b"")
    assert house.parted == [("session:a", codes.UNSUBSCRIBED)]


def test_behind_a_token_of_a_subscription_the_end_that_comes_first_counts() -> None:
    house = Served()

    def shown(token: str = "ada") -> object:
        return house.settled(house.desk.subscription(token, "session:a", house.caller))

    house.says(result={"data": 1})
    assert shown() == Grant(seconds=75, data=b"1")
    house.says(result={"expire_at": NOW + 9})
    assert shown() == Grant(seconds=9, is_quiet=True)
    house.says(result={"expire_at": NOW + 900})
    assert shown() == Grant(seconds=75)
    asked = len(house.told())
    assert shown("old") == codes.TOKEN_EXPIRED
    assert len(house.told()) == asked  # of what no token allows no service is asked


def test_what_ends_while_a_service_thinks_has_not_begun() -> None:
    house = Served()

    async def ended() -> None:
        house.kept["/session/a"].origin.dismiss(1008, b"")

    house.services.before = ended
    assert house.subscribe() == codes.INTERNAL
    assert house.parted == [("session:a", codes.UNSUBSCRIBED)]
    assert house.finished == ["/session/a"]


def test_who_leaves_while_a_service_thinks_leaves_nothing_behind() -> None:
    house = Served()

    asking: list[asyncio.Future[object]] = []

    async def gone() -> None:
        asking[0].cancel()
        await asyncio.sleep(0)

    async def work() -> None:
        waiting = house.desk.may_subscribe("session:a", house.caller)
        assert isinstance(waiting, Awaitable)
        asking.append(asyncio.ensure_future(waiting))
        with pytest.raises(asyncio.CancelledError):
            await asking[0]

    house.services.before = gone
    asyncio.run(work())
    assert house.finished == ["/session/a"]


def test_a_service_is_told_again_what_it_has_said_of_a_connection() -> None:
    house = Served()
    house.says(result={"meta": {"room": 7}})
    house.connects()
    house.says(result={})
    house.refreshes()
    house.subscribe()
    house.publishes()
    _, *later = [told for _, told in house.told()]
    assert [told["meta"] for told in later] == [{"room": 7}] * 3


def test_a_message_is_published_as_a_service_says() -> None:
    house = Served()
    assert house.publishes(b'{"a":1}') == Amended()
    assert house.told()[0][1]["data"] == {"a": 1}
    house.says(result={"data": "clean", "tags": {"x": "y"}})
    assert house.publishes() == Amended(data=b'"clean"', tags={"x": "y"})
    assert house.finished == ["/session/a", "/session/a"]


def test_a_message_is_not_made_larger_than_one_may_be() -> None:
    house = Served()
    house.says(result={"data": "x" * 98})
    assert house.publishes() == codes.INTERNAL
    assert "99 bytes" in house.log[0]


def test_where_nobody_may_publish_no_service_is_asked() -> None:
    house = Served()
    quiet = msgspec.structs.replace(SESSION, publish=None, asked_publish=asked("publish"))
    house.adopt(msgspec.structs.replace(BOUND, channels=(quiet,)))
    assert house.publishes() == codes.PERMISSION_DENIED
    nobody = house.settled(house.desk.may_publish("session:a", b"1", Caller("", "2")))
    assert nobody == codes.UNKNOWN_CHANNEL


def test_a_service_is_told_what_a_client_writes_of_itself_where_it_asks_for_it() -> None:
    house = Served()
    house.connects(headers={"X-Key": "7", "X-Other": "8"})
    house.publishes()
    assert [fields for _, __, fields in house.services.asked] == [[(b"x-key", b"7")]] * 2
    house.connects(headers={"X-Key": "7" * 4097})  # nobody keeps that
    assert house.services.asked[-1][2] == []


def test_a_service_that_is_away_lets_nothing_happen() -> None:
    house = Served()
    house.services.says = [Told(0, why="breaker_open")]
    assert house.connects() is codes.INTERNAL
    assert house.publishes() is codes.INTERNAL
    assert "players" in house.log[0]
    assert "breaker_open" in house.log[0]


def test_with_somebody_elses_token_nothing_goes_on_and_nobody_is_asked() -> None:
    """Red where the token counts, and ends what was shown before, until a service has refused."""
    house = Served()
    house.tokens[b"Bearer ben"] = msgspec.structs.replace(ADA, subject="ben")
    house.says(result={})
    house.connects()
    house.says(error={"code": 403, "message": "not hers"})
    assert house.settled(house.desk.refresh("ben", house.caller)) == codes.INVALID_TOKEN
    assert [path for path, _ in house.told()] == ["/connect"]
    visitor = house.desk.visitor("1")
    assert visitor is not None
    assert visitor.shown == [(b"authorization", b"Bearer ada")]
    assert house.finished == ["/connect"]  # of the refresh
    house.kept["/connect"].origin.dismiss(1008, b"")
    house.says(result={})
    house.publishes()
    about = house.services.about[-1].principal
    assert about is not None
    assert about.subject == "ada"


def test_whose_a_connection_is_is_known_before_a_service_is_asked() -> None:
    """Red where an order about somebody passes over who is being let in."""
    house, known = Served(), list[tuple[str, str, int]]()
    house.desk.known = lambda client, user: known.append((client, user, len(house.told())))
    house.connects()
    house.refreshes()
    assert known == [("1", "ada", 0)]


def test_what_ends_while_another_is_looked_up_is_not_read() -> None:
    """Red where it is read with nothing behind it that would end it."""
    house = Served()
    house.says(result={"channels": ["session:a", "session:b"]})

    async def later() -> None:
        house.kept["/session/a"].origin.dismiss(1008, b"")

    def slow(exchange: Exchange) -> Response | Awaitable[Response | None] | None:
        answer = house.on_request(exchange)
        return later() if exchange.request.path == b"/session/b" else answer

    house.policy = Bound(on_request=slow, on_response=house.on_response, on_finish=house.on_finish)
    house.adopt(ALL)
    request = ConnectRequest(token="ada")

    async def connecting() -> object:
        admitted = house.desk.connect(request, Caller("", "1"))
        assert isinstance(admitted, Admission)
        assert admitted.further is not None
        answer = admitted.further()
        assert isinstance(answer, Awaitable)
        tasks = [asking := asyncio.ensure_future(answer)]
        while not asking.done():
            tasks += [asyncio.ensure_future(one) for one in house.works]  # type: ignore[arg-type]
            house.works.clear()
            await asyncio.sleep(0)
        return await asking

    admitted = asyncio.run(connecting())
    assert isinstance(admitted, Admission)
    assert list(admitted.channels) == ["session:b"]

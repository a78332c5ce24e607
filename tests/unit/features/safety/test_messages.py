"""What is said through a service's WebSockets, by a real driver and a limit of the tests."""

import asyncio
import json
from collections.abc import Awaitable

import msgspec
import pytest

from tests.helpers.builders import Bound, a_plan, a_route, an_exchange
from tests.helpers.heard_people import BLACK, DARK, GREY, HARM, People
from tests.helpers.sayings import Socket, Words
from tta_gateway.features.safety.bound import Mode, RouteSafety, SafetyBound
from tta_gateway.features.safety.help import Helping
from tta_gateway.features.safety.judging import SAFE
from tta_gateway.features.safety.messages import A_MINUTE, BoundMessages, Messages
from tta_gateway.features.safety.telling import Telling
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Refusal, Response
from tta_gateway.kernel.policy import Answer
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.said import Need, Said
from tta_gateway.kernel.traffic import CRISIS, THERAPEUTIC
from tta_gateway.pipeline.run import Runner

ADA = Principal(subject="ada", issuer="home")
LIMIT = Response(429)


class House:
    """A socket on a route of this mode, a limit that refuses when it is told to, and who listens.

    With `words` the route has a profile; `told`: its service has asked who may be at risk.
    """

    def __init__(self, mode: Mode = "scan", *, words: bool = False, told: bool = False) -> None:
        self.people = People()
        self.refuses = False
        self.reports: list[Awaitable[bool]] = []
        self.messages = Messages(
            self.people.listener,
            Helping(SafetyBound()),
            pseudonym=lambda address: f"net {address}",
            clock=self.people.clock.monotonic,
            later=self.reports.append,
        )
        self.messages.telling = Telling(["talker"] if told else [])
        limit = Bound(on_message=self._limit)
        if words:
            limit.wording = Words()  # type: ignore[attr-defined]  # a policy has what it has
        route = looked_at(mode)
        self.exchange = an_exchange(plan=a_plan([limit, self.messages], route=route))
        self.exchange.principal = ADA
        self.exchange.request_id = b"r1"
        self.socket = Socket()
        self.runner = Runner(lambda work: work.close(), lambda _, __: None)

    def _limit(self, exchange: Exchange, said: Said) -> Answer:
        assert exchange is self.exchange
        assert said.talk is self.socket
        return Refusal(LIMIT, deferrable=True) if self.refuses else None

    async def need(self, text: str) -> Need | None:
        """What is found in what a client says."""
        said = Said(text.encode(), is_text=True, by_service=False, talk=self.socket)
        answer = self.runner.message(self.exchange, said)
        if answer is not None and not isinstance(answer, (Response, Refusal)):
            await answer
        return said.need

    async def says(self, text: str | bytes, *, by_service: bool = False) -> tuple[Answer, bytes]:
        """Have one side say something; return what the policies answer, and what goes on."""
        data = text.encode() if isinstance(text, str) else text
        said = Said(data, is_text=True, by_service=by_service, talk=self.socket)
        answer = self.runner.message(self.exchange, said)
        if answer is not None and not isinstance(answer, (Response, Refusal)):
            answer = await answer
        return answer, said.data

    def told(self) -> list[dict[str, object]]:
        return [json.loads(data) for data, _ in self.socket.told]


def looked_at(mode: Mode) -> Route:
    raw = msgspec.Raw(msgspec.msgpack.encode(RouteSafety(mode=mode)))
    return a_route(service="talker", features={"safety": raw})


def test_it_acts_where_people_may_be_in_need() -> None:
    messages = House().messages
    assert messages.for_route(None) is None
    assert messages.for_route(looked_at("off")) is None
    assert messages.for_route(a_route(stream="events")) is None
    bound = messages.for_route(a_route())
    assert bound is not None
    assert bound.explain().startswith("listens")


def test_what_is_nothing_of_note_goes_on_at_once() -> None:
    house = House()
    assert asyncio.run(house.says("nice day")) == (None, b"nice day")
    assert (house.socket.told, house.people.kept) == ([], [])


def test_somebody_at_risk_is_delivered_kept_and_given_help() -> None:
    house = House()
    assert house.exchange.traffic == THERAPEUTIC
    assert asyncio.run(house.says(DARK)) == (None, DARK.encode())
    ((report, text),) = house.people.kept
    assert (report.delivered, report.person, text) == (True, "home/ada", DARK)
    (card,) = house.told()
    assert (card["type"], card["level"]) == ("help", 2)
    assert house.exchange.traffic == CRISIS


def test_in_a_profile_s_socket_the_card_has_its_form() -> None:
    house = House(words=True)
    asyncio.run(house.says(DARK))
    ((data, is_text),) = house.socket.told
    assert data.startswith(b"says ")
    assert is_text


def test_the_card_waits_for_the_record_but_not_for_long() -> None:
    house = House()
    order: list[str] = []

    async def put(*_: object) -> bool:
        await asyncio.sleep(0)
        order.append(f"kept, {len(house.socket.told)} told")
        return True

    house.people.put = put  # type: ignore[assignment, method-assign]
    asyncio.run(house.says(DARK))
    assert order == ["kept, 0 told"]
    assert len(house.socket.told) == 1


def test_a_slight_sign_is_kept_without_anybody_waiting() -> None:
    house = House()
    assert asyncio.run(house.says(GREY)) == (None, GREY.encode())
    assert house.socket.told == []
    (report,) = house.reports
    assert asyncio.run(awaited(report))
    assert house.people.kept[0][0].level == 1


async def awaited(report: Awaitable[bool]) -> bool:
    return await report


def test_a_limit_stops_who_is_well_and_not_who_is_at_risk() -> None:
    house = House()
    house.refuses = True
    answer, _ = asyncio.run(house.says("nice day"))
    assert isinstance(answer, Refusal)
    assert asyncio.run(house.says(DARK)) == (None, DARK.encode())
    assert [report.delivered for report, _ in house.people.kept] == [True]


def test_beyond_the_budget_a_refusal_stands_with_help() -> None:
    house = House()
    house.refuses = True
    answers = [asyncio.run(house.says(f"{DARK} {number}"))[0] for number in range(A_MINUTE + 1)]
    assert answers[:-1] == [None] * A_MINUTE
    last = answers[-1]
    assert isinstance(last, Refusal)
    assert last.response.members is not None
    assert "help" in last.response.members
    assert [report.delivered for report, _ in house.people.kept] == [True] * A_MINUTE + [False]


def test_whoever_has_it_next_is_told_what_was_found_and_whether_limits_spare_it() -> None:
    house = House()
    assert asyncio.run(house.need("nice day")) is None
    found = [asyncio.run(house.need(f"{DARK} {number}")) for number in range(A_MINUTE + 1)]
    assert [one is not None and one.is_spared for one in found] == [True] * A_MINUTE + [False]
    assert {one.level for one in found if one is not None} == {2, 3}  # they add up


def test_a_message_is_listened_to_once() -> None:
    house = House()
    house.refuses = True
    asyncio.run(house.says(DARK))
    assert len(house.people.kept) == 1


def test_who_is_not_known_is_a_network() -> None:
    house = House()
    house.exchange.principal = None
    asyncio.run(house.says(DARK))
    ((report, _),) = house.people.kept
    assert (report.identity, report.person) == ("unknown", f"net {house.exchange.client}")


def test_a_long_message_is_listened_to_as_well() -> None:
    house = House()
    long = "lovely day " * 1000
    assert asyncio.run(house.says(long)) == (None, long.encode())
    answer, _ = asyncio.run(house.says(long + BLACK))
    assert answer is None
    assert [report.level for report, _ in house.people.kept] == [3]


def test_where_it_is_only_counted_nothing_happens() -> None:
    house = House("observe")
    asyncio.run(house.says(DARK))
    assert (house.people.kept, house.socket.told) == ([], [])


def test_what_a_service_should_not_say_is_not_shown() -> None:
    house = House()
    answer, shown = asyncio.run(house.says(f'{{"text":"{HARM}"}}', by_service=True))
    assert answer is None
    assert json.loads(shown) == {"text": SAFE}
    (report,) = house.reports
    assert asyncio.run(awaited(report))
    kept, text = house.people.kept[0]
    assert (kept.source, kept.delivered, text) == ("reply", False, HARM)


def test_all_else_that_a_service_says_is_shown() -> None:
    house = House()
    assert asyncio.run(house.says("nice", by_service=True)) == (None, b"nice")
    long = b"lovely day " * 1000
    assert asyncio.run(house.says(long, by_service=True)) == (None, long)


def test_what_nobody_could_look_at_is_refused() -> None:
    house = House()
    house.people.words.fails = True
    answer, _ = asyncio.run(house.says("nice", by_service=True))
    assert isinstance(answer, Response)
    assert answer.problem is not None
    assert answer.problem.code == "safety_reply_withheld"


def test_what_was_said_is_forgotten_with_the_socket() -> None:
    house = House()
    asyncio.run(house.says("a harmful ", by_service=True))
    for _, step in house.exchange.plan.finish:
        step(house.exchange)
    assert asyncio.run(house.says("thing", by_service=True)) == (None, b"thing")


@pytest.mark.parametrize("is_text", [True, False])
def test_binary_messages_are_looked_at_too(is_text: bool) -> None:
    house = House()
    said = Said(b"\x00" + DARK.encode(), is_text=is_text, by_service=False, talk=house.socket)

    async def look() -> None:
        answer = house.runner.message(house.exchange, said)
        assert answer is not None
        assert not isinstance(answer, (Response, Refusal))
        await answer

    asyncio.run(look())
    assert len(house.people.kept) == 1


def test_two_sockets_are_two_whatever_their_clients_call_them() -> None:
    house, other = House(), House()
    other.people = house.people
    other.messages.listener = house.people.listener  # of one worker
    (bound,) = (one for one in other.exchange.plan.policies if isinstance(one, BoundMessages))
    bound._listener = house.people.listener
    assert house.exchange.request_id == other.exchange.request_id
    asyncio.run(house.says("a harmful ", by_service=True))
    assert asyncio.run(other.says("thing", by_service=True)) == (None, b"thing")
    house.runner.finish(other.exchange)
    answer, data = asyncio.run(house.says("thing", by_service=True))
    assert (answer, data) == (None, SAFE.encode())
    house.runner.finish(House().exchange)  # that nobody has said anything through
    asyncio.run(_done(house.reports.pop()))


def test_the_budget_of_limits_is_a_socket_s_where_nobody_is_known() -> None:
    house = House()
    house.exchange.principal = None
    found = [asyncio.run(house.need(f"{DARK} {number}")) for number in range(A_MINUTE + 1)]
    assert found[-1] is not None
    assert not found[-1].is_spared
    house.exchange = an_exchange(plan=house.exchange.plan)
    need = asyncio.run(house.need(DARK))
    assert need is not None
    assert need.is_spared


async def _done(work: Awaitable[bool]) -> None:
    await work


# What services that asked are told


def informed(house: House) -> list[tuple[object, object]]:
    found = [json.loads(data) for data in house.socket.informed]
    assert all(one["type"] == "safety" for one in found)
    return [(one["level"], one["categories"]) for one in found]


def close_all(house: House) -> None:
    for report in house.reports:
        asyncio.run(awaited(report))


def test_a_service_that_asked_is_told_once_ahead_of_the_message() -> None:
    house = House(told=True)
    for text in ("nice day", GREY, DARK):
        asyncio.run(house.says(text))
    assert informed(house) == [(1, ["suicide"]), (2, ["suicide"])]
    close_all(house)


def test_who_has_not_asked_is_not_told() -> None:
    house = House()
    asyncio.run(house.says(DARK))
    assert house.socket.informed == []


def test_of_what_a_limit_stops_no_service_is_told() -> None:
    house = House(told=True)
    house.refuses = True
    asyncio.run(house.says(GREY))
    assert informed(house) == []
    asyncio.run(house.says(DARK))
    assert informed(house) == [(2, ["suicide"])]  # which is spared
    close_all(house)


def test_of_what_has_waited_a_service_is_told_when_it_hears_it() -> None:
    house = House(told=True)
    house.socket.has_service = False
    need = asyncio.run(house.need(DARK))
    assert need is not None
    assert not need.is_told
    house.socket.has_service = True
    said = Said(DARK.encode(), is_text=True, by_service=False, talk=house.socket)
    said.is_heard, said.need = True, need
    assert house.runner.message(house.exchange, said) is None
    assert informed(house) == [(2, ["suicide"])]
    assert house.runner.message(house.exchange, said) is None
    assert len(house.socket.informed) == 1


def test_a_farewell_says_what_becomes_of_what_waited() -> None:
    house = House()
    bound = house.messages.for_route(looked_at("scan"))
    assert bound is not None
    told = json.loads(bound.farewell(house.exchange, "counted"))["help"]
    assert (told["level"], told["message"]) == (0, "counted")
    assert told["about_message"]
    assert "message" not in json.loads(bound.farewell(house.exchange))["help"]
    need = asyncio.run(house.need(DARK))
    assert need is not None
    assert need.is_kept
    house.people.keeps = False
    lost = asyncio.run(house.need(DARK))
    assert lost is not None
    assert not lost.is_kept

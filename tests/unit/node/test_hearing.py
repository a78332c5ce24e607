"""Listening in a process."""

import asyncio

from tests.helpers.builders import a_peer, a_plan, a_route, an_exchange
from tests.helpers.heard_people import DARK, GREY, PLACE, People, a_speaker
from tta_gateway.features.realtime.bound import ChannelRule
from tta_gateway.features.safety.detector import load
from tta_gateway.kernel.events import SafetyRaised
from tta_gateway.kernel.incident import Report
from tta_gateway.kernel.listening import SILENCE, Heard
from tta_gateway.kernel.principal import Principal
from tta_gateway.node.hearing import NOBODY, listening, mode_in, weighing
from tta_gateway.support.clock import SystemClock
from tta_gateway.support.metrics import Registry


class Shelf:
    """Keeps reports."""

    def __init__(self) -> None:
        self.kept: list[Report] = []

    async def put(self, report: Report, text: str) -> bool:
        assert text
        self.kept.append(report)
        return True


def test_nobody_hears_nothing_and_shows_all() -> None:
    assert NOBODY.listen(a_speaker(), PLACE, DARK.encode()) is SILENCE
    judged = NOBODY.judge(PLACE, "c1", b"words")
    assert not isinstance(judged, Heard)
    NOBODY.over("c1")

    async def kept() -> bool:
        return await NOBODY.report(a_speaker(), PLACE, SILENCE, delivered=True)

    assert not asyncio.run(kept())


def test_the_detector_of_the_package_hears_people() -> None:
    shelf, told = Shelf(), list[SafetyRaised]()
    made = listening(
        load(),
        shelf,
        clock=SystemClock(),
        registry=Registry(),
        told=told.append,
        died=lambda _, __: None,
    )
    assert made.listen(a_speaker(), PLACE, b"What a nice day!") is SILENCE
    heard = made.listen(a_speaker(), PLACE, b'{"text":"I want to die."}')
    assert isinstance(heard, Heard)
    assert heard.is_urgent

    async def kept() -> bool:
        return await made.report(a_speaker(), PLACE, heard, delivered=True)

    assert asyncio.run(kept())
    assert [event.level for event in told] == [report.level for report in shelf.kept]


def test_channels_that_say_nothing_are_looked_at() -> None:
    assert mode_in(ChannelRule(prefix="news")) == "scan"


def test_requests_count_among_the_turns_of_whoever_is_known() -> None:
    people = People()
    weigh = weighing(people.listener, "@{}".format)
    exchange = an_exchange(plan=a_plan(route=a_route()), peer=a_peer("10.0.0.1", trusted=True))
    found = people.words.of_person(DARK)
    assert weigh(exchange, found, DARK) is found
    assert not people.listener.is_at_risk("home/ada")
    exchange.principal = Principal(subject="ada", issuer="home")
    assert weigh(exchange, found, DARK).level == 2
    assert people.listener.is_at_risk("home/ada")


def test_of_a_network_requests_count_together_that_come_by_one_connection() -> None:
    people = People()
    weigh = weighing(people.listener, "@{}".format)
    slight = people.words.of_person(GREY)

    def asked(port: int, *, lapsed: bool = False) -> int:
        exchange = an_exchange(plan=a_plan(route=a_route()), peer=a_peer("10.0.0.1", port=port))
        if lapsed:
            exchange.lapsed = Principal(subject="ada", issuer="home")
        return weigh(exchange, slight, "").level

    assert [asked(7), asked(8), asked(7), asked(8), asked(7)] == [1, 1, 1, 1, 2]
    assert [asked(9, lapsed=True) for _ in range(4)] == [1, 1, 1, 1]
    assert not people.listener.is_at_risk("@10.0.0.1")


def test_parts_of_a_sentence_that_nobody_in_particular_writes_are_read_together() -> None:
    people = People()
    weigh = weighing(people.listener, "@{}".format)

    def asked(text: str) -> int:
        exchange = an_exchange(plan=a_plan(route=a_route()), peer=a_peer("10.0.0.1"))
        return weigh(exchange, people.words.of_person(text), text).level

    assert [asked("these are dark"), asked("thoughts of mine")] == [0, 2]

"""Listening in a process."""

import asyncio

from tests.helpers.builders import a_plan, a_route, an_exchange
from tests.helpers.heard_people import DARK, PLACE, People, a_speaker
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
    weigh = weighing(people.listener)
    exchange = an_exchange(plan=a_plan(route=a_route()))
    found = people.words.of_person(DARK)
    assert weigh(exchange, found, DARK) is found
    assert not people.listener.is_at_risk("home/ada")
    exchange.principal = Principal(subject="ada", issuer="home")
    assert weigh(exchange, found, DARK).level == 2
    assert people.listener.is_at_risk("home/ada")

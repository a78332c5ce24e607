"""Who is heard, and what comes of it."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.heard_people import BLACK, DARK, GREY, PLACE, People, a_speaker
from tta_gateway.features.safety.accounts import DAY
from tta_gateway.features.safety.listener import A_MINUTE, WINDOW
from tta_gateway.features.safety.metrics import LOST, UNRECORDED
from tta_gateway.features.safety.moderator import Then, nobody
from tta_gateway.kernel.listening import SILENCE, Heard, Place
from tta_gateway.kernel.verdict import Verdict


def test_what_is_nothing_of_note_is_silence() -> None:
    assert People().says("nice day") is SILENCE
    assert People().says("") is SILENCE


def test_a_level_comes_with_what_was_found_and_the_card_once() -> None:
    people = People()
    heard = people.says(f"I have {DARK}")
    assert (heard.level, heard.is_urgent, heard.needs_card) == (2, True, True)
    assert heard.verdict.categories == ("suicide",)
    assert heard.text == f"I have {DARK}"
    assert not people.says(f"I have {DARK} again").needs_card
    assert people.says(BLACK).needs_card
    assert [event.level for event in people.told] == [2, 3]


def test_whoever_may_be_told_hears_nothing_of_what_was_said() -> None:
    people = People()
    people.says(f"my secret is {DARK}")
    (event,) = people.told
    assert (event.person, event.subject, event.correlation) == ("home/ada", "ada", "r1")
    assert "secret" not in repr(event)


def test_a_slight_sign_gives_no_card_and_tells_nobody() -> None:
    people = People()
    heard = people.says(GREY)
    assert (heard.level, heard.is_urgent, heard.needs_card) == (1, False, False)
    assert people.told == []


def test_levels_rise_over_turns_and_connections() -> None:
    people = People()
    said = [people.says(f"{GREY} {number}", connection=f"c{number}") for number in range(3)]
    assert [heard.level for heard in said] == [1, 1, 2]
    assert people.says(f"{GREY} of another", who="bob").level == 1


def test_a_sentence_in_several_messages_is_heard_as_one() -> None:
    people = People()
    assert people.says("dark") is SILENCE
    heard = people.says("thoughts")
    assert (heard.level, heard.text) == (2, DARK)
    assert people.says("indeed") is SILENCE


def test_it_is_so_in_messages_of_json_too() -> None:
    people = People()
    form = '{"type":"user_message","at":"2026-11-26T10:00:0%dZ","content":{"text":"%s"}}'
    assert people.says(form % (1, "dark")) is SILENCE
    assert people.says(form % (2, "thoughts")).level == 2


def test_a_network_is_many_people() -> None:
    people = People()
    assert people.says("dark", who="", connection="c1") is SILENCE
    assert people.says("thoughts", who="", connection="c2") is SILENCE


def test_whoever_is_at_risk_is_known_by_their_key() -> None:
    people = People()
    people.says(DARK)
    assert people.listener.is_at_risk("home/ada")
    assert not people.listener.is_at_risk("home/bob")


def test_where_it_is_only_counted_nothing_comes_of_it() -> None:
    people = People()
    place = Place("talks", "", is_observed=True)
    assert people.listener.listen(a_speaker(), place, DARK.encode()) is SILENCE
    assert people.told == []


@pytest.mark.parametrize(
    "data",
    [
        json.dumps({"a": [{"b": DARK}]}).encode(),
        json.dumps({"a": json.dumps({"b": DARK})}).encode(),
        json.dumps({DARK: 1}).encode(),
        b'{"a":"' + "".join(f"\\u{ord(one):04x}" for one in DARK).encode() + b'"}',
        b'{"a":"dark thoughts","a":"nice day"}',
        b'{"a":"dark thoughts"',
        b"\x00\x0f\xff" + DARK.encode() + b"\x00\xfe",
        b"\x12\x0d" + DARK.encode(),
        b"[" * 2000 + b'"dark thoughts"' + b"]" * 2000,
    ],
    ids=[
        *("nested", "json-in-json", "key", "escaped", "twice", "cut", "binary", "protobuf", "deep"),
    ],
)
def test_in_no_form_does_it_slip_by(data: bytes) -> None:
    assert asyncio.run(People().hears(data)).level == 2


@given(st.integers(0, 2 * WINDOW - 64), st.booleans())
def test_nowhere_in_a_long_message_does_it_slip_by(at: int, is_json: bool) -> None:
    filling = ("lovely day " * (2 * WINDOW // 11 + 1))[: 2 * WINDOW - 64]
    text = f"{filling[:at]} {DARK} {filling[at:]}"
    data = json.dumps({"text": text}).encode() if is_json else text.encode()
    people = People()
    heard = asyncio.run(people.hears(data[: 2 * WINDOW]))
    assert heard.level == 2
    assert DARK in heard.text
    assert max(map(len, people.words.looked_at)) <= 2400


def test_of_a_very_long_message_both_ends_are_looked_at() -> None:
    filling = b"lovely day " * 20000
    for data in (DARK.encode() + filling, filling + DARK.encode()):
        assert asyncio.run(People().hears(data)).level == 2


def test_a_long_message_is_looked_at_in_several_turns() -> None:
    people = People()
    people.words.takes = 0.0006
    asyncio.run(people.hears(b"lovely day " * 5000))
    assert people.turns >= 10


def test_whatever_fails_a_message_goes_on() -> None:
    people = People()
    people.words.fails = True
    assert people.says(DARK) is SILENCE
    assert asyncio.run(people.hears(DARK.encode() * 1000)) is SILENCE
    assert people.faults == ["listening", "listening"]


def test_a_record_says_what_was_found_and_who_it_is() -> None:
    people = People()
    heard = people.says(f"I have {DARK}")

    assert asyncio.run(_report(people, heard, delivered=True))
    ((report, text),) = people.kept
    assert (report.person, report.identity, report.level) == ("home/ada", "verified", 2)
    assert (report.route, report.service, report.correlation) == ("talks", "talker", "r1")
    assert (report.delivered, report.source, text) == (True, "message", f"I have {DARK}")


async def _report(people: People, heard: Heard, *, delivered: bool) -> bool:
    return await people.listener.report(a_speaker(), PLACE, heard, delivered=delivered)


def test_a_second_record_amends_the_first() -> None:
    people = People()
    heard = people.says(DARK)
    people.keeps = False
    asyncio.run(_report(people, heard, delivered=True))
    people.keeps = True
    for delivered in (True, False, False):
        asyncio.run(_report(people, heard, delivered=delivered))
    first = people.kept[1][0].id
    assert [report.amends for report, _ in people.kept] == ["", "", first, first]


def test_a_record_that_is_not_kept_is_counted_and_does_no_harm() -> None:
    people = People()
    heard = people.says(DARK)
    people.keeps = False
    assert not asyncio.run(_report(people, heard, delivered=True))
    people.breaks = True
    assert not asyncio.run(_report(people, heard, delivered=True))
    assert people.faults == ["safety report"]
    assert people.registry.child(LOST).values() == [2.0]


def test_a_service_s_words_are_judged_and_forgotten() -> None:
    people = People()
    assert people.shows(b'{"text":"a harmful "}').verdict is None
    people.listener.over("c1")
    assert people.shows(b'{"text":"thing"}').verdict is None


def test_what_is_said_in_requests_is_of_the_same_person() -> None:
    people = People()
    speaker = a_speaker(connection="requests")
    slight = people.words.of_person(GREY)
    for _ in range(2):
        assert people.listener.weigh(speaker, PLACE, slight, "").level == 1
    assert people.says(GREY).level == 2
    assert people.listener.weigh(speaker, PLACE, people.words.of_person(BLACK), "").level == 3
    assert people.listener.weigh(speaker, PLACE, people.words.of_person("nice"), "").level == 0
    assert [event.level for event in people.told] == [2, 3]
    assert people.listener.is_at_risk("home/ada")


def test_short_requests_are_read_together_with_what_was_said_before() -> None:
    people = People()
    speaker, nothing = a_speaker(connection="requests"), people.words.of_person("nice")
    assert people.listener.weigh(speaker, PLACE, nothing, "dark").level == 0
    assert people.listener.weigh(speaker, PLACE, nothing, "thoughts").level == 2
    assert people.listener.weigh(speaker, PLACE, nothing, "indeed").level == 0
    assert people.says("dark") is SILENCE
    assert people.listener.weigh(speaker, PLACE, nothing, "thoughts").level == 2


def test_others_are_told_once_whatever_connection_it_is() -> None:
    people = People()
    assert all(people.says(DARK, connection=f"c{number}").needs_card for number in range(5))
    assert [event.level for event in people.told] == [2, 3]  # it rises over turns


def test_of_very_many_messages_few_texts_are_kept() -> None:
    people = People()
    slight = [bool(people.says(GREY, connection=f"c{n}").text) for n in range(2)]
    grave = [bool(people.says(f"{BLACK} {number}").text) for number in range(60)]
    assert slight == [True] * 2
    assert grave == [True] * 58 + [False] * 2
    people.clock.advance(DAY)
    assert people.says(f"{BLACK} anew").text


def test_a_short_message_that_is_made_to_be_slow_is_heard_over_many_turns() -> None:
    people = People()
    people.words.takes = 0.0015
    assert asyncio.run(people.hears(DARK.encode())).level == People().says(DARK).level
    assert people.turns >= 1


def test_nobody_fills_the_journal() -> None:
    people = People()

    async def many() -> list[bool]:
        report = people.listener.report
        each = [Heard(people.words.of_person(DARK), level=2) for _ in range(70)]
        return [await report(a_speaker(), PLACE, heard, delivered=True) for heard in each]

    assert all(asyncio.run(many()))
    assert len(people.kept) == 60
    people.clock.advance(60.0)
    assert asyncio.run(
        _report(people, Heard(people.words.of_person(DARK), level=2), delivered=True)
    )
    assert len(people.kept) == 61


async def _recorded(people: People, text: str, who: str, connection: str) -> None:
    speaker = a_speaker(who, connection)
    heard = people.listener.listen(speaker, PLACE, text.encode())
    assert isinstance(heard, Heard)
    assert await people.listener.report(speaker, PLACE, heard, delivered=True)


def test_one_of_a_network_uses_up_nobody_elses_records() -> None:
    people = People()

    async def whole() -> None:
        for number in range(A_MINUTE + 5):
            await _recorded(people, f"{BLACK} {number}", "", "c1")
        await _recorded(people, BLACK, "", "c2")

    asyncio.run(whole())
    assert len(people.kept) == A_MINUTE + 1
    assert people.registry.child(UNRECORDED).values() == [5.0]


def test_one_record_tells_of_those_that_have_none_of_their_own() -> None:
    people = People()

    async def whole() -> None:
        for _ in range(A_MINUTE + 5):
            await _recorded(people, BLACK, "ada", "c1")
        heard = people.says(BLACK)
        for delivered in (True, False):  # it has not arrived after all
            await _report(people, heard, delivered=delivered)
        assert len(people.kept) == A_MINUTE
        people.minute.set()
        for _ in range(10):
            await asyncio.sleep(0)

    asyncio.run(whole())
    told = [(one.messages, one.delivered, one.level, text) for one, text in people.kept[A_MINUTE:]]
    assert told == [(5, True, 3, ""), (1, False, 3, "")]
    assert people.registry.child(UNRECORDED).values() == [6.0]
    assert people.kept[-1][0].amends == ""


def test_what_is_to_be_told_of_is_told_before_the_worker_ends() -> None:
    people = People()

    async def whole() -> None:
        for _ in range(A_MINUTE + 2):
            await _recorded(people, BLACK, "ada", "c1")
        await people.listener.sum_up()

    asyncio.run(whole())
    assert people.kept[-1][0].messages == 2
    assert len(people.kept) == A_MINUTE + 1


def test_a_record_that_says_that_a_message_has_not_arrived_is_never_left_out() -> None:
    people = People()

    async def whole() -> None:
        heard = people.says(BLACK)
        await _report(people, heard, delivered=True)
        for _ in range(A_MINUTE):
            await _recorded(people, BLACK, "ada", "c1")
        await _report(people, heard, delivered=False)
        await people.listener.sum_up()

    asyncio.run(whole())
    assert people.kept[A_MINUTE][0].amends == people.kept[0][0].id


def test_slight_signs_and_replies_leave_room_for_what_is_grave() -> None:
    people = People()
    speaker = a_speaker()

    async def whole() -> None:
        report = people.listener.report
        for _ in range(A_MINUTE + 1):
            slight = Heard(people.words.of_person(GREY), level=1)
            harm = Heard(people.words.of_person(GREY), level=1)
            await report(speaker, PLACE, slight, delivered=True)
            await report(speaker, PLACE, harm, delivered=True, source="reply")
        await _recorded(people, BLACK, "ada", "c1")

    asyncio.run(whole())
    assert len(people.kept) == 2 * A_MINUTE + 1
    assert people.kept[-1][0].level == 3


def test_a_moderator_is_shown_what_is_not_only_counted_and_may_raise_it() -> None:
    people = People()
    shown: list[tuple[Verdict, str, Then]] = []
    people.listener.moderate = lambda found, text, then: shown.append((found, text, then))
    assert people.says("nice day") is SILENCE
    ((found, text, then),) = shown
    assert (found.level, text) == (0, "nice day")
    people.listener.moderate = nobody
    raised = Verdict(2, ("suicide",), ("moderator:self-harm/intent",))

    async def raise_it() -> None:
        await then(raised)

    asyncio.run(raise_it())
    ((report, kept),) = people.kept
    assert (report.level, report.categories, kept) == (2, ("suicide",), "nice day")
    assert [event.level for event in people.told] == [2]


def test_what_a_moderator_says_of_a_message_amends_its_record() -> None:
    people = People()
    then: list[Then] = []
    people.listener.moderate = lambda _, __, raised: then.append(raised)
    heard = people.says(GREY)

    async def whole() -> None:
        await people.listener.report(a_speaker(), PLACE, heard, delivered=True)
        await then[0](Verdict(2, ("suicide",), ("moderator:self-harm/intent",)))

    asyncio.run(whole())
    (first, _), (second, text) = people.kept
    assert (first.level, first.amends) == (1, "")
    assert (second.level, second.amends, text) == (2, first.id, GREY)


def test_of_a_network_each_connection_is_reported_as_somebody_of_their_own() -> None:
    people = People()

    async def told(who: str, connection: str) -> str:
        heard = people.says(DARK, who, connection)
        await people.listener.report(a_speaker(who, connection), PLACE, heard, delivered=True)
        return people.kept[-1][0].conversation

    async def all_of_them() -> list[str]:
        return [await told("", "c1"), await told("", "c2"), await told("ada", "c1")]

    one, other, known = asyncio.run(all_of_them())
    assert len({one, other, known}) == 3
    assert known == ""

"""What services say, before it is shown."""

import asyncio
import json
from collections.abc import Awaitable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.heard_people import HARM, People
from tta_gateway.features.safety.judging import SAFE, is_whole
from tta_gateway.features.safety.reply import GOES_ON
from tta_gateway.kernel.listening import Judged, Place

SENTENCE = f"You could do {HARM} today, and then more of it."


def shown(people: People, text: str, said_in: str = "c1") -> str:
    data = json.dumps({"id": "msg_1", "content": {"text": text}}).encode()
    told = json.loads(people.shows(data, said_in).data)
    assert told["id"] == "msg_1"
    found = told["content"]["text"]
    assert isinstance(found, str)
    return found


def test_what_does_no_harm_is_shown_to_the_byte() -> None:
    data = b'{ "text" : "nice day" }'
    judged = People().shows(data)
    assert (judged.data, judged.verdict) == (data, None)


def test_what_does_harm_is_replaced_where_it_stands() -> None:
    people = People()
    judged = people.shows(json.dumps({"a": HARM, "b": "stays"}).encode())
    assert judged.verdict is not None
    assert (judged.verdict.level, judged.text) == (2, HARM)
    assert json.loads(judged.data) == {"a": SAFE, "b": "stays"}


def test_a_text_that_is_no_json_is_replaced_whole() -> None:
    assert People().shows(HARM.encode()).data == SAFE.encode()


@given(st.lists(st.integers(1, len(SENTENCE) - 1), max_size=12), st.booleans())
def test_a_sentence_cut_anywhere_is_never_shown_to_its_end(cuts: list[int], is_text: bool) -> None:
    people = People()
    ends = [0, *sorted(set(cuts)), len(SENTENCE)]
    parts = [SENTENCE[a:b] for a, b in pairwise(ends)]
    if is_text:
        seen = "".join(people.shows(part.encode()).data.decode() for part in parts)
    else:
        seen = "".join(shown(people, part) for part in parts)
    assert HARM not in seen
    assert "more of it" not in seen
    assert SAFE in seen


def test_what_is_said_elsewhere_is_another_reply() -> None:
    people = People()
    assert shown(people, "a harmful ", "c1") == "a harmful "
    assert shown(people, "thing", "c2") == "thing"
    assert shown(people, "a harmful ", "") == "a harmful "
    assert shown(people, "thing", "") == "thing"


def test_behind_a_whole_message_that_was_replaced_others_are_shown() -> None:
    people = People()
    assert shown(people, SENTENCE) == SAFE
    assert shown(people, " and some more") == ""
    assert shown(people, "How are you?") == "How are you?"  # a sentence by itself
    assert shown(people, SENTENCE) == SAFE
    assert shown(people, "So") == ""
    people.clock.advance(GOES_ON)
    assert shown(people, "How was your day?") == "How was your day?"


def test_members_that_say_the_same_again_are_not_looked_at_again() -> None:
    people = People()
    data = b'{"role":"assistant"}'
    people.shows(data)
    people.shows(data)
    assert people.words.looked_at == ["assistant"]


def test_a_long_message_is_judged_too() -> None:
    people = People()
    data = json.dumps({"text": "lovely day " * 800 + HARM}).encode()
    judged = people.listener.judge(Place("talks", ""), "c1", data)
    assert isinstance(judged, Awaitable)
    told = asyncio.run(_awaited(judged))
    assert json.loads(told.data) == {"text": SAFE}


async def _awaited(judged: Awaitable[Judged]) -> Judged:
    return await judged


def test_where_it_is_only_counted_all_is_shown() -> None:
    people = People()
    judged = people.listener.judge(Place("talks", "", is_observed=True), "c1", HARM.encode())
    assert isinstance(judged, Judged)
    assert (judged.data, judged.verdict) == (HARM.encode(), None)


@pytest.mark.parametrize("times", [1, 1000])
def test_what_nobody_could_look_at_is_not_shown(times: int) -> None:
    people = People()
    people.words.fails = True
    judged = people.listener.judge(Place("talks", ""), "c1", b"lovely day " * times)
    told = judged if isinstance(judged, Judged) else asyncio.run(_awaited(judged))
    assert told.data == b""
    assert told.verdict is not None
    assert people.faults == ["judging"]


def test_what_comes_of_others_is_not_muted() -> None:
    people = People()
    judging = people.listener.judging
    texts = [HARM, "and", "a harmful ", "thing"]
    found = [judging.judge(Place("r", ""), "room", one.encode(), goes_on=False) for one in texts]
    assert [one.data for one in found if isinstance(one, Judged)] == [
        *(SAFE.encode(), b"and", b"a harmful "),
        SAFE.encode(),
    ]


@pytest.mark.parametrize("sign", [b'{"type":"typing"}', b"ping", b""])
def test_a_sign_of_life_between_the_parts_lets_nothing_by(sign: bytes) -> None:
    people = People()
    seen = []
    for at in range(0, len(SENTENCE), 5):
        people.says(sign.decode())
        seen.append(shown(people, SENTENCE[at : at + 5]))
    assert "more of it" not in "".join(seen)
    assert seen.count(SAFE) == 1


def test_nor_do_words_of_the_client_break_a_sentence_up() -> None:
    people = People()
    assert shown(people, "You could do a harmful ") == "You could do a harmful "
    people.says("please go on")
    assert shown(people, "thing today") == SAFE
    people.says("please go on")
    assert shown(people, "so") == "so"


def test_many_short_members_give_others_their_turns() -> None:
    people = People()
    people.words.takes = 0.0002
    data = json.dumps({f"m{number}": f"word {number}" for number in range(100)}).encode()
    assert len(data) < 2100
    judged = people.listener.judge(Place("talks", ""), "c1", data)
    assert isinstance(judged, Awaitable)
    assert asyncio.run(_awaited(judged)).data == data
    assert people.turns >= 20


def test_a_short_message_that_is_made_to_be_slow_gives_others_their_turns() -> None:
    people = People()
    people.words.takes = 0.0015
    data = json.dumps({"a": "lovely day", "b": HARM}).encode()
    judged = people.listener.judge(Place("talks", ""), "c1", data)
    assert isinstance(judged, Awaitable)
    assert json.loads(asyncio.run(_awaited(judged)).data)["b"] == SAFE
    assert people.turns >= 2


@pytest.mark.parametrize(
    ("said", "is_it"),
    [
        ("Hello, this is Dr. Smith.", True),
        ("\u00bfHow are you today?", True),
        ("Are you there?", True),
        ("you should go on.", False),
        (" And so on it goes.", False),
        (", and then more of it.", False),
        ("Stop it.", False),
        ("Please call them now, I am here", True),
        ("You should go", False),
        ("", False),
    ],
)
def test_what_is_a_sentence_by_itself(said: str, is_it: bool) -> None:
    assert is_whole(said) is is_it


WORDS = ["You ", "could ", "do ", "a ", "harmful ", "thing ", "today"]


@pytest.mark.parametrize(
    "said",
    [
        {"tokens": WORDS},
        {"words": [word.strip() for word in WORDS]},
        {"content": [{"text": word} for word in WORDS]},
    ],
)
def test_a_sentence_in_the_parts_of_one_message_is_found(said: object) -> None:
    judged = People().shows(json.dumps(said).encode())
    assert judged.verdict is not None
    seen = judged.data.decode()
    assert seen.count(SAFE) == 1
    assert "thing" not in seen.replace(SAFE, "")
    assert "today" not in seen


@pytest.mark.parametrize("form", ["name", "sse", "socket.io"])
def test_so_is_one_in_the_parts_of_many_in_other_forms(form: str) -> None:
    people = People()
    seen = ""
    for number, word in enumerate(WORDS):
        said = {
            "name": json.dumps({"seq": {str(number): word.strip()}}),
            "sse": f"event: token\ndata: {json.dumps({'t': word})}\n\n",
            "socket.io": f'42["token",{json.dumps(word)}]',
        }[form]
        seen += people.shows(said.encode()).data.decode()
    assert seen.count(SAFE) == 1
    assert "thing" not in seen.replace(SAFE, "")
    assert "harmful" in seen


def test_the_name_of_a_member_that_says_something_is_looked_at() -> None:
    data = json.dumps({f"You could do {HARM}": 1, "b": {"c d": 2}}).encode()
    assert json.loads(People().shows(data).data) == {SAFE: 1, "b": {"c d": 2}}


def test_a_very_large_message_is_read_over_many_turns() -> None:
    people = People()
    people.words.takes = 0.0001
    data = json.dumps({"text": "\u0434\u0430 " * 20_000 + HARM}).encode()
    judged = people.listener.judge(Place("talks", ""), "c1", data)
    assert isinstance(judged, Awaitable)
    told = asyncio.run(_awaited(judged))
    assert json.loads(told.data) == SAFE
    assert people.turns > 10

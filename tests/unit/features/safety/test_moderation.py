import asyncio
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.builders import an_exchange
from tests.helpers.scanned import CRY, HARM, Phrases
from tta_gateway.features.safety.moderation import (
    AT_ONCE,
    MOST,
    OF_ONE,
    Moderation,
    result,
    texts_in,
)
from tta_gateway.features.safety.problems import MODERATION_BUSY, NOT_MODERATED
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.stream import StreamHearer
from tta_gateway.kernel.verdict import Category, Verdict


class Asking:
    def __init__(self) -> None:
        self.exchange = an_exchange()
        self.answered: Response | None = None

    def answer(self, response: Response) -> None:
        self.answered = response

    def begin(self, response: Response, hearer: StreamHearer) -> None: ...

    def send(self, data: bytes) -> None: ...

    def end(self) -> None: ...


def ask(body: object) -> Response:
    async def asked() -> Response:
        stream = Asking()
        moderation = Moderation(Phrases(), fresh=lambda: "1", died=lambda _, __: None)
        moderation.asked(stream, msgspec.json.encode(body))
        for _ in range(50):
            await asyncio.sleep(0)
        assert stream.answered is not None
        return stream.answered

    return asyncio.run(asked())


def results(body: object) -> list[dict[str, Any]]:
    told = msgspec.json.decode(ask(body).body or b"")
    assert (told["id"], told["model"]) == ("modr-1", "tta-gateway-1")
    found = told["results"]
    assert isinstance(found, list)
    return found


def test_each_text_has_its_result() -> None:
    person, fair, service = results({"input": [CRY, "fair weather", HARM], "model": "any"})
    assert (person["flagged"], person["x_severity"], person["x_categories"]) == (
        True,
        2,
        ["suicide"],
    )
    assert true_of(person) == {"self-harm", "self-harm/intent"}
    assert (fair["flagged"], fair["x_severity"]) == (False, 0)
    assert service["categories"]["self-harm/instructions"]
    assert (service["x_person"], service["x_service"]) == (0, 2)


def true_of(found: dict[str, Any]) -> set[str]:
    return {name for name, is_found in found["categories"].items() if is_found}


OPENAI = {
    *("harassment", "harassment/threatening", "hate", "hate/threatening"),
    *("illicit", "illicit/violent", "self-harm", "self-harm/instructions", "self-harm/intent"),
    *("sexual", "sexual/minors", "violence", "violence/graphic"),
}
LOOKED_FOR = {"self-harm", "self-harm/instructions", "self-harm/intent", "violence"}
OURS = {"x_abuse", "x_neglect", "x_psychosis", "x_substance_misuse"}


def test_a_result_has_all_of_openai_s_categories_and_says_which_are_looked_for() -> None:
    _, found = results({"input": [CRY, "fair weather"]})
    kinds = found["category_applied_input_types"]
    for members in (found["categories"], found["category_scores"], kinds):
        assert set(members) == OPENAI | OURS
    assert {name for name, types in kinds.items() if types == ["text"]} == LOOKED_FOR | OURS
    assert all(types == [] for name, types in kinds.items() if name in OPENAI - LOOKED_FOR)
    assert true_of(found) == set()


def judged(person: Verdict, service: Verdict) -> dict[str, Any]:
    found = msgspec.to_builtins(result(person, service))
    assert isinstance(found, dict)
    return found


def test_a_score_is_that_of_the_head_that_knows() -> None:
    person = Verdict(2, ("violence", "suicide"), score=0.4)
    found = judged(person, Verdict(3, ("self_harm",), score=0.7))
    assert true_of(found) == LOOKED_FOR
    scores = {name: score for name, score in found["category_scores"].items() if score}
    assert scores == {
        "self-harm": 0.7,
        "self-harm/intent": 0.4,
        "self-harm/instructions": 0.7,
        "violence": 1.0,
    }


def test_what_is_elevated_is_told_by_our_own_members_alone() -> None:
    found = judged(Verdict(1, ("suicide", "violence", "abuse")), Verdict(1, ("self_harm",)))
    assert (found["flagged"], true_of(found)) == (False, set())
    assert (found["x_severity"], found["x_categories"][0]) == (1, "suicide")
    found = judged(Verdict(1, ("violence",)), Verdict(2, ("self_harm",)))
    assert true_of(found) == {"self-harm", "self-harm/instructions"}


VERDICT = st.builds(
    lambda level, categories: Verdict(level, tuple(categories) if level else ()),
    st.integers(0, 3),
    st.lists(st.sampled_from(get_args(Category)), min_size=1, unique=True),
)


@given(person=VERDICT, service=VERDICT)
def test_a_text_is_flagged_if_one_of_its_categories_is_true_and_only_then(
    person: Verdict, service: Verdict
) -> None:
    found = judged(person, service)
    assert found["flagged"] is any(found["categories"].values())
    assert found["flagged"] is (found["x_severity"] >= 2)


def test_an_eating_disorder_is_self_harm_and_psychosis_has_a_category_of_ours() -> None:
    found = judged(Verdict(2, ("eating_disorder",), score=0.9), Verdict())
    assert true_of(found) == {"self-harm", "self-harm/intent"}
    found = judged(Verdict(2, ("psychosis",), score=0.1), Verdict())
    assert (found["flagged"], true_of(found)) == (True, {"x_psychosis"})
    assert tuple(found["x_categories"]) == ("psychosis",)
    assert found["category_scores"]["x_psychosis"] == 1.0


def test_parts_are_one_input() -> None:
    (found,) = results({"input": [{"type": "text", "text": CRY}, {"type": "text", "text": "so"}]})
    assert found["flagged"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"input": []},
        {"input": ["a"] * (MOST + 1)},
        {"input": 7},
        {"input": [{"type": "image_url", "image_url": {"url": "x"}}]},
        [],
    ],
)
def test_what_holds_no_text_is_refused(body: object) -> None:
    assert ask(body).problem is NOT_MODERATED


def test_one_text_may_stand_alone() -> None:
    assert texts_in(b'{"input":"so"}') == ["so"]


class Asked:
    """Several who ask at a time, of a detector that notes what it has read."""

    def __init__(self) -> None:
        self.detector = Phrases()
        self.moderation = Moderation(
            self.detector, fresh=lambda: "1", died=lambda _, error: self.died.append(error)
        )
        self.died: list[BaseException] = []

    def ask(self, text: str, who: str = "a") -> Asking:
        stream = Asking()
        stream.exchange.principal = Principal(subject=who, issuer="i")
        self.moderation.asked(stream, msgspec.json.encode({"input": text}))
        return stream

    async def settle(self, turns: int = 20_000) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)


@pytest.mark.parametrize("how", ["aborted", "finished"])
def test_who_has_gone_is_not_worked_for(how: str) -> None:
    async def asked() -> None:
        house = Asked()
        stream = house.ask("fair weather " * 10_000)
        await house.settle(10)
        setattr(stream.exchange, how, True)
        await house.settle(10)
        read = len(house.detector.read)
        await house.settle(50)
        assert 0 < len(house.detector.read) == read < 20
        assert stream.answered is None
        assert house.moderation._waiting.total() == 0

    asyncio.run(asked())


def test_so_much_waits_at_once_and_no_more() -> None:
    async def asked() -> None:
        house = Asked()
        large = "a" * (OF_ONE - 1000)
        first, second = house.ask(large), house.ask(large)
        small = house.ask("so")
        other = house.ask(large, "b")
        third = house.ask("b" * (AT_ONCE - 2 * OF_ONE + 2001), "c")
        told = [stream.answered for stream in (first, second, small, other, third)]
        assert [one and one.problem for one in told] == [
            *(None, MODERATION_BUSY, None, None, MODERATION_BUSY)
        ]
        for stream in (first, other):
            stream.exchange.aborted = True
        await house.settle(30)
        assert small.answered is not None
        assert house.ask(large).answered is None

    asyncio.run(asked())


def test_those_who_ask_take_turns_and_one_slice_is_looked_at_in_each() -> None:
    async def asked() -> None:
        house = Asked()
        long = [house.ask("fair weather " * 1000, str(number)) for number in range(5)]
        await house.settle(3)
        short = house.ask("so", "late")
        before = len(house.detector.read)
        turns = 0
        while short.answered is None:
            await asyncio.sleep(0)
            turns += 1
        assert turns < 100
        assert len(house.detector.read) - before <= turns
        assert all(stream.answered is None for stream in long)
        await house.settle(2000)
        assert all(stream.answered is not None for stream in long)

    asyncio.run(asked())

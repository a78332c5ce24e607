import asyncio
from typing import Any

import msgspec
import pytest

from tests.helpers.builders import an_exchange
from tests.helpers.scanned import CRY, HARM, Phrases
from tta_gateway.features.safety.moderation import MOST, Moderation, texts_in
from tta_gateway.features.safety.problems import NOT_MODERATED
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.stream import StreamHearer


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
    assert person["categories"] == {
        "self-harm": True,
        "self-harm/intent": True,
        "self-harm/instructions": False,
        "violence": False,
    }
    assert (fair["flagged"], fair["x_severity"]) == (False, 0)
    assert service["categories"]["self-harm/instructions"]
    assert (service["x_person"], service["x_service"]) == (0, 2)


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

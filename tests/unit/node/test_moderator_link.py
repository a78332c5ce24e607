"""The way to a moderator: what it is sent, and what counts as no answer."""

import asyncio

import pytest

from tta_gateway.features.safety.bound import ModeratorBound
from tta_gateway.features.safety.moderator import Unanswered
from tta_gateway.node import moderator_link
from tta_gateway.node.moderator_link import ModeratorLink
from tta_gateway.support.http_client import Answer, HttpError, Origin, Request

Asked = list[tuple[Origin, Request]]
BOUND = ModeratorBound(url="http://127.0.0.1:9/v1/moderations?a=b", key="kanarie")


def asked(
    monkeypatch: pytest.MonkeyPatch, answer: Answer | Exception, *bounds: ModeratorBound
) -> tuple[Asked, list[bytes]]:
    seen: Asked = []

    async def fetch(origin: Origin, request: Request, **_: object) -> Answer:
        seen.append((origin, request))
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(moderator_link, "fetch", fetch)
    link = ModeratorLink()
    return seen, [asyncio.run(link.ask(one, b"{}")) for one in bounds]


def test_it_is_asked_at_its_url_with_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, said = asked(monkeypatch, Answer(200, {}, b"said"), BOUND)
    ((origin, request),) = seen
    assert (origin.host, origin.port, origin.tls) == ("127.0.0.1", 9, None)
    assert (request.method, request.target, request.body) == ("POST", "/v1/moderations?a=b", b"{}")
    assert ("Authorization", "Bearer kanarie") in request.fields
    assert said == [b"said"]


def test_authorities_are_read_once_and_without_a_key_none_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bound = ModeratorBound(url="https://h")
    seen, _ = asked(monkeypatch, Answer(200, {}, b""), bound, bound)
    (first, request), (second, _) = seen
    assert (first.port, request.target) == (443, "/")
    assert first.tls is not None
    assert first.tls is second.tls
    assert request.fields == (("Content-Type", "application/json"),)


@pytest.mark.parametrize("answer", [Answer(429, {}, b""), HttpError("gone"), OSError("no")])
def test_all_else_is_no_answer(monkeypatch: pytest.MonkeyPatch, answer: Answer | Exception) -> None:
    with pytest.raises(Unanswered):
        asked(monkeypatch, answer, BOUND)

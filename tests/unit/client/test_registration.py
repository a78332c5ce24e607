"""A service that registers: when it speaks, what it says, and how it leaves."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

import pytest

from tta_gateway.client import Refused, Registration, Route, register
from tta_gateway.client.link import Answer, Link, Unreachable

FAST: dict[str, object] = {"renew_after": 0.001}


class Gateway:
    """What answers, in the place of a link; each answer is a status and a document."""

    def __init__(self, *answers: tuple[int, dict[str, object]] | Unreachable) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, object]] = []
        self.deletes: list[tuple[int, dict[str, object]]] = [(202, {}), (204, {})]
        self.hear: Callable[[], None] = lambda: None

    async def ask(self, method: str, target: str, *, token: str, document: object = None) -> Answer:
        assert token == "secret"
        self.asked.append((method, target, document))
        await asyncio.sleep(0)
        if method == "DELETE":
            status, said = self.deletes.pop(0)
            return Answer(status, {}, json.dumps(said).encode())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.hear()
        if isinstance(answer, Unreachable):
            raise answer
        return Answer(answer[0], {}, json.dumps(answer[1]).encode())

    def puts(self) -> int:
        return sum(method == "PUT" for method, _, _ in self.asked)


def registration(gateway: Gateway, **fields: Any) -> Registration:  # noqa: ANN401 - those of register
    made = register("players", url="http://a:1", gateway="unix:/x", token="secret", **fields)
    made._link = cast("Link", gateway)
    return made


def after(gateway: Gateway, puts: int, made: Registration) -> None:
    """Register until so much has been said, and leave."""

    async def serve() -> None:
        enough = asyncio.Event()
        gateway.hear = lambda: enough.set() if gateway.puts() >= puts else None
        async with made:
            await enough.wait()
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(serve(), 10.0))


def test_it_is_registered_renewed_and_leaves() -> None:
    gateway = Gateway((200, FAST))
    after(gateway, 3, registration(gateway, instance="a b", weight=2))
    methods = [method for method, _, _ in gateway.asked]
    assert methods == ["PUT", "PUT", "PUT", "DELETE", "DELETE"]
    place = "/internal/v1/services/players/instances/a%20b"
    assert {target for _, target, _ in gateway.asked} == {place, f"{place}?grace=30"}
    assert gateway.asked[0][2] == {"url": "http://a:1", "weight": 2, "lease": 15.0, "routes": []}


def test_routes_are_said_as_they_are_declared() -> None:
    gateway = Gateway((200, FAST))
    after(gateway, 1, registration(gateway, routes=[Route("/a", ("GET",), auth="none")]))
    document = gateway.asked[0][2]
    assert isinstance(document, dict)
    assert document["routes"] == [{"path": "/a", "methods": ["GET"], "auth": "none"}]


def test_every_instance_has_a_name_of_its_own() -> None:
    gateway = Gateway((200, FAST))
    for _ in range(2):
        gateway.deletes = [(204, {})]
        after(gateway, 1, registration(gateway))
    assert len({target for method, target, _ in gateway.asked if method == "PUT"}) == 2


@pytest.mark.parametrize("away", [Unreachable("refused"), (503, {"code": "x"}), (502, {})])
def test_while_the_gateway_is_away_it_tries_on(
    away: tuple[int, dict[str, object]] | Unreachable,
) -> None:
    gateway = Gateway(away, (200, FAST))
    made = registration(gateway)
    after(gateway, 2, made)
    assert made.error is None


def test_pauses_grow_up_to_a_third_of_the_lease() -> None:
    made = registration(Gateway((200, FAST)), lease=9.0)
    pauses = [made._failed(Unreachable("refused"), failures) for failures in (1, 2, 3, 4, 5, 99)]
    assert pauses == [0.25, 0.5, 1.0, 2.0, 3.0, 3.0]
    assert str(made.error) == "refused"


def test_a_refusal_is_told_to_whoever_waits() -> None:
    gateway = Gateway((403, {"code": "registration_service_forbidden", "detail": "Do that."}))
    gateway.deletes = [(403, {})]
    made = registration(gateway)

    async def serve() -> None:
        async with made:
            with pytest.raises(Refused) as caught:
                await made.registered()
            assert str(caught.value) == "registration_service_forbidden: Do that."
            assert (caught.value.status, caught.value.detail) == (403, "Do that.")

    asyncio.run(asyncio.wait_for(serve(), 10.0))


def test_a_refusal_without_a_word_is_told_by_its_status() -> None:
    assert str(Refused(418, "", "")) == "status 418"


def test_whoever_waits_goes_on_when_it_is_registered() -> None:
    gateway = Gateway((200, {}))
    made = registration(gateway, lease=30.0)

    async def serve() -> None:
        async with made:
            await made.registered()
            assert made.is_registered
        assert not made.is_registered

    asyncio.run(asyncio.wait_for(serve(), 10.0))


def test_leaving_ends_with_its_grace() -> None:
    gateway = Gateway((200, FAST))
    gateway.deletes = [(202, {})] * 100
    after(gateway, 1, registration(gateway, grace=0.01))
    assert 98 <= len(gateway.deletes) < 100


def test_a_service_that_fails_leaves_too() -> None:
    gateway = Gateway((200, FAST))
    gateway.deletes = [(204, {})]

    async def serve() -> None:
        async with registration(gateway):
            raise EOFError

    with pytest.raises(EOFError):
        asyncio.run(serve())
    assert gateway.asked[-1][0] == "DELETE"


def test_who_was_never_registered_does_not_wait_for_a_gateway_to_leave() -> None:
    gateway = Gateway(Unreachable("refused"))
    gateway.deletes = []

    async def ask(method: str, *_: object, **__: object) -> Answer:
        gateway.asked.append((method, "", None))
        raise Unreachable("refused")

    gateway.ask = ask  # type: ignore[method-assign]  # it is not there at all

    async def serve() -> None:
        async with registration(gateway):
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(serve(), 5.0))
    assert [method for method, _, _ in gateway.asked] == ["PUT", "DELETE"]


def test_it_says_what_it_wants_to_be_told_of() -> None:
    gateway = Gateway((200, FAST))
    after(gateway, 1, registration(gateway, subscriptions={"safety.*": "/crisis"}))
    assert cast("dict[str, object]", gateway.asked[0][2])["subscriptions"] == {
        "safety.*": "/crisis"
    }

"""Dead letters, by a client of the app itself."""

import asyncio
from typing import Any

from fastapi import FastAPI

from tests.helpers.asgi import Answer, asked
from tests.helpers.memory_broker import MemoryStore
from tests.helpers.memory_inbox import MemoryInbox
from tta_gateway.features.realtime.admin_api import router
from tta_gateway.features.realtime.inbox import Letter
from tta_gateway.features.realtime.publication import ClientInfo, Publication

INFO = ClientInfo("tess", "7")


class House:
    """Inboxes with dead letters: one of ada's, three of ben's."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.inbox = MemoryInbox(self.store)
        self._app = FastAPI()
        self._app.include_router(router(self.inbox))
        for user, ids in (("ada", "a"), ("ben", "bcd"), ("cleo", "")):
            for id in ids:
                said = Publication(b'{"x": 1}', info=INFO, tags={"channel": "user:1"}, time=500)
                asyncio.run(self.inbox.post(user, Letter(id, said, 0)))

    def ask(self, method: str, path: str) -> Answer:
        return asked(self._app, method, f"/admin/v1/realtime/dead-letters{path}", b"")

    def told(self, path: str) -> Any:  # noqa: ANN401 - whatever JSON says
        answer = self.ask("GET", path)
        assert answer.status == 200
        return answer.json


def test_users_are_listed_in_pages() -> None:
    house = House()
    assert house.told("") == {"users": ["ada", "ben"], "next": ""}
    first = house.told("?limit=1")
    assert first == {"users": ["ada"], "next": "0.1"}
    assert house.told(f"?limit=1&after={first['next']}") == {"users": ["ben"], "next": ""}
    assert house.ask("GET", "?after=x").status == 422
    assert house.ask("GET", "?limit=501").status == 422


def test_what_a_letter_says_is_shown_only_to_who_asks_for_it() -> None:
    house = House()
    letter = {
        "id": "a",
        "why": "expired",
        "died_at": 0.0,
        "sent_at": 0.5,
        "channel": "user:1",
        "sender": "tess",
        "bytes": 8,
        "data": None,
    }
    assert house.told("/of?user=ada") == {"user": "ada", "letters": [letter], "all": 1}
    (shown,) = house.told("/of?user=ada&text=true")["letters"]
    assert shown == {**letter, "data": {"x": 1}}


def test_letters_are_listed_in_pages() -> None:
    found = House().told("/of?user=ben&limit=1&skip=1")
    assert ([one["id"] for one in found["letters"]], found["all"]) == (["c"], 3)
    assert House().told("/of?user=nobody") == {"user": "nobody", "letters": [], "all": 0}


def test_one_can_be_thrown_away() -> None:
    house = House()
    assert house.ask("DELETE", "/of?user=ada&id=a").status == 204
    again = house.ask("DELETE", "/of?user=ada&id=a")
    assert (again.status, again.json) == (
        404,
        {"detail": "There is no such dead letter: GET lists them."},
    )
    assert house.told("")["users"] == ["ben"]


def test_without_a_store_it_says_so() -> None:
    house = House()
    house.store.is_away = True
    for method, path in (("GET", ""), ("GET", "/of?user=ada"), ("DELETE", "/of?user=ada&id=a")):
        answer = house.ask(method, path)
        assert (answer.status, "store for state is away" in str(answer.json)) == (503, True)

"""What operators ask, by a client of the app itself."""

import json

from fastapi import FastAPI

from tests.helpers.asgi import Answer, asked
from tta_gateway.features.shield.api import router
from tta_gateway.features.shield.bound import Block


class House:
    """Who is kept out, in a list."""

    def __init__(self) -> None:
        self.kept: dict[str, Block] = {}

    def blocks(self) -> list[Block]:
        return list(self.kept.values())

    def suspects(self, most: int) -> list[tuple[str, float, str]]:
        return [("192.0.2.9", 42.04, "9 scanning")][:most]

    async def keep_out(self, source: str, *, lasts: float, cause: str, by: str) -> Block:
        made = Block(source=source, since=100.0, until=100.0 + lasts, cause=cause, by=by)
        self.kept[source] = made
        return made

    def is_kept(self, block: Block) -> bool:
        return block.until > 150.0

    def is_read(self) -> bool:
        return "192.0.2.1" not in self.kept

    async def let_in(self, source: str, *, by: str) -> bool:
        assert by == "admin"
        return self.kept.pop(source, None) is not None


class Desk:
    """The app, asked by hand."""

    def __init__(self) -> None:
        self._app = FastAPI()
        self._app.include_router(router(House()))

    def ask(self, method: str, query: str = "", **body: object) -> Answer:
        sent = json.dumps(body).encode()
        path = f"/admin/v1/shield/blocks{query}"
        return asked(self._app, method, path, sent, content_type="application/json")


def test_a_block_is_made_shown_and_lifted() -> None:
    desk = Desk()
    made = desk.ask("POST", source="192.0.2.7/24", lasts=60, reason="a")
    assert made.status == 201
    shown = desk.ask("GET").json
    assert shown == {
        "blocks": [
            {
                "source": "192.0.2.0/24",
                "since": 100.0,
                "until": 160.0,
                "strikes": 1,
                "cause": "a",
                "by": "admin",
                "kept": True,
            }
        ],
        "read": True,
        "suspects": [{"source": "192.0.2.9", "score": 42.0, "cause": "9 scanning"}],
    }
    for was in (True, False):
        lifted = desk.ask("DELETE", "?source=192.0.2.0/24")
        assert lifted.json == {"source": "192.0.2.0/24", "was_blocked": was}


def test_what_is_counted_by_nobody_is_refused_with_what_to_write() -> None:
    desk = Desk()
    refused = desk.ask("POST", source="10.0.0.0/8", reason="a")
    assert refused.status == 422
    assert "write an IPv4 address, or a network of /24" in refused.json["detail"]
    assert desk.ask("POST", source="::1").status == 422  # nobody says why
    assert desk.ask("POST", source="::1", reason="a\0b").status == 422  # what no database keeps
    assert desk.ask("POST", source="::1", reason="a\nb").status == 201
    assert desk.ask("DELETE", "?source=a").status == 422


def test_it_is_told_what_is_not_kept_yet_and_what_is_not_known() -> None:
    desk = Desk()
    made = desk.ask("POST", source="192.0.2.1", lasts=1, reason="a")
    assert made.json["kept"] is False
    assert desk.ask("GET").json["read"] is False

"""What operators see of the nodes."""

from fastapi import FastAPI

from tests.helpers.asgi import asked
from tta_gateway.features.nodes.algorithm import Seen
from tta_gateway.features.nodes.api import router
from tta_gateway.features.nodes.store import Away, Standing


class House:
    node = "a"
    is_alone = False
    holds = True
    is_away = False

    async def standing(self) -> Standing:
        if self.is_away:
            raise Away("as the test says")
        nodes = [Seen("a", number=3, acknowledged=2, left=0.5), Seen("b", number=4, acknowledged=1)]
        return Standing("e", 9.0, 2, {}, nodes)


def ask(house: House) -> tuple[int, dict[str, object]]:
    app = FastAPI()
    app.include_router(router(house))
    answer = asked(app, "GET", "/admin/v1/nodes")
    return answer.status, answer.json


def test_each_node_is_shown_with_whether_it_is_up_to_date() -> None:
    status, told = ask(House())
    assert (status, told["alone"], told["holds_lease"]) == (200, False, True)
    assert told["nodes"] == [
        {"node": "a", "number": 3, "left": 0.5, "up_to_date": True, "this": True},
        {"node": "b", "number": 4, "left": 1.0, "up_to_date": False, "this": False},
    ]


def test_one_that_is_alone_says_so_and_a_store_that_is_away_is_said() -> None:
    house = House()
    house.is_away = True
    status, told = ask(house)
    assert (status, "state store" in str(told["detail"])) == (503, True)
    house.is_alone = True
    assert ask(house) == (200, {"alone": True, "holds_lease": False, "nodes": []})

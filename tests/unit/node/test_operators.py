"""What operators see and say."""

import signal

import pytest

from tests.helpers.house import CONTROL, WORKER, House, Told, asked
from tta_gateway.node.away import said


def test_it_says_how_it_is(house: House) -> None:
    told = asked(house, house.serving(), "status")
    assert (told["ready"], told["configuration"], told["generation"]) == (True, 1, 0)
    assert told["workers"] == ["serving", "serving"]
    assert (told["guard"], told["control"], told["pids"]) == ("serving", "serving", [100, 101])
    assert told["upgrade"] == {"checking": False, "refused": []}


def test_its_health_names_the_configuration_and_what_was_refused(house: House) -> None:
    node = house.node()
    assert node.operators.health()[1]["configuration"] == 1
    assert "refused" not in node.operators.health()[1]
    node.reload.complaints = ["no"]
    assert node.operators.health()[1]["refused"] == ["no"]


def test_its_health_names_who_is_missing_and_it_is_ready_all_the_same(house: House) -> None:
    node = house.serving()
    assert "degraded" not in node.operators.health()[1]
    (control,) = house.of(CONTROL)
    control.returncode = -9
    node.turns._take(bytes([signal.SIGCHLD]))
    ready, health = node.operators.health()
    assert (ready, health["degraded"]) == (True, ["control"])


@pytest.mark.parametrize(
    ("word", "part", "told"),
    [("reload", "_reloading", ["ask"]), ("restart", "_supervisor", ["renew"])],
)
def test_a_command_goes_to_whom_it_is_for(
    house: House, monkeypatch: pytest.MonkeyPatch, word: str, part: str, told: list[str]
) -> None:
    node, noting = house.node(), Told()
    with monkeypatch.context() as patch:
        patch.setattr(node.operators, part, noting)
        node.operators.table()[word]()
    assert noting.told == told


def test_a_restart_is_refused_where_not_all_serve(house: House) -> None:
    assert "error" in asked(house, house.node(), "restart")


def test_a_restart_begins_where_all_serve(house: House) -> None:
    node = house.serving()
    assert asked(house, node, "restart") == {"asked": "restart"}
    house.turn(node)
    assert len(house.of(WORKER)) == 3


def test_an_upgrade_is_not_begun_twice(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    node = house.serving()
    answers = [True, False]
    monkeypatch.setattr(node.upgrade, "ask", lambda: answers.pop(0))
    assert asked(house, node, "upgrade") == {"asked": "upgrade"}
    assert asked(house, node, "upgrade") == {"error": "an upgrade is under way already"}


def test_its_health_names_the_stores_that_control_gets_no_answer_from(house: House) -> None:
    node = house.serving()
    (control,) = house.of(CONTROL)
    control.end.send(said(["cache"]))
    house.turn(node)
    ready, health = node.operators.health()
    assert (ready, health["degraded"]) == (True, ["valkey cache"])
    control.end.send(said([]))
    house.turn(node)
    assert "degraded" not in node.operators.health()[1]


def test_what_a_control_has_said_that_is_no_more_is_told_as_of_then(house: House) -> None:
    node = house.serving()
    (control,) = house.of(CONTROL)
    control.end.send(said(["state"]))
    house.turn(node)
    control.die(-9)
    node.beside.reap()
    then = "valkey state when control looked last"
    assert node.operators.health()[1]["degraded"] == ["control", then]
    house.turn(node)
    after = house.of(CONTROL)[-1]
    after.end.send(b"ready 1")
    house.turn(node)
    assert node.operators.health()[1]["degraded"] == [then]
    after.end.send(said(["state"]))
    house.turn(node)
    assert node.operators.health()[1]["degraded"] == ["valkey state"]

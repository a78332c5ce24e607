"""Companions and embedded servers, beside workers of a test."""

import signal

from tests.helpers.house import CONTROL, GUARD, WORKER, House
from tta_gateway.node.slot import NEVER


def test_companions_begin_when_all_workers_serve(house: House) -> None:
    node = house.node()
    for _ in range(3):
        house.turn(node)
    assert house.of(GUARD, CONTROL) == []
    node.introduce()
    house.turn(node)
    assert len(house.of(GUARD, CONTROL)) == 2


def test_control_leaves_its_address_at_once_and_stays_until_the_workers_have_ended(
    house: House,
) -> None:
    node = house.serving()
    node.turns._take(bytes([signal.SIGTERM]))
    (control,), (guard,) = house.of(CONTROL), house.of(GUARD)
    assert (control.signals, guard.signals) == ([signal.SIGUSR2], [])
    for process in house.of(WORKER):
        process.returncode = 0
    node.turns._take(bytes([signal.SIGCHLD]))
    assert node.turns._code() is None
    assert (control.signals[-1], guard.signals[-1]) == (signal.SIGTERM, signal.SIGTERM)


def test_it_is_over_when_its_companions_are(house: House) -> None:
    node = house.serving()
    node.turns._take(bytes([signal.SIGTERM]))
    codes = []
    for modules in ((WORKER,), (GUARD,), (CONTROL,)):
        for process in house.of(*modules):
            process.returncode = 0
        node.turns._take(bytes([signal.SIGCHLD]))
        codes.append(node.turns._code())
    assert codes == [None, None, 0]


def test_nothing_need_be_done_beside_workers_that_do_not_serve_yet(house: House) -> None:
    assert house.node().beside.patience() == NEVER


def test_companions_are_due_at_once_when_the_workers_serve(house: House) -> None:
    node = house.node()
    node.introduce()
    assert node.beside.patience() == 0.0


def test_the_next_start_of_a_companion_that_has_died_is_waited_for(house: House) -> None:
    node = house.serving()
    (guard,) = house.of(GUARD)
    guard.die(1)
    node.beside.reap()
    house.turn(node)
    house.of(GUARD)[-1].die(1)
    node.beside.reap()
    assert 0.0 < node.beside.patience() < NEVER

"""Companions and embedded servers, beside workers of a test."""

import signal

from tests.helpers.house import CONTROL, GUARD, WORKER, House


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

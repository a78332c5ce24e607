"""Who serves, as Sentinels and clusters answer; asked for real in tests/contract/valkey."""

from collections.abc import Iterator

import pytest

from tests.helpers.fake_loop import FakeLoop
from tests.helpers.valkey_talk import commands, greet
from tta_gateway.support.valkey.discovery import discover, master, slots
from tta_gateway.support.valkey.error import Unavailable
from tta_gateway.support.valkey.topology import Address, Login, Range, Store, Topology, single

A, B = Address("a", 1), Address("b", 2)


@pytest.fixture
def loop() -> Iterator[FakeLoop]:
    with FakeLoop() as loop:
        yield loop


def test_a_sentinel_names_the_master() -> None:
    assert master([b"10.0.0.1", b"6379"], "tta") == single(Address("10.0.0.1", 6379))


def test_a_sentinel_that_knows_no_such_master_says_so() -> None:
    with pytest.raises(Unavailable, match="it knows no master `tta`"):
        master(None, "tta")


def test_a_cluster_says_who_has_which_slots() -> None:
    node = [b"10.0.0.1", 6379, b"id", []]
    reply = [[0, 5, node, [b"10.0.0.9", 6379, b"id"]], [6, 9, [None, 7000, b"id"]]]
    assert slots(reply, "asked") == Topology(
        (Range(0, 5, Address("10.0.0.1", 6379)), Range(6, 9, Address("asked", 7000)))
    )


@pytest.mark.parametrize("reply", [[], None, ["no range"]])
def test_a_cluster_without_slots_is_unavailable(reply: object) -> None:
    with pytest.raises(Unavailable):
        slots(reply, "asked")


@pytest.mark.parametrize("reply", [[], [b"h"], [b"h", b"x"], [1, 2], [b"h", b"1", b"2"]])
def test_what_no_sentinel_says_is_a_reason_and_no_fault(reply: object) -> None:
    with pytest.raises(Unavailable, match="not one of a Sentinel"):
        master(reply, "tta")


@pytest.mark.parametrize(
    "entry",
    [
        7,
        [],
        [0, 1],
        [0, 1, 2],
        [0, 1, []],
        [b"x", 1, [b"h", 1]],
        [0, 16384, [b"h", 1]],
        [-1, 1, [b"h", 1]],
        [2, 1, [b"h", 1]],
    ],
)
def test_so_is_what_no_cluster_says(entry: object) -> None:
    with pytest.raises(Unavailable, match="not one of CLUSTER SLOTS"):
        slots([entry], "asked")


def test_one_server_need_not_be_asked(loop: FakeLoop) -> None:
    task = loop.create_task(discover(Store(addresses=(A,)), name="me"))
    loop.run_ready()
    assert task.result() == single(A)
    assert loop.asked == []


def test_the_next_is_asked_where_one_does_not_answer(loop: FakeLoop) -> None:
    loop.answers.append(ConnectionRefusedError(111, "refused"))
    store = Store(
        kind="sentinel", addresses=(A, B), master="tta", login=Login(password="of the master")
    )
    task = loop.create_task(discover(store, name="me"))
    loop.run_ready()
    server = greet(loop, role=b"sentinel")
    loop.run_ready()
    server.feed(b"*2\r\n+c\r\n+3\r\n")
    loop.run_ready()
    assert task.result() == single(Address("c", 3))
    assert b"of the master" not in b"".join(server.writes)
    assert commands(server.writes[-1]) == [[b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", b"tta"]]
    assert server.aborted


def test_where_nobody_answers_every_reason_is_told(loop: FakeLoop) -> None:
    loop.answers.extend([ConnectionRefusedError(111, "refused"), OSError(113, "no route")])
    task = loop.create_task(discover(Store(kind="cluster", addresses=(A, B)), name="me"))
    loop.run_ready()
    error = task.exception()
    assert isinstance(error, Unavailable)
    assert error.reason == "a:1: refused; b:2: no route"


def test_a_cluster_is_asked_with_its_login(loop: FakeLoop) -> None:
    store = Store(kind="cluster", addresses=(A,), login=Login(password="secret"))
    task = loop.create_task(discover(store, name="me"))
    loop.run_ready()
    server = greet(loop)
    server.feed(b">1\r\n+aside\r\n*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n+b\r\n:2\r\n")
    loop.run_ready()
    assert task.result() == single(B)
    assert b"secret" in server.writes[0]

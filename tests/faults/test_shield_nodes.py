"""Two nodes on one Valkey: whom one keeps out, the other does within a second.

The store is Debian's Redis, which speaks as Valkey does.
"""

import contextlib
import time
from collections.abc import Iterator
from typing import Final

import pytest

from tests.helpers.shielded import Node, attack, node_of
from tests.helpers.slow import wait_until
from tests.helpers.valkey_server import Server, server

pytestmark = pytest.mark.e2e

SOON: Final = 1.0
FIT: Final = ("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction")


@pytest.fixture(scope="module")
def store() -> Iterator[Server]:
    with server("redis", *FIT) as made:
        yield made


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, store: Server) -> Iterator[tuple[Node, Node]]:
    """Both, when they have reached the store."""
    config = {"valkey_url": f"redis://127.0.0.1:{store.port}"}
    folder = tmp_path_factory.mktemp("nodes")
    with contextlib.ExitStack() as stack:
        here, there = (
            stack.enter_context(node_of(folder / one, config=config, first_block="60s"))
            for one in "ab"
        )
        for one in (here, there):
            assert one.admin.token()
            one.stage.rest()
        assert crosses(here, there, "127.7.9.0/24", patience=15.0)  # both controls are there
        yield here, there


def crosses(here: Node, there: Node, source: str, *, patience: float) -> bool:
    """Keep somebody out by hand at one node; tell whether the other does in time."""
    here.keep_out(source)
    address = source.replace(".0/24", ".1")
    return wait_until(lambda: there.is_out(address), patience)


def seconds_until(node: Node, address: str, *, out: bool) -> float:
    begun = time.monotonic()
    assert wait_until(lambda: node.is_out(address) is out)
    return time.monotonic() - begun


def test_whom_one_node_finds_out_the_other_keeps_out_within_a_second(
    nodes: tuple[Node, Node],
) -> None:
    """Red where nodes ask the store once a second (`_TICK` of node/defending.py)."""
    took = []
    for turn in range(5):
        here, there = nodes if turn % 2 else nodes[::-1]
        hostile = f"127.9.{turn}.1"
        assert there.ask("/a", hostile)[0] == 200
        attack(here.stage, hostile)
        took.append(seconds_until(there, hostile, out=True))
    assert max(took) < SOON, took


def test_whom_an_administrator_of_one_node_lets_in_the_other_does_within_a_second(
    nodes: tuple[Node, Node],
) -> None:
    here, there = nodes
    source, address = "127.7.3.0/24", "127.7.3.1"
    assert crosses(here, there, source, patience=SOON + 1.0)
    there.let_in(source)
    assert seconds_until(here, address, out=False) < SOON


def test_while_the_store_hangs_each_node_goes_by_its_own_and_tells_it_later(
    nodes: tuple[Node, Node], store: Server
) -> None:
    here, there = nodes
    hostile = "127.9.77.1"
    with store.frozen():
        attack(here.stage, hostile)
        assert here.is_out(hostile)
        assert there.ask("/a", hostile)[0] == 200
    assert seconds_until(there, hostile, out=True) < 5.0

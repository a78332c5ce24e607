"""A cluster of three masters, formed for real, a third of the slots each."""

import contextlib
from collections.abc import Iterator
from typing import Final

from tests.helpers.gateway import free_port
from tests.helpers.slow import wait_until
from tests.helpers.valkey_server import Kind, Server, server
from tta_gateway.support.valkey.slot import slot
from tta_gateway.support.valkey.topology import Range, Topology

THIRDS: Final = ((0, 5460), (5461, 10922), (10923, 16383))


@contextlib.contextmanager
def cluster(kind: Kind) -> Iterator[list[Server]]:
    """The three of them."""
    with contextlib.ExitStack() as stack:
        made = []
        for _ in THIRDS:
            options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
            started = server(kind, *options, "--cluster-node-timeout", "2000")
            made.append(stack.enter_context(started))
        for one, (first, last) in zip(made, THIRDS, strict=True):
            assert one.say("CLUSTER", "ADDSLOTSRANGE", str(first), str(last)) == b"+OK\r\n"
        for epoch, one in enumerate(made, 1):
            one.say("CLUSTER", "SET-CONFIG-EPOCH", str(epoch))
            bus = one.options[3]
            made[0].say("CLUSTER", "MEET", "127.0.0.1", str(one.port), bus)
        assert wait_until(lambda: all(_is_formed(one) for one in made), 15.0)
        yield made


def _is_formed(one: Server) -> bool:
    info = one.say("CLUSTER", "INFO")
    return b"cluster_state:ok" in info and b"cluster_known_nodes:3" in info


def topology(nodes: list[Server], *, turned: int = 0) -> Topology:
    """Who has which slots; turned, everybody has somebody else's."""
    order = nodes[turned:] + nodes[:turned]
    return Topology(
        tuple(
            Range(first, last, one.address)
            for one, (first, last) in zip(order, THIRDS, strict=True)
        )
    )


def owner_of(key: bytes) -> int:
    """Which of them has a key."""
    return next(n for n, (first, last) in enumerate(THIRDS) if first <= slot(key) <= last)


def id_of(one: Server) -> str:
    """What a node calls itself."""
    return one.say("CLUSTER", "MYID").split(b"\r\n")[1].decode()

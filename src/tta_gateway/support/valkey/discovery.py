"""Discovery: who serves a store at the moment.  For control, which tells the workers.

One question to the first of the named addresses that answers: to a Sentinel, who is master; to a
node of a cluster, who has which slots.  Each server that Sentinel names is still asked for its role
when a worker connects, so that an answer out of date does no harm.
"""

from typing import Final

from tta_gateway.support.valkey.connection import Arg, Connection, Pending, Reply
from tta_gateway.support.valkey.dial import PATIENCE, dial, tls_of, why
from tta_gateway.support.valkey.error import Refused, Unavailable
from tta_gateway.support.valkey.slot import COUNT
from tta_gateway.support.valkey.topology import (
    Address,
    Login,
    Range,
    Store,
    Topology,
    single,
)

_NO_SLOTS: Final = "its answer is not one of CLUSTER SLOTS"
# What comes of taking an answer for what it is not.
_SENSELESS: Final = (AttributeError, LookupError, TypeError, ValueError)


class _Nobody:
    """An owner that wants to know nothing."""

    def refused(self, pending: Pending, error: Refused) -> bool:  # noqa: ARG002 - of the port
        """Take nothing over."""
        return False

    def pushed(self, push: list[Reply]) -> None:
        """Let it go."""

    def lost(self, connection: Connection, reason: str) -> None:
        """Let it go."""


async def discover(store: Store, *, name: str) -> Topology:
    """Return who serves; Unavailable says what each of the named addresses answered."""
    known = store.topology
    if known is not None:
        return known
    reasons = []
    for address in store.addresses:
        try:
            return await _asked(store, address, name)
        except (Unavailable, Refused) as error:
            reasons.append(f"{address}: {why(error)}")
    raise Unavailable("; ".join(reasons))


async def _asked(store: Store, address: Address, name: str) -> Topology:
    sentinel = store.kind == "sentinel"
    login = store.login
    if sentinel:
        login = Login(tls=login.tls, authorities=login.authorities)
    tls = tls_of(login)
    connection = await dial(address, login, tls=tls, owner=_Nobody(), name=name)
    question: tuple[Arg, ...] = ("CLUSTER", "SLOTS")
    if sentinel:
        question = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", store.master)
    try:
        reply = await connection.ask(*question, patience=PATIENCE)
    finally:
        connection.break_off("it has been asked")
    return master(reply, store.master) if sentinel else slots(reply, address.host)


async def inspect(store: Store, topology: Topology, *, name: str) -> tuple[str, dict[str, str]]:
    """Return what a server of the store says of itself: INFO, and its settings.

    The settings are empty where it does not tell them; Unavailable if it is not to be reached.
    """
    address = topology.addresses[0]
    login = store.login
    connection = await dial(address, login, tls=tls_of(login), owner=_Nobody(), name=name)
    try:
        info = await connection.ask("INFO", "server", patience=PATIENCE)
        try:
            settings = await connection.ask("CONFIG", "GET", "*", patience=PATIENCE)
        except Refused:  # a hosted one
            settings = {}
    finally:
        connection.break_off("it has been asked")
    pairs = settings.items() if isinstance(settings, dict) else ()
    return text(info), {text(key): text(value) for key, value in pairs}


def text(reply: Reply) -> str:
    """Return an answer as text."""
    return reply.decode(errors="replace") if isinstance(reply, bytes) else str(reply)


def master(reply: Reply, name: str) -> Topology:
    """Return the topology that a Sentinel's answer means; Unavailable if it knows no such."""
    if not isinstance(reply, list):
        raise Unavailable(f"it knows no master `{name}`")
    try:
        host, port = reply
        return single(Address(host.decode(), int(port)))
    except _SENSELESS:
        raise Unavailable("its answer is not one of a Sentinel") from None


def slots(reply: Reply, asked: str) -> Topology:
    """Return the topology that CLUSTER SLOTS means; Unavailable if nobody has any.

    A node that does not know its own name leaves it out: it is the host that was `asked`.
    """
    if not isinstance(reply, list) or not reply:
        raise Unavailable("no slot is served by anybody")
    return Topology(tuple(_range(one, asked) for one in reply))


def _range(entry: Reply, asked: str) -> Range:
    if not isinstance(entry, list):
        raise Unavailable(_NO_SLOTS)
    try:
        first, last, (host, port) = int(entry[0]), int(entry[1]), entry[2][:2]
        if 0 <= first <= last < COUNT:
            return Range(first, last, Address((host or b"").decode() or asked, int(port)))
    except _SENSELESS:
        pass
    raise Unavailable(_NO_SLOTS)

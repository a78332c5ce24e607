"""The entrance: what all client connections of a worker share."""

import asyncio
import ipaddress
import ssl
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from random import random
from typing import Final, Protocol

from tta_gateway.edge.arrivals import Arrivals
from tta_gateway.edge.departures import Departures
from tta_gateway.edge.sweeper import Sweeper
from tta_gateway.kernel.message import RequestHead
from tta_gateway.kernel.peer import Trust
from tta_gateway.kernel.plan import Plan
from tta_gateway.kernel.timing import ClientTimeouts, ConnectionLimits
from tta_gateway.kernel.traffic import STANDARD
from tta_gateway.pipeline.run import Runner
from tta_gateway.support.spread import Spread
from tta_gateway.wire.limits import Limits
from tta_gateway.wire.web_socket import RESTARTED

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Destination(Protocol):
    """Where a request goes: a plan, and what the service sees instead of the path."""

    plan: Plan
    rewrites: bool

    def upstream_path(self, params: dict[str, str], path: bytes) -> bytes | None:
        """Return the rewritten path, or None to leave it as it was matched."""


class Directory(Protocol):
    """Finds where a request goes; there is always an answer, if only a 404."""

    @property
    def malformed(self) -> Destination:
        """Where a request goes that could not be read."""

    def find(self, head: RequestHead) -> tuple[Destination, dict[str, str]]:
        """Return the destination and the values of the path's parameters."""


class Guest(Protocol):
    """A connection that can be asked to end."""

    def idle_since(self) -> float:
        """Return when the wait for a request began, or NEVER where something is under way."""

    def give_way(self) -> None:
        """End an idle connection: its place goes to another."""

    def drain(self) -> None:
        """End behind what is under way, or behind one more answer, or after a while."""

    def comes_back(self) -> bool:
        """Tell whether its client would come back at once, if it were asked to leave."""

    def is_in_need(self) -> bool:
        """Tell whether somebody speaks through it who may be at risk: they are asked last."""

    def abort(self) -> None:
        """End now, whatever is under way."""


class Ward(Protocol):
    """Keeps out who attacks, by their addresses."""

    def meets(self, address: str) -> bool:
        """Take note of a new connection; False if it is to be cut."""

    def slow(self, address: str) -> None:
        """Take note of a client that was cut off because it was slow."""


class OpenWard:
    """Keeps nobody out."""

    def meets(self, address: str) -> bool:  # noqa: ARG002 - the port's
        """Let it in."""
        return True

    def slow(self, address: str) -> None:
        """Let it be."""


class Watch(Protocol):
    """Tells of peers that have gone from sockets that nobody reads."""

    def watch(self, fd: int, told: Callable[[], None]) -> None:
        """Call `told` once, when the peer behind the descriptor has gone."""

    def forget(self, fd: int, told: Callable[[], None]) -> None:
        """Watch it no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What clients of one listener may do; `trusted` are the networks of the operator's proxies.

    `context` is that of TLS, where it is spoken; `proxy_protocol` says that connections begin with
    a header that tells who they are; `authorities` are those of services, where these show
    certificates.
    """

    limits: Limits
    timeouts: ClientTimeouts
    trusted: tuple[str, ...]
    context: ssl.SSLContext | None = None
    proxy_protocol: bool = False
    authorities: frozenset[bytes] | None = None


# At once, and between two looks of the sweeper; beyond that, connections are cut without a word: a
# flood fills no log.
_MOST_TURNED_AWAY: Final = 64
_LOOKS: Final = 64  # at guests, for one that can give way
_SETTLED: Final = 1.0  # second, for a guest to say what it wants; before, none can give way
_MOST_LINES: Final = 1024  # first lines of which the class is remembered
_LONGEST_LINE: Final = 512  # bytes of one that is, with its host
_SLICE: Final = 200  # connections that are told in one turn of the loop


def traffic_of(line: bytes, host: bytes, directory: Directory) -> int:
    """Return the class of what somebody seems to ask, by the first line of it and the host.

    That is for who is looked at first, and for nothing else: nobody is refused by it.
    """
    method, _, rest = line.partition(b" ")
    target = rest[: rest.rfind(b" ")]
    if target[:1] != b"/":
        return STANDARD
    head = RequestHead(0, method, target)
    head.host = host
    return directory.find(head)[0].plan.traffic


def network_of(address: str) -> str:
    """Return what is counted as one client: an IPv4 address, or the /64 of an IPv6 one."""
    if ":" not in address:
        return address
    return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))


class Guests:
    """Every client connection of a worker, whichever listener it came by."""

    def __init__(
        self,
        limits: ConnectionLimits,
        *,
        changed: Callable[[float], None],
        hangups: Watch,
        arrivals: Arrivals,
        departures: Departures,
    ) -> None:
        """Admit within these limits; `changed` hears +1 and -1."""
        self.hangups = hangups
        self.arrivals = arrivals
        self.departures = departures
        self.limits = limits
        self._changed = changed
        # By who was looked at longest ago, for a place; with the address that each counts for.
        self._open: OrderedDict[Guest, str] = OrderedDict()
        self._turned_away: set[Guest] = set()
        self._told = 0
        self._told_at = 0.0
        self._of_address: Counter[str] = Counter()
        self._empty = asyncio.Event()
        self.draining = False
        self.close_code = RESTARTED
        self._leaving: Spread | None = None

    def admit(self, connection: Guest, address: str, *, now: float) -> bool:
        """Count a new connection; False says that there are too many.

        An empty address is not counted by itself: it stands for many clients.
        """
        if address and self._of_address[address] >= self.limits.per_address:
            return False
        if len(self._open) >= self.limits.per_worker and not self.make_room(now):
            return False
        self._open[connection] = address
        self._of_address[address] += 1
        self._changed(1.0)
        return True

    def make_room(self, now: float) -> bool:
        """Have the one that has been idle longest, of a few, give way; False if none can.

        To know the one of all would cost every request, or a look at every guest each time.
        """
        looked_at = list(islice(self._open, _LOOKS))
        oldest, since = None, now - _SETTLED
        for guest in looked_at:
            idle = guest.idle_since()
            if idle <= since:
                oldest, since = guest, idle
        for guest in looked_at:
            self._open.move_to_end(guest)
        if oldest is None:
            return False
        self.leave(oldest, self._open[oldest])  # now: the end of its socket takes a turn
        oldest.give_way()
        return True

    def turn_away(self, connection: Guest, *, now: float) -> bool:
        """Take note of one that is told that there are too many; False if too many are told."""
        if now != self._told_at:
            self._told, self._told_at = 0, now
        if max(self._told, len(self._turned_away)) >= _MOST_TURNED_AWAY:
            return False
        self._told += 1
        self._turned_away.add(connection)
        return True

    def leave(self, connection: Guest, address: str) -> None:
        """Count a connection no longer."""
        self.step_out(connection, address)
        self.look_round()

    def step_out(self, connection: Guest, address: str) -> None:
        """Count a connection no longer: another takes its place at once, so that nobody is told."""
        self._turned_away.discard(connection)
        if connection not in self._open:
            return
        del self._open[connection]
        self._of_address[address] -= 1
        if not self._of_address[address]:
            del self._of_address[address]
        self._changed(-1.0)

    def drain(self, code: int = RESTARTED, *, seconds: float = 0.0) -> None:
        """Ask everybody to leave; WebSockets are told by this code why.

        Who holds one comes back as soon as it is told, to somebody else: within `seconds` all are
        told, one after the other in an order by chance.
        """
        self.draining = True
        self.close_code = code
        self._ask_to_leave(list(self._open), 0, seconds)
        self.look_round()

    def hurry(self) -> None:
        """Ask those to leave at once who were still to be asked."""
        if self._leaving is not None:
            self._leaving.hurry()

    def _ask_to_leave(self, connections: list[Guest], begin: int, seconds: float) -> None:
        """Ask a slice of them, and the others in turns of their own."""
        end = begin + _SLICE
        if end < len(connections):
            loop = asyncio.get_running_loop()
            loop.call_soon(self._ask_to_leave, connections, end, seconds)
        later: list[Callable[[], None]] = []
        last: list[Callable[[], None]] = []
        for connection in connections[begin:end]:
            if connection not in self._open:
                continue
            if seconds > 0 and connection.comes_back():
                when = last if connection.is_in_need() else later
                when.append(partial(self._ask_one, connection))
            else:
                connection.drain()
        if later or last:
            if self._leaving is None:
                self._leaving = Spread(asyncio.get_running_loop(), random)
            self._leaving.add(later, seconds=seconds, last=last)

    def _ask_one(self, connection: Guest) -> None:
        if connection in self._open:
            connection.drain()

    def cut(self) -> None:
        """End what is left."""
        for connection in list(self._open):
            connection.abort()

    async def emptied(self) -> None:
        """Wait until no connection is open."""
        self._empty.clear()  # somebody may have come since
        self.look_round()
        await self._empty.wait()

    def look_round(self) -> None:
        """Tell whoever waits for it, if the last has left."""
        if self.draining and not self._open:
            self._empty.set()


class Entrance:
    """One listener's way in: what its client connections share."""

    def __init__(
        self,
        *,
        sweeper: Sweeper,
        date: Callable[[], bytes],
        runner: Runner,
        directory: Directory,
        guests: Guests,
        rules: Rules,
    ) -> None:
        """Bind what a client connection needs; `date` gives the Date field of an answer of ours."""
        self.loop = sweeper.loop
        self.sweeper = sweeper
        self.date = date
        self.clock = sweeper.clock
        self.runner = runner
        self.guests = guests
        self.trust: Trust | None = None
        self.ward: Ward = OpenWard()
        self.adopt(directory, rules)

    def adopt(self, directory: Directory, rules: Rules) -> None:
        """Lead new requests by this directory from now on, and new connections by these rules."""
        self.directory = directory
        self._traffic: dict[tuple[bytes, bytes], int] = {}
        self.limits = rules.limits
        self.timeouts = rules.timeouts
        self.context = rules.context
        self.is_encrypted = rules.context is not None
        self.proxy_protocol = rules.proxy_protocol
        self._believe(rules.authorities)
        self._trusted: list[Network] = [ipaddress.ip_network(text) for text in rules.trusted]
        self.has_proxies = bool(self._trusted)

    def _believe(self, authorities: frozenset[bytes] | None) -> None:
        """Have open connections count by these authorities too; none at all: by nobody's."""
        trust, believed = self.trust, authorities or frozenset()
        if trust is None:
            self.trust = None if authorities is None else Trust(believed)
        elif trust.authorities != believed:
            trust.authorities = believed

    @property
    def has_doorway(self) -> bool:
        """Tell whether something comes before the first request of a connection."""
        return self.is_encrypted or self.proxy_protocol

    def traffic_of(self, data: bytes) -> int:
        """Return the class of what somebody seems to ask; remembered, for it is asked in a rush."""
        line, at = data[: data.find(b"\r\n")], data.find(b"\r\nHost: ")
        host = data[at + 8 : data.find(b"\r\n", at + 8)] if at >= 0 else b""
        found = self._traffic.get((line, host))
        if found is None:
            found = traffic_of(line, host, self.directory)
            if len(self._traffic) < _MOST_LINES and len(line) + len(host) < _LONGEST_LINE:
                self._traffic[line, host] = found
        return found

    def is_proxy(self, address: str) -> bool:
        """Tell whether the address is one of the operator's proxies."""
        if not self._trusted:
            return False
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted)

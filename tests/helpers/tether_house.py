"""The tethers of a worker, with sockets and a service that a test moves."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from types import MappingProxyType
from typing import Final

import msgspec

from tests.helpers.builders import a_head, a_plan, a_route, an_exchange
from tests.helpers.sayings import Words
from tests.helpers.tethered import Side
from tta_gateway.features.tether.bond import Bond, Bonded
from tta_gateway.features.tether.bound import SOCKET, TetherBound
from tta_gateway.features.tether.desk import Asker, Proof
from tta_gateway.features.tether.guest import Guest
from tta_gateway.features.tether.kept import Kept
from tta_gateway.features.tether.parcel import Seat
from tta_gateway.features.tether.session import Leg
from tta_gateway.features.tether.sockets import TetherSockets
from tta_gateway.kernel.crisis import Fate
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.plan import Plan
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import Problem
from tta_gateway.kernel.said import Hearing, Need, Talk
from tta_gateway.kernel.socket import Hearer, LegHearer

NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
EXPIRED: Final = Problem("identity_token_expired", 401, "Expired", "It has expired.")
TOO_MANY: Final = Problem("too_many", 429, "Too many", "There are too many.")
AUTH: Final = b'{"type": "auth", "token": "good"}'


class ClientSocket(Side):
    """A client's socket, opened on a route with a tether."""

    protocol = b""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self.exchange = exchange
        self.woken_at = float("inf")
        self.ponged: Callable[[bytes], None] = lambda _: None

    def wake_at(self, when: float) -> None:
        self.woken_at = when

    def hear_pongs(self, hearer: Callable[[bytes], None]) -> None:
        self.ponged = hearer

    def close(self, code: int, reason: bytes) -> None:
        self.ended = self.ended or (code, reason)

    def texts(self) -> list[str]:
        """What it has heard; events by what they say alone."""
        return [one.decode() for one in self.heard if not one.startswith(b'{"type":"event"')]

    def events(self) -> list[dict[str, object]]:
        """What events have said."""
        told = [one for one in self.heard if one.startswith(b'{"type":"event"')]
        return [msgspec.json.decode(one)["content"] for one in told]


class ABond:
    """A place in a channel: what is said to it, and whether it is over."""

    def __init__(self, channel: str, bonded: Bonded, *, serves: bool) -> None:
        self.channel, self.bonded, self.serves = channel, bonded, serves
        self.heard: list[object] = []
        self.needs: list[int] = []
        self.is_over = False
        self.seat: Seat | None = None
        self.taken: Callable[[Seat], None] | None = None

    def said(self, payload: bytes, *, is_text: bool, by: str, need: Need | None = None) -> None:
        self.heard.append((payload, is_text, by))
        if need is not None:
            self.needs.append(need.level)

    def may_write(self, *, may: bool) -> None:
        self.heard.append(may)

    def came_back(self) -> None:
        self.heard.append("came back")

    def over(self) -> None:
        assert not self.is_over
        self.is_over = True

    def hand_over(self, done: Callable[[Seat], None]) -> None:
        self.taken = done


class Desk:
    """Proves tokens and makes legs, when the test says so."""

    def __init__(self) -> None:
        self.legs: list[tuple[Guest, LegHearer, Side]] = []
        self.asked: list[tuple[bytes, Asker]] = []
        self.proofs: list[AProof] = []
        self.bonds: list[ABond] = []
        self.listened: list[bytes] = []
        self.sessions: list[str] = []
        self.lost: list[bytes] = []
        self.goes_before = b""

    def prove(self, exchange: Exchange, token: bytes, asker: Asker) -> Proof:
        self.asked.append((token, asker))
        self.proofs.append(AProof(exchange))
        return self.proofs[-1]

    def hear(self, guest: Guest, payload: bytes, *, is_text: bool, talk: Talk) -> Hearing | None:
        assert guest.exchange is not None
        assert isinstance(is_text, bool)
        self.listened.append(payload)
        self.sessions.append(guest.session)
        assert not talk.inform(b"nobody is there")
        if b"dark" not in payload:
            return None
        talk.tell(b"card", is_text=True, is_help=True)
        hearing = Hearing()
        hearing.done(Need(2, is_spared=True, undelivered=lambda: self.lost.append(payload)))
        return hearing

    def farewell(self, exchange: Exchange, fate: Fate = "") -> bytes:
        assert exchange.plan is not None
        assert fate in {"", "kept", "counted"}
        return self.goes_before

    def open(self, guest: Guest, hearer: LegHearer) -> Leg:
        self.legs.append((guest, hearer, Side()))
        return self.legs[-1][2]

    def bind(self, channel: str, bonded: Bonded, *, serves: bool, seat: Seat | None = None) -> Bond:
        self.bonds.append(ABond(channel, bonded, serves=serves))
        self.bonds[-1].seat = seat
        return self.bonds[-1]


class AProof:
    """That somebody may be there."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.is_kept = self.is_over = False
        self.on_keep: Callable[[], None] = lambda: None

    def keep(self) -> None:
        self.is_kept = True
        self.on_keep()

    def over(self) -> None:
        self.is_over = True


class House:
    """The service, with a time that the test sets."""

    def __init__(self, *, words: bool = False, **bound: object) -> None:
        self.now = 0.0
        self.address = "192.0.2.1"
        self.desk = Desk()
        self.kept: list[Kept] = []
        self.names = iter(f"name-{number}" for number in count())
        raw = msgspec.Raw(msgspec.msgpack.encode(TetherBound(**bound)))  # type: ignore[arg-type]
        self.plan: Plan = a_plan(route=a_route(features={SOCKET: raw}))
        if words:
            self.plan = replace(self.plan, wording=Words())
        self.sockets = TetherSockets(
            self.desk,
            self,
            clock=lambda: self.now,
            fresh=lambda: next(self.names),
            chance=lambda: 0.0,
            stamp=lambda: "now",
        )

    def watch(self, one: Kept) -> None:
        self.kept.append(one)

    def forget(self, one: Kept) -> None:
        self.kept.remove(one)

    def came(
        self, target: str, who: str | None = "p1", shown: Mapping[str, object] = NOTHING
    ) -> tuple[ClientSocket, Hearer]:
        """Have somebody open a socket, with a token that says this of them."""
        exchange = an_exchange(a_head(target=target), plan=self.plan)
        exchange.client = self.address
        if who is not None:
            said = {"subject": who, "issuer": "today", **shown}
            exchange.principal = Principal(**said)  # type: ignore[arg-type]
        socket = ClientSocket(exchange)
        hearer = self.sockets.hearer(exchange)
        hearer.opened(socket)
        return socket, hearer

    def joined(
        self, target: str = "/ws", who: str | None = "p1", shown: Mapping[str, object] = NOTHING
    ) -> tuple[ClientSocket, Hearer]:
        """Have somebody open a socket, and the service answer."""
        socket, hearer = self.came(target, who, shown)
        self.ear.opened()
        return socket, hearer

    @property
    def ear(self) -> LegHearer:
        return self.desk.legs[-1][1]

    @property
    def bond(self) -> ABond:
        return self.desk.bonds[-1]

    @property
    def leg(self) -> Side:
        return self.desk.legs[-1][2]

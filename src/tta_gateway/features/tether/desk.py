"""The ports of tethers: what proves tokens, and what opens sockets to services."""

from typing import Protocol

from tta_gateway.features.tether.bond import Bond, Bonded
from tta_gateway.features.tether.guest import Guest
from tta_gateway.features.tether.parcel import Seat
from tta_gateway.features.tether.session import Leg
from tta_gateway.kernel.crisis import Fate
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.said import Hearing, Talk
from tta_gateway.kernel.socket import LegHearer


class Proof(Protocol):
    """That somebody may be there, which goes on until it is `over`."""

    @property
    def exchange(self) -> Exchange:
        """What was asked."""
        ...

    def keep(self) -> None:
        """Have it go on."""

    def over(self) -> None:
        """End it."""


class Asker(Protocol):
    """Whoever has asked whether a token lets somebody in; it hears one of the first two, once."""

    def may(self, inquiry: Proof) -> None:
        """Go on."""

    def may_not(self, inquiry: Proof, response: Response) -> None:
        """Take the refusal."""

    def ended(self, inquiry: Proof, code: int, reason: bytes) -> None:
        """Take that they may be there no longer."""


class Desk(Protocol):
    """What proves tokens and opens legs."""

    def prove(self, exchange: Exchange, token: bytes, asker: Asker) -> Proof:
        """Ask whether this token lets somebody in on the route of that request."""

    def open(self, guest: Guest, hearer: LegHearer) -> Leg:
        """Begin to open a leg on behalf of a guest; its hearer hears of it in a later turn."""

    def hear(self, guest: Guest, payload: bytes, *, is_text: bool, talk: Talk) -> Hearing | None:
        """Listen to what a guest says that waits for a service; None: nobody listens there."""
        ...

    def farewell(self, exchange: Exchange, fate: Fate = "") -> bytes:
        """Return the help that goes before an end; empty: there is none there.

        `fate` is what becomes of what somebody at risk has said and no service hears.
        """
        ...

    def bind(
        self, channel: str, bonded: Bonded, *, serves: bool, seat: Seat | None = None
    ) -> Bond | None:
        """Bind a tether to a channel; None where there are no channels.

        `serves`: its service hears what members of the channel say; `seat`: it had this one, at
        another worker.
        """
        ...

"""Bonds: what is said at a tether stands in a channel too, and what others say there is heard.

The ports between a tether and whoever reaches channels.  What policies have stopped is not said
here; what others say has been judged by the rules of the channel.
"""

from collections.abc import Callable
from typing import Final, Protocol

from tta_gateway.features.tether.guest import Guest
from tta_gateway.features.tether.parcel import Seat
from tta_gateway.kernel.said import Need

BY: Final = "by"
"""The tag of a publication that tells who has said it at a socket."""
CLIENT: Final = "client"
SERVICE: Final = "service"
SOCKET: Final = "socket"
"""The tag that tells one socket's publications from those of others."""


class Bonded(Protocol):
    """A tether, as whoever binds it to a channel may use it."""

    @property
    def guest(self) -> Guest:
        """Whose it is, with what they have shown last."""
        ...

    def others_said(self, payload: bytes, *, by_service: bool) -> None:
        """Take what others have said in the channel: members, or the sides of another socket."""

    def service_hears(self, payload: bytes) -> None:
        """Have the service hear what a member has said."""

    def told(self, status: str, more: dict[str, object]) -> None:
        """Tell the client what happens to the bond."""


class Bond(Protocol):
    """One tether's place in a channel."""

    def said(self, payload: bytes, *, is_text: bool, by: str, need: Need | None = None) -> None:
        """Publish what the client, or the service, has said; `need`: what was found in it."""

    def may_write(self, *, may: bool) -> None:
        """Hear no further while the client does not keep up: it is heard later."""

    def came_back(self) -> None:
        """Take that the client has come back, perhaps with another token."""

    def over(self) -> None:
        """Leave the channel."""

    def hand_over(self, done: Callable[[Seat], None]) -> None:
        """Leave it to be taken elsewhere, behind what is still to be published: `done` hears where.

        What of that concerns the service is told the tether before.
        """

"""WebSockets of a route, as operators write of them."""

from typing import Literal

from tta_gateway.kernel.route import Sockets
from tta_gateway.support.config import Config


class SocketConfig(Config):
    """How the WebSockets of a route are treated that its service answers."""

    profile: Literal["chat"] | None = None
    """The form of their messages, which the gateway then understands: `chat` is that of the
    platform's chat.  Pings are answered, events marked, and whoever is refused is told so in words
    instead of being cut off; a socket that cannot be opened ends with a Close that says why."""

    deflate: Literal["off", "client", "both"] = "client"
    """Who may send messages deflated (RFC 7692), where they are looked at: nobody, clients that
    offer it, or the service too.  Nothing is kept between two messages."""


def compiled(config: SocketConfig | None) -> Sockets:
    """Return it as a route has it."""
    if config is None:
        return Sockets()
    return Sockets(profile=config.profile or "", deflate=config.deflate)

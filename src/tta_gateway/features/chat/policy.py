"""Speak for the gateway in the platform's chats, and make their events known."""

from collections.abc import Callable
from typing import ClassVar, Final

from tta_gateway.features.chat.algorithm import (
    Envelope,
    marked,
    named_by,
    ping_of,
    session_in,
)
from tta_gateway.features.chat.problems import REFUSED, UNAVAILABLE
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response, answer_of
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.said import Said

_SWITCHED: Final = 101
_TOO_MANY: Final = 429
_SERVER_ERRORS: Final = 500
_NOT_LET_IN: Final = frozenset((401, 403))
_NUMBER: Final = 6  # bytes, of chance


class Chat:
    """Acts on routes with the profile."""

    name: ClassVar = "chat"
    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, *, now: Callable[[], str], chance: Callable[[int], bytes]) -> None:
        """Take the time of day as it is written, and so many bytes of chance."""
        self._now = now
        self._chance = chance

    def for_route(self, route: Route | None) -> "BoundChat | None":
        """Act where the route says so."""
        if route is None or route.sockets.profile != "chat":
            return None
        return BoundChat(self._now, self._chance)


class BoundChat:
    """A route's chat; its own wording."""

    hears_replies: ClassVar = True

    def __init__(self, now: Callable[[], str], chance: Callable[[int], bytes]) -> None:
        """Keep time and chance."""
        self._now = now
        self._chance = chance

    @property
    def wording(self) -> "BoundChat":
        """Speak for the gateway."""
        return self

    def explain(self) -> str:
        """Say what it does."""
        return "answers pings of the platform's chat, marks its events, and tells who is refused"

    def on_response(self, exchange: Exchange) -> Response | None:
        """Word it where the service opens no socket: no page would be told its status."""
        response = exchange.response
        if response is None or response.local or exchange.request.upgrade != b"websocket":
            return None
        if response.status == _SWITCHED:
            return None
        return answer_of(REFUSED if response.status in _NOT_LET_IN else UNAVAILABLE)

    def on_message(self, exchange: Exchange, said: Said) -> Response | None:
        """Answer a ping, mark an event; all else goes on as it is."""
        if not said.is_text:
            return None
        if said.by_service:
            said.data = marked(said.data)
            return None
        ping = ping_of(said.data)
        if ping is None:
            return None
        return Response(200, body=self._envelope(exchange).pong(ping))

    # The gateway's own words

    def refused(self, exchange: Exchange, said: Said, response: Response) -> bytes:
        """Say why a message was not passed on."""
        problem = response.problem
        about: dict[str, object] = {
            "code": "refused" if problem is None else problem.code,
            "status": response.status,
        }
        if problem is not None:
            about["detail"] = response.detail or problem.detail
        after = response.get(b"retry-after")
        if after is not None and after.isdigit():
            about["retry_after"] = int(after)
        if response.members is not None:
            about.update(response.members)
        if not said.by_service:
            about["message"] = named_by(said.data)
        return self._envelope(exchange).refused(_text(said, response), about)

    def event(self, exchange: Exchange, name: str, members: dict[str, object]) -> bytes:
        """Say that something has happened."""
        return self._envelope(exchange).event(name, members)

    def says(
        self, exchange: Exchange, content: dict[str, object], metadata: dict[str, object]
    ) -> bytes:
        """Say something that a person reads."""
        return self._envelope(exchange).says(content, metadata)

    def heard(self, exchange: Exchange, data: bytes, *, by_service: bool) -> bytes:
        """Say what was said at another socket; nobody but the service speaks as the service."""
        return data if by_service else self._envelope(exchange).shared(data)

    def _envelope(self, exchange: Exchange) -> Envelope:
        number = self._chance(_NUMBER).hex()
        return Envelope(number, self._now(), session_in(exchange.request.query))


def _text(said: Said, response: Response) -> str:
    """Return what a person reads."""
    if said.by_service:
        return "A reply could not be shown."
    if response.status == _TOO_MANY:
        return "Rate limit: please slow down. Your last message was not sent."
    if response.status >= _SERVER_ERRORS:
        return "Something went wrong here, and your message was not sent. Please send it again."
    why = "" if response.problem is None else f" {response.problem.title}"
    return f"Your message was not sent.{why}"

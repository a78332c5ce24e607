"""A WebSocket's tunnel: bytes pass as they are, and a Close of ours can be put in between.

A tunnel that just ends leaves both sides to guess.  So when the gateway goes, each side gets a
Close frame that says why, behind the frame that is under way; and where the service has gone
without a word, the client gets one that says that it may come back.
"""

import os
from collections.abc import Callable
from typing import Final

from tta_gateway.kernel.exchange import Spliced, Tunnel
from tta_gateway.wire.web_socket import GOING_AWAY, RESTARTED, Frames, close_frame

_REASONS: Final = {
    GOING_AWAY: b"the gateway is going away: connect again",
    RESTARTED: b"the gateway is going away: connect again",
}
_SERVICE_GONE: Final = close_frame(RESTARTED, b"the service has gone: connect again")


class Lane:
    """One direction: an end of a tunnel that knows where frames end.

    `over` tells that a Close of ours has gone out: what still comes is not passed on.
    """

    __slots__ = ("_closing", "_said", "_target", "back", "ended", "frames", "over")

    def __init__(self, target: Tunnel, said: Callable[[], None] | None = None) -> None:
        """Lead to this end; `said` hears that a Close of ours has gone out."""
        self.frames = Frames()
        self.over = False
        self.ended = False
        self.back: Lane | None = None  # the other direction
        self._target = target
        self._said = said
        self._closing = b""

    def close(self, frame: bytes) -> None:
        """Put in this Close as soon as no frame is under way, unless one of ours came before."""
        if self.over or self._closing:
            return  # nothing follows a Close (RFC 6455 5.5.1), and another one neither
        self._closing = frame
        if self.frames.is_between:
            self._close()

    def _close(self) -> None:
        self.over = True
        if not self.ended:
            self._target.write(self._closing)
        if self._said is not None:
            self._said()

    def write(self, data: bytes) -> None:
        """Pass bytes on, unless a Close of ours has gone before them."""
        if self.over:
            self._listen(data)
        elif self._closing:
            self._finish_frame(data)
        else:
            self.frames.follow(data)
            self._target.write(data)

    def _finish_frame(self, data: bytes) -> None:
        """Pass on the rest of the frame under way, and put in the Close behind it."""
        end = self.frames.end_in(data)
        self._target.write(data[:end])
        if self.frames.is_between:
            self._close()
        if end < len(data):
            self._listen(data[end:])

    def _listen(self, data: bytes) -> None:
        """Hear whether the side that has had our Close answers it: then nothing is left to say."""
        self.frames.follow(data)
        back = self.back
        if self.frames.closed and back is not None and back.over:
            back.write_eof()

    def write_eof(self) -> None:
        """Say that no more bytes follow, once."""
        if not self.ended:
            self.ended = True
            self._target.write_eof()

    def pause_reading(self) -> None:
        """Stop reading: the other end cannot keep up."""
        self._target.pause_reading()

    def resume_reading(self) -> None:
        """Go on reading."""
        self._target.resume_reading()

    def abort(self) -> None:
        """Break off."""
        self._target.abort()


class ToClient(Lane):
    """The service's way to the client: the service does not end without a word to the client."""

    def write_eof(self) -> None:
        """Pass on that the service has ended, behind a Close if it has said none."""
        if not self.ended:
            self._say_that_it_has_gone()
            Lane.write_eof(self)

    def abort(self) -> None:
        """End in order where a Close has been said or can be, else break off."""
        if not self._say_that_it_has_gone():
            self._target.abort()
            return
        back = self.back
        if back is not None:
            back.over = back.ended = True  # nobody takes what the client still sends
        Lane.write_eof(self)

    def _say_that_it_has_gone(self) -> bool:
        """Tell whether the client has had a Close, from whomever."""
        if not self.over and not self.frames.closed and self.frames.is_between:
            self.close(_SERVICE_GONE)
        elif self.frames.closed and self._said is not None:
            self._said()
        return self.over or self.frames.closed


class WebSocket:
    """Both directions of a WebSocket between a client and a service."""

    __slots__ = ("_service", "to_client", "to_service")

    def __init__(self, client: Tunnel, service: Spliced, *, said: Callable[[], None]) -> None:
        """Lead both ways; `said` hears that the client has had a Close."""
        self._service = service
        self.to_client = ToClient(client, said)
        self.to_service = Lane(service)
        self.to_client.back, self.to_service.back = self.to_service, self.to_client

    def leave(self, code: int) -> None:
        """Tell both sides that the gateway goes."""
        self.close(code, _REASONS[code])

    def close(self, code: int, reason: bytes) -> None:
        """Tell both sides why the gateway ends this, unless one of them has ended it already.

        The service hears that its client goes, whatever the client is told.
        """
        if self.to_client.frames.closed or self.to_service.frames.closed:
            return
        self.to_client.close(close_frame(code, reason))
        # A client's frames are masked by what nobody can foretell (RFC 6455 5.3).
        self.to_service.close(close_frame(GOING_AWAY, reason, mask=os.urandom(4)))

    def client_gone(self, *, in_order: bool) -> None:
        """End the service's side: the client has gone."""
        if self.to_client.over or self.to_service.over:
            self._service.let_go()
        elif not in_order:
            self._service.abort()

"""What clients send whose answers stream: handed to the worker that has the session.

`POST /emulation` is answered as soon as that worker has taken it: 204, whatever becomes of it.  The
answers stand in the stream.  404 says that nobody has the session, so that its client connects
again; SDKs do so too where the worker does not answer (503).
"""

from typing import Final

from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.codec import Malformed
from tta_gateway.features.realtime.errand import Errands
from tta_gateway.features.realtime.problems import NO_SESSION, NOT_SENT, TOO_LARGE, UNREACHABLE
from tta_gateway.features.realtime.stream_wire import Sent, sent
from tta_gateway.features.realtime.streams import HubStreams, is_binary
from tta_gateway.kernel.message import Response, answer_of
from tta_gateway.kernel.stream import Stream
from tta_gateway.support.tasks import Died, spawn

_TAKEN: Final = 204


class Emulation:
    """Hands commands over."""

    def __init__(self, streams: HubStreams, errands: Errands, *, died: Died) -> None:
        """Give them to these sessions, or to those of other workers."""
        self._streams: Final = streams
        self._errands: Final = errands
        self._died: Final = died

    def asked(self, stream: Stream, body: bytes) -> None:
        """Hand over what a request brings."""
        try:
            told = sent(body, is_binary=is_binary(stream.exchange.request))
        except Malformed:
            stream.answer(answer_of(NOT_SENT))
            return
        if len(told.data) > self._streams.largest:
            stream.answer(answer_of(TOO_LARGE))
        elif told.node in {"", self._streams.node}:
            stream.answer(_answer(self._streams.take(told.session, told.data)))
        else:
            spawn(self._hand(stream, told), name="emulation", died=self._died)

    async def _hand(self, stream: Stream, told: Sent) -> None:
        try:
            is_known = await self._errands.hand(told.node, told.session, told.data)
        except Away:
            stream.answer(answer_of(UNREACHABLE))
        else:
            stream.answer(_answer(is_known))


def _answer(is_known: bool) -> Response:
    return Response(_TAKEN) if is_known else answer_of(NO_SESSION)

"""Sockets to services: WebSockets that the gateway opens by itself, for a client that it keeps.

Each is an exchange of its own, through a plan that ends at the service as every request does: its
endpoint is chosen, its breaker asked and its identity shown likewise.  What goes on keeps the
exchange open, so that whoever ends tunnels ends this too.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from tta_gateway.edge.passing import Passing
from tta_gateway.edge.sweeper import NEVER, Sweeper
from tta_gateway.kernel.exchange import Exchange, Spliced, Tunnel
from tta_gateway.kernel.message import NO_FIELDS, Fields, RequestHead, Response, answer_of
from tta_gateway.kernel.plan import Plan
from tta_gateway.kernel.policy import Answer
from tta_gateway.kernel.problem import UPSTREAM_GARBAGE
from tta_gateway.kernel.said import Hearing, Need, Said
from tta_gateway.kernel.socket import LegHearer
from tta_gateway.pipeline.conversation import Conversation
from tta_gateway.wire.socket_codec import Broken, Close, Message, SocketEvent, SocketLimits
from tta_gateway.wire.socket_endpoint import LOST, SocketEndpoint
from tta_gateway.wire.socket_handshake import (
    ACCEPT,
    EXTENSIONS,
    KEY,
    PROTOCOL,
    VERSION,
    accept_of,
    all_of,
    asking,
)

_SWITCHED: Final = 101
_POLICY: Final = 1008  # RFC 6455 7.4.1
_GOING_AWAY: Final = 1001
_SIGN: Final = 30.0  # seconds without a word of the service, behind which it is asked for one
_PATIENCE: Final = 20.0  # seconds for that
_LAST: Final = 5.0  # seconds for what is still looked at when it ends
_HANDSHAKE: Final = frozenset((KEY, VERSION, EXTENSIONS, b"upgrade"))
_MARKER: Final = b"bearer"  # features/identity/credential.py: a token stands behind it


class Runner(Protocol):
    """What drives an exchange through its plan (pipeline.run)."""

    def begin(self, exchange: Exchange) -> None:
        """Run the request phase, and what follows from it."""

    def finish(self, exchange: Exchange) -> None:
        """End the exchange."""

    def ask(self, exchange: Exchange, said: Said, told: Callable[[Answer], None]) -> None:
        """Ask the policies about one message; `told` hears the answer, now or later."""


class ServiceSockets:
    """Opens those of one worker."""

    def __init__(self, sweeper: Sweeper, runner: Runner, *, largest: int) -> None:
        """Run plans; a message of a service may have so many bytes."""
        self.sweeper = sweeper
        self.runner = runner
        self.limits = SocketLimits(frame=largest, message=largest)

    def open(
        self, plan: Plan, head: RequestHead, *, like: Exchange, hearer: LegHearer
    ) -> "ServiceSocket":
        """Begin to open one, on behalf of another exchange; `hearer` hears of it in a later turn.

        `head` is what is asked of the service; the fields of the handshake are ours.
        """
        kept = [one for one in head.fields if one[0] not in _HANDSHAKE and one[0] != PROTOCOL]
        ours = [one for one in asking(os.urandom(16)) if one[0] in _HANDSHAKE]
        shown = _token_of(head.fields)
        head.fields = [*kept, *shown, *(one for one in ours if one[0] != b"upgrade")]
        head.index = head.rendered = None
        head.upgrade = b"websocket"
        leg = ServiceSocket(self, plan, head, like=like, hearer=hearer)
        self.sweeper.loop.call_soon(leg.begin)
        return leg


def _token_of(fields: Fields) -> Fields:
    """Return the protocols of a request as far as they show a token: no other one is spoken."""
    said = b",".join(all_of(fields, PROTOCOL))
    offered = [one for part in said.split(b",") if (one := part.strip(b" \t"))]
    if _MARKER not in offered[:-1]:
        return []
    at = offered.index(_MARKER)
    return [(PROTOCOL, offered[at] + b", " + offered[at + 1])]


class _Talk:
    """The socket as policies may use it."""

    def __init__(self, socket: "ServiceSocket") -> None:
        self._socket = socket

    def tell(self, data: bytes, *, is_text: bool, is_help: bool = False) -> None:
        """Say something of the gateway's own to the client."""
        self._socket.tell(data, is_text=is_text, is_help=is_help)

    def inform(self, data: bytes) -> bool:
        """Say a text of the gateway's own to the service, before what has not gone on yet."""
        return self._socket.inform(data)

    def close(self, code: int, reason: bytes) -> None:
        """End it: the client hears this."""
        self._socket.dismiss(code, reason)


class ServiceSocket:
    """One of them: the origin of its exchange, the client's end of its tunnel, and what is said."""

    __slots__ = (
        "_asked",
        "_end",
        "_endpoint",
        "_from_client",
        "_from_service",
        "_hearer",
        "_in_turn",
        "_is_client_held",
        "_is_closing",
        "_is_ending",
        "_is_finishing",
        "_is_held",
        "_is_over",
        "_is_paused",
        "_is_service_slow",
        "_sockets",
        "_teller",
        "deadline",
        "exchange",
    )

    def __init__(
        self,
        sockets: ServiceSockets,
        plan: Plan,
        head: RequestHead,
        *,
        like: Exchange,
        hearer: LegHearer,
    ) -> None:
        """Wait to begin."""
        sweeper = sockets.sweeper
        self.exchange: Final = Exchange(
            head, origin=self, peer=like.peer, plan=plan, started=sweeper.clock()
        )
        self.exchange.client = like.client
        self.exchange.params = like.params
        self.exchange.upstream_path = like.upstream_path
        self.deadline = NEVER
        self._sockets = sockets
        self._hearer: LegHearer | None = hearer
        self._teller: LegHearer = hearer
        self._endpoint = SocketEndpoint(limits=sockets.limits, mask=_mask)
        self._end: Spliced | None = None
        self._is_over = False
        self._is_paused = False
        self._is_held = False  # messages of the service wait for policies
        self._is_client_held = False  # messages of the client do
        self._is_service_slow = False
        self._is_closing = False  # whoever is heard has: what it had said still goes on
        self._is_ending = False  # the service has: what it had said is still looked at
        self._is_finishing = False  # we have: what it still says is heard until it answers
        self._in_turn = False
        self._asked = False  # for a sign of life
        talk = Conversation(self.exchange, sockets.runner, _Talk(self))
        self._from_client = Passing(talk.from_client, self._send, self._hold_client, self._stop)
        self._from_service = Passing(talk.from_service, self._hear, self._hold_service, _pass_over)

    def begin(self) -> None:
        """Ask for it."""
        if not self._is_over:
            exchange = self.exchange
            exchange.started = self._sockets.sweeper.clock()
            self._sockets.runner.begin(exchange)

    # --- what its hearer says ---

    def send(self, payload: bytes, *, is_text: bool, hearing: Hearing | None = None) -> None:
        """Send a message, if the policies let it through; one after the other.

        `hearing`: it has waited for this socket, and was listened to meanwhile.
        """
        if not self._is_over and not self._is_closing:
            self._from_client.put(payload, is_text=is_text, hearing=hearing)

    def _send(self, payload: bytes, is_text: bool, need: Need | None) -> None:
        if self._is_ending or self._is_over:
            if need is not None:
                need.lost()  # nobody takes it
            return
        self._endpoint.send(payload, is_text=is_text)
        self._flush()
        if self._hearer is not None:
            self._hearer.passed(payload, is_text=is_text, need=need)

    def relay(self, payload: bytes) -> None:
        """Send what was judged elsewhere, without asking the route's policies."""
        if self._is_over or self._is_ending or self._is_closing:
            return
        self._endpoint.send(payload, is_text=True)
        self._flush()

    def _hear(self, payload: bytes, is_text: bool, _: Need | None) -> None:
        if self._hearer is not None:
            self._hearer.message(payload, is_text=is_text)

    def _stop(self, payload: bytes) -> None:
        if self._hearer is not None:
            self._hearer.stopped(payload)

    def close(self, code: int, reason: bytes) -> None:
        """Tell the service that this ends, behind what the client has said; nothing is heard."""
        self._hearer = None
        if self._end is None:
            self._give_up()
        elif self._is_finishing:
            self._over()
        elif not self._is_closing:
            self._is_closing = True
            self._from_client.behind_all(partial(self._leave, code, reason))
            if not self._is_over:
                self.deadline = self._sockets.sweeper.now + _LAST

    def finish(self, code: int, reason: bytes) -> None:
        """Tell the service that this ends, behind what the client has said.

        What it says until it answers is heard, and `closed` behind that.
        """
        if not self._is_over and not self._is_closing:
            self._is_closing = True
            self._from_client.behind_all(partial(self._finish, code, reason))
            if not self._is_over:
                self.deadline = self._sockets.sweeper.now + _LAST

    def _finish(self, code: int, reason: bytes) -> None:
        if not self._is_over and not self._is_ending:
            self._is_finishing = True
            self._endpoint.close(code, reason)
            self._flush()

    def _leave(self, code: int, reason: bytes) -> None:
        """Tell the service that this ends, now: what the client has said is listened to alone."""
        if self._is_over:
            return
        self._is_closing = self._is_ending = True
        self._endpoint.close(code, reason)
        self._flush()
        self._over_behind_all()

    def _over_behind_all(self) -> None:
        """End it, once all that the client has said is listened to."""
        self._from_client.behind_all(self._over)
        if not self._is_over:
            self.deadline = self._sockets.sweeper.now + _LAST

    def pause(self) -> None:
        """Read the service no further."""
        self._is_paused = True
        self._regulate()

    def resume(self) -> None:
        """Go on."""
        self._is_paused = False
        self._regulate()

    def _hold_client(self, is_held: bool) -> None:
        was_held = self._is_client_to_wait()
        self._is_client_held = is_held
        self._regulate_client(was_held=was_held)

    def _is_client_to_wait(self) -> bool:
        return self._is_client_held or self._is_service_slow or self._is_ending

    def _regulate_client(self, *, was_held: bool) -> None:
        """Have the client wait for as long as there is any reason."""
        is_held = self._is_client_to_wait()
        if is_held != was_held and self._hearer is not None:
            self._hearer.may_write(may=not is_held)

    def _hold_service(self, is_held: bool) -> None:
        self._is_held = is_held
        self._regulate()

    def _regulate(self) -> None:
        """Read the service, or do not."""
        end = self._end
        if end is None:
            return
        if self._is_paused or self._is_held or self._in_turn:
            end.pause_reading()
        else:
            end.resume_reading()

    # --- what policies ask of a socket ---

    def tell(self, data: bytes, *, is_text: bool, is_help: bool) -> None:
        """Say something of the gateway's own to the client, also where the service has gone."""
        self._teller.tell(data, is_text=is_text, is_help=is_help)

    def inform(self, data: bytes) -> bool:
        """Say a text of the gateway's own to the service; False if it takes nothing any more."""
        if self._is_over or self._is_ending:
            return False
        self._endpoint.send(data, is_text=True)
        self._flush()
        return True

    # --- what the pipeline says ---

    def send_head(self, response: Response) -> None:
        """Take the answer: a 101 with the right proof goes on, everything else is a refusal."""
        if self._is_over:
            return
        if response.status == _SWITCHED:
            if all_of(response.fields, ACCEPT) == [self._proof()]:
                return  # `open_tunnel` follows
            response = answer_of(UPSTREAM_GARBAGE, "Its `Sec-WebSocket-Accept` does not fit.")
        hearer, self._hearer = self._hearer, None
        self._give_up()
        if hearer is not None:
            hearer.refused(response)

    def _proof(self) -> bytes:
        return accept_of(all_of(self.exchange.request.fields, KEY)[0])

    def open_tunnel(self, other: Spliced) -> Tunnel:
        """Begin: the service has changed to the protocol."""
        self._end = other
        self.exchange.attempt = None
        sweeper = self._sockets.sweeper
        self.deadline = sweeper.now + _SIGN
        sweeper.watch(self)
        self._regulate()
        if self._hearer is not None:
            self._hearer.opened()
        return self

    def dismiss(self, code: int, reason: bytes) -> None:
        """End what goes on: it is allowed no longer."""
        hearer, self._hearer = self._hearer, None
        if self._end is None:
            self._give_up()
        else:
            self._leave(_POLICY if code == _POLICY else _GOING_AWAY, b"")
        if hearer is not None:
            hearer.closed(code, reason, is_of_policy=True)

    def abort(self) -> None:
        """Take that the service has broken off, or that a policy has failed."""
        if self._end is None:
            hearer, self._hearer = self._hearer, None
            self._give_up()
            if hearer is not None:
                hearer.refused(answer_of(UPSTREAM_GARBAGE))
        else:
            self._lost(LOST, b"")

    def send_interim(self, response: Response) -> None:
        """Let it pass."""

    def send_data(self, data: bytes) -> None:
        """Let it pass: nobody reads why a service refuses."""

    def send_end(self, trailers: Fields = NO_FIELDS) -> None:
        """Let it pass."""

    def flush(self) -> None:
        """Nobody waits for it."""

    def pause_upload(self) -> None:
        """There is no body."""

    def resume_upload(self) -> None:
        """There is no body."""

    # --- one end of a tunnel ---

    def write(self, data: bytes) -> None:
        """Take what the service has sent."""
        self._asked = False
        self.deadline = self._sockets.sweeper.now + _SIGN
        self.exchange.received += len(data)
        self._tell(self._endpoint.receive(data))

    def write_eof(self) -> None:
        """Take the end of a service that has said no Close."""
        self._lost(LOST, b"")

    def pause_reading(self) -> None:
        """Take note that the service does not keep up."""
        self._endpoint.hold()
        was_held = self._is_client_to_wait()
        self._is_service_slow = True
        self._regulate_client(was_held=was_held)

    def resume_reading(self) -> None:
        """Take note that it does again."""
        self._endpoint.release()
        self._flush()
        was_held = self._is_client_to_wait()
        self._is_service_slow = False
        self._regulate_client(was_held=was_held)

    def on_deadline(self, now: float) -> None:
        """Ask a silent service for a sign of life; one that gives none has gone."""
        if self._is_closing or self._is_ending:
            self.deadline = NEVER
            self._over()  # what is looked at for so long does not go on
        elif self._is_paused or self._is_held:
            self.deadline = now + _SIGN  # it is not read: nothing can be heard of it
        elif self._asked:
            self._lost(LOST, b"")
        else:
            self._asked = True
            self.deadline = now + _PATIENCE
            self._endpoint.ping()
            self._flush()

    def _tell(self, events: list[SocketEvent]) -> None:
        endpoint = self._endpoint
        for event in events:
            is_for_us = endpoint.heed(event)
            if type(event) is Message:
                if is_for_us or self._is_finishing:
                    self._from_service.put(event.data, is_text=event.is_text)
            elif not is_for_us:
                continue
            elif isinstance(event, (Close, Broken)):
                if isinstance(event, Close):
                    self._lost(event.code, event.reason)
                else:
                    self._lost(LOST, b"")
                return
        self._flush()
        if endpoint.is_behind and not self._in_turn and self._end is not None:
            self._in_turn = True
            self._regulate()
            self._sockets.sweeper.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._in_turn = False
        if self._is_over:
            return
        self._tell(self._endpoint.go_on())
        self._regulate()

    # --- the end ---

    def _lost(self, code: int, reason: bytes) -> None:
        """Tell of the end that the service has made, behind all that it had said."""
        if self._is_ending:
            return
        was_held = self._is_client_to_wait()
        self._is_ending = True
        self.deadline = NEVER
        self._flush()
        self._from_service.behind_all(partial(self._gone, code, reason))
        if not self._is_over:
            self._regulate_client(was_held=was_held)

    def _gone(self, code: int, reason: bytes) -> None:
        hearer, self._hearer = self._hearer, None
        self._over_behind_all()
        if hearer is not None:
            hearer.closed(code, reason, is_of_policy=False)

    def _give_up(self) -> None:
        """End it before it was open."""
        if self._is_over:
            return
        self._is_over = True
        exchange = self.exchange
        exchange.aborted = exchange.response is None
        attempt, exchange.attempt = exchange.attempt, None
        if attempt is not None:
            attempt.cancel()
        self._sockets.runner.finish(exchange)

    def _over(self) -> None:
        """End it, once."""
        if self._is_over:
            return
        self._is_over = True
        if not self._is_ending:
            self._endpoint.close(_GOING_AWAY, b"")
            self._flush()
        self._from_client.clear()
        self._from_service.clear()
        self._endpoint.stop()
        self._sockets.sweeper.forget(self)
        end, self._end = self._end, None
        if end is not None:
            end.let_go()
        self._sockets.runner.finish(self.exchange)

    def _flush(self) -> None:
        end = self._end
        if end is not None and self._endpoint.out:
            data = self._endpoint.taken()
            self.exchange.sent += len(data)
            end.write(data)


def _pass_over(_: bytes) -> None:
    """Tell nobody of a reply that does not go on."""


def _mask() -> bytes:
    """Return four bytes that nobody can foretell (RFC 6455 5.3)."""
    return os.urandom(4)

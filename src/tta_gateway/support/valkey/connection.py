"""One connection: commands out, answers in, each in its turn.

Commands that are given in one turn of the loop leave in one write.  Answers come in the order of
the commands, so that a queue of futures is all the bookkeeping: a command whose caller has gone, or
whose deadline has passed, keeps its place in the queue and takes its answer with it.  A connection
whose oldest command stays without answer for a second longer than its deadline is given up.
"""

import asyncio
from collections import deque
from typing import Final, Protocol, TypeAlias, cast

import hiredis

from tta_gateway.support.valkey.error import Refused, Timeout, Unavailable

Arg: TypeAlias = bytes | str | int | float
Reply: TypeAlias = object  # bytes, int, float, bool, None, or lists and dicts of them

MOST: Final = 1024  # commands under way
MOST_BYTES: Final = 16 * 1024 * 1024  # of theirs, and one command more however large it is
SILENCE: Final = 1.0  # seconds beyond a deadline
_NEVER: Final = float("inf")
_NOTHING: Final = object()


def pack(args: tuple[Arg, ...]) -> bytes:
    """Return a command as it is sent."""
    # Its stub says that a command is one word.
    return cast("bytes", hiredis.pack_command(args))  # type: ignore[arg-type]


class Pending:
    """A command that waits for its answer; `future` gets that, or a ValkeyError.

    `fallback` is what to send where the server does not know the script.
    """

    __slots__ = ("deadline", "fallback", "future", "moves", "packed")

    def __init__(self, packed: bytes, future: "asyncio.Future[Reply]", deadline: float) -> None:
        """Wait until a time of the loop."""
        self.packed = packed
        self.future = future
        self.deadline = deadline
        self.fallback: tuple[Arg, ...] | None = None
        self.moves = 0

    def fail(self, error: Exception) -> None:
        """Tell the caller, if he is still there."""
        if not self.future.done():
            self.future.set_exception(error)


class Owner(Protocol):
    """Who keeps a connection."""

    def refused(self, pending: Pending, error: Refused) -> bool:
        """Tell whether the command has been taken over, and its caller need not know."""

    def pushed(self, push: "list[Reply]") -> None:
        """Take what the server says unasked."""

    def lost(self, connection: "Connection", reason: str) -> None:
        """Take note that it has ended."""


class Connection:
    """An `asyncio.Protocol` by its methods alone, for mypyc."""

    __slots__ = (
        "_armed",
        "_bytes",
        "_ended",
        "_flushing",
        "_leaving",
        "_loop",
        "_out",
        "_owner",
        "_pending",
        "_reader",
        "_reason",
        "_timer",
        "_transport",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: Owner) -> None:
        """Wait for a socket."""
        self._loop = loop
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._reader = hiredis.Reader(replyError=Refused, notEnoughData=_NOTHING)
        self._pending: deque[Pending] = deque()
        self._bytes = 0
        self._out: list[bytes] = []
        self._flushing = False
        self._timer: asyncio.TimerHandle | None = None
        self._armed = _NEVER
        self._leaving = False
        self._ended = False
        self._reason = ""

    # What its owner asks

    @property
    def has_ended(self) -> bool:
        """Tell whether it is over."""
        return self._ended

    @property
    def under_way(self) -> int:
        """Return how many commands have no answer yet, abandoned ones among them."""
        return len(self._pending)

    def put(self, pending: Pending) -> None:
        """Send a command; Unavailable if that cannot be."""
        if self._ended:
            raise Unavailable("the connection has ended")
        queue = self._pending
        if len(queue) >= MOST or self._bytes > MOST_BYTES:
            raise Unavailable("too many commands are under way: the server is too slow")
        queue.append(pending)
        self._bytes += len(pending.packed)
        if pending.deadline < self._armed:
            self._arm(pending.deadline)
        self.write(pending.packed)

    def write(self, packed: bytes) -> None:
        """Send what has no answer: a subscription is confirmed by a push."""
        self._out.append(packed)
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def ask(self, *args: Arg, patience: float) -> "asyncio.Future[Reply]":
        """Send a command of its keeper; Unavailable if that cannot be."""
        future: asyncio.Future[Reply] = self._loop.create_future()
        self.put(Pending(pack(args), future, self._loop.time() + patience))
        return future

    def leave(self) -> None:
        """End behind the answers that are still to come."""
        self._leaving = True
        if not self._pending:
            self.break_off("it is no longer needed")

    def break_off(self, reason: str) -> None:
        """End now; whoever waits is told the reason."""
        if self._ended:
            return
        self._ended = True
        self._reason = reason
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None:
            self._transport.abort()
        pending, self._pending = self._pending, deque()
        for one in pending:
            one.fail(Unavailable(reason, may_be_done=True))
        self._owner.lost(self, reason)

    # What the socket tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self._transport = cast("asyncio.Transport", transport)
        if self._ended:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take answers."""
        reader = self._reader
        try:
            reader.feed(data)
            reply = reader.gets()
            while reply is not _NOTHING and not self._ended:
                self._take(reply)
                reply = reader.gets()
        except (hiredis.ProtocolError, TypeError) as error:  # TypeError: a map whose key is a list
            self.break_off(f"it speaks no RESP3 that is known here ({type(error).__name__})")
            return
        if self._leaving and not self._pending:
            self.break_off("it is no longer needed")

    def eof_received(self) -> bool:
        """Let the transport close."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Take note that the socket is gone."""
        words = str(error) if isinstance(error, OSError) and error.strerror else ""
        self.break_off(words or "the server has closed the connection")

    def pause_writing(self) -> None:
        """Go on: what is under way is bounded as it is."""

    def resume_writing(self) -> None:
        """Go on."""

    # In between

    def _flush(self) -> None:
        self._flushing = False
        out, self._out = self._out, []
        if self._transport is not None and not self._ended:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    def _take(self, reply: Reply) -> None:
        if isinstance(reply, hiredis.PushNotification):
            self._owner.pushed(list(reply))
            return
        if not self._pending:
            self.break_off("it sent an answer that nobody had asked for")
            return
        pending = self._pending.popleft()
        self._bytes -= len(pending.packed)
        future = pending.future
        if isinstance(reply, Refused):
            if future.done() or not self._owner.refused(pending, reply):
                pending.fail(reply)
        elif not future.done():
            future.set_result(reply)

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed = at
        self._timer = self._loop.call_at(at, self._expire)

    def _expire(self) -> None:
        """Tell those whose deadline has passed, and look again when the next one does."""
        self._timer = None
        self._armed = _NEVER
        if not self._pending:
            return
        now = self._loop.time()
        following = self._pending[0].deadline + SILENCE
        if following <= now:
            self.break_off("the server does not answer")
            return
        for pending in self._pending:
            if pending.future.done():
                continue
            if pending.deadline <= now:
                pending.fail(Timeout("no answer before the deadline", may_be_done=True))
            elif pending.deadline < following:
                following = pending.deadline
        self._arm(following)

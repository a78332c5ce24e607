"""One client's connection in the client protocol, without a socket: who it is and what it awaits.

Frames go in (`receive`); `next` gives the commands that somebody else must carry out, one after
the other: while one is under way, those behind it wait.  What the session can tell by itself it
answers itself.  Answers and pushes gather in the backlog, and `take` gives the frames to write.
`due` is asked when `next_due` has come.  Time is an argument, in seconds that only go forward.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from enum import Enum
from typing import Final

from tta_gateway.features.realtime.backlog import LARGEST, Backlog, Message
from tta_gateway.features.realtime.codec import Codec, Malformed
from tta_gateway.features.realtime.codes import (
    ALREADY_SUBSCRIBED,
    BAD_REQUEST,
    CONNECTION_EXPIRED,
    LIMIT_EXCEEDED,
    MALFORMED,
    METHOD_NOT_FOUND,
    NO_HELP,
    NO_PONG,
    NOT_AVAILABLE,
    PERMISSION_DENIED,
    SERVER_ERROR,
    SLOW,
    STALE,
    Disconnection,
    Help,
    Refused,
    Unsubscription,
)
from tta_gateway.features.realtime.command import (
    Command,
    ConnectRequest,
    ConnectResult,
    HistoryRequest,
    PingRequest,
    PingResult,
    PresenceRequest,
    PresenceStatsRequest,
    PublishRequest,
    RefreshRequest,
    Request,
    Result,
    SendRequest,
    SubRefreshRequest,
    SubscribeRequest,
    SubscribeResult,
    UnsubscribeRequest,
    UnsubscribeResult,
)
from tta_gateway.features.realtime.ear import HELP, Noticed
from tta_gateway.features.realtime.publication import ClientInfo, Publication

NEVER: Final = float("inf")
LONGEST_CHANNEL: Final = 255  # bytes
OURS: Final = "!"
"""What channels begin with that only the server has clients read (inboxes)."""
_MANY_WAITING: Final = 64  # commands, above which a client is read no further
_FEW_WAITING: Final = 16


class State(Enum):
    """Where a connection stands; it only goes forward."""

    NEW = "new"
    """nobody has said who it is"""
    CONNECTING = "connecting"
    CONNECTED = "connected"
    REFUSED = "refused"
    """it was told why it may not connect, and will go"""
    CLOSED = "closed"


class Terms:
    """Times and limits of every session."""

    def __init__(
        self,
        *,
        ping: float = 25.0,
        pong: float = 8.0,
        stale: float = 10.0,
        grace: float = 25.0,
        channels: int = 128,
        queue: int = LARGEST,
    ) -> None:
        """Take seconds between pings (0: none) and for their answers, and `channels` at once.

        With more than `queue` bytes that wait for it a client is closed.
        `stale` is for those who do not connect; `grace` is between the end of a token and that of
        what it was for.
        """
        self.ping: Final = ping
        self.pong: Final = pong
        self.stale: Final = stale
        self.grace: Final = grace
        self.channels: Final = channels
        self.queue: Final = queue


class Subscription:
    """A session's place in a channel: all up to `offset` has been put into its backlog."""

    def __init__(
        self,
        session: "Session",
        channel: str,
        *,
        is_ours: bool = False,
        hears_others: bool = False,
        takes_deltas: bool = False,
        about: bytes = b"",
    ) -> None:
        """Begin before the first; `is_ours`: the server made it, not the client."""
        self.session: Final = session
        self.channel: Final = channel
        self.is_ours: Final = is_ours
        self.hears_others: Final = hears_others
        self.takes_deltas: Final = takes_deltas
        self.has_last = False
        """whether it was given what the channel published last, of which deltas are made"""
        self.info: Final = ClientInfo(session.user, session.client, session.about, about)
        self.offset = 0
        self.ends = NEVER
        self.is_over = False
        """whether nothing of the channel is for it any more"""


class Session:
    """The state of one connection; `client` is its public id, unique over all nodes."""

    def __init__(
        self, codec: Codec, client: str, *, terms: Terms, now: float, chance: float
    ) -> None:
        """Begin to wait for who it is; `chance`, from 0 to 1, spreads the first pings."""
        self.codec: Final = codec
        self.client: Final = client
        self.user = ""
        self.about = b""
        self.state = State.NEW
        self.closing: Disconnection | None = None
        self.subscriptions: dict[str, Subscription] = {}
        self.joining = ""
        """the channel that is about to be read; whoever empties it has that not happen"""
        self.may_rejoin = False
        """whether what has emptied it passes, so that the client may ask again"""
        self.helps: Callable[[str], Help] = lambda _: NO_HELP
        """returns where help is, for who does not come to be connected, by the id"""
        self.secret = self.node = ""
        """where what it sends comes another way: what that shows, and who takes it"""
        self.next_due = self._stale_by = now + terms.stale
        self.terms: Final = terms
        self._chance: Final = chance
        self._backlog: Final = Backlog()
        self._waiting: list[Command] = []
        self.left: list[Command] = []
        """commands that are not carried out: it has ended before their turn"""
        self.hearings: dict[int, Noticed | Awaitable[Noticed | None] | None] = {}
        """of commands that wait: what was found in them, by their identity"""
        self._current: Command | None = None
        self._overdue = STALE
        self._ping_at = self._pong_by = self._ends = NEVER
        self._card: Publication | None = None  # that is due once it is connected
        self._is_held = self._has_help = False

    def __repr__(self) -> str:
        """Tell where it stands, and nothing of who it is."""
        waiting = f"{len(self._waiting)} commands and {self._backlog.size} bytes wait"
        return f"<session {self.state.value}, {len(self.subscriptions)} channels, {waiting}>"

    # --- what comes in ---

    def receive(self, frame: bytes) -> None:
        """Take a frame; what it asks comes out of `next`."""
        if self._is_deaf():
            return
        try:
            commands = self.codec.decode(frame)
        except Malformed:
            self.close(MALFORMED)
            return
        for command in commands:
            if command.is_pong and self.state is not State.NEW:
                self._ponged()  # at once: whatever a command before it waits for
            else:
                self._waiting.append(command)

    def leave_undone(self, frame: bytes) -> None:
        """Take a frame that has come too late: nothing of it is carried out."""
        with suppress(Malformed):
            self.left += [one for one in self.codec.decode(frame) if not one.is_pong]

    def next(self) -> Command | None:
        """Return a command to carry out, and to answer by `reply`, `refuse` or `done`.

        There is none while one is under way, or while too much of what was answered is not read.
        """
        while self._may_go_on():
            command = self._waiting.pop(0)
            self._current = command
            answer = self._own_answer(command)
            if isinstance(answer, Disconnection | Refused):
                self.left.append(command)  # what is said by it may be somebody's need
            if isinstance(answer, Disconnection):
                self.close(answer)
            elif isinstance(answer, Refused):
                self.refuse(answer)
            elif answer is not None:
                self.reply(answer)
            else:
                return command
        return None

    def has_more(self) -> bool:
        """Return whether `next` has a command, now that something was written or answered."""
        return self._may_go_on()

    def is_full(self) -> bool:
        """Return whether the client is to be read no further for now."""
        if self._is_held:
            self._is_held = len(self._waiting) > _FEW_WAITING
        else:
            self._is_held = len(self._waiting) > _MANY_WAITING
        return self._is_held

    # --- what goes out ---

    def reply(self, result: Result) -> None:
        """Answer the command that is under way."""
        command = self._ended()
        if command is not None:
            message = self.codec.reply(command.id, result)
            is_first = isinstance(result, ConnectResult)  # nothing comes before that
            self._backlog.add(Message(message, _channel_of(command.request), urgent=is_first))

    def refuse(self, refused: Refused) -> None:
        """Say why the command that is under way is not carried out.

        Who may not connect is not closed: its SDK goes by what it was told, and then by itself.
        """
        command = self._ended()
        if command is None or isinstance(command.request, SendRequest):
            return  # what is sent has no answer
        is_first = isinstance(command.request, ConnectRequest)
        told = replace(refused, help=self.helps(self.client)) if is_first else refused
        self._backlog.add(Message(self.codec.refusal(command.id, told)))
        if is_first:
            self.state = State.REFUSED
            self._drop()
            if not refused.temporary:
                self._overdue = STALE

    def done(self) -> None:
        """End the command that is under way, which is not answered."""
        self._ended()

    def connected(self, result: ConnectResult, *, now: float) -> None:
        """Answer the connect that is under way: the session is open, its pings begin."""
        if self.state is not State.CONNECTING:
            return
        self.state = State.CONNECTED
        if self.terms.ping:
            self._ping_at = now + self.terms.ping * (0.5 + 0.5 * self._chance)
        self._stale_by = NEVER
        self.lasts(result.ttl if result.expires else NEVER, now=now)
        self.reply(result)
        if self._card is not None:
            self.help(self._card)

    def push(self, message: Message) -> bool:
        """Put a message into the backlog; return whether it was empty, and is to be written out."""
        if self.state is State.CLOSED:
            return False
        size = self._backlog.size
        if size >= self.terms.queue:
            self.close(SLOW)
            self._backlog.clear()
            return True
        self._backlog.add(message)
        return size == 0

    def help(self, card: Publication) -> None:
        """Push the help card in front of everything else, however much waits.

        To who is about to connect, behind the answer to that: no client takes anything before it.
        """
        if self.state is not State.CONNECTED:
            self._card = card
            return
        if not self._has_help:
            self._has_help = True
            begun = self.codec.subscribed(HELP, SubscribeResult())
            self._backlog.add(Message(begun, HELP, urgent=True))
        self._backlog.add(Message(self.codec.publication(HELP, card), HELP, urgent=True))

    def has_room(self) -> bool:
        """Return whether it can be given more than it has to be."""
        return self._backlog.size < self.terms.queue // 2

    def take(self) -> bytes:
        """Return the next frame to write; nothing is left when it is empty."""
        taken = self._backlog.take()
        return taken[0] if len(taken) == 1 else self.codec.join(taken)

    def close(self, why: Disconnection) -> None:
        """End the connection: what was answered before is still to be written (`take`).

        Who has not come to be connected is told where help is, as far as there is room.
        """
        if self.state is not State.CLOSED:
            is_connected = self.state is State.CONNECTED
            self.closing = why if is_connected else why.with_help(self.helps(self.client))
            self.leave()

    def leave(self) -> None:
        """Take that the connection is gone."""
        self.state = State.CLOSED
        self.next_due = NEVER
        self._current = None
        self._drop()

    def unheard(self) -> list[Command]:
        """Return the commands that wait, and have not been listened to."""
        return [one for one in self._waiting if id(one) not in self.hearings]

    def _drop(self) -> None:
        """Carry out nothing of what waits."""
        self.left += self._waiting
        self._waiting.clear()

    # --- subscriptions ---

    def subscribe(self, subscription: Subscription, result: SubscribeResult, *, now: float) -> None:
        """Be in a channel; what is pushed of it comes behind the answer, which is still due."""
        self.subscriptions[subscription.channel] = subscription
        self.extend(subscription, result.ttl if result.expires else NEVER, now=now)

    def extend(self, subscription: Subscription, seconds: float, *, now: float) -> None:
        """Let a subscription last so long from now on, and the grace."""
        subscription.ends = now + seconds + self.terms.grace
        self.next_due = min(self.next_due, subscription.ends)

    def unsubscribe(self, channel: str, why: Unsubscription | None = None) -> bool:
        """Be no longer in a channel, and tell the client `why`; as `push` returns."""
        if self.subscriptions.pop(channel, None) is None or why is None:
            return False
        return self.push(Message(self.codec.unsubscribed(channel, why), channel))

    # --- time ---

    def lasts(self, seconds: float, *, now: float) -> None:
        """Let the session last so long from now on, and the grace."""
        self._ends = now + seconds + self.terms.grace
        self._look_ahead()

    def due(self, now: float) -> list[Subscription]:
        """Do what the time has come for; return subscriptions that have come to their end."""
        if self.state is State.CLOSED:
            return []
        if now >= self._stale_by:
            self.close(self._overdue)
        elif now >= self._ends:
            self.close(CONNECTION_EXPIRED)
        elif now >= self._pong_by and not self._is_held:
            self.close(NO_PONG)
        elif now >= self._ping_at:
            self._ping(now)
        if self.closing is not None:
            return []
        if now >= self._pong_by:  # it is we who do not read: its answer may be there
            self._pong_by = now + self.terms.pong
        ended = [each for each in self.subscriptions.values() if now >= each.ends]
        self._look_ahead()
        return ended

    def _ping(self, now: float) -> None:
        self._backlog.add(Message(self.codec.ping(), urgent=True))
        self._ping_at = now + self.terms.ping
        self._pong_by = now + self.terms.pong

    def _ponged(self) -> None:
        """Take a sign of life, for which there must have been a ping."""
        if self._pong_by == NEVER:
            self.close(MALFORMED)
        self._pong_by = NEVER

    def _look_ahead(self) -> None:
        ends = min((each.ends for each in self.subscriptions.values()), default=NEVER)
        self.next_due = min(self._stale_by, self._ping_at, self._pong_by, self._ends, ends)

    # --- commands ---

    def _is_deaf(self) -> bool:
        return self.state is State.CLOSED or self.state is State.REFUSED

    def _may_go_on(self) -> bool:
        if self._current is not None or self._is_deaf():
            return False
        return bool(self._waiting) and self.has_room()

    def _ended(self) -> Command | None:
        """Return the command that was under way; none, if the connection has ended meanwhile."""
        command = self._current
        self._current = None
        return command

    def _own_answer(self, command: Command) -> Result | Refused | Disconnection | None:
        """Return what can be said without anybody else; None: it is for others."""
        request = command.request
        if isinstance(request, ConnectRequest) is not (self.state is State.NEW) or (
            command.id == 0 and self.state is State.NEW
        ):
            return MALFORMED  # connect is the first command, and no other is
        if request is None:
            return METHOD_NOT_FOUND
        if isinstance(request, PingRequest):
            return PingResult()
        if isinstance(request, ConnectRequest):
            self.state = State.CONNECTING
            self._overdue = SERVER_ERROR  # it waits for us: it should not go for good
            return None
        return self._objection(request)

    def _objection(self, request: Request) -> Result | Refused | None:
        if isinstance(request, _OF_A_CHANNEL):
            if not 0 < len(request.channel.encode()) <= LONGEST_CHANNEL:
                return BAD_REQUEST
            if request.channel.startswith(OURS) and not isinstance(request, UnsubscribeRequest):
                return PERMISSION_DENIED
            return self._objection_in_channel(request)
        if isinstance(request, RefreshRequest) and not request.token:
            return BAD_REQUEST
        return None

    def _objection_in_channel(self, request: Request) -> Result | Refused | None:
        if isinstance(request, SubscribeRequest):
            return self._subscribe_objection(request)
        if isinstance(request, UnsubscribeRequest):
            return None if request.channel in self.subscriptions else UnsubscribeResult()
        if isinstance(request, PublishRequest):
            if request.kind:
                return NOT_AVAILABLE
            return None if request.data else BAD_REQUEST
        if isinstance(request, SubRefreshRequest):
            if request.kind:
                return NOT_AVAILABLE
            return None if request.channel in self.subscriptions else PERMISSION_DENIED
        return None

    def _subscribe_objection(self, request: SubscribeRequest) -> Refused | None:
        if request.kind or request.filtered:
            return NOT_AVAILABLE
        if request.channel in self.subscriptions:
            return ALREADY_SUBSCRIBED
        if len(self.subscriptions) >= self.terms.channels:
            return LIMIT_EXCEEDED
        return None


_OF_A_CHANNEL: Final = (
    SubscribeRequest,
    UnsubscribeRequest,
    PublishRequest,
    PresenceRequest,
    PresenceStatsRequest,
    HistoryRequest,
    SubRefreshRequest,
)


def _channel_of(request: Request | None) -> str:
    """Return the channel whose pushes an answer must not change places with."""
    if isinstance(request, SubscribeRequest | UnsubscribeRequest):
        return request.channel
    return ""

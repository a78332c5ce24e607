"""One tether: a client's side and a service's, each of which may go and come again.

No socket is here, and no clock: whoever calls says what time it is.  What the service says is
numbered, and kept until the client is known to have it: by the Pong that answers a Ping of ours
(RFC 6455 5.5.3; each client answers them), or by the number that it names when it comes back.  What
the client says waits while no service is there.
"""

from typing import Final, Protocol

from tta_gateway.features.tether.algorithm import (
    Event,
    State,
    after,
    has_client,
    has_service,
    pause,
)
from tta_gateway.features.tether.backlog import Backlog, Bounds, Queue, Said
from tta_gateway.features.tether.doubles import Doubles
from tta_gateway.features.tether.parcel import Contents
from tta_gateway.kernel.crisis import Fate
from tta_gateway.kernel.said import Hearing, fate_of

NEVER: Final = float("inf")
_STEADY: Final = 5.0  # seconds that a service must have stayed to be looked for anew
_SIGN: Final = 15.0  # seconds without a sign of life, behind which the client is asked for one
_PATIENCE: Final = 10.0  # seconds for that
SILENT: Final = 1.0
"""Seconds without an answer to a Ping after which somebody who comes may be the same client."""

# RFC 6455 7.4.1, and IANA's registry
NORMAL: Final = 1000
GOING_AWAY: Final = 1001
NO_CODE: Final = 1005
LOST: Final = 1006
POLICY: Final = 1008
FAULT: Final = 1011
RESTART: Final = 1012
LATER: Final = 1013
PARTS: Final = 1.0
"""Seconds that a service may take to answer a Close, where its session goes on elsewhere."""
_UNTAKEN: Final = 64 * 1024
"""Bytes of the gateway's own that a client may leave untaken before it is heard no further."""
_OF_TROUBLE: Final = (GOING_AWAY, NO_CODE, LOST, FAULT, RESTART, LATER, 1014, 1015)
"""Closes of a service behind which another endpoint, or the same, may serve."""


_BARE: Final = (POLICY, FAULT, LATER)
"""Ends that somebody may meet who needs help: they are told where it is first."""


class Client(Protocol):
    """The client's socket."""

    def send(self, payload: bytes, *, is_text: bool) -> None:
        """Send a message."""

    def ping(self, payload: bytes = b"") -> None:
        """Ask for a sign of life, which repeats the payload."""

    def close(self, code: int, reason: bytes) -> None:
        """End it."""

    def pause(self) -> None:
        """Hear no message for a while."""

    def resume(self) -> None:
        """Hear again."""


class Leg(Protocol):
    """The service's socket."""

    def send(self, payload: bytes, *, is_text: bool, hearing: Hearing | None = None) -> None:
        """Send a message; `hearing`: it has waited, and was listened to meanwhile."""

    def relay(self, payload: bytes) -> None:
        """Send what was judged elsewhere: no policy of the route is asked about it."""

    def close(self, code: int, reason: bytes) -> None:
        """End it; nothing more is heard of it."""

    def finish(self, code: int, reason: bytes) -> None:
        """Have it end: what the service says until it answers that is heard, and its end too."""

    def pause(self) -> None:
        """Hear no message for a while."""

    def resume(self) -> None:
        """Hear again."""


class Means(Protocol):
    """What a tether reaches."""

    def reach(self, tether: "Tether") -> Leg:
        """Begin to open a leg to the service; what becomes of it is told the tether later."""

    def tell(self, tether: "Tether", status: str, more: dict[str, object]) -> None:
        """Tell the client what happens to its connection."""

    def hear(self, payload: bytes, *, is_text: bool, is_helped: bool = False) -> Hearing | None:
        """Listen to what waits for the service: help does not wait; None: nobody listens.

        `is_helped`: help was given where it waited before, and is not given again.
        """

    def farewell(self, fate: Fate) -> bytes:
        """Return the help that a client gets before it is told of an end; empty: none.

        `fate` is what becomes of what it has said and no service hears, if somebody may be at risk.
        """

    def parted(self, tether: "Tether") -> None:
        """Take that its service says no more: it can be `packed`, once, in a later call."""

    def over(self, tether: "Tether") -> None:
        """Know it no longer."""

    def chance(self) -> float:
        """Return a number from 0 to 1."""


class Terms:
    """How long what is kept, in seconds, and how much."""

    __slots__ = ("bounds", "reattach", "resume")

    def __init__(self, *, resume: float, reattach: float, bounds: Bounds) -> None:
        """Keep to these."""
        self.resume = resume
        self.reattach = reattach
        self.bounds = bounds


class Tether:
    """One of them.  `due` says when `tick` is to be called."""

    __slots__ = (
        "_aside",
        "_asked",
        "_backlog",
        "_began",
        "_card",
        "_client",
        "_doubles",
        "_gave_up",
        "_has_told",
        "_is_behind",
        "_is_card_asked",
        "_is_slow",
        "_leg",
        "_means",
        "_pinged",
        "_queue",
        "_retry",
        "_seen",
        "_since",
        "_tries",
        "_unanswered",
        "_untaken",
        "_was_behind",
        "due",
        "has_begun",
        "state",
        "terms",
        "token",
    )

    def __init__(
        self, means: Means, terms: Terms, *, token: str, client: Client | None, now: float
    ) -> None:
        """Begin with a client, and reach for its service; without one, wait for it."""
        self.terms = terms
        self.token = token
        """by which the client comes back"""
        self.state = State.BOTH_AWAY if client is None else State.SERVICE_AWAY
        self.due = NEVER
        self.has_begun = False
        """Whether the service has been reached before."""
        self._means = means
        self._backlog = Backlog(terms.bounds)
        # For the service, what the client has said, and what others have
        self._queue, self._aside = Queue(terms.bounds), Queue(terms.bounds)
        self._doubles = Doubles()
        # The client
        self._client: Client | None = client
        self._is_slow = self._is_card_asked = False  # and no Ping behind its card is unanswered
        self._card: Said | None = None  # the newest help card that it is not known to have
        self._untaken = 0  # bytes that the gateway itself has said while it was slow
        self._pinged = -1  # the number in the Ping that is not answered; -1: there is none
        self._asked = NEVER  # when that was
        self._seen = now  # when the client gave its last sign
        # When what is away, or is to end, is waited for no longer
        self._gave_up = NEVER if client is not None else now + terms.resume
        # The service
        self._leg: Leg | None = None
        self._is_behind = self._was_behind = False  # now, and since the client was looked at last
        self._since = now  # since when it has been away
        self._began = self._retry = NEVER  # when the leg was opened, and the next is
        self._has_told = False  # the client knows that it is away
        self._tries = self._unanswered = 0  # what was passed on since the service has said anything
        if client is not None:
            self._reach()
        self._set_due()

    # --- the client ---

    def client_said(self, payload: bytes, *, is_text: bool, now: float) -> None:
        """Pass a message on, or have it wait for a service; one that has been passed on is not."""
        self._seen = now
        if self.state is State.OVER or self._doubles.is_double(payload, now):
            return
        message = Said(payload, is_text=is_text)
        if has_service(self.state):
            self._pass(message)
            return
        message.hearing = self._means.hear(payload, is_text=is_text)
        if not self._queue.add(message):
            if message.hearing is not None:
                message.hearing.lost()
            self.end(LATER, b"the service is away: connect again later", last=message.hearing)

    def client_stopped(self, leg: Leg, payload: bytes) -> None:
        """Take that policies have not let a message reach the service: it may be said again."""
        if leg is not self._leg or self.state is State.OVER:
            return
        if self._doubles.stopped(payload, within=self._unanswered + len(self._queue)):
            self._unanswered = max(0, self._unanswered - 1)

    def gateway_said(self, payload: bytes, *, is_text: bool, is_help: bool = False) -> None:
        """Tell a client that is there; one that asks on and takes no answer is heard no further.

        The newest help card is kept until the client is known to have it.
        """
        if is_help and self.state is not State.OVER:
            self._card, self._is_card_asked = Said(payload, is_text=is_text), False
        client = self._client
        if client is None:
            return
        client.send(payload, is_text=is_text)
        if self._is_slow and self.is_of(client):
            self._untaken += len(payload)
            if self._untaken > _UNTAKEN:
                client.pause()

    def client_ponged(self, payload: bytes, now: float) -> None:
        """Take that the client has all that was sent before a Ping of ours."""
        self._seen = now
        if self._pinged >= 0 and payload == b"%d" % self._pinged:
            self._backlog.confirmed(self._pinged)
            self._doubles.settled()
            if self._is_card_asked:
                self._card, self._is_card_asked = None, False
            self._pinged = -1
            self._asked = NEVER
            if self._backlog.said > self._backlog.floor:
                self._ping(now)
        self._set_due()

    def client_may_write(self, *, may: bool) -> None:
        """Hear the service no further while the client does not keep up."""
        self._is_slow = not may
        if may:
            is_unheard, self._untaken = self._untaken > _UNTAKEN, 0
            is_behind = self._is_behind and has_service(self.state)
            if is_unheard and not is_behind and self._client is not None:
                self._client.resume()
        if self._leg is not None and has_service(self.state):
            if may:
                self._leg.resume()
            else:
                self._leg.pause()

    def client_went(self, code: int, now: float) -> None:
        """Keep what belongs to a client that has gone, unless it has said that it is done."""
        if not has_client(self.state):
            return
        self._client = None
        if code == NORMAL:
            self.end(NORMAL, b"")
            return
        self.state = after(self.state, Event.CLIENT_WENT)
        self._pinged, self._asked, self._retry = -1, NEVER, NEVER
        self._gave_up = now + self.terms.resume
        if self._is_slow:
            self.client_may_write(may=True)
        self._set_due()

    def client_came(self, client: Client, *, received: int, now: float) -> None:
        """Go on with a client that has come back; below 0, it says not how much it has received."""
        if has_client(self.state):
            self._let_go_of_client(GOING_AWAY, b"it goes on over another connection")
        self.state = after(self.state, Event.CLIENT_CAME)
        self._client = client
        self._seen, self._gave_up = now, NEVER
        self._doubles.came_back(now)
        backlog = self._backlog
        last = backlog.floor if received < 0 else min(received, backlog.said)
        more: dict[str, object] = {"resumed": True, "received": last}
        if backlog.missing(last):
            more["missed"] = backlog.missing(last)
        self._means.tell(self, "attached", more)
        self._give_card(client)
        for message in backlog.after(last):
            client.send(message.payload, is_text=message.is_text)
        backlog.confirmed(min(last, backlog.said))
        if backlog.said > backlog.floor or self._card is not None:
            self._ping(now)
        if not has_service(self.state):
            self._tries, self._since, self._has_told = 0, now, False
        if self._leg is None:
            self._reach()
        elif self._is_behind:
            client.pause()
        self._set_due()

    def _give_card(self, client: Client) -> None:
        """Give a client that has come back the help card that it may not have."""
        card, self._is_card_asked = self._card, False
        if card is not None:
            client.send(card.payload, is_text=card.is_text)

    def _let_go_of_client(self, code: int, reason: bytes) -> None:
        """End the socket of a client that has come back by another one, or is silent."""
        client, self._client = self._client, None
        self.state = after(self.state, Event.CLIENT_WENT)
        self._pinged, self._asked, self._retry = -1, NEVER, NEVER
        if self._is_slow:
            self.client_may_write(may=True)
        assert client is not None  # the state says that it is there
        client.close(code, reason)

    def is_of(self, client: Client) -> bool:
        """Tell whether this is the client's socket."""
        return self._client is client

    @property
    def is_alone(self) -> bool:
        """Tell whether it waits for its client."""
        return self.state in (State.CLIENT_AWAY, State.BOTH_AWAY)

    def seems_gone(self, now: float) -> bool:
        """Tell whether the client is away, or does not answer, so that it may be who comes."""
        return not has_client(self.state) or self._asked + SILENT <= now

    # --- the service ---

    def service_came(self, leg: Leg, now: float) -> None:
        """Go on with a leg that is open: what waits goes first."""
        if leg is not self._leg or self.state is State.OVER or has_service(self.state):
            return
        self.state = after(self.state, Event.SERVICE_CAME)
        self._began, self._retry = now, NEVER
        self._has_told = False
        if has_client(self.state):
            self._say_that_it_came()
        self.has_begun = True
        self._unanswered = 0
        if self._is_slow:
            leg.pause()
        while has_service(self.state):
            message = self._queue.take()
            if message is None:
                break
            self._pass(message)
        self._tell_aside(leg)
        self._set_due()

    def _tell_aside(self, leg: Leg) -> None:
        """Tell a service that has come what others have said meanwhile."""
        while has_service(self.state):
            message = self._aside.take()
            if message is None:
                return
            leg.relay(message.payload)

    def _say_that_it_came(self) -> None:
        if self.has_begun:
            more: dict[str, object] = {"unanswered": self._unanswered}
            self._means.tell(self, "reattached", more)
        else:
            self._means.tell(self, "attached", {"resumed": False, "received": 0})

    def service_said(self, payload: bytes, *, is_text: bool, now: float) -> None:
        """Number a message, keep it, and pass it on."""
        if not has_service(self.state) and self.state is not State.PARTING:
            return
        self._unanswered = 0
        self._give(Said(payload, is_text=is_text), now)

    def others_said(self, payload: bytes, *, now: float) -> None:
        """Pass on what others say in the channel that it is bound to, as what the service says."""
        if self.state is not State.OVER:
            self._give(Said(payload, is_text=True), now)

    def service_hears(self, payload: bytes) -> bool:
        """Tell the service what others say; False if it is away, and no more of it can wait."""
        if has_service(self.state):
            assert self._leg is not None  # the state says that it is there
            self._leg.relay(payload)
            return True
        return self.state is not State.OVER and self._aside.add(Said(payload, is_text=True))

    def _give(self, message: Said, now: float) -> None:
        """Number a message, keep it, and pass it on."""
        self._backlog.add(message)
        client = self._client
        if client is not None:
            client.send(message.payload, is_text=message.is_text)
            if self._pinged < 0:
                self._ping(now)
            self._set_due()

    def service_may_write(self, *, may: bool) -> None:
        """Hear the client no further while the service does not keep up."""
        self._is_behind = not may
        self._was_behind = self._was_behind or self._is_behind
        if self._client is not None and has_service(self.state):
            if not may:
                self._client.pause()
            elif self._untaken <= _UNTAKEN:
                self._client.resume()

    def service_went(self, leg: Leg, code: int, reason: bytes, now: float) -> None:
        """Look for another endpoint, unless the service has ended it for good."""
        if leg is not self._leg or self.state is State.OVER:
            return
        if self.state is State.PARTING:
            self._parted()
            return
        was_there = has_service(self.state)
        self._leg = None
        if was_there:
            self._doubles.lost(self._unanswered, waiting=len(self._queue))
        if self._is_behind:
            self.service_may_write(may=True)
        if was_there and code not in _OF_TROUBLE:
            self.end(code, reason)
            return
        if was_there:
            self.state = after(self.state, Event.SERVICE_WENT)
            if now - self._began >= _STEADY:
                self._tries = 0
                self._since = now
        self._try_later(now)

    def service_refused(
        self, leg: Leg, now: float, *, code: int, reason: bytes, is_of_token: bool
    ) -> None:
        """Take that no leg came about: `code` is 1008 where that is not allowed.

        Where a token has ended meanwhile, a client that comes back with another may go on.
        """
        if leg is not self._leg or self.state is State.OVER:
            return
        self._leg = None
        if code == POLICY and not (is_of_token and self.has_begun):
            self.end(code, reason)
        else:
            self._try_later(now)

    def _try_later(self, now: float) -> None:
        """Reach for the service again a little later; without a client, when that is there."""
        if has_client(self.state):
            if not self._has_told:
                self._has_told = True
                self._means.tell(self, "service_away", {})
            self._retry = now + pause(self._tries, self._means.chance())
            self._tries += 1
        self._set_due()

    def _reach(self) -> None:
        """Begin to open a leg."""
        self._retry = NEVER
        self._leg = self._means.reach(self)

    def _pass(self, message: Said) -> None:
        assert self._leg is not None  # the state says that it is there
        self._unanswered += 1
        self._leg.send(message.payload, is_text=message.is_text, hearing=message.hearing)

    # --- time, and the end ---

    def tick(self, now: float) -> None:
        """Do what is due."""
        if self.state is State.OVER:
            return
        if self.state is State.PARTING:
            self._part_if_due(now)
        elif now >= self._gave_up:
            self.end(GOING_AWAY, b"the client has gone")
        elif now >= self._lost_at:
            self.end(LATER, b"the service is away: connect again later")
        else:
            if now >= self._retry:
                self._reach()
            if self._client is not None:
                self._look_at_client(now)
        self._set_due()

    @property
    def _lost_at(self) -> float:
        """Return when a service that is away is looked for no longer."""
        return self._since + self.terms.reattach if self.state is State.SERVICE_AWAY else NEVER

    def _look_at_client(self, now: float) -> None:
        """Ask a client for a sign of life; one that gives none has gone."""
        if self._was_behind:  # it was not read: nothing can have been heard of it
            self._was_behind = self._is_behind
            self._seen = now
            if self._pinged >= 0:
                self._asked = now
        if self._pinged < 0:
            if now >= self._seen + _SIGN:
                self._ping(now)
        elif now >= self._asked + _PATIENCE:
            self._let_go_of_client(GOING_AWAY, b"no sign of life: connect again")
            self._gave_up = now + self.terms.resume

    def _ping(self, now: float) -> None:
        assert self._client is not None  # whoever calls has looked
        self._pinged, self._asked = self._backlog.said, now
        self._is_card_asked = self._card is not None
        self._client.ping(b"%d" % self._pinged)

    def _set_due(self) -> None:
        if self.state is State.OVER:
            self.due = NEVER
            return
        sign = NEVER
        if self._client is not None:
            sign = self._asked + _PATIENCE if self._pinged >= 0 else self._seen + _SIGN
        self.due = min(self._gave_up, self._retry, self._lost_at, sign)

    # --- going on at another worker ---

    def part(self, code: int, reason: bytes, now: float) -> None:
        """Be here no longer: a client that is there hears this, and a service is heard to its end.

        `Means.parted` follows, or the end.
        """
        if has_client(self.state):
            self._let_go_of_client(code, reason)
        was_there = has_service(self.state)
        self.state = after(self.state, Event.PARTED)
        leg = self._leg
        if was_there and leg is not None:
            self._gave_up = now + PARTS
            leg.finish(RESTART, b"it goes on over another socket")
            self._set_due()
        else:
            self._part_from(leg)

    def _part_if_due(self, now: float) -> None:
        """Part from a service that has not answered in time."""
        if now >= self._gave_up:
            self._part_from(self._leg)

    def _part_from(self, leg: Leg | None) -> None:
        """Hear no more of this service."""
        if leg is not None:
            leg.close(GOING_AWAY, b"")
        self._parted()

    def _parted(self) -> None:
        self._leg = None
        self._doubles.lost(self._unanswered, waiting=len(self._queue))
        self._gave_up = NEVER
        self._set_due()
        self._means.parted(self)

    def packed(self) -> Contents:
        """Return all that it holds, to go on elsewhere; here it is over."""
        card = self._card
        self.state = after(self.state, Event.ENDED)
        self._set_due()
        return Contents(
            has_begun=self.has_begun,
            said=self._backlog.said,
            kept=self._backlog.packed(),
            queue=self._queue.packed(),
            aside=self._aside.packed(),
            card=None if card is None else (card.payload, card.is_text),
            unanswered=self._unanswered,
            doubles=self._doubles.packed(),
        )

    def lost(self) -> None:
        """Take that nobody is known to go on with what was packed: it has not arrived."""
        self._queue.clear()

    def unpack(self, contents: Contents) -> None:
        """Go on with what was packed elsewhere; its client comes next."""
        self.has_begun = contents.has_begun
        self._backlog.unpack(contents.said, contents.kept)
        if contents.card is not None:
            payload, is_text = contents.card
            self._card = Said(payload, is_text=is_text)
        for payload, is_text, is_helped in contents.queue:
            message = Said(payload, is_text=is_text)
            message.hearing = self._means.hear(payload, is_text=is_text, is_helped=is_helped)
            self._queue.put(message)
        for payload, is_text, _ in contents.aside:
            self._aside.put(Said(payload, is_text=is_text))
        self._unanswered = contents.unanswered
        self._doubles.unpack(contents.doubles)

    def end(self, code: int, reason: bytes, *, last: Hearing | None = None) -> None:
        """End it: each side that is there hears why, and nothing is kept.

        `last` is what was heard of a message for which there was no room to wait.
        """
        if self.state is State.OVER:
            return
        self.state = after(self.state, Event.ENDED)
        client, self._client = self._client, None
        leg, self._leg = self._leg, None
        fate = fate_of([*self._queue.hearings(), last])
        self._queue.clear()
        self._aside.clear()
        self._backlog = Backlog(self.terms.bounds)
        self._set_due()
        self._card = None
        if client is not None:
            help = self._means.farewell(fate) if code in _BARE else b""
            if help:
                client.send(help, is_text=True)
            client.close(code, reason)
        if leg is not None:
            leg.close(NORMAL if code == NORMAL else GOING_AWAY, b"")
        self._means.over(self)

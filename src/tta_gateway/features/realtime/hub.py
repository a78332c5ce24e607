"""The hub of one worker: its connections, and what flows between them and the channels.

A socket hands frames in and is given frames to write, as much as it can take; the rest waits in
the session.  What is published is put into sessions and written out a slice of them in a turn of
the loop (fanout.py).  The store tells what happens in channels (Listener).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Protocol

from tta_gateway.features.realtime.attendant import Attendant, Ports
from tta_gateway.features.realtime.backlog import Message
from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.channels import Channels
from tta_gateway.features.realtime.codec import Codec
from tta_gateway.features.realtime.codes import (
    CONNECTION_EXPIRED,
    INTERNAL,
    NO_HELP,
    SUBSCRIPTION_ENDED,
    SUBSCRIPTION_EXPIRED,
    UNSUBSCRIBED,
    WRITE_ERROR,
    Disconnection,
    Help,
    Unsubscription,
)
from tta_gateway.features.realtime.command import Command
from tta_gateway.features.realtime.doorkeeper import Rules
from tta_gateway.features.realtime.fanout import Turn
from tta_gateway.features.realtime.presence import Presence
from tta_gateway.features.realtime.publication import ClientInfo, Position, Publication
from tta_gateway.features.realtime.session import Session, State, Subscription
from tta_gateway.support.spread import Spread
from tta_gateway.support.tasks import Died, spawn

_CHECKED: Final = 40.0  # seconds between two looks whether a channel has missed something
_TIDIED: Final = 1.0
_LONGEST_WAIT: Final = 10.0  # for one command
_AT_ONCE: Final = 100  # commands of a client carried out in a turn of the loop
_A_TURN: Final = 0.001  # seconds of it, about, for one client
_SLICE: Final = 100  # sessions written out in a turn of the loop: bench/realtime.py
_ALL_ENDED: Final = 10.0  # seconds in which all are told to come back, so that they do not storm


class Writer(Protocol):
    """A client's socket, as the hub needs it."""

    def write(self, frame: bytes) -> None:
        """Send a frame; Connection.may_write tells when no more should come."""
        ...

    def close(self, why: Disconnection) -> None:
        """Send what was written and then the end."""
        ...

    def pause_reading(self) -> None:
        """Take nothing more from the client for now."""
        ...

    def resume_reading(self) -> None:
        """Go on taking what the client sends."""
        ...


class Connection:
    """One client: its session, its socket, and whether each can take more."""

    def __init__(self, hub: "Hub", session: Session, writer: Writer, address: str) -> None:
        """Begin with a socket that can take something."""
        self.session: Final = session
        self.writer: Final = writer
        self.address: Final = address
        self.can_write = True
        self.is_read = True
        self.is_over = False
        self.is_in_need = False
        """whether somebody speaks through it who may be at risk"""
        self._hub: Final = hub

    def received(self, frame: bytes) -> None:
        """Take a frame of the client."""
        self.session.receive(frame)
        self._hub.go_on(self)

    def late(self, frame: bytes) -> None:
        """Take a frame that has come behind the end: it is listened to, and not carried out."""
        self.session.leave_undone(frame)
        self._hub.listen_to_undone(self.session)

    def may_write(self, can_write: bool) -> None:
        """Take whether the socket can take more."""
        self.can_write = can_write
        if can_write:
            self._hub.go_on(self)

    def lost(self) -> None:
        """Take that the client is gone."""
        self._hub.forget(self)


class Hub:
    """All connections of a worker."""

    def __init__(
        self, ports: Ports, *, died: Died, chance: Callable[[], float] = lambda: 0.5
    ) -> None:
        """Begin with none; `died` hears of faults, `chance` is from 0 to 1."""
        self._ports: Final = ports
        self.terms = ports.terms
        """of connections that come from now on"""
        self.entered: Callable[[Subscription], None] = lambda _: None
        """hears of each subscription that the server has made"""
        self.helps: Callable[[str], Help] = lambda _: NO_HELP
        """returns where help is, for who is behind a connection, by its id"""
        self._died: Final = died
        self._connections: Final[dict[str, Connection]] = {}
        self._users: Final[dict[str, set[str]]] = {}
        self._dirty: Final[list[Session]] = []
        self._is_writing = False
        self._is_giving = False
        self._turn: Final = Turn()
        self._chance: Final = chance
        self._channels: Final = Channels(
            ports.broker,
            dirty=self._dirty,
            ended=self.departed,
            wrote=self._go_on_soon,
            died=died,
            turn=self._turn,
        )
        self._attendant: Final = Attendant(ports, channels=self._channels, register=self)
        now = ports.clock.monotonic()
        self._presence: Final = Presence(
            ports.broker, ports.access, self._channels, now=now, died=died
        )
        self._checked_at = now
        self._tidied_at = now

    def __repr__(self) -> str:
        """Tell how much there is."""
        return f"<hub of {len(self._connections)} connections, {self._channels!r}>"

    def open(
        self, codec: Codec, writer: Writer, *, client: str, chance: float, address: str = ""
    ) -> Connection:
        """Take a client's socket; `client` is a new id that nobody else has anywhere."""
        now = self._ports.clock.monotonic()
        session = Session(codec, client, terms=self.terms, now=now, chance=chance)
        session.helps = self.helps
        connection = Connection(self, session, writer, address)
        self._connections[client] = connection
        return connection

    def go_on(self, connection: Connection) -> None:
        """Carry out what a client asks, as far as that goes at once, and write what there is."""
        session = connection.session
        waits = False
        until = self._ports.clock.monotonic() + _A_TURN
        for _ in range(_AT_ONCE):
            command = session.next()
            if command is None:
                self._write(connection)  # what has been written makes room for further answers
                if connection.can_write and session.has_more():
                    continue
                break
            waiting = self._begin(connection, command)
            if waiting is not None:
                waits = True
                work = self._finish(connection, waiting)
                spawn(work, name="realtime command", died=self._died)
                break
            if self._ports.clock.monotonic() >= until:
                break
        if session.left:
            self.listen_to_undone(session)
        self._write(connection)
        self._hear_ahead(connection)
        if not waits and connection.can_write and session.has_more():
            asyncio.get_running_loop().call_soon(self.go_on, connection)
        self._keep_reading(connection)
        self._go_on_soon()

    def forget(self, connection: Connection) -> None:
        """Let go of a client that is gone."""
        session = connection.session
        if self._connections.pop(session.client, None) is None:
            return
        connection.is_over = True
        session.leave()
        if session.left:
            self.listen_to_undone(session)
        for subscription in list(session.subscriptions.values()):
            self._attendant.joining.unsubscribe(subscription)
        ids = self._users.get(session.user)
        if ids is not None:
            ids.discard(session.client)
            if not ids:
                del self._users[session.user]

    # --- what the platform does to clients ---

    def end(self, client: str, why: Disconnection) -> None:
        """End one connection."""
        connection = self._connections.get(client)
        if connection is not None:
            connection.session.close(why)
            self._write(connection)

    def end_all(self, why: Disconnection, *, seconds: float = _ALL_ENDED) -> None:
        """End every connection, spread over some time, so that they do not all come back at once.

        Few of them are ended sooner; those that come meanwhile stay.
        """
        if self._connections:
            spread = Spread(asyncio.get_running_loop(), self._chance)
            each = self._connections.values()
            ends = [partial(self._end_one, one, why) for one in each if not one.is_in_need]
            last = [partial(self._end_one, one, why) for one in each if one.is_in_need]
            spread.add(list(ends), seconds=seconds, last=last)

    def part(self, client: str, channel: str, why: Unsubscription = UNSUBSCRIBED) -> bool:
        """Let one connection read a channel no longer; False if it does not."""
        connection = self._connections.get(client)
        if connection is None:
            return False
        session = connection.session
        if session.joining == channel:
            session.joining = ""  # it does not begin: the client is refused
            session.may_rejoin = not why.is_final
            return True
        if session.state is State.CONNECTING:
            self.end(client, CONNECTION_EXPIRED)  # what it will read may be settled: it comes back
            return True
        subscription = session.subscriptions.get(channel)
        if subscription is None:
            return False
        self._end(subscription, told=why)
        self._write(connection)
        return True

    def disconnect(self, user: str, why: Disconnection, *, client: str = "", but: str = "") -> int:
        """End all connections of somebody, or one, or all but one; return how many."""
        found = [one for one in self._clients_of(user, client) if one != but]
        for one in found:
            self.end(one, why)
        return len(found)

    def unsubscribe(
        self, user: str, channel: str, why: Unsubscription = UNSUBSCRIBED, *, client: str = ""
    ) -> int:
        """Let somebody read a channel no longer, and return in how many connections."""
        return sum(self.part(one, channel, why) for one in self._clients_of(user, client))

    def tell(self, user: str, data: bytes) -> int:
        """Tell somebody what belongs to no channel, and return in how many connections."""
        all_of_them = self._connections_of(user)
        found = [each for each in all_of_them if each.session.state is State.CONNECTED]
        for connection in found:
            codec = connection.session.codec
            connection.session.push(Message(codec.message(data)))
            self._write(connection)
        return len(found)

    def help(self, client: str, data: bytes, level: int) -> None:
        """Give one connection the help card, ahead of all that waits.

        It comes as a publication in a channel that the server has it read: every SDK hears that.
        """
        connection = self._connections.get(client)
        if connection is not None and connection.session.state is not State.CLOSED:
            connection.is_in_need = True
            connection.session.help(Publication(data, tags={"help": f"{level}"}))
            self._write(connection)

    def is_here(self, user: str) -> bool:
        """Return whether somebody is connected."""
        return user in self._users

    def users(self) -> list[str]:
        """Return who is connected."""
        return list(self._users)

    def give(self, subscription: Subscription, publication: Publication) -> bool:
        """Give one session something of a channel that it reads; False while it is too full."""
        session, channel = subscription.session, subscription.channel
        connection = self._connections.get(session.client)
        if connection is None or not session.has_room():
            return False
        session.push(Message(session.codec.publication(channel, publication), channel))
        self._write(connection)
        return True

    # --- what the store tells (Listener) ---

    def published(self, channel: str, publication: Publication, top: Position) -> None:
        """Give a publication to who reads the channel."""
        found = self._channels.find(channel)
        if found is None:
            return
        found.published(publication, top)
        if found.is_behind:
            self._channels.look_after(found)
        self._go_on_soon()

    def joined(self, channel: str, info: ClientInfo) -> None:
        """Tell that somebody came."""
        self._announce(channel, info, joined=True)

    def left(self, channel: str, info: ClientInfo) -> None:
        """Tell that somebody left."""
        self._announce(channel, info, joined=False)

    def lost(self) -> None:
        """Look at the store for what may have been missed."""
        self._channels.lost()

    # --- time ---

    def tick(self) -> None:
        """Do what the time has come for; called about once a second."""
        now = self._ports.clock.monotonic()
        due = [each for each in self._connections.values() if each.session.next_due <= now]
        self._look_after(due, now)
        if now - self._tidied_at >= _TIDIED:
            self._tidied_at = now
            self._channels.tidy(now)
        if now - self._checked_at >= _CHECKED:
            self._checked_at = now
            spawn(self._channels.check_all(), name="realtime check", died=self._died)
        self._presence.tick(now)

    # --- who comes and goes (Register) ---

    def known(self, client: str, user: str) -> None:
        """Take whose a connection is that is not let in yet: orders about them find it."""
        connection = self._connections.get(client)
        if connection is not None and connection.session.state is State.CONNECTING:
            connection.session.user = user
            self.came(connection.session)

    def came(self, session: Session) -> None:
        """Take that it is known who a session is."""
        if session.user:
            self._users.setdefault(session.user, set()).add(session.client)

    def joined_channel(self, subscription: Subscription, rules: Rules) -> None:
        """Say in a channel that somebody reads it."""
        if subscription.is_ours:
            self.entered(subscription)
        self._presence.came(subscription, rules)

    def departed(self, subscription: Subscription) -> None:
        """Say in a channel that somebody reads it no longer."""
        self._ports.access.left(subscription.channel, subscription.session.client)
        self._presence.went(subscription)

    # --- within ---

    def _begin(self, connection: Connection, command: Command) -> Awaitable[None] | None:
        """Begin a command; what nobody expects costs its client this one, not the connection."""
        session = connection.session
        try:
            return self._attendant.begin(session, command, connection.address)
        except Exception as error:  # noqa: BLE001 - the client is told, and its other commands go on
            session.refuse(INTERNAL)
            self._died("realtime command", error)
            return None

    def _hear_ahead(self, connection: Connection) -> None:
        """Listen to what waits, a little in a turn: whoever needs help is given it at once."""
        if connection.is_over:
            return
        try:
            until = self._ports.clock.monotonic() + _A_TURN
            is_done = self._attendant.hearings.ahead(connection.session, until)
        except Exception as error:  # noqa: BLE001 - it is listened to again in its turn
            self._died("realtime command", error)
            return
        if not is_done:
            asyncio.get_running_loop().call_soon(self._hear_ahead, connection)

    def listen_to_undone(self, session: Session) -> None:
        """Have it kept what is not carried out, as far as somebody may need help."""
        try:
            work = self._attendant.hearings.undone(session)
        except Exception as error:  # noqa: BLE001 - one client's
            self._died("realtime command", error)
            return
        if work is not None:
            spawn(work, name="realtime command", died=self._died)

    async def _finish(self, connection: Connection, waiting: Awaitable[None]) -> None:
        """See a command through that had to wait, then go on with those behind it."""
        try:
            async with asyncio.timeout(_LONGEST_WAIT):
                await waiting
        except (Away, TimeoutError):
            connection.session.refuse(INTERNAL)
        except Exception as error:  # noqa: BLE001 - the client is told, and its other commands go on
            connection.session.refuse(INTERNAL)
            self._died("realtime command", error)
        connection.session.joining = ""
        self.go_on(connection)

    def _end_one(self, connection: Connection, why: Disconnection) -> None:
        if not connection.is_over:
            connection.session.close(why)
            self._write(connection)

    def _look_after(self, due: list[Connection], now: float) -> None:
        """Do what the time has come for, for a slice of them in a turn of the loop."""
        some, rest = due[:_SLICE], due[_SLICE:]
        if rest:
            asyncio.get_running_loop().call_soon(self._look_after, rest, now)
        for connection in some:
            for ended in connection.session.due(now):
                self._end(ended)
            self._write(connection)

    def _write(self, connection: Connection) -> None:
        """Write what a session has, and end it if its socket fails: the others are written to."""
        try:
            self._write_out(connection)
        except Exception as error:  # noqa: BLE001 - one client's, whatever it is
            self._died("realtime write", error)
            self.forget(connection)
            with contextlib.suppress(Exception):
                connection.writer.close(WRITE_ERROR)

    def _write_out(self, connection: Connection) -> None:
        """Write what a session has, as much as the socket takes, and its end if it has come."""
        session = connection.session
        writer = connection.writer
        while connection.can_write and not connection.is_over:
            frame = session.take()
            if not frame:
                break
            writer.write(frame)
        why = session.closing
        if why is not None and not connection.is_over:
            self.forget(connection)
            writer.close(why)

    def _keep_reading(self, connection: Connection) -> None:
        """Read a client no further whose commands wait, and again when they are few."""
        reads = not connection.session.is_full()
        if reads is not connection.is_read and not connection.is_over:
            connection.is_read = reads
            if reads:
                connection.writer.resume_reading()
            else:
                connection.writer.pause_reading()

    def _go_on_soon(self) -> None:
        """Give and write what there is, each in turns of its own."""
        if self._dirty and not self._is_writing:
            self._is_writing = True
            asyncio.get_running_loop().call_soon(self._write_some)
        if not self._turn.is_idle and not self._is_giving:
            self._is_giving = True
            asyncio.get_running_loop().call_soon(self._give_some)

    def _give_some(self) -> None:
        """Put what waits for a crowd into a slice of its sessions."""
        self._is_giving = False
        try:
            self._turn.go_on()
        finally:
            self._go_on_soon()

    def _write_some(self) -> None:
        """Write out a slice of the sessions that have something: a crowd must not hold the loop."""
        self._is_writing = False
        if self._turn.is_idle:
            self._turn.go_on()  # what is heard from now on has a whole turn
        some = self._dirty[:_SLICE]
        del self._dirty[:_SLICE]
        for session in some:
            connection = self._connections.get(session.client)
            if connection is not None:
                self._write(connection)
        self._go_on_soon()

    def _announce(self, channel: str, info: ClientInfo, *, joined: bool) -> None:
        found = self._channels.find(channel)
        if found is not None:
            found.announced(info, joined=joined)
            self._go_on_soon()

    def _clients_of(self, user: str, client: str) -> list[str]:
        """Return the ids of somebody's connections, or the one that is meant."""
        ids = self._users.get(user, set())
        return sorted(ids) if not client else [one for one in (client,) if one in ids]

    def _connections_of(self, user: str) -> list[Connection]:
        ids = self._users.get(user, set())
        return [self._connections[each] for each in sorted(ids) if each in self._connections]

    def _end(self, subscription: Subscription, *, told: Unsubscription | None = None) -> None:
        """End a subscription whose time has come, or as the platform has `told`."""
        session = subscription.session
        if subscription.is_ours and told is None:
            session.close(SUBSCRIPTION_ENDED)
            return
        why = told or SUBSCRIPTION_EXPIRED
        self._attendant.joining.unsubscribe(subscription)
        message = session.codec.unsubscribed(subscription.channel, why)
        session.push(Message(message, subscription.channel))

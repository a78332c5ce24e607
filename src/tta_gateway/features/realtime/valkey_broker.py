"""The broker of all workers and nodes, in Valkey: numbers, keeps and spreads (scripts.py).

A script numbers, keeps and publishes in one step, so that there is one order for all.  What is
published reaches workers over Pub/Sub, which may lose; whoever follows is told by `lost` when that
may have been, and by offsets what.  Names on the bus are those of channels.

Every few seconds one publication of our own goes round: where it does not come back, although it
could be published, the subscription is made anew; so it cannot be deaf for long in silence (a
server that lost its part in the meantime, a bus of a cluster that is cut).
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Final

from tta_gateway.features.realtime.asking import Asking, as_bytes, as_int, as_list, bus_of, sealed
from tta_gateway.features.realtime.broker import Away, Listener, Published, Stored
from tta_gateway.features.realtime.disk import Disk
from tta_gateway.features.realtime.following import Following
from tta_gateway.features.realtime.packing import pack, pack_info, unpack, unpack_info
from tta_gateway.features.realtime.publication import (
    ERASED,
    ClientInfo,
    Keeping,
    Position,
    Publication,
    key_of_person,
)
from tta_gateway.features.realtime.scripts import (
    APPEAR,
    COUNT,
    HISTORY,
    PRESENT,
    PROBE,
    PUBLISH,
    READ_FOR,
    VANISH,
)
from tta_gateway.support.crypto.sealing import Erased
from tta_gateway.support.crypto.vault import Vault, opened
from tta_gateway.support.valkey.client import Tell, Valkey
from tta_gateway.support.valkey.connection import Reply

REMEMBERED: Final = 300  # seconds that a key is known
PROBED: Final = 5.0  # seconds between two probes
_RETURNS: Final = 2.0  # seconds that a probe may take
_NAME: Final = b"tta:channel:"
_FARTHEST: Final = (1 << 63) - 1  # no offset is beyond it
_PRESENCE: Final = (b"until", b"about", b"users")
_NAMED: Final = (b"meta", b"stream", *_PRESENCE)
_OURS: Final = "!"
"""Begins the names of channels that no client may name."""
_GONE: Final = Publication(b"null", tags={ERASED: "true"})
_SEEN: Final = 1000  # keys of the server that are looked at in one step
_SPECIAL: Final = re.compile(rb"[\\*?\[\]]")


class ValkeyBroker:
    """A Broker; the subscriber's listener is `following`."""

    def __init__(
        self,
        client: Callable[[], Valkey | None],
        *,
        disk: Disk,
        listener: Listener,
        fresh: Callable[[], str],
        tell: Tell,
        database: int = 0,
    ) -> None:
        """Ask by way of this client, which has logged in to a database.

        `fresh` makes names that nobody has made before.
        """
        self._bus = bus_of(database)
        self._ask = Asking(client)
        self._disk = disk
        self._listener = listener
        self._fresh = fresh
        self._tell = tell
        self._probe = b"tta:probe:" + fresh().encode()
        self._probes = 0
        self._returned = asyncio.Event()
        self.following = Following(self._hear, listener.lost)
        self.vault: Callable[[], Vault | None] = lambda: None
        """What publications are sealed with in the store and on the bus: to be set."""
        self.about: Callable[[str], str] = lambda _: ""
        """Whom a channel is about, if it is somebody: to be set."""

    # What is published

    async def publish(
        self, channel: str, publication: Publication, *, keeping: Keeping, key: str = ""
    ) -> Published:
        """Number it, keep it, and tell all; with a key that is known nothing is done anew.

        A key is one for all who publish there: let it tell them apart.  Whoever wants two in order
        awaits the first.
        """
        tag = _tag(channel)
        meta = tag + b"meta"
        seconds = max(1, keeping.seconds)
        reply = await self._ask.run(
            PUBLISH,
            (meta, tag + b"stream", tag + _digest(key) if key else meta),
            self._fresh(),
            self._bus + channel.encode(),
            self._sealed(channel, publication),
            keeping.size if keeping.is_on else 0,
            seconds,
            max(seconds, keeping.epoch_seconds),
            REMEMBERED if key else 0,
        )
        offset, epoch, repeated, server = map(as_bytes, as_list(reply))
        durable = keeping.durable and await self._disk.holds(tag + b"disk", server)
        return Published(Position(int(offset), epoch.decode()), repeated == b"1", durable)

    async def history(
        self, channel: str, *, since: Position | None, limit: int, reverse: bool = False
    ) -> Stored:
        """Return what stands after `since` (before it, if `reverse`), at most `limit`; -1: all."""
        first, last = b"-", b"+"
        if since is not None:
            bound = b"(%d-0" % min(max(since.offset, 0), _FARTHEST)
            if not reverse:
                first = bound
            elif since.offset > 0:
                last = bound
            else:
                limit = 0
        tag = _tag(channel)
        args = (self._fresh(), READ_FOR, first, last, limit, 1 if reverse else 0)
        reply = await self._ask.run(HISTORY, (tag + b"meta", tag + b"stream"), *args)
        epoch, top, entries = as_list(reply)
        publications = [self._stored(channel, entry) for entry in as_list(entries)]
        return Stored(
            [one for one in publications if one is not None],
            Position(int(as_bytes(top)), as_bytes(epoch).decode()),
        )

    def _stored(self, channel: str, entry: Reply) -> Publication | None:
        id, fields = as_list(entry)
        offset = int(as_bytes(id).partition(b"-")[0])
        publication = self._opened(channel, as_bytes(as_list(fields)[1]), offset)
        if publication is None:  # whoever reads sees a gap, and says so
            self._tell("channel_garbled", channel=channel, offset=offset)
        return publication

    def _sealed(self, channel: str, publication: Publication) -> bytes:
        """Seal with the key of whom the channel is about, or else of who says it."""
        person = self.about(channel) or ("" if publication.info is None else publication.info.user)
        whose = key_of_person(person) if person else ""
        return sealed(self.vault(), pack(publication), owner=channel, whose=whose)

    def _opened(self, channel: str, stored: bytes, offset: int) -> Publication | None:
        try:
            return unpack(opened(self.vault(), stored, owner=channel), offset)
        except Erased:
            return None if channel.startswith(_OURS) else replace(_GONE, offset=offset)

    async def erase(self, channel: str) -> None:
        """Delete all that is kept of a channel: publications, who is there, and known keys.

        What has no name of its own is looked for among all keys of the server, some at a time.
        """
        tag = _tag(channel)
        named = [tag + name for name in _NAMED]
        await self._ask.command("UNLINK", *named, key=tag)  # of a cluster, who has it is known now
        cursor = b"0"
        like = _SPECIAL.sub(rb"\\\g<0>", tag) + b"*"
        while True:
            words = ("SCAN", cursor, "MATCH", like, "COUNT", _SEEN)
            told, found = as_list(await self._ask.command(*words, key=tag))
            names = [as_bytes(one) for one in as_list(found)]
            if names:
                await self._ask.command("UNLINK", *names, key=tag)
            cursor = as_bytes(told)
            if cursor == b"0":
                return

    # Who is there

    async def appear(self, channel: str, info: ClientInfo, *, seconds: int) -> None:
        """Say that a session is in a channel, for so long unless it is said again."""
        user = info.user.encode()
        about = b"%d:%b%b" % (len(user), user, pack_info(info))
        args = (info.client, about, user, seconds * 1000)
        await self._ask.run(APPEAR, _presence(channel), *args)

    async def vanish(self, channel: str, info: ClientInfo) -> None:
        """Say that it has left."""
        await self._ask.run(VANISH, _presence(channel), info.client)

    async def present(self, channel: str) -> Sequence[ClientInfo]:
        """Return who is there, of all workers and nodes."""
        reply = as_list(await self._ask.run(PRESENT, _presence(channel)))
        found = [unpack_info(_about(as_bytes(one))) for one in reply]
        return [info for info in found if info is not None]

    async def count(self, channel: str) -> tuple[int, int]:
        """Return how many sessions are there, and of how many users."""
        sessions, users = as_list(await self._ask.run(COUNT, _presence(channel)))
        return as_int(sessions), as_int(users)

    async def announce(self, channel: str, info: ClientInfo, *, joined: bool) -> None:
        """Tell all who follow a channel that somebody came or left."""
        message = (b"j\n" if joined else b"l\n") + pack_info(info)
        name = self._bus + channel.encode()
        await self._ask.command(b"PUBLISH", name, message, key=_tag(channel))

    # What is heard

    async def follow(self, channel: str) -> None:
        """Hear of all that happens in a channel from the return of this on; Away if nobody can.

        After Away it is as if it had not been asked.
        """
        await self.following.follow(self._bus + channel.encode())

    def leave(self, channel: str) -> None:
        """Hear no more of it."""
        self.following.leave(self._bus + channel.encode())

    def _hear(self, name: bytes, message: bytes) -> None:
        if name == self._probe:
            if message == b"%d" % self._probes:
                self._returned.set()
            return
        channel = self._channel(name)
        head, _, body = message.partition(b"\n")
        kind = head[:1]
        if kind == b"p" and self._take(channel, head, body):
            return
        info = unpack_info(body) if kind in (b"j", b"l") else None
        if info is None:
            self._tell("channel_garbled", channel=channel, offset=0)
        elif kind == b"j":
            self._listener.joined(channel, info)
        else:
            self._listener.left(channel, info)

    def _take(self, channel: str, head: bytes, body: bytes) -> bool:
        offset, _, epoch = head[1:].partition(b" ")
        if not offset.isdigit():
            return False
        top = Position(int(offset), epoch.decode(errors="replace"))
        publication = self._opened(channel, body, top.offset)
        if publication is None:
            return False
        self._listener.published(channel, publication, top)
        return True

    # Whether anything is heard

    async def watch(self) -> None:
        """Look again and again whether what is published is heard; until cancelled."""
        while True:
            await asyncio.sleep(PROBED)
            await self.probe()

    async def probe(self) -> bool:
        """Tell whether what is published now is heard; if it is not, connect anew.

        In a cluster it is published beside another channel each time, so each server has its turn.
        """
        names = sorted(self.following.names - {self._probe})
        if not names:
            return True
        self._probes += 1
        tag = _tag(self._channel(names[self._probes % len(names)]))
        said = b"%d" % self._probes
        try:
            await self.following.follow(self._probe)
            self._returned.clear()
            await self._ask.run(PROBE, (tag + b"probe",), self._probe, said)
        except Away as away:
            if away.reason == "READONLY":  # it serves no more: nothing is published there
                self.following.renew("it has become a replica")
            return False
        try:
            async with asyncio.timeout(_RETURNS):
                await self._returned.wait()
        except TimeoutError:
            self._tell("channels_unheard")
            self.following.renew("what is published is not heard")
            return False
        return True

    # In between

    def _channel(self, name: bytes) -> str:
        return name[len(self._bus) :].decode()


def _tag(channel: str) -> bytes:
    """Return what the keys of a channel begin with: in a cluster they share a slot by it."""
    return b"{%b%b}:" % (_NAME, channel.replace("%", "%25").replace("}", "%7D").encode())


def _digest(key: str) -> bytes:
    """Return a key as it stands in the store: short, whatever it was, and telling nothing."""
    return b"key:" + blake2b(key.encode(), digest_size=16).hexdigest().encode()


def _presence(channel: str) -> list[bytes]:
    tag = _tag(channel)
    return [tag + name for name in _PRESENCE]


def _about(said: bytes) -> bytes:
    """Return what is said of a session, without its user's name before it: see APPEAR."""
    length, _, rest = said.partition(b":")
    return rest[int(length) :]

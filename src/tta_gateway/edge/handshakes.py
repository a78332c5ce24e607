"""Handshakes: how many are under way at once, and when each has its turn.

A step of a handshake is the most expensive thing that a stranger can ask for, so each has a turn of
the loop to itself, and only so many handshakes are under way; the others wait unread, which costs
next to nothing.  One network never has more than a quarter of the places, and one that has been
silent for a while gives its place up to whoever waits: so neither a crowd nor a few peers that
stall keep others out, and connections that are open already feel nothing of it.  Who has not said
its hello yet has no place, and needs none.
"""

import asyncio
from collections import deque
from typing import Final, Protocol

PATIENCE: Final = 2.0  # seconds of silence after which a place may go to another
_SHARE: Final = 4  # no network has more than one part in so many of the places


class Handshaker(Protocol):
    """A connection that wants to shake hands."""

    def step(self) -> None:
        """Do the next step, in a turn of the loop of its own."""

    def make_room(self) -> None:
        """End now: others wait for the place."""


class _Place:
    """The place of a handshake that is under way."""

    __slots__ = ("address", "heard", "is_due")

    def __init__(self, address: str, heard: float) -> None:
        self.address = address
        self.heard = heard  # when its peer last sent anything
        self.is_due = False  # whether its next step waits for its turn


class Handshakes:
    """All handshakes of a worker; `most` may be under way at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop, most: int, *, now: float) -> None:
        """Begin with none; `now` is the time of the last tick, or of this one."""
        self.most = most
        self._loop = loop
        self._now = now
        self._places: dict[Handshaker, _Place] = {}
        self._of_address: dict[str, int] = {}
        # By network, whose turn is the next first; each has its own queue.
        self._waiting: dict[str, deque[Handshaker]] = {}
        self._due: deque[Handshaker] = deque()
        self._turning = False

    def ask(self, one: Handshaker, address: str) -> bool:
        """Ask for a place; False if there is none yet.  The first step comes in its turn.

        An empty address stands for many networks, and has no share.
        """
        if address not in self._waiting and self._has_room(address):
            self._enter(one, address)
            return True
        self._waiting.setdefault(address, deque()).append(one)
        return False

    def heard(self, one: Handshaker) -> None:
        """Take note that the peer of one under way has sent something: its next step is due.

        It takes all that has come by then: who sends in many pieces has no more turns for that.
        """
        place = self._places.get(one)
        if place is not None:
            place.heard = self._now
            self._make_due(one, place)

    def leave(self, one: Handshaker, address: str) -> None:
        """Give a place up, or wait for none any more."""
        queue = self._waiting.get(address)
        if self._places.pop(one, None) is None:
            if queue is not None and one in queue:
                queue.remove(one)
                if not queue:
                    del self._waiting[address]
            return
        count = self._of_address[address] - 1
        if count:
            self._of_address[address] = count
        else:
            del self._of_address[address]
        self._let_in()

    def tick(self, now: float) -> None:
        """End handshakes whose peers are silent, as far as others wait for their places."""
        self._now = now
        wanted = sum([len(queue) for queue in self._waiting.values()])
        if not wanted:
            return
        self._let_in()  # a newer configuration may have more places
        full = len(self._places) >= self.most
        for one, place in list(self._places.items()):
            if (
                wanted
                and place.heard + PATIENCE <= now
                and (full or place.address in self._waiting)
            ):
                wanted -= 1
                one.make_room()

    def _has_room(self, address: str) -> bool:
        if len(self._places) >= self.most:
            return False
        share = max(1, self.most // _SHARE)
        return not address or self._of_address.get(address, 0) < share

    def _enter(self, one: Handshaker, address: str) -> None:
        place = self._places[one] = _Place(address, self._now)
        self._of_address[address] = self._of_address.get(address, 0) + 1
        self._make_due(one, place)

    def _let_in(self) -> None:
        """Give free places to those who wait, one network after the other."""
        for address in list(self._waiting):
            if not self._has_room(address):
                if len(self._places) >= self.most:
                    return
                continue
            queue = self._waiting.pop(address)
            one = queue.popleft()
            if queue:
                self._waiting[address] = queue  # behind the others
            self._enter(one, address)

    def _make_due(self, one: Handshaker, place: _Place) -> None:
        if not place.is_due:
            place.is_due = True
            self._due.append(one)
            self._turn_soon()

    def _turn_soon(self) -> None:
        if not self._turning:
            self._turning = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        """Do one step, and leave the loop to others before the next."""
        self._turning = False
        if not self._due:
            return
        one = self._due.popleft()
        if self._due:
            self._turn_soon()
        place = self._places.get(one)
        if place is not None:
            place.is_due = False
            one.step()

    def __repr__(self) -> str:
        """Say what an operator wants to know."""
        waiting = sum([len(queue) for queue in self._waiting.values()])
        return f"<handshakes: {len(self._places)} of {self.most} under way, {waiting} waiting>"

"""The ward of a worker: who is suspected, who is blocked, and what passes all the same.

It stands over the worker's configurations.  Times are of the monotonic clock.
"""

from asyncio import Future
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network
from typing import Final

from tta_gateway.features.shield.algorithm import (
    AGAIN,
    BLOCKED,
    CHALLENGED,
    CONNECTION,
    KINDS,
    NONE,
    POINTS,
    REQUEST,
    SLOW,
    Ladder,
    Score,
)
from tta_gateway.features.shield.book import Book
from tta_gateway.features.shield.bound import ShieldBound
from tta_gateway.features.shield.floor import Bucket, Buckets
from tta_gateway.features.shield.metrics import CUT, KNOWN, REQUESTS, SIGHTINGS
from tta_gateway.features.shield.problems import ASKED_TO_WAIT, KEPT_OUT, SLOWED
from tta_gateway.features.shield.source import Network, client_of, is_site, site_of
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Refusal, answer_of
from tta_gateway.kernel.policy import Answer
from tta_gateway.support.metrics import Registry

NOBODY: Final = 0
UNPROVED: Final = 1
KNOWN_ONE: Final = 2
OUTCOMES: Final = (
    "delayed",
    "challenged",
    "blocked",
    "passed",
    "slowed",
    "spared",
    "would_block",
)
_CLIENTS: Final = 16_384
_SITES: Final = 4096
_NAMES: Final = 8192  # addresses of which it is remembered what they count as
_PEOPLE: Final = 8192  # addresses of a generation that somebody known has asked from
_GENERATION: Final = 900.0  # seconds
_WAITING: Final = 256  # requests that wait because of a suspicion
_MANY: Final = 8  # anonymous requests of a source between two ticks that are worth counting
_SEEN: Final = 4096  # sources between two ticks
_STRANGERS: Final = 20.0  # connections a second from behind blocks, of whom nobody is known
_TIDIED_EACH: Final = 5  # ticks
_AT_ONCE: Final = 4  # times the rate that a floor gives at once
_CRISIS_RATE: Final = 5.0  # requests a second from behind a block that ask for help in a crisis
_COUNTED: Final = 1.0  # points of which control is told
_LONGEST_WORD: Final = 3600  # seconds that a Retry-After says at most


def _nobody(_: Exchange) -> int:
    return NOBODY


def _no_future() -> "Future[Answer]":
    raise AssertionError  # nobody is suspected where nothing is counted


def _unheard(_: Score) -> None:
    """Stand where nobody is told."""


class Ward:
    """All of it.  `shown` says of a request whether it shows a token, and one that was proved."""

    def __init__(
        self,
        *,
        registry: Registry,
        clock: Callable[[], float],
        chance: Callable[[], float],
        wall: Callable[[], float],
        future: "Callable[[], Future[Answer]]" = _no_future,
    ) -> None:
        """Begin with nobody suspected."""
        self.bound = ShieldBound(enabled=False)
        self.clock = clock
        self.wall = wall
        self.shown: Callable[[Exchange], int] = _nobody
        self.blocked: Callable[[Score], None] = _unheard
        self.watchful = False  # whether anybody is suspected at all
        self.anonymous: dict[str, int] = {}  # requests of nobody since the last tick
        self.people: set[str] = set()  # addresses that somebody known has asked from lately
        self._earlier: set[str] = set()
        self._chance = chance
        self._future = future
        self._clients = Book(_CLIENTS, [])
        self._sites = Book(_SITES, [])
        self._names: dict[str, str] = {}
        self._hot: dict[str, Score] = {}
        self._blocks: dict[str, float] = {}  # what control has told: until when
        self._waiting: list[tuple[float, Future[Answer]]] = []
        self._untold: dict[str, Score] = {}
        self._ticks = 0
        self._turned = clock()
        self.outcomes = {one: registry.child(REQUESTS, one) for one in OUTCOMES}
        self._sightings = [registry.child(SIGHTINGS, one) for one in KINDS]
        self._cut = registry.child(CUT)
        self._known = registry.child(KNOWN)
        self._equip()

    def _equip(self) -> None:
        bound, now = self.bound, self.clock()
        steps = (bound.delay, bound.challenge, bound.block)
        self._ladder = Ladder(
            steps=steps, first=bound.first, longest=bound.longest, forgiven=bound.forgiven
        )
        self._site_ladder = self._ladder.times(bound.lenience)
        self.fresh = Bucket(bound.fresh, bound.fresh, now)
        self._strangers = Bucket(_STRANGERS, _STRANGERS, now)
        self._doors = Buckets(bound.address_rate, _AT_ONCE * bound.address_rate)
        self._floors = Buckets(bound.address_rate, _AT_ONCE * bound.address_rate)
        self._persons = Buckets(bound.person_rate, _AT_ONCE * bound.person_rate)
        self._turns = Buckets(0.5, 1.0)
        self._help = Buckets(_CRISIS_RATE, _AT_ONCE * _CRISIS_RATE)

    def adopt(self, bound: ShieldBound) -> None:
        """Go by these settings from now on: what is known stays."""
        if bound == self.bound:
            return
        self.bound = bound
        networks: list[Network] = [ip_network(one) for one in bound.allowed]
        self._clients.allow(networks)
        self._sites.allow(networks)
        self._equip()

    def hear(self, blocks: dict[str, float], strikes: dict[str, int], lifted: list[str]) -> None:
        """Take who is blocked until when, for which time, and who has been let in since.

        What this worker has found out itself lasts beside it.
        """
        now = self.clock()
        self._blocks = {name: until for name, until in blocks.items() if until > now}
        for name, times in strikes.items():
            score = self._book(name).find(name)
            if score is not None and score.strikes < times:
                score.strikes, score.struck_at = times, now
        for name in lifted:
            score = self._book(name).find(name)
            if score is not None:
                score.forgive()
            self._hot.pop(name, None)
        self._look()

    def _book(self, name: str) -> Book:
        return self._sites if is_site(name) else self._clients

    def _look(self) -> None:
        self.watchful = bool(self._hot or self._blocks) and self.bound.enabled

    # What the edge tells

    def meets(self, address: str) -> bool:
        """Take note of a new connection; False if it is to be cut."""
        if not self.bound.enabled:
            return True
        if self.watchful and self.level_of(address) == BLOCKED:
            now = self.clock()
            if address in self.people or address in self._earlier:
                passes = self._doors.take(address, now)
            else:
                passes = self._strangers.take(now)
            if not passes:
                self._cut.add()
            return passes or self.bound.dry_run
        self.note(address, CONNECTION, POINTS[CONNECTION])
        return True

    def slow(self, address: str) -> None:
        """Take note of a client that was cut off because it was slow."""
        if self.bound.enabled:
            self.note(address, SLOW, POINTS[SLOW])

    # What counts

    def name_of(self, address: str) -> str:
        """Return what an address counts as; empty for what is none."""
        found = self._names.get(address)
        if found is None:
            if len(self._names) >= _NAMES:
                self._names.clear()
            found = self._names[address] = client_of(address)
        return found

    def level_of(self, address: str) -> int:
        """Return how much an address is suspected."""
        name = self.name_of(address)
        if not name:
            return NONE
        now = self.clock()
        return max(self._level(name, now), self._level(site_of(name), now))

    def _level(self, name: str, now: float) -> int:
        until = self._blocks.get(name)
        if until is not None:
            if until > now:
                return BLOCKED
            del self._blocks[name]
        score = self._hot.get(name)
        if score is None:
            return NONE
        if score.is_blocked(now):
            return BLOCKED
        ladder = self._site_ladder if is_site(name) else self._ladder
        level = ladder.level(score.fade(now))
        if level == NONE or score.allowed:
            del self._hot[name]
            self._look()
            return NONE
        return min(level, CHALLENGED)

    def until(self, address: str) -> float:
        """Return the seconds until nothing blocks an address any more."""
        name, now, longest = self.name_of(address), self.clock(), 0.0
        for one in (name, site_of(name)):
            score = self._hot.get(one)
            if score is not None:
                longest = max(longest, score.until - now)
            longest = max(longest, self._blocks.get(one, now) - now)
        return longest

    def vain(self, address: str, kind: int, mark: bytes, points: float) -> None:
        """Count what was tried in vain; the same again counts little."""
        name = self.name_of(address)
        if name:
            is_new = self._clients.of(name, self.clock()).is_new(mark)
            self.note(address, kind, points if is_new else AGAIN)

    def note(self, address: str, kind: int, points: float, times: float = 1.0) -> None:
        """Count against an address, and the network around it."""
        name = self.name_of(address)
        if not name:
            return
        now = self.clock()
        self._sightings[kind].add(times)
        client = self._clients.of(name, now)
        if client.is_blocked(now):
            return  # what it does now is its own: nobody beside it is to suffer
        self._count(client, self._ladder, kind, points, times)
        site = site_of(name)
        self._count(self._sites.of(site, now), self._site_ladder, kind, points, times)

    def _count(self, score: Score, ladder: Ladder, kind: int, points: float, times: float) -> None:
        now = self.clock()
        if score.is_blocked(now):
            return
        total = score.add(kind, points, now, times)
        if score.untold_points >= _COUNTED:
            self._untold[score.name] = score
        if score.allowed or total < ladder.delay:
            return
        self._hot[score.name] = score
        self.watchful = True
        if total >= ladder.block:
            score.strike(ladder, now)
            self.blocked(score)

    def anonymous_asked(self, address: str) -> None:
        """Count a request of nobody; it weighs at the next tick, where there were many."""
        seen = self.anonymous.get(address)
        if seen is not None:
            self.anonymous[address] = seen + 1
        elif len(self.anonymous) < _SEEN:
            self.anonymous[address] = 1

    # A few times a second

    def tick(self) -> None:
        """Do what is due."""
        now = self.clock()
        self._release(now)
        if not self.bound.enabled:
            return
        self._weigh()
        self._ticks += 1
        if self._ticks % _TIDIED_EACH == 0:
            self._clients.tidy(now, forgiven=self.bound.forgiven)
            self._sites.tidy(now, forgiven=self.bound.forgiven)
            self._known.set(float(len(self._clients) + len(self._sites)))
        if now - self._turned >= _GENERATION or len(self.people) >= _PEOPLE:
            self._turned, self._earlier, self.people = now, self.people, set()

    def _weigh(self) -> None:
        """Weigh the requests of nobody: those of a source where there are many."""
        asked, self.anonymous = self.anonymous, {}
        sites: dict[str, int] = {}
        for address, times in asked.items():
            if times >= _MANY:
                self.note(address, REQUEST, times * POINTS[REQUEST], float(times))
                continue
            name = self.name_of(address)
            if name:
                site = site_of(name)
                sites[site] = sites.get(site, 0) + times
        for site, times in sites.items():
            if times >= _MANY:
                score = self._sites.of(site, self.clock())
                points = times * POINTS[REQUEST]
                self._count(score, self._site_ladder, REQUEST, points, float(times))

    def _release(self, now: float) -> None:
        if not self._waiting:
            return
        due = [one for at, one in self._waiting if at <= now]
        self._waiting = [(at, one) for at, one in self._waiting if at > now]
        for one in due:
            if not one.done():
                one.set_result(None)

    def untold(self, most: int) -> list[Score]:
        """Return a few of whom there is something to tell; they are taken for told."""
        found: list[Score] = []
        for name in list(self._untold):
            if len(found) >= most:
                break
            found.append(self._untold.pop(name))
        return found

    # What policies ask

    def is_known(self, address: str) -> bool:
        """Tell whether somebody known has asked from there lately."""
        return address in self.people or address in self._earlier

    def helps(self, address: str) -> bool:
        """Tell whether one more may ask for help in a crisis from behind a block."""
        return self._help.take(self.name_of(address), self.clock())

    def has_turn(self, address: str) -> bool:
        """Tell whether one that is challenged has waited as it was told."""
        return self._turns.take(self.name_of(address), self.clock())

    def has_floor(self, address: str) -> bool:
        """Tell whether all that are known behind an address may ask once more."""
        return self._floors.take(self.name_of(address), self.clock())

    def has_own(self, subject: str) -> bool:
        """Tell whether somebody may ask once more from behind a block."""
        return self._persons.take(subject, self.clock())

    def wait(self) -> "Future[Answer] | Refusal":
        """Have a request wait; turn it back where too many do."""
        if len(self._waiting) >= _WAITING:
            return self.challenge()
        future = self._future()
        self._waiting.append((self.clock() + self.bound.pause, future))
        return future

    def challenge(self) -> Refusal:
        """Return the answer to one that is to come back later."""
        self.outcomes["challenged"].add()
        again = replace(ASKED_TO_WAIT, retry_after=2 + int(self._chance() * 3))
        return Refusal(answer_of(again), deferrable=True)

    def block(self, address: str) -> Refusal:
        """Return the answer to one that is kept out; not all come back in the same moment."""
        self.outcomes["blocked"].add()
        left = self.until(address) * (1.0 + 0.1 * self._chance())
        again = replace(KEPT_OUT, retry_after=min(_LONGEST_WORD, 1 + int(left)))
        return Refusal(answer_of(again), deferrable=True)

    def slowed(self) -> Refusal:
        """Return the answer to somebody known who asks too much from behind a block."""
        self.outcomes["slowed"].add()
        again = replace(SLOWED, retry_after=1 + int(self._chance() * 2))
        return Refusal(answer_of(again), deferrable=True)

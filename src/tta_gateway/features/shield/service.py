"""Control's part: adds up what workers saw, keeps all blocks, and tells of attacks.

Times are of the epoch.
"""

from collections.abc import Callable
from ipaddress import ip_network
from typing import Final, Protocol

import msgspec

from tta_gateway.features.shield.algorithm import Ladder, cause_of
from tta_gateway.features.shield.attack import Attack, State
from tta_gateway.features.shield.book import Book
from tta_gateway.features.shield.bound import SECTION, Block, Blocks, ShieldBound
from tta_gateway.features.shield.metrics import BLOCKS, STARTED
from tta_gateway.features.shield.source import Network, is_site, is_within
from tta_gateway.kernel.events import (
    AttackChanged,
    BanChanged,
    Event,
    SourceBlocked,
    SourcesSeen,
)
from tta_gateway.support.metrics import Registry

MOST: Final = 2000  # blocks that are kept at once: beyond them those that end first go
REMEMBERED: Final = 60.0  # seconds that workers are told of who was let in again
_SOURCES: Final = 32_768
_SLACK: Final = 0.5  # seconds by which an end may differ without being another


class Outside(Protocol):
    """The rest of control."""

    wall: Callable[[], float]

    def put(self, name: str, finding: msgspec.Struct | None) -> None:
        """Tell all workers."""

    def publish(self, event: Event) -> None:
        """Tell all of control."""

    def event(self, name: str, **fields: object) -> None:
        """Write a line of the log."""


class Shield:
    """All of it."""

    def __init__(self, outside: Outside, counts: Registry) -> None:
        """Begin with nobody kept out."""
        self.wall = outside.wall
        self.attack = Attack()
        self.unshared: dict[str, Block] = {}
        """What other nodes have not been told yet."""
        self._outside = outside
        self._counts = counts
        self._bound = ShieldBound(enabled=False)
        self._networks: list[Network] = []
        self._book = Book(_SOURCES, [])
        self._blocks: dict[str, Block] = {}
        self._lifted: dict[str, float] = {}
        self._gauge = counts.child(BLOCKS)
        self._changed = False
        self._equip()

    def _equip(self) -> None:
        bound = self._bound
        steps = (bound.delay, bound.challenge, bound.block)
        self._ladder = Ladder(
            steps=steps, first=bound.first, longest=bound.longest, forgiven=bound.forgiven
        )
        self._site_ladder = self._ladder.times(bound.lenience)

    def recover(self, blocks: Blocks) -> None:
        """Go on with what a control before this one has kept."""
        self._blocks = {one.source: one for one in blocks.blocks}
        self._lifted = dict(blocks.lifted)

    def adopt(self, bound: ShieldBound) -> None:
        """Go by these settings; who is allowed by them is let in, unless a person has said so."""
        if bound == self._bound:
            return
        self._bound = bound
        self._networks = [ip_network(one) for one in bound.allowed]
        self._book.allow(self._networks)
        self._equip()
        found = [one.source for one in self._blocks.values() if not one.by]
        for source in found:
            if is_within(source, self._networks):
                self._let_in(source)
        if not bound.enabled:
            self._blocks.clear()
        self._changed = True

    @property
    def is_on(self) -> bool:
        """Tell whether anybody is kept out at all."""
        return self._bound.enabled

    # What workers tell

    def hear(self, event: Event) -> None:
        """Take an event of a worker."""
        if not self._bound.enabled:
            return
        if isinstance(event, SourcesSeen):
            for one in event.seen:
                self._see(one.source, one.counts, one.points)
        elif isinstance(event, SourceBlocked):
            self._take(event)

    def _see(self, source: str, counts: tuple[float, ...], points: float) -> None:
        now = self.wall()
        self.attack.saw(counts, points)
        score = self._book.of(source, now)
        if score.is_blocked(now) or source in self._blocks:
            return
        for kind, times in enumerate(counts[: len(score.counts)]):
            score.add(kind, 0.0, now, times)
        score.points += points
        ladder = self._site_ladder if is_site(source) else self._ladder
        if not score.allowed and score.points >= ladder.block:
            cause = cause_of(score.counts)
            counted = list(score.counts)
            until = score.strike(ladder, now)
            self._strike(
                Block(source=source, since=now, until=until, strikes=score.strikes, cause=cause),
                counted,
            )

    def _take(self, event: SourceBlocked) -> None:
        """Take a block that a worker has begun by itself: for all, and as long as it deserves."""
        now = self.wall()
        score = self._book.of(event.source, now)
        if score.allowed or event.source in self._blocks:
            return
        ladder = self._site_ladder if is_site(event.source) else self._ladder
        counted = list(score.counts)
        if not score.is_blocked(now):
            score.strike(ladder, now)
        score.strikes = max(score.strikes, event.strikes)
        block = Block(
            source=event.source,
            since=now,
            until=max(event.until, now + ladder.term(score.strikes)),
            strikes=score.strikes,
            cause=event.cause,
        )
        score.until = block.until
        self._strike(block, counted)

    def _strike(self, block: Block, counts: list[float]) -> None:
        self._keep(block, by="found")
        self.unshared[block.source] = block
        self._say(self.attack.struck(block.source, block.cause, counts, block.since))

    def _keep(self, block: Block, *, by: str) -> None:
        self._blocks[block.source] = block
        self._lifted.pop(block.source, None)
        self._changed = True
        self._counts.child(STARTED, by).add()
        if len(self._blocks) > MOST:
            first = min(self._blocks.values(), key=lambda one: (bool(one.by), one.until))
            del self._blocks[first.source]

    # What administrators say

    def block(self, source: str, *, lasts: float, cause: str, by: str) -> Block:
        """Keep somebody out for so many seconds."""
        now = self.wall()
        block = Block(source=source, since=now, until=now + lasts, cause=cause, by=by)
        self._keep(block, by="administrator")
        self.unshared[source] = block
        self._outside.event("shield_block_set", source=source, lasts=lasts, cause=cause, by=by)
        self._outside.publish(
            BanChanged(step="set", source=source, until=block.until, cause=cause, by=by, at=now)
        )
        self._tell()
        return block

    def lift(self, source: str, *, by: str) -> bool:
        """Let somebody in again; False if nobody has kept them out."""
        found = self._let_in(source)
        self._outside.event("shield_block_lifted", source=source, by=by)
        self._outside.publish(BanChanged(step="lifted", source=source, by=by, at=self.wall()))
        self._tell()
        return found

    def _let_in(self, source: str) -> bool:
        self.unshared.pop(source, None)
        self._lifted[source] = self.wall()
        self._changed = True
        score = self._book.find(source)
        was = score is not None and score.is_blocked(self.wall())
        if score is not None:
            score.forgive()
        return self._blocks.pop(source, None) is not None or was

    def blocks(self) -> list[Block]:
        """Return who is kept out, the last to end first."""
        now = self.wall()
        lasting = [one for one in self._blocks.values() if one.until > now]
        return sorted(lasting, key=lambda one: -one.until)

    def suspects(self, most: int) -> list[tuple[str, float, str]]:
        """Return the worst that are not blocked: their scores, and what came of them."""
        now = self.wall()
        scores = [one for one in self._book.scores() if one.fade(now) >= 1.0]
        worst = sorted(scores, key=lambda one: -one.points)[:most]
        return [(one.name, one.points, cause_of(one.counts)) for one in worst]

    def restore(self, bans: list[Block]) -> None:
        """Keep out whom administrators have kept out before, as far as nobody let them in."""
        now = self.wall()
        for one in sorted(bans, key=lambda one: one.since):
            mine = self._blocks.get(one.source)
            if one.until <= now or one.since <= self._lifted.get(one.source, 0.0):
                continue
            if mine is None or not mine.by or mine.since < one.since:
                self._keep(one, by="database")

    # What other nodes tell

    def merge(self, blocks: list[Block], lifted: dict[str, float]) -> None:
        """Keep out whom other nodes keep out, and let in whom an administrator of one has."""
        now = self.wall()
        for one in blocks:
            mine = self._blocks.get(one.source)
            let_in = max(self._lifted.get(one.source, 0.0), lifted.get(one.source, 0.0))
            if one.since <= let_in or (not one.by and is_within(one.source, self._networks)):
                continue
            if one.until > now and (mine is None or mine.until + _SLACK < one.until):
                self._keep(one, by="node")
        for source, at in lifted.items():
            found = self._blocks.get(source)
            if found is not None and found.since <= at:
                self._let_in(source)

    # Now and then

    def tick(self) -> None:
        """Let in whose time is over, tell what has changed, and what becomes of the attack."""
        now = self.wall()
        for source in [name for name, one in self._blocks.items() if one.until <= now]:
            del self._blocks[source]
            self._changed = True
        for source in [name for name, at in self._lifted.items() if at + REMEMBERED <= now]:
            del self._lifted[source]
            self._changed = True
        self._book.tidy(now, forgiven=self._bound.forgiven)
        self._gauge.set(float(len(self._blocks)))
        self._tell()
        found = sum(not one.by for one in self._blocks.values())
        self._say(self.attack.look(now, blocked=found))

    def _tell(self) -> None:
        if self._changed:
            self._changed = False
            said = Blocks(blocks=tuple(self.blocks()), lifted=dict(self._lifted))
            self._outside.put(SECTION, None if said == Blocks() else said)

    def _say(self, state: State) -> None:
        if state:
            self._outside.publish(
                AttackChanged(
                    state=state,
                    cause=self.attack.evidence(),
                    sources=self.attack.blocked,
                    at=self.wall(),
                )
            )

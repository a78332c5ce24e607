"""API keys as control keeps them: made, rotated, revoked, and told to the workers.

The truth is in the database.  What counts is told in sections by the first digits of the digests:
a change is sent with a few dozen others, and not with all.  A key is shown once, when it is made.
"""

import asyncio
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tta_gateway.features.identity import api_key
from tta_gateway.features.identity.api_key_store import ApiKey, ApiKeyStore, Refusal
from tta_gateway.features.identity.bound import API_KEYS, ApiKeysTold, Issuing, KeyTold
from tta_gateway.features.identity.sign_in import Told

MOST: Final = 10_000
"""So many keys count at once, at most."""
SHARDS: Final = 256
LONGEST: Final = 366 * 86_400.0
"""seconds that a key may live"""
KEPT: Final = 30 * 86_400.0
"""seconds for which what is over is still shown"""
_OVERLAP: Final = 15.0  # seconds: longer than any transaction, which is seen later than it is dated
_HINT: Final = 10  # characters
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_REACHES: Final = (":own", ":care", ":any")
Tell = Callable[[str, ApiKeysTold | None], None]


@dataclass(frozen=True, slots=True)
class Made:
    """A key as it has just been made, and what is kept of it."""

    secret: str = field(repr=False)
    kept: ApiKey


class ApiKeyKeeper:
    """Looks after them."""

    def __init__(
        self,
        store: ApiKeyStore,
        *,
        issuing: Callable[[], Issuing],
        tell: Tell,
        wall: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        """Keep them there; `tell` puts a section of what counts in force."""
        self._store = store
        self._issuing = issuing
        self._tell = tell
        self._wall = wall
        self._new_id = new_id
        self._known: dict[str, ApiKey] = {}
        self._told: dict[str, ApiKeysTold] = {}
        self._since = -1.0
        self._turn = asyncio.Lock()
        self.left: Callable[[], Iterable[str]] = tuple
        """Returns the names of the sections that a control before this one has left."""
        self.changed: Told = self.look
        """Has every node go by what has been revoked, before who has asked is answered."""
        self.two_person: Callable[[], Collection[str]] = tuple
        """Returns the roles that nobody grants alone."""

    async def add(
        self, name: str, roles: Sequence[str], permissions: Sequence[str], *, lasts: float
    ) -> Made:
        """Make a key of a new name; Refusal says why not."""
        called, now = _name(name), self._wall()
        self._check(roles, permissions)
        self._check_alone(roles)
        await self._has_room(now)
        made = self._made(called, tuple(roles), tuple(permissions), lasts=lasts, now=now)

        def decide(known: Sequence[ApiKey]) -> Sequence[ApiKey]:
            if any(one.counts(now) for one in known):
                raise Refusal(
                    f"there is a key `{called}` already: rotate or revoke it, or choose a name"
                )
            return [made.kept]

        await self._store.change(called, decide)
        await self.look()
        return made

    async def rotate(self, name: str, *, overlap: float, lasts: float) -> Made:
        """Make a successor of a key, which counts on for the overlap; Refusal says why not."""
        called, now = _name(name), self._wall()
        if not 0 <= overlap <= LONGEST:
            raise Refusal("the overlap must be between nothing and 366 days")
        await self._has_room(now)
        found: list[Made] = []

        def decide(known: Sequence[ApiKey]) -> Sequence[ApiKey]:
            counting = [one for one in known if one.counts(now)]
            if not counting:
                raise Refusal(f"there is no key `{called}` that counts")
            last = counting[-1]
            found.append(self._made(called, last.roles, last.permissions, lasts=lasts, now=now))
            ends = now + overlap
            before = [replace(one, expires=min(one.expires, ends), changed=now) for one in counting]
            if not overlap:  # or it would count on where a clock is behind
                before = [replace(one, revoked=now) for one in before]
            return [*before, found[-1].kept]

        await self._store.change(called, decide)
        await self.changed()
        return found[-1]

    async def revoke(self, name: str, id: str = "") -> int:
        """Have a key count no more: all of its name, or one of them; return how many did."""
        called, now = _name(name), self._wall()

        def decide(known: Sequence[ApiKey]) -> Sequence[ApiKey]:
            meant = [one for one in known if one.counts(now) and id in ("", one.id)]
            return [replace(one, revoked=now) for one in meant]

        count = len(await self._store.change(called, decide))
        await self.changed()
        return count

    async def all(self) -> list[ApiKey]:
        """Return all of them, by name and age."""
        return await self._store.all()

    async def look(self) -> None:
        """Tell what counts now."""
        async with self._turn:  # or what one has read before would be told behind what another has
            await self._look()

    async def _look(self) -> None:
        is_first = self._since < 0
        found = await self._store.changed(-1.0 if is_first else self._since - _OVERLAP)
        now, before = self._wall(), {**self._known}
        for one in found:
            self._known[one.id] = one
            self._since = max(self._since, one.changed)
        self._since = max(self._since, 0.0)
        for id in [id for id, one in self._known.items() if not one.counts(now)]:
            del self._known[id]
        if before == self._known and not is_first:
            return
        told = _sections(self._known.values())
        if is_first:
            self._told = dict.fromkeys(self.left(), ApiKeysTold())
        for name in {*told, *self._told}:
            if told.get(name) != self._told.get(name):
                self._tell(name, told.get(name))
        self._told = told

    async def tidy(self) -> None:
        """Forget what has long been over."""
        await self._store.tidy(self._wall() - KEPT)

    async def _has_room(self, now: float) -> None:
        if await self._store.count(now) >= MOST:
            raise Refusal(f"there are {MOST} keys already, which is the most: revoke some")

    def _made(
        self,
        name: str,
        roles: tuple[str, ...],
        permissions: tuple[str, ...],
        *,
        lasts: float,
        now: float,
    ) -> Made:
        if not 1 <= lasts <= LONGEST:
            raise Refusal("a key lives a second at least, and 366 days at most")
        secret = api_key.made()
        kept = ApiKey(
            id=self._new_id(),
            name=name,
            digest=api_key.digest(secret.encode()),
            hint=secret[:_HINT],
            roles=roles,
            permissions=permissions,
            created=now,
            expires=now + lasts,
        )
        return Made(secret, kept)

    def _check(self, roles: Sequence[str], permissions: Sequence[str]) -> None:
        known = self._issuing().roles
        if not roles:
            raise Refusal("say at least one role: what a key may is what its roles hold")
        for role in roles:
            if role not in known:
                raise Refusal(f"there is no role `{role}`: there are {', '.join(known)}")
        held = {one for role in roles for one in known[role]}
        plain = {one.rpartition(":")[0] for one in held if one.endswith(_REACHES)}
        for one in permissions:
            if one not in held and one not in plain:
                raise Refusal(f"none of these roles holds `{one}`")

    def _check_alone(self, roles: Sequence[str]) -> None:
        """Look whether a key may have these: it would act for who has made it, alone."""
        for role in roles:
            if role in self.two_person():
                raise Refusal(
                    f"nobody grants `{role}` alone (`access.two_person`), and two grant it to "
                    "people only: a key cannot have it; give it another role"
                )


def _name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise Refusal(
            "a key is called by 1 to 64 small letters, digits, `-`, `_` and `.`, "
            "a letter or a digit first"
        )
    return text


def _sections(keys: Iterable[ApiKey]) -> dict[str, ApiKeysTold]:
    found: dict[str, dict[bytes, KeyTold]] = {}
    for one in sorted(keys, key=lambda key: key.digest):
        name = f"{API_KEYS}{one.digest[0] % SHARDS}"
        found.setdefault(name, {})[one.digest] = KeyTold(
            id=one.id,
            name=one.name,
            expires=one.expires,
            roles=one.roles,
            permissions=one.permissions,
        )
    return {name: ApiKeysTold(keys=some) for name, some in found.items()}

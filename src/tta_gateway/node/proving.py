"""Proving: what a worker is told of tokens: keys, and what counts no more.

The keys are the gateway's own, and those that issuers publish.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final, TypeAlias

import msgspec

from tta_gateway.features.identity.api_keys import ApiKeys
from tta_gateway.features.identity.bound import (
    API_KEYS,
    ISSUER_KEYS,
    KEYS,
    REVOKED,
    ApiKeysTold,
    IdentityBound,
    IssuerKeys,
    OwnKeys,
    RevokedTokens,
)
from tta_gateway.features.identity.open_streams import OpenStreams
from tta_gateway.features.identity.policy import LAPSED, Identity
from tta_gateway.features.identity.revoked import News, Revoked
from tta_gateway.features.identity.ticket import Spend, Tickets, issuer_of, nobody
from tta_gateway.features.identity.verifier import verifier
from tta_gateway.kernel.policy import Policy
from tta_gateway.kernel.principal import Principal
from tta_gateway.node.sections import Sections

_SLICE: Final = 2  # sections that are taken up in one turn of the loop
keys_of = msgspec.msgpack.Decoder(OwnKeys).decode
issuer_keys_of = msgspec.msgpack.Decoder(IssuerKeys).decode
api_keys_of = msgspec.msgpack.Decoder(ApiKeysTold).decode
revoked_of = msgspec.msgpack.Decoder(RevokedTokens).decode
Live = Mapping[str, msgspec.Raw]
LogOut: TypeAlias = Callable[[Collection[str], Callable[[Principal], bool]], None]


def published_in(live: Live, sections: Sections) -> dict[str, IssuerKeys]:
    """Return the keys that issuers have published, by the issuer's name."""
    read = {
        name.removeprefix(ISSUER_KEYS): sections.read(name, raw, issuer_keys_of)
        for name, raw in live.items()
        if name.startswith(ISSUER_KEYS)
    }
    return {name: told for name, told in read.items() if told is not None}


class Proving:
    """Knows it, and has the policies go by it."""

    def __init__(
        self, sections: Sections, live: Live, *, wall: Callable[[], float], streams: OpenStreams
    ) -> None:
        """Begin with what is known at the start; of `streams` those end that count no more."""
        self._sections = sections
        self._wall = wall
        self.log_out: LogOut = _nobody
        """Ends what is kept for sessions that have been ended, and is open by neither side."""
        self.revoked = Revoked()

        def ended(news: News) -> None:
            streams.revoked(news.concerns, sessions=news.sessions, subjects=news.subjects)
            self.log_out(news.sessions, news.concerns)

        def ended_keys(sessions: list[str]) -> None:
            streams.revoked(lambda _: True, sessions=sessions)
            self.log_out(sessions, lambda _: True)

        self.revoked.listeners.append(ended)
        self.api_keys = ApiKeys()
        self.api_keys.ended = ended_keys
        self._taken_keys: dict[str, msgspec.Raw] = {}
        self.spend: Spend = nobody
        """Has a ticket be used once."""
        self._taken: dict[str, msgspec.Raw] = {}
        self._keys_raw: msgspec.Raw | None = None
        self._keys: tuple[bytes, ...] = ()
        self._published_raw: dict[str, msgspec.Raw] = {}
        self._published: dict[str, IssuerKeys] = {}
        self.missing: Callable[[str], None] = lambda _: None
        """Hears the name of an issuer that may have published a key which is not here yet."""
        self._read_keys(live)
        for name in self._changed_keys(live):
            self._take_keys(name, live)
        for name in self._changed(live):
            self._take(name, live[name])

    def has_ended(self, principal: Principal) -> bool:
        """Tell whether the login, or the key, that somebody has come in by counts no more."""
        return self.revoked.has_ended(principal) or not self.api_keys.counts(principal)

    def equip(self, policies: list[Policy], bound: IdentityBound) -> list[Policy]:
        """Return policies that go by what is known."""
        for identity in _identities(policies):
            identity.revoked = self.revoked
            identity.api_keys = self.api_keys
            if bound.own is not None:
                own = msgspec.structs.replace(bound, issuers=(), own=issuer_of(bound.own))
                identity.tickets = Tickets(verifier(own, self._keys), self.spend)
            if bound.own is not None or any(one.source for one in bound.issuers):
                identity.believe(
                    verifier(bound, self._keys, published=self._published, missing=self.missing)
                )
        return policies

    async def follow(
        self, live: Live, policies: list[Policy], bound: Callable[[], IdentityBound]
    ) -> None:
        """Go by what is told now; `bound` is what the policies were made for."""
        for number, name in enumerate(self._changed(live)):
            if number and number % _SLICE == 0:
                await asyncio.sleep(0)
            self._take(name, live[name])
        for number, name in enumerate(self._changed_keys(live)):
            if number and number % _SLICE == 0:
                await asyncio.sleep(0)
            self._take_keys(name, live)
        self.revoked.tidy(self._wall(), LAPSED)
        if self._read_keys(live):
            self.equip(policies, bound())

    def _read_keys(self, live: Live) -> bool:
        """Read all keys; tell whether they are others than before."""
        is_new = self._read_published(live)
        return self._read_own(live) or is_new

    def _read_published(self, live: Live) -> bool:
        raws = {name: raw for name, raw in live.items() if name.startswith(ISSUER_KEYS)}
        if raws == self._published_raw:
            return False
        self._published_raw = raws
        self._published = published_in(raws, self._sections)
        return True

    def _read_own(self, live: Live) -> bool:
        raw = live.get(KEYS)
        if raw is self._keys_raw or raw == self._keys_raw:
            return False
        self._keys_raw = raw
        told = self._sections.read(KEYS, raw, keys_of)
        self._keys = () if told is None else told.keys
        return True

    def _changed(self, live: Live) -> list[str]:
        """Return the sections of revocations that have changed; forget those that are gone."""
        named = [name for name in live if name.startswith(REVOKED)]
        if len(self._taken) > len(named):
            self._taken = {name: self._taken[name] for name in named if name in self._taken}
        taken = self._taken
        return [name for name in named if not _is_same(taken.get(name), live[name])]

    def _changed_keys(self, live: Live) -> list[str]:
        """Return the sections of API keys that have changed, or are gone."""
        named = {name: raw for name, raw in live.items() if name.startswith(API_KEYS)}
        taken = self._taken_keys
        gone = [name for name in taken if name not in named]
        return gone + [name for name in named if not _is_same(taken.get(name), named[name])]

    def _take_keys(self, name: str, live: Live) -> None:
        raw = live.get(name)
        if raw is None:
            del self._taken_keys[name]
        else:
            self._taken_keys[name] = raw
        self.api_keys.take(name, self._sections.read(name, raw, api_keys_of))

    def _take(self, name: str, raw: msgspec.Raw) -> None:
        self._taken[name] = raw
        told = self._sections.read(name, raw, revoked_of)
        if told is not None:
            self.revoked.newly(told)


def _nobody(sessions: Collection[str], concerns: Callable[[Principal], bool]) -> None:
    """Keep nothing."""


def _is_same(taken: msgspec.Raw | None, raw: msgspec.Raw) -> bool:
    return taken is raw or taken == raw


def _identities(policies: Iterable[Policy]) -> list[Identity]:
    return [one for one in policies if isinstance(one, Identity)]

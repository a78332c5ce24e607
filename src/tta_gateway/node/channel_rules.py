"""Channels as the configuration has them that is in force, and whom they are about."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from tta_gateway.features.access.bound import RouteAccess
from tta_gateway.features.realtime.bound import ChannelRule, InboxBound, RealtimeBound
from tta_gateway.features.realtime.kinds import Kinds
from tta_gateway.kernel.route import Route
from tta_gateway.snapshot.model import Snapshot

_NOTHING: Final = msgspec.Raw(msgspec.msgpack.encode(RealtimeBound()))
_decode: Final = msgspec.msgpack.Decoder(RealtimeBound).decode
_access: Final = msgspec.msgpack.Decoder(RouteAccess).decode


class Now:
    """Channels as the configuration has them that is in force."""

    def __init__(self, snapshot: Callable[[], Snapshot | None]) -> None:
        """Read them when they are asked for first; None: there is none yet."""
        self._snapshot = snapshot
        self._seen: Snapshot | None = None
        self._raw = b""
        self._bound = RealtimeBound()
        self._kinds = Kinds(())
        self._personal: frozenset[str] = frozenset()

    def kinds(self) -> Kinds:
        """Return their kinds."""
        self._read()
        return self._kinds

    def inbox(self) -> InboxBound | None:
        """Return what holds for inboxes, None where there are none."""
        self._read()
        return self._bound.inbox

    def rules(self) -> Sequence[ChannelRule]:
        """Return what holds in channels of each kind."""
        self._read()
        return self._bound.channels

    def about(self, channel: str) -> str:
        """Return whom a channel is about; empty if it is nobody in particular."""
        self._read()
        word, colon, subject = channel.partition(":")
        return subject if word + colon in self._personal else ""

    def _read(self) -> None:
        snapshot = self._snapshot()
        if snapshot is self._seen or snapshot is None:
            return
        self._seen = snapshot
        raw = bytes(snapshot.features.get("realtime", _NOTHING))
        if raw != self._raw:
            self._raw, self._bound = raw, _decode(raw)
            self._kinds = Kinds(self._bound.channels)
            found = (rule.prefix for rule in self._bound.channels if _is_personal(rule))
            self._personal = frozenset(found)


def personal(rules: Sequence[ChannelRule], subject: str) -> Iterator[str]:
    """Return the channels that are about somebody, and nobody else."""
    return (f"{rule.prefix}{subject}" for rule in rules if _is_personal(rule))


def _is_personal(rule: ChannelRule) -> bool:
    """Tell whether what stands behind the prefix is a person."""
    if not rule.parameter:
        return False
    if rule.receipts is not None and rule.receipts.to == rule.parameter:
        return True
    routes = (rule.subscribe, rule.publish, rule.presence, rule.history)
    return any(_owner(route) == rule.parameter for route in routes)


def _owner(route: Route | None) -> str:
    """Return the parameter that says whose it is; empty where that is not said."""
    raw = None if route is None else route.features.get("access")
    return "" if raw is None else _access(raw).owner

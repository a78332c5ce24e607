"""Kinds of channels: which rule a channel goes by, and what its name says."""

from collections.abc import Iterable
from typing import Final

from tta_gateway.features.realtime.bound import ChannelRule
from tta_gateway.features.realtime.publication import Keeping
from tta_gateway.features.realtime.session import LONGEST_CHANNEL

_NOTHING: Final[dict[str, str]] = {}


class Kind:
    """A rule, and how its channels keep what is published."""

    def __init__(self, rule: ChannelRule) -> None:
        """Go by this rule."""
        self.rule: Final = rule
        self.keeping: Final = Keeping(rule.size, int(rule.seconds), durable=rule.durable)


class Kinds:
    """All of them; a channel that is of none is one that there is not."""

    def __init__(self, rules: Iterable[ChannelRule]) -> None:
        """Know these."""
        self._known: Final = {rule.prefix: Kind(rule) for rule in rules}

    def all(self) -> list[Kind]:
        """Return all of them."""
        return [*self._known.values()]

    def find(self, channel: str) -> Kind | None:
        """Return the kind of a channel."""
        word, colon, rest = channel.partition(":")
        if not _is_name(channel) or (colon and not rest):
            return None
        return self._known.get(word + colon)

    def params(self, kind: Kind, channel: str) -> dict[str, str]:
        """Return what the name of a channel of that kind says: whose it is, or what about."""
        parameter = kind.rule.parameter
        return {parameter: channel.partition(":")[2]} if parameter else _NOTHING


def _is_name(channel: str) -> bool:
    """Tell whether it may be a channel's name: printable, and of no more bytes than that."""
    return channel.isprintable() and " " not in channel and len(channel.encode()) <= LONGEST_CHANNEL

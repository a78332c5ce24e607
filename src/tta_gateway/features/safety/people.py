"""Whom a worker has listened to lately: how they are, what they were given, what they said last.

It is kept in memory alone, for minutes, of so many people; whoever is at risk is forgotten last.
What they said is kept only as far as it is short, so that a sentence that comes in several messages
is heard as one.
"""

import re
from collections import OrderedDict
from typing import Final

from tta_gateway.features.safety.accounts import DAY, KEPT
from tta_gateway.features.safety.card import Shown, is_due
from tta_gateway.features.safety.conversation import Conversation
from tta_gateway.kernel.verdict import HIGH

MOST: Final = 10_000
"""people who are remembered, of each kind"""
AT_RISK: Final = 1800.0
"""seconds that somebody counts as at risk behind the last sign of it"""
TOGETHER: Final = 60.0
"""seconds in which short messages may be one sentence"""
SHORT: Final = 80
"""characters of a message that may be a part of a sentence"""
_LONGEST: Final = 240
_LINES: Final = 20
_FORM: Final = re.compile(r"[_\d]")
_CONNECTIONS: Final = 8


class Person:
    """One of them; times are in seconds of a clock that only goes forward."""

    __slots__ = (
        "_day",
        "_given",
        "_kept",
        "_lines",
        "_said",
        "_told",
        "_until",
        "conversation",
        "level",
    )

    def __init__(self) -> None:
        """Begin with somebody of whom nothing is known."""
        self.conversation = Conversation()
        self.level = 0
        self._until = 0.0
        self._given: OrderedDict[str, Shown] = OrderedDict()
        self._said: list[tuple[float, str]] = []
        self._lines: frozenset[str] = frozenset()  # of the message before
        self._told: Shown | None = None
        self._day = 0.0  # when the one began of which so many texts are kept
        self._kept = 0

    def is_at_risk(self, now: float) -> bool:
        """Tell whether there has been a sign of it lately."""
        return self.level >= HIGH and now < self._until

    def is_at(self, level: int, now: float) -> None:
        """Take what a message comes to."""
        if level >= self.level or now >= self._until:
            self.level = level
        self._until = now + AT_RISK

    def needs_card(self, connection: str, level: int, now: float, cool_down: float) -> bool:
        """Tell whether they are to be given the card there now; then they have had it.

        It is not given again for so many seconds, unless the level rises.
        """
        if not is_due(self._given.get(connection), level, now=now, cool_down=cool_down):
            return False
        self._given[connection] = Shown(level, now)
        self._given.move_to_end(connection)
        if len(self._given) > _CONNECTIONS:
            self._given.popitem(last=False)
        return True

    def needs_telling(self, level: int, now: float, cool_down: float) -> bool:
        """Tell whether others are to be told now, whatever the connection; then they have been."""
        if not is_due(self._told, level, now=now, cool_down=cool_down):
            return False
        self._told = Shown(level, now)
        return True

    def gives_text(self, level: int, now: float) -> bool:
        """Tell whether what they say is kept with its record: so many texts of a day.

        Each level has places that lower ones cannot take, as with requests (accounts.py).
        """
        if now - self._day >= DAY:
            self._day, self._kept = now, 0
        if self._kept >= KEPT * level:
            return False
        self._kept += 1
        return True

    def together(self, text: str, now: float) -> str:
        """Take a message; return it with the short ones before it, or nothing without any.

        Lines of it that are only its form, a type or an id, do not come between.
        """
        lines = text.split("\n")
        text = " ".join(one for one in lines if " " in one or self._is_said(one))
        self._lines = frozenset(lines[:_LINES])
        if len(text) > SHORT:
            self._said.clear()
            return ""
        self._said = [one for one in self._said if now < one[0] + TOGETHER]
        self._said.append((now, text))
        while len(self._said) > 1 and sum(len(one) + 1 for _, one in self._said) > _LONGEST:
            del self._said[0]
        return " ".join(one for _, one in self._said) if len(self._said) > 1 else ""

    def _is_said(self, word: str) -> bool:
        """Tell whether somebody says this word: its like does not come again and again."""
        return _FORM.search(word) is None and word not in self._lines

    def forget_said(self) -> None:
        """Take that what they said has been understood: it is not heard again with what follows."""
        self._said.clear()


class People:
    """All of them."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._calm: OrderedDict[str, Person] = OrderedDict()
        self._at_risk: OrderedDict[str, Person] = OrderedDict()

    def __repr__(self) -> str:
        """Say how many."""
        return f"<{len(self._calm)} people, {len(self._at_risk)} at risk>"

    def find(self, person: str) -> Person | None:
        """Return somebody who is remembered."""
        found = self._at_risk.get(person)
        return self._calm.get(person) if found is None else found

    def keep(self, person: str, who: Person, *, at_risk: bool) -> None:
        """Remember somebody; whoever was heard longest ago gives way, of the same kind."""
        kind, other = self._calm, self._at_risk
        if at_risk:
            kind, other = other, kind
        other.pop(person, None)
        kind[person] = who
        kind.move_to_end(person)
        if len(kind) > MOST:
            kind.popitem(last=False)

    def is_at_risk(self, person: str, now: float) -> bool:
        """Tell whether somebody has shown signs of it here lately."""
        if not self._at_risk:
            return False
        found = self._at_risk.get(person)
        return found is not None and found.is_at_risk(now)

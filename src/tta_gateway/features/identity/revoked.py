"""What has been revoked, as a process that looks at tokens knows it.

It is told in sections (chunks.py), of which each time only the last one has changed.  What is known
is never forgotten before it is over, whatever becomes of the section that has told it: a revocation
is not taken back.  Who holds something open that a token has opened asks to hear (`listeners`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeAlias

from tta_gateway.features.identity.bound import OWN_ISSUER, RevokedTokens
from tta_gateway.kernel.principal import Principal

EVERYBODY: Final = ""
"""The subject that stands for all: a key is in other hands, and nothing that it signed counts.

API keys are no tokens: they were issued at no time, and stay.
"""
_IN_A_TURN: Final = 100  # of each part
_KNOWN_LATE: Final = 50_000  # of both kinds, some 10 MB
_PARTS: Final = 29  # the last digits of ids each have another one


@dataclass(frozen=True, slots=True)
class News:
    """What counts no more since a moment ago: sessions, and subjects' tokens from before a time."""

    sessions: frozenset[str] = frozenset()
    subjects: Mapping[str, float] = field(default_factory=dict)

    def concerns(self, principal: Principal) -> bool:
        """Tell whether somebody has come in by what counts no more."""
        if principal.issuer != OWN_ISSUER:
            return False
        if principal.session in self.sessions:
            return True
        made = issued(principal)
        before, of_all = self.subjects.get(principal.subject), self.subjects.get(EVERYBODY)
        if before is not None and made <= before:
            return True
        return of_all is not None and 0.0 < made <= of_all


Listener: TypeAlias = Callable[[News], None]


class Revoked:
    """All of it."""

    def __init__(self) -> None:
        """Know of nothing."""
        self.listeners: list[Listener] = []
        """Each hears what is revoked, once, in the turn in which it is learnt."""
        # Until when, in some parts: to let a large dict grow would hold the loop for milliseconds.
        self._sessions: list[dict[str, float]] = [{} for _ in range(_PARTS)]
        self._subjects: dict[str, tuple[float, float]] = {}  # before when, and until when

    def __len__(self) -> int:
        """Return how much is known."""
        return sum(map(len, self._sessions)) + len(self._subjects)

    def has(self, principal: Principal) -> bool:
        """Tell whether what somebody has shown counts no more."""
        if principal.issuer != OWN_ISSUER:
            return False
        if self.has_ended(principal):
            return True
        known = self._subjects.get(principal.subject)
        if known is not None and issued(principal) <= known[0]:
            return True
        known = self._subjects.get(EVERYBODY)
        return known is not None and 0.0 < issued(principal) <= known[0]

    def has_ended(self, principal: Principal) -> bool:
        """Tell whether the session that somebody has come in by has been ended."""
        is_ours = principal.issuer == OWN_ISSUER
        return is_ours and principal.session in self._part(principal.session)

    def newly(self, told: RevokedTokens) -> News:
        """Take what is told; return what was not known before, and tell it on."""
        sessions = []
        for session, until in told.sessions.items():
            part = self._part(session)
            known = part.get(session)
            if known is None:
                sessions.append(session)
            if known is None or known < until:
                part[session] = until
        subjects = {}
        for subject, (before, until) in told.subjects.items():
            known_before, known_until = self._subjects.get(subject, (0.0, 0.0))
            if known_before < before:
                subjects[subject] = before
            self._subjects[subject] = (max(before, known_before), max(until, known_until))
        news = News(frozenset(sessions), subjects)
        if sessions or subjects:
            for listener in self.listeners:
                listener(news)
        return news

    def _part(self, session: str) -> dict[str, float]:
        """Return the part that a session is known in, if it is."""
        return self._sessions[ord(session[-1]) % _PARTS if session else 0]

    def tidy(self, now: float, late: float = 0.0) -> None:
        """Forget what is over, of what has been known for longest: all tokens of it have expired.

        What was revoked first is over first, about; so few need be looked at, and what is over a
        little late does no harm.  Unless it is very much, it is known for `late` seconds more, for
        who asks whose an expired token was.
        """
        if len(self) <= _KNOWN_LATE:
            now -= late
        for part in self._sessions:
            for session, end in list(islice(part.items(), _IN_A_TURN)):
                if end >= now:
                    break
                del part[session]
        for subject, (_, end) in list(islice(self._subjects.items(), _IN_A_TURN)):
            if end >= now:
                break
            del self._subjects[subject]


def issued(principal: Principal) -> float:
    """Return when a token was issued; 0.0 if it does not say."""
    said = principal.claims.get("iat")
    return float(said) if isinstance(said, int | float) else 0.0

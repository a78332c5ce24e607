"""What stays open on somebody's word: WebSockets, and answers that go on as events come.

A request is over before its token is; a socket is not.  So each is held here with whose it is, and
ends when that is proved no longer: the token has expired, or the session, or all of a person's
sessions, have been ended.  Many that end in one moment do so a few in a turn of the loop.
"""

from collections import deque
from collections.abc import Callable, Iterable
from math import inf
from typing import Final, TypeAlias, TypeVar

from tta_gateway.features.identity.problems import EXPIRED, REVOKED
from tta_gateway.features.identity.revoked import EVERYBODY
from tta_gateway.kernel.errors import GatewayError
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import Problem

# Close codes of IANA's registry.  Clients come back behind the first, with another token; behind
# the second they should not.
UNAUTHORIZED: Final = 3000
POLICY: Final = 1008
_PARTS: Final = 4  # of a second: how exactly ends are kept
_IN_A_TURN: Final = 100
Farewell: TypeAlias = tuple[Problem, int, bytes]
"""What the log says of an end, and code and reason of the Close."""
_EXPIRED: Final[Farewell] = (
    EXPIRED,
    UNAUTHORIZED,
    b"the token has expired: connect again with a new one",
)
_ENDED: Final[Farewell] = (REVOKED, POLICY, b"the session has been ended: log in again")
_CHANGED: Final[Farewell] = (
    REVOKED,
    UNAUTHORIZED,
    b"what you may do has changed: connect again with a new token",
)
_ERASED: Final[Farewell] = (
    REVOKED,
    UNAUTHORIZED,
    b"what was kept here has been erased: connect again",
)
K = TypeVar("K")
Later = Callable[[Callable[[], None]], object]


class OpenStreams:
    """Those of a worker, whatever configuration they began with."""

    def __init__(self, *, later: Later) -> None:
        """Hold none; `later` calls something in the next turn of the loop."""
        self._later = later
        self._held: dict[Exchange, Principal] = {}
        self._ends: dict[int, set[Exchange]] = {}  # by the part of a second in which they end
        self._by_session: dict[str, set[Exchange]] = {}
        self._by_subject: dict[str, set[Exchange]] = {}
        self._looked = 0
        self._leaving: deque[tuple[Exchange, Farewell]] = deque()

    def __len__(self) -> int:
        """Return how many are open."""
        return len(self._held)

    def hold(self, exchange: Exchange, principal: Principal) -> None:
        """Have it end when it is not proved any more that it is theirs."""
        self._held[exchange] = principal
        self._by_subject.setdefault(principal.subject, set()).add(exchange)
        if principal.session:
            self._by_session.setdefault(principal.session, set()).add(exchange)
        if principal.expires < inf:
            self._ends.setdefault(_part(principal), set()).add(exchange)
            if _part(principal) <= self._looked:  # no look to come would find it
                self._end((exchange,), _EXPIRED)

    def forget(self, exchange: Exchange) -> None:
        """Take note that it is over."""
        principal = self._held.pop(exchange, None)
        if principal is None:
            return
        _discard(self._by_subject, principal.subject, exchange)
        _discard(self._by_session, principal.session, exchange)
        if principal.expires < inf:
            _discard(self._ends, _part(principal), exchange)

    def tick(self, now: float) -> None:
        """End what has expired at this time of the epoch."""
        since, part = self._looked, int(now * _PARTS)
        self._looked = part
        if part - since > len(self._ends):  # the first look, or a clock that was set
            due = [one for one in self._ends if one <= part]
        else:
            due = [one for one in range(since + 1, part + 1) if one in self._ends]
        for one in due:
            self._end(self._ends.get(one, ()), _EXPIRED)

    def revoked(
        self,
        principal_is: Callable[[Principal], bool],
        *,
        sessions: Iterable[str] = (),
        subjects: Iterable[str] = (),
    ) -> None:
        """End those of these sessions and subjects of which that is so.

        A subject whose session goes on comes back with another token; so does everybody where all
        are meant.
        """
        for session in sessions:
            self._end_those(self._by_session.get(session, ()), principal_is, _ENDED)
        for subject in subjects:
            whose = self._held if subject == EVERYBODY else self._by_subject.get(subject, ())
            self._end_those(whose, principal_is, _CHANGED)

    def erased(self, person: str) -> None:
        """End those of somebody (`Principal.key`) of whom nothing is kept: they begin anew."""
        whose = self._by_subject.get(person.partition("/")[2], ())
        self._end_those(whose, lambda principal: principal.key == person, _ERASED)

    def disbelieved(self, issuers: frozenset[str]) -> None:
        """End those of everybody that none of these issuers has spoken of."""
        self._end_those(self._held, lambda principal: principal.issuer not in issuers, _ENDED)

    def _end_those(
        self,
        exchanges: Iterable[Exchange],
        principal_is: Callable[[Principal], bool],
        why: Farewell,
    ) -> None:
        self._end([one for one in exchanges if principal_is(self._held[one])], why)

    def _end(self, exchanges: Iterable[Exchange], why: Farewell) -> None:
        if not self._leaving:
            self._later(self._go_on)
        self._leaving.extend((one, why) for one in exchanges)

    def _go_on(self) -> None:
        leaving = self._leaving
        try:
            for _ in range(min(len(leaving), _IN_A_TURN)):
                self._dismiss(*leaving.popleft())
        finally:  # the fault of one is the loop's to tell; those behind it end all the same
            if leaving:
                self._later(self._go_on)

    def _dismiss(self, exchange: Exchange, why: Farewell) -> None:
        if exchange in self._held:
            self.forget(exchange)
            problem, code, reason = why
            exchange.error = GatewayError(problem)
            exchange.origin.dismiss(code, reason)


def _part(principal: Principal) -> int:
    return int(principal.expires * _PARTS) + 1


def _discard(held: dict[K, set[Exchange]], key: K, exchange: Exchange) -> None:
    some = held.get(key)
    if some is not None:
        some.discard(exchange)
        if not some:
            del held[key]

"""Claiming: routes that services declare, wherever they do, put together and told to every worker.

What an instance declares is there as long as some source tells of the instance; what of it is
taken, routing/declared.py says.  What is not is told once, with the reason, and for who asks.
A registration has been looked at when it came, with the token that was shown.  What it declares is
looked at again whenever it counts: a configuration may allow less by now.

A registry may tell of hundreds of services in one turn of the loop: all is put together once, in a
later turn.  Where there is much of it, that takes more than one, and is not done again within a
tenth of a second: what changes meanwhile waits for the next.
"""

import asyncio
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Final, TypeAlias, cast

from tta_gateway.features.discovery.bound import DiscoveryBound
from tta_gateway.features.registration.bound import RegistrationBound
from tta_gateway.kernel.registered import (
    REGISTRATION,
    SECTION,
    Allowed,
    Claim,
    Declared,
    Refused,
    Registered,
)
from tta_gateway.kernel.route import Route
from tta_gateway.node.claimable import NOTHING, Claimable, believed, claimable
from tta_gateway.node.findings import Findings
from tta_gateway.node.services import Services
from tta_gateway.routing.declared import Settled, settled, settling
from tta_gateway.snapshot.parts import Parts, bound_of, route_of
from tta_gateway.support.log import EventLog

Later: TypeAlias = Callable[[float, Callable[[], None]], bool]
"""Has something done so many seconds later; False if nobody would do it."""
REST: Final = 0.1  # seconds after much was put together, in which it is not again
_NONE: Final = Settled((), (), ())


def nobody(_: float, __: Callable[[], None]) -> bool:
    """Have nothing done later: there is no loop."""
    return False


def in_a_later_turn(delay: float, work: Callable[[], None]) -> bool:
    """Have it done in a later turn of the loop; none runs while control is being built."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return False
    loop.call_later(delay, work)
    return True


class Claiming:
    """All routes that are declared."""

    def __init__(
        self, services: Services, findings: Findings, log: EventLog, *, later: Later = nobody
    ) -> None:
        """Look at what sources say of these services, again whenever that changes.

        That is done `later`, or at once where nobody would do it.
        """
        self._services = services
        self._findings = findings
        self._log = log
        self._operators: tuple[Route, ...] = ()
        self._likes: Mapping[str, Route] = {}
        self._allowed: Mapping[str, Allowed] = {}
        self._tokens: Mapping[str, Claimable] = {}
        self._settled = _NONE
        self._later = later
        self._due = False  # whether anything has changed since it was put together
        self._waiting = False  # whether a turn comes that looks
        self._much = False  # whether that has taken more than one turn
        self._steps: Generator[None, None, Settled] | None = None  # what is under way
        services.redeclared = self._redeclared

    def adopt(self, parts: Parts) -> None:
        """Go by this configuration from now on."""
        discovery = bound_of(parts, "discovery", DiscoveryBound)
        registration = bound_of(parts, "registration", RegistrationBound)
        routes = map(route_of, parts.routes)
        self._operators = tuple(one for one in routes if not one.internal)
        self._likes = {**registration.likes, **discovery.likes}
        believes = believed(parts)
        self._allowed = {
            name: Allowed(routes=one.routes, auth_none=one.auth_none, believed=believes)
            for name, one in discovery.services.items()
        }
        self._tokens = claimable(registration.claims, believed=believes)
        self._settle()

    def refused(self, source: str) -> list[Refused]:
        """Return what a source has told of and is not taken."""
        return [one for one in self._settled.refused if one.source == source]

    def had(self, source: str) -> list[tuple[str, str]]:
        """Return what a source has told of and is taken: services and their routes' names."""
        return [(service, name) for of, service, name in self._settled.had if of == source]

    def _redeclared(self) -> None:
        self._due = True
        if not self._waiting and not self._wait(0.0, self._turn):
            self._settle()

    def _wait(self, delay: float, work: Callable[[], None]) -> bool:
        self._waiting = self._later(delay, work)
        return self._waiting

    def _turn(self) -> None:
        """Begin to put all together, if anything has changed."""
        due, self._due, self._waiting = self._due, False, False
        self._much = False
        if due:
            self._steps = settling(list(self._claims()), self._operators, self._likes)
            self._step()

    def _step(self) -> None:
        """Go on with what is under way; after much of it, rest, and look again."""
        steps, self._steps = self._steps, None
        self._waiting = False  # a fault of ours leaves it to the next change to begin anew
        if steps is None:
            self._turn()  # a new configuration has come between
            return
        try:
            next(steps)
        except StopIteration as done:
            if self._much:
                self._wait(REST, self._turn)
            self._take(cast("Settled", done.value))
        else:
            self._steps, self._much = steps, True
            self._wait(0.0, self._step)

    def _settle(self) -> None:
        """Put all together at once."""
        self._due, self._steps = False, None
        self._take(settled(self._claims(), self._operators, self._likes))

    def _take(self, found: Settled) -> None:
        before = set(self._settled.refused)
        self._settled = found
        routes = found.routes
        self._findings.put(SECTION, Registered(routes=routes) if routes else None)
        for one in self._settled.refused:
            if one not in before:
                self._log.event(
                    "declared_route_refused",
                    source=one.source,
                    service=one.service,
                    route=one.route,
                    error=one.reason,
                )

    def _claims(self) -> Iterator[Claim]:
        for service, kept in self._services.kept.items():
            for source, instances in kept.taken():
                for one in instances:
                    for allowed, routes in self._parted(source, service, one.routes):
                        yield Claim(
                            source=source,
                            service=service,
                            id=one.id,
                            since=one.since,
                            routes=routes,
                            allowed=allowed,
                        )

    def _parted(
        self, source: str, service: str, routes: tuple[Declared, ...]
    ) -> Iterator[tuple[Allowed, tuple[Declared, ...]]]:
        """Yield what an instance declares, by what decides whether it may."""
        if source != REGISTRATION:
            by_allowed = {self._allowed.get(service, Allowed()): routes}
        else:
            by_allowed = self._tokens.get(service, NOTHING).parted(routes)
        for allowed, some in by_allowed.items():
            if some:
                yield allowed, some

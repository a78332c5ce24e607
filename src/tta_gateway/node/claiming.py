"""Claiming: routes that services declare, wherever they do, put together and told to every worker.

What an instance declares is there as long as some source tells of the instance; what of it is
taken, routing/declared.py says.  What is not is told once, with the reason, and for who asks.
A registration has been looked at when it came, with the token that was shown.  What it declares is
looked at again whenever it counts: a configuration may allow less by now.
"""

from collections.abc import Iterator, Mapping
from typing import Final

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
from tta_gateway.node.claimable import NOTHING, Claimable, claimable
from tta_gateway.node.findings import Findings
from tta_gateway.node.services import Services
from tta_gateway.routing.declared import Settled, settled
from tta_gateway.snapshot.parts import Parts, bound_of, route_of
from tta_gateway.support.log import EventLog

_NONE: Final = Settled((), (), ())


class Claiming:
    """All routes that are declared."""

    def __init__(self, services: Services, findings: Findings, log: EventLog) -> None:
        """Look at what sources say of these services, again whenever that changes."""
        self._services = services
        self._findings = findings
        self._log = log
        self._operators: tuple[Route, ...] = ()
        self._likes: Mapping[str, Route] = {}
        self._allowed: Mapping[str, Allowed] = {}
        self._tokens: Mapping[str, Claimable] = {}
        self._settled = _NONE
        services.redeclared = self._settle

    def adopt(self, parts: Parts) -> None:
        """Go by this configuration from now on."""
        discovery = bound_of(parts, "discovery", DiscoveryBound)
        registration = bound_of(parts, "registration", RegistrationBound)
        routes = map(route_of, parts.routes)
        self._operators = tuple(one for one in routes if not one.internal)
        self._likes = {**registration.likes, **discovery.likes}
        self._allowed = {
            name: Allowed(routes=one.routes, auth_none=one.auth_none)
            for name, one in discovery.services.items()
        }
        self._tokens = claimable(registration.tokens)
        self._settle()

    def refused(self, source: str) -> list[Refused]:
        """Return what a source has told of and is not taken."""
        return [one for one in self._settled.refused if one.source == source]

    def had(self, source: str) -> list[tuple[str, str]]:
        """Return what a source has told of and is taken: services and their routes' names."""
        return [(service, name) for of, service, name in self._settled.had if of == source]

    def _settle(self) -> None:
        before = set(self._settled.refused)
        self._settled = settled(self._claims(), self._operators, self._likes)
        routes = self._settled.routes
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

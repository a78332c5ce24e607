"""Registering: where the registration feature meets the rest of control."""

import uuid
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec

from tta_gateway.features.registration.api import OwnAddress, Unencrypted
from tta_gateway.features.registration.bound import RegistrationBound
from tta_gateway.features.registration.service import Registrations
from tta_gateway.features.registration.valkey_store import ValkeyStore
from tta_gateway.kernel.events import Event, RegistryChanged
from tta_gateway.kernel.registered import REGISTRATION
from tta_gateway.kernel.route import Endpoint, Service
from tta_gateway.kernel.standing import Instance
from tta_gateway.node.claimable import believed
from tta_gateway.node.findings import Findings
from tta_gateway.node.overheard import is_overheard
from tta_gateway.node.own_addresses import Own
from tta_gateway.node.services import Services
from tta_gateway.node.state_client import StateClient
from tta_gateway.settings.address import endpoint as address_of
from tta_gateway.snapshot.parts import Parts, bound_of, route_of
from tta_gateway.support.bus import Bus
from tta_gateway.support.clock import Clock
from tta_gateway.support.log import EventLog

_FRESH: Final = 1.0  # seconds for which what a worker has said of an endpoint is so


class Outside:
    """The rest of control, as registrations see it."""

    def __init__(
        self,
        services: Services,
        findings: Findings,
        bus: Bus,
        *,
        clock: Clock,
        log: EventLog,
        workers: Callable[[], AbstractSet[str]],
    ) -> None:
        """Pass on to these; `workers` returns those that live, as they call themselves."""
        self._workers = workers
        self._log = log
        self._services = services
        self._findings = findings
        self._bus = bus
        self.wall = clock.wall
        self.monotonic = clock.monotonic

    def found(self, service: str, source: str, instances: tuple[Instance, ...]) -> None:
        """Take all instances of a service."""
        self._services.found(service, source, instances)

    def registered(self) -> list[str]:
        """Return the services of which instances are in force that have registered."""
        return [service for service, source in self._services.sources() if source == REGISTRATION]

    def put(self, name: str, finding: msgspec.Struct | None) -> None:
        """Take a live section."""
        self._findings.put(name, finding)

    def publish(self, event: Event) -> None:
        """Take an event: operators are told too."""
        self._bus.publish(event)
        if isinstance(event, RegistryChanged):
            word = "registry_reachable" if event.reachable else "registry_unreachable"
            self._log.event(word, provider=event.provider, cause=event.cause)

    def in_flight(self, service: str, endpoint: str) -> int | None:
        """Return how much the workers have under way there; None unless all have said it lately.

        What a worker has said that did not know yet that the endpoint drains does not count: it may
        have asked there since.
        """
        kept = self._services.kept.get(service)
        known = None if kept is None else kept.endpoints.get(endpoint)
        if known is None:
            return 0  # nobody asks it
        if not known.instance.draining:
            return None
        since = self.wall() - _FRESH
        said = {
            one.by: one.in_flight for one in known.seen.values() if one.at >= since and one.draining
        }
        alive = self._workers()
        return sum(said.values()) if alive and alive <= said.keys() else None


def registrations(client: StateClient, outside: Outside) -> Registrations:
    """Return what is registered: nothing yet."""
    return Registrations(ValkeyStore(client), outside, node=uuid.uuid4().hex)


def adopt(made: Registrations, parts: Parts) -> None:
    """Have registrations go by a configuration."""
    bound = bound_of(parts, "registration", RegistrationBound)
    routes = list(map(route_of, parts.routes))
    made.adopt(bound, list(parts.services), routes, believed=believed(parts))


class EndpointOf:
    """Reads the URL of an instance."""

    def __init__(self, own: Callable[[], Own], service: Callable[[str], Service | None]) -> None:
        """`own` are the gateway's addresses; `service` returns one as it is configured."""
        self._own = own
        self._service = service

    def __call__(self, service: str, url: str) -> Endpoint:
        """Return the endpoint; ValueError in words if no instance of the service may be there.

        OwnAddress if that is because the gateway itself is, Unencrypted because others may listen.
        """
        found = address_of(url)
        made = Endpoint(host=found.host, port=found.port, unix=found.unix, tls=found.is_encrypted)
        if self._own().has(made):
            raise OwnAddress(f"`{url}` is an address of the gateway itself")
        known = self._service(service)
        if known is not None and is_overheard(made, known):
            raise Unencrypted(f"to `{url}` nothing would be encrypted")
        if made.tls and (known is None or known.tls is None):
            raise ValueError(
                f"`{url}`: the operator has not said how TLS is spoken to `{service}`: write "
                "`http://`, or have the service written without `endpoints`"
            )
        return made

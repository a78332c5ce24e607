"""What control serves: the routers of every side, a line for each feature that has any of it.

Here alone stands which they are: the apps are made of them, and the reference is written from them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from fastapi import APIRouter
from fastapi.routing import APIRoute

from tta_gateway.features.access import admin_api as access_admin
from tta_gateway.features.access import api as access
from tta_gateway.features.alerts import api as alerts
from tta_gateway.features.changes import api as changes
from tta_gateway.features.discovery import api as discovery
from tta_gateway.features.discovery.service import Discovery
from tta_gateway.features.erasure import api as erasure
from tta_gateway.features.error_records import api as error_records
from tta_gateway.features.escalation import api as escalation
from tta_gateway.features.identity import (
    accounts_admin_api,
    accounts_api,
    api_keys_admin,
    issuers_api,
    oauth_admin_api,
    oauth_api,
    oauth_login_api,
    status_api,
    ticket_api,
)
from tta_gateway.features.identity import admin_api as identity_admin
from tta_gateway.features.identity import api as identity
from tta_gateway.features.identity import delegated_api as delegated
from tta_gateway.features.identity import external_api as external
from tta_gateway.features.identity import factors_admin_api as factors_admin
from tta_gateway.features.identity import factors_api as factors
from tta_gateway.features.identity.issuer_keys import PublishedKeys
from tta_gateway.features.metrics import api as metrics
from tta_gateway.features.metrics.exposition import Exposition
from tta_gateway.features.nodes import api as nodes
from tta_gateway.features.nodes.service import Attendance
from tta_gateway.features.openapi import api as openapi
from tta_gateway.features.ratelimit import api as ratelimit
from tta_gateway.features.ratelimit.service import Limits
from tta_gateway.features.realtime import admin_api as realtime_admin
from tta_gateway.features.realtime import api as realtime
from tta_gateway.features.realtime.server_api import ServerApi
from tta_gateway.features.realtime.valkey_inbox import ValkeyInbox
from tta_gateway.features.registration import api as registration
from tta_gateway.features.registration.api import EndpointOf
from tta_gateway.features.registration.service import Registrations
from tta_gateway.features.shield import api as shield
from tta_gateway.node import admin_api, services_api
from tta_gateway.node.alerting import Alerting
from tta_gateway.node.caring import Caring
from tta_gateway.node.changing import Changing
from tta_gateway.node.claiming import Claiming
from tta_gateway.node.defending import Defending
from tta_gateway.node.erasing import Erasing
from tta_gateway.node.error_reading import ErrorReading
from tta_gateway.node.incidents import Incidents
from tta_gateway.node.issuing import Issuance
from tta_gateway.node.providers import LoginProviders
from tta_gateway.node.services import Services
from tta_gateway.node.times import Times
from tta_gateway.support.clock import Clock, SystemClock
from tta_gateway.support.segment import Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Administered:
    """What operators see and change.

    `state` is the folder where the supervisor is asked, `complaints` tell what is wrong with each
    store, `log` writes down what operators have done.
    """

    state: Path
    complaints: Callable[[], dict[str, list[str]]]
    segments: Callable[[], Iterable[Segment]]
    log: ratelimit.Events
    clock: Clock
    services: Services
    times: Times
    discovery: Discovery
    claiming: Claiming
    alerting: Alerting
    issuance: Issuance
    published: PublishedKeys
    caring: Caring
    attendance: Attendance
    defending: Defending
    limits: Limits
    letters: ValkeyInbox
    changing: Changing
    erasing: Erasing
    incidents: Incidents
    archive: ErrorReading


def guarded_routers(of: Administered) -> tuple[APIRouter, ...]:
    """Return what is served to operators who show the token."""
    clock = of.clock
    return (
        admin_api.router(of.state, of.complaints),
        services_api.router(of.services, of.segments, clock.wall, of.times.lately),
        discovery.router(of.discovery.states, of.claiming, of.services.refused),
        alerts.router(of.alerting.told),
        identity_admin.router(of.issuance),
        api_keys_admin.router(of.issuance),
        factors_admin.router(of.issuance),
        accounts_admin_api.router(of.issuance),
        issuers_api.router(of.published.states, of.published.seconds_until),
        oauth_admin_api.router(of.issuance),
        access_admin.router(of.caring),
        nodes.router(of.attendance),
        shield.router(of.defending),
        ratelimit.router(of.limits, log=of.log, monotonic=clock.monotonic),
        realtime_admin.router(of.letters),
    )


def personal_routers(of: Administered) -> tuple[APIRouter, ...]:
    """Return what is served to operators who are known by name: each finds out itself who asks."""
    return (
        changes.router(of.changing),
        erasure.router(of.erasing),
        escalation.router(of.incidents),
        error_records.router(of.archive),
    )


def counted_router(segments: Callable[[], Iterable[Segment]]) -> APIRouter:
    """Return what has been counted, which the operator may open to everybody."""
    return metrics.router(Exposition(segments))


def public_routers(
    document: Callable[[], dict[str, object]],
    issuance: Issuance,
    caring: access.House,
    providers: LoginProviders,
    channels: ServerApi,
) -> tuple[APIRouter, ...]:
    """Return what is served to clients: a line for each feature that has any of it.

    Which routes lead there, the feature's `public.py` says, and settings/public.py.
    """
    return (
        openapi.router(document),
        identity.router(issuance),
        delegated.router(issuance),
        accounts_api.router(issuance),
        status_api.router(issuance),
        ticket_api.router(issuance),
        external.router(providers),
        oauth_login_api.router(issuance),
        oauth_api.router(issuance),
        factors.router(issuance),
        access.router(caring),
        realtime.router(channels),
    )


def internal_routers(made: Registrations, endpoint_of: EndpointOf) -> tuple[APIRouter, ...]:
    """Return what is served to services, on internal listeners."""
    return (registration.router(made, endpoint_of=endpoint_of, now=SystemClock().wall),)


def internal_endpoints() -> list[tuple[str, str, str]]:
    """Return method, path and first sentence of everything that is served to services."""
    nobody = cast("Registrations", None)  # nothing is asked of them
    return _told(internal_routers(nobody, cast("EndpointOf", None)))


def public_endpoints() -> list[tuple[str, str, str]]:
    """Return method, path and first sentence of everything that is served to clients."""
    providers = cast("LoginProviders", None)
    channels = cast("ServerApi", None)
    issuance, caring = cast("Issuance", None), cast("Caring", None)
    return _told(public_routers(dict, issuance, caring, providers, channels))


def endpoints() -> list[tuple[str, str, str]]:
    """Return method, path and first sentence of everything that the administration serves."""
    nobody = cast("Administered", _Unasked())
    return _told((counted_router(list), *guarded_routers(nobody), *personal_routers(nobody)))


class _Unasked:
    """Stands for whatever routers ask, where nobody asks them anything."""

    def __getattr__(self, name: str) -> "_Unasked":
        return self


def _told(routers: Iterable[APIRouter]) -> list[tuple[str, str, str]]:
    return [
        (method, route.path, (route.description or "").partition("\n")[0])
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods or ())
    ]

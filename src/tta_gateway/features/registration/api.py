"""`/internal/v1/services/…`: services register, renew and leave."""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Annotated, Final, Literal, Protocol, TypeAlias

import msgspec
from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from tta_gateway.features.registration import problems
from tta_gateway.features.registration.algorithm import is_id, renew_after
from tta_gateway.features.registration.bound import Caller, Claim, RegistrationBound, Token
from tta_gateway.features.registration.public import INSTANCE, SERVICE
from tta_gateway.features.registration.record import (
    LONGEST,
    MOST_OF_SERVICE,
    SHORTEST,
    USUAL,
    Registration,
    Subscription,
)
from tta_gateway.features.registration.store import Away
from tta_gateway.kernel.errors import ClientFault, GatewayError
from tta_gateway.kernel.problem import Problem
from tta_gateway.kernel.registered import Allowed, Declared
from tta_gateway.kernel.route import Endpoint
from tta_gateway.routing.declared import objection

Method: TypeAlias = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"]
Events: TypeAlias = Literal["safety.*"]
"""What may be subscribed to."""
Place: TypeAlias = Annotated[str, Field(pattern=r"^/[\x21-\x7e]*$", max_length=1024)]
EndpointOf: TypeAlias = Callable[[str, str], Endpoint]
"""Reads the URL of a service's instance; ValueError in words if it cannot be there: see below."""
GRACE: Final = 30.0
"""Seconds that an instance may take for what is under way, where it does not say."""
Authorization: TypeAlias = Annotated[str | None, Header(include_in_schema=False)]
Grace: TypeAlias = Annotated[float, Query(ge=0, le=LONGEST)]
Certificate: TypeAlias = Annotated[
    str | None, Header(alias="x-forwarded-client-cert", include_in_schema=False)
]
"""What a worker says of the certificate that was shown; it passes on nobody else's word of it."""
_BEARER: Final = "bearer "
_URI: Final = "URI="


class OwnAddress(ValueError):
    """The gateway itself is there."""


class Unencrypted(ValueError):
    """It would be spoken to in the clear, where others may listen."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RouteBody(_Body):
    """A route that the instance declares, as long as it is there."""

    path: Annotated[str, Field(max_length=1024)]
    methods: Annotated[tuple[Method, ...], Field(max_length=8)] = ()
    auth: Literal["required", "optional", "none"] = "required"


class InstanceBody(_Body):
    """An instance of a service."""

    url: Annotated[str, Field(max_length=1024)]
    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    lease: Annotated[float, Field(ge=SHORTEST, le=LONGEST)] = USUAL
    draining: bool = False
    routes: tuple[RouteBody, ...] = ()
    subscriptions: dict[Events, Place] = {}
    """At which path of its own it is told of which events."""


class Told(BaseModel):
    """An instance as it is known; `renew_after` says after how many seconds to say so again."""

    service: str
    id: str
    url: str
    weight: int
    state: Literal["registered", "draining"]
    lease: float
    renew_after: float
    since: float
    routes: list[str]
    subscriptions: dict[str, str]


class Instances(BaseModel):
    """All instances of a service that are registered, and whether the store says so now."""

    service: str
    current: bool
    cause: str
    instances: list[Told]


class Registrations(Protocol):
    """What is registered, and how to change it."""

    bound: RegistrationBound
    services: frozenset[str]
    """Those of the configuration."""
    cause: str
    """Why the store cannot be asked; empty if it can."""
    believed: bool
    """Whether some access tokens are."""

    def of(self, service: str) -> list[Registration]:
        """Return the instances of a service."""

    def is_full(self, one: Registration) -> bool:
        """Tell whether its service has as many instances as may be, and it is none of them."""

    def conflict(self, one: Registration) -> tuple[str, str]:
        """Return a route that it cannot have, and who has it; empty if it can have all."""

    def excess(self, one: Registration) -> str:
        """Return why there is no room for its routes; empty if there is."""

    async def put(self, one: Registration) -> Registration:
        """Register an instance, or renew it; Away if that cannot be kept."""

    async def drain(self, service: str, instance: str, *, grace: float) -> Registration | None:
        """Have an instance leave; None if it has.  Away if nothing can be kept."""


def router(
    registrations: Registrations, *, endpoint_of: EndpointOf, now: Callable[[], float]
) -> APIRouter:
    """Return the endpoints."""
    desk = Desk(registrations, endpoint_of, now)
    made = APIRouter(dependencies=[Depends(desk.shown)])
    made.add_api_route(INSTANCE, desk.put, methods=["PUT"])
    made.add_api_route(
        INSTANCE, desk.delete, methods=["DELETE"], status_code=202, response_model=Told
    )
    made.add_api_route(SERVICE, desk.instances, methods=["GET"])
    return made


class Desk:
    """Answers services."""

    def __init__(
        self, registrations: Registrations, endpoint_of: EndpointOf, now: Callable[[], float]
    ) -> None:
        """Answer from these; `now` is the time of day."""
        self._registrations = registrations
        self._endpoint_of = endpoint_of
        self._now = now

    def shown(
        self, name: str, authorization: Authorization = None, certificate: Certificate = None
    ) -> Claim:
        """Return what whoever speaks for a service may claim; ClientFault if nobody does.

        A token that is shown counts, whatever certificate stands beside it.
        """
        bound = self._registrations.bound
        claim: Claim
        if authorization is None and certificate is not None:
            claim = certified(certificate, bound.callers)
        else:
            claim = known(authorization, bound.tokens)
        if name not in claim.services:
            raise ClientFault(problems.SERVICE_FORBIDDEN)
        if name not in self._registrations.services:
            raise ClientFault(problems.UNKNOWN)
        return claim

    async def put(
        self,
        name: str,
        id: str,
        body: InstanceBody,
        authorization: Authorization = None,
        certificate: Certificate = None,
    ) -> Told:
        """Register an instance, or renew it, for its lease; it is asked from then on."""
        claim = self.shown(name, authorization, certificate)
        check(id, body.routes, claim, believed=self._registrations.believed)
        if body.subscriptions and not claim.safety:
            raise ClientFault(problems.SUBSCRIPTION_FORBIDDEN)
        try:
            endpoint = self._endpoint_of(name, body.url)
        except OwnAddress as error:
            raise ClientFault(problems.OWN_ADDRESS, f"`url`: {error}.") from None
        except Unencrypted as error:
            raise ClientFault(problems.UNENCRYPTED, f"`url`: {error}.") from None
        except ValueError as error:
            raise ClientFault(problems.INSTANCE_INVALID, f"`url`: {error}.") from None
        one = _registration(name, id, body, endpoint=endpoint, now=self._now())
        self._look_for_room(one)
        try:
            return told(await self._registrations.put(one))
        except Away as error:
            raise GatewayError(problems.STORE_UNAVAILABLE) from error

    def _look_for_room(self, one: Registration) -> None:
        """Refuse what there is no room for, as an instance or with its routes."""
        if self._registrations.is_full(one):
            detail = f"`{one.service}` has {MOST_OF_SERVICE} instances already."
            raise ClientFault(problems.INSTANCES_FULL, detail)
        route, owner = self._registrations.conflict(one)
        if route:
            raise ClientFault(problems.ROUTE_TAKEN, f"`{route}` belongs to {owner}.")
        reason = self._registrations.excess(one)
        if reason:
            raise ClientFault(problems.ROUTES_FULL, f"The routes: {reason}.")

    async def delete(self, name: str, id: str, grace: Grace = GRACE) -> Response:
        """Have an instance asked no more; 202 while something is under way there, 204 then."""
        try:
            one = await self._registrations.drain(name, id, grace=grace)
        except Away as error:
            raise GatewayError(problems.STORE_UNAVAILABLE) from error
        if one is None:
            return Response(status_code=204)
        return JSONResponse(told(one).model_dump(), 202)

    async def instances(self, name: str) -> Instances:
        """Return the instances of a service that are registered."""
        return Instances(
            service=name,
            current=not self._registrations.cause,
            cause=self._registrations.cause,
            instances=[told(one) for one in self._registrations.of(name)],
        )


def known(authorization: str | None, tokens: Sequence[Token]) -> Token:
    """Return the token that is shown; ClientFault if none is, or one that nobody knows.

    All are compared, and by their digests: how long that takes tells nothing.
    """
    said = authorization or ""
    if not said.lower().startswith(_BEARER):
        raise ClientFault(problems.TOKEN_MISSING)
    digest = hashlib.sha256(said[len(_BEARER) :].strip().encode()).digest()
    found = [one for one in tokens if hmac.compare_digest(one.digest, digest)]
    if not found:
        raise ClientFault(problems.TOKEN_UNKNOWN)
    return found[0]


def certified(certificate: str, callers: Sequence[Caller]) -> Caller:
    """Return what the service of a certificate may claim; ClientFault if that is nothing."""
    name = certificate.removeprefix(_URI)
    found = [one for one in callers if one.id == name]
    if not found:
        raise ClientFault(problems.CALLER_UNKNOWN)
    return found[0]


def check(instance: str, routes: Sequence[RouteBody], claim: Claim, *, believed: bool) -> None:
    """Refuse what may not be said, or not by this claim; `believed`: access tokens are."""
    if not is_id(instance):
        raise ClientFault(
            problems.INSTANCE_INVALID,
            "The id of an instance is at most 128 letters, digits, `-`, `.`, `_` and `~`.",
        )
    allowed = Allowed(routes=claim.routes, auth_none=claim.auth_none, believed=believed)
    found = objection([_declared(one) for one in routes], allowed)
    if found is not None:
        raise ClientFault(_OBJECTIONS[found.kind], f"The routes: {found.reason}.")


_OBJECTIONS: Final[dict[str, Problem]] = {
    "written": problems.INSTANCE_INVALID,
    "place": problems.ROUTE_FORBIDDEN,
    "guarded": problems.NONE_BELIEVED,
    "open": problems.AUTH_FORBIDDEN,
}


def _declared(route: RouteBody) -> Declared:
    return Declared(path=route.path, methods=route.methods, auth=route.auth)


def _registration(
    service: str, instance: str, body: InstanceBody, *, endpoint: Endpoint, now: float
) -> Registration:
    return Registration(
        service=service,
        id=instance,
        endpoint=msgspec.structs.replace(endpoint, weight=body.weight),
        lease=body.lease,
        draining=body.draining,
        routes=tuple(_declared(one) for one in body.routes),
        subscriptions=tuple(
            Subscription(events=events, path=path) for events, path in body.subscriptions.items()
        ),
        since=now,
    )


def told(one: Registration) -> Told:
    """Return a registration as its service is told of it."""
    endpoint = one.endpoint
    scheme = "" if endpoint.unix else "https://" if endpoint.tls else "http://"
    return Told(
        service=one.service,
        id=one.id,
        url=f"{scheme}{endpoint.name}",
        weight=endpoint.weight,
        state="draining" if one.draining else "registered",
        lease=one.lease,
        renew_after=renew_after(one.lease),
        since=one.since,
        routes=[" ".join((*route.methods, route.path)) for route in one.routes],
        subscriptions={each.events: each.path for each in one.subscriptions},
    )

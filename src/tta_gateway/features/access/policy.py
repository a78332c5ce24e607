"""Let in whoever may do what they ask for with whose data it is."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import ClassVar, Final, Protocol, TypeAlias

import msgspec

from tta_gateway.features.access.algorithm import (
    NOTHING,
    Book,
    Demand,
    Owners,
    Ties,
    Verdict,
    is_name,
    owner_in,
)
from tta_gateway.features.access.bound import (
    ASKED,
    CLINICAL,
    WHOLE,
    AccessBound,
    OwnerFrom,
    RouteAccess,
)
from tta_gateway.features.access.metrics import GLASS, LOOKED_UP, REFUSED
from tta_gateway.features.access.problems import (
    AUTHENTICATION_WEAK,
    CLINICAL_ROLE_MISSING,
    ENDED,
    METHOD_CLOSED,
    NOT_THERE,
    OWNER_UNTOLD,
    PERMISSION_MISSING,
    ROLE_MISSING,
    SCOPE_MISSING,
)
from tta_gateway.features.access.table import ROLES
from tta_gateway.kernel.errors import GatewayError
from tta_gateway.kernel.events import Event, GlassUsed
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import RequestHead, Response, answer_of, is_of_events
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import Problem
from tta_gateway.kernel.route import Route
from tta_gateway.routing.template import Segment, fill, parse, raw_values
from tta_gateway.support.metrics import Child, Registry

_PROBLEMS: Final[Mapping[Verdict, Problem]] = {
    Verdict.ROLE: ROLE_MISSING,
    Verdict.PERMISSION: PERMISSION_MISSING,
    Verdict.METHOD: METHOD_CLOSED,
    Verdict.OWNER: NOT_THERE,
    Verdict.CLINICAL: CLINICAL_ROLE_MISSING,
    Verdict.SCOPE: SCOPE_MISSING,
    Verdict.LEVEL: AUTHENTICATION_WEAK,
}
_POLICY: Final = 1008  # RFC 6455 7.4.1: clients should not come back
_SWITCHED: Final = 101
_LOOKED_AT: Final = 2000  # in a tick: about a millisecond, and 10,000 in a second
_ENDED: Final = 200  # in a tick
_AHEAD: Final = 60.0  # seconds that another's clock may be ahead of ours
_MOST: Final = 4096  # sets of roles that are remembered; few are ever seen


_AT_ONCE: Final = 16  # questions for one caller: browsers have six connections
_HANG_ON_OWNER: Final = frozenset((Verdict.OWNER, Verdict.CLINICAL, Verdict.LEVEL))
"""Why somebody may not, as long as it is not known whose it is."""
Said: TypeAlias = Awaitable[tuple[int, bytes]]
"""The status of a service's answer, and the body; 0 where it has not answered."""


class Look(Protocol):
    """What asks the service of a route."""

    def mark(self, exchange: Exchange) -> bytes:
        """Return what the answer hangs on, of what a request says beside its path and caller."""

    def ask(self, exchange: Exchange, path: bytes) -> Said:
        """Ask at a path, as who makes an exchange."""


class Lookups(Protocol):
    """What asks services."""

    def of(self, route: Route) -> Look:
        """Return what asks the service of this route."""


class Unasked:
    """Asks nobody: an explanation."""

    def of(self, route: Route) -> Look:  # noqa: ARG002 - the port's
        """Return what hears nothing."""
        return self

    def mark(self, exchange: Exchange) -> bytes:  # noqa: ARG002 - the port's
        """Return nothing."""
        return b""

    def ask(self, exchange: Exchange, path: bytes) -> Said:  # noqa: ARG002 - the port's
        """Hear nothing."""
        return _unanswered()


async def _unanswered() -> tuple[int, bytes]:
    return 0, b""


class Consents(Protocol):
    """What people have consented to."""

    def covers(self, person: str, reader: str) -> bool:
        """Tell whether somebody has consented to another's reading what is theirs."""


class _Nobody:
    """Consents of which there is none yet."""

    def covers(self, person: str, reader: str) -> bool:  # noqa: ARG002 - the port's
        """Tell that nobody has."""
        return False


NOBODY: Final = _Nobody()


def unheard(_: Event) -> None:
    """Tell nobody."""


class Circle:
    """Who is tied to whom, and who hears of it when somebody uses glass that they have broken.

    `tied` is what is under way because of a tie, whatever configuration it began with.
    """

    def __init__(self, ties: Ties, told: Callable[[Event], None]) -> None:
        """Keep both; nothing is under way."""
        self.ties = ties
        self.told = told
        self.tied: dict[Exchange, BoundAccess] = {}
        self._due: list[Exchange] = []

    def tick(self) -> None:
        """End what stays open on a tie that is no more: a few at a time, where there are many."""
        if not self._due:
            self._due = list(self.tied)
        looked = ended = 0
        for exchange in self._due[:_LOOKED_AT]:
            if ended == _ENDED:
                break
            looked += 1
            rule = self.tied.get(exchange)
            if rule is not None and not rule.lasts(exchange):
                ended += 1
                del self.tied[exchange]
                exchange.error = GatewayError(ENDED)
                exchange.origin.dismiss(_POLICY, b"this is not yours to see any more")
        del self._due[:looked]


class Access:
    """Stands behind identity, and before anything is spent on the caller."""

    name: ClassVar = "access"
    needs: ClassVar[frozenset[str]] = frozenset(("principal",))
    gives: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self,
        book: Book,
        circle: Circle | None = None,
        *,
        wall: Callable[[], float],
        registry: Registry,
        consents: Consents = NOBODY,
    ) -> None:
        """Decide by these roles, and by who is in the circle: nobody, where there is none."""
        self.book = book
        self.circle = Circle(Ties(), unheard) if circle is None else circle
        self.wall = wall
        self.consents = consents
        self.lookups: Lookups = Unasked()
        self.glass = registry.child(GLASS)
        self.asked = {one: registry.child(LOOKED_UP, one) for one in ("told", "hidden", "away")}
        self.refused = {one: registry.child(REFUSED, one.value, "enforced") for one in Verdict}
        self.shadowed = {one: registry.child(REFUSED, one.value, "shadow") for one in Verdict}
        self._masks: dict[frozenset[str], int] = {}
        self._bounds: dict[frozenset[str], int] = {}
        self._scopes: dict[frozenset[str], int] = {}
        self._owners: dict[tuple[str, str, str, float], Owners] = {}

    def for_route(self, route: Route | None) -> "BoundAccess | AskingAccess | None":
        """Act where the route asks for anything."""
        raw = route.features.get("access") if route is not None else None
        if route is None or raw is None:
            return None
        bound = msgspec.msgpack.decode(raw, type=RouteAccess)
        rule = BoundAccess(self, bound, route.name)
        if bound.owner_from is None:
            return rule
        return AskingAccess(rule, bound.owner_from, parse(route.path), self._asking(route, bound))

    def _asking(self, route: Route, bound: RouteAccess) -> "Asking":
        """Return what knows whose things are: one for all routes that ask at the same place."""
        asked = bound.owner_from
        assert asked is not None  # who calls has looked
        place = route.service, asked.path, asked.field, asked.keep
        owners = self._owners.setdefault(place, Owners(asked.keep))
        return Asking(owners, self.lookups.of(route), self.asked)

    def mask(self, roles: frozenset[str]) -> int:
        """Return what somebody in these roles holds: worked out once for each set of them."""
        found = self._masks.get(roles)
        if found is None:
            if len(self._masks) >= _MOST:
                self._masks.clear()
            found = self._masks[roles] = self.book.mask(roles)
        return found

    def within(self, permitted: frozenset[str]) -> int:
        """Return the most that somebody holds who is permitted these alone."""
        found = self._bounds.get(permitted)
        if found is None:
            if len(self._bounds) >= _MOST:
                self._bounds.clear()
            found = self._bounds[permitted] = self.book.within(permitted)
        return found

    def scoped(self, scopes: frozenset[str]) -> int:
        """Return the most that a program holds for somebody which was let have these scopes."""
        found = self._scopes.get(scopes)
        if found is None:
            if len(self._scopes) >= _MOST:
                self._scopes.clear()
            found = self._scopes[scopes] = self.book.scoped(scopes)
        return found


class BoundAccess:
    """What one route asks."""

    def __init__(self, access: Access, bound: RouteAccess, route: str) -> None:
        """Have every method's demand ready."""
        book = access.book
        self._access = access
        self._bound = bound
        self._route = route
        self._owner = bound.owner
        self._roles = book.roles(bound.roles)
        self._asks_roles = bool(bound.roles)
        self._clinical = book.clinical if bound.clinical else 0
        self._shadow = bound.shadow
        self._level = bound.level
        self._fresh = bound.fresh
        self._asks_level = bound.level > 1 or bound.fresh > 0.0
        self._spares_owner = bound.spares_owner
        self._weak = replace(AUTHENTICATION_WEAK, challenge=challenge(bound))
        self._short: dict[str, Problem] = {}  # by the permission that a program lacks
        named = {name.encode(): book.demand(one) for name, one in bound.permissions.items()}
        if b"GET" in named:
            named.setdefault(b"HEAD", named[b"GET"])  # RFC 9110 9.3.2: the same, without the body
        self._demands: dict[bytes, Demand] = named
        self._default: Demand | None = None
        if bound.default:
            self._default = book.demand(bound.default)
        elif not named:
            self._default = NOTHING

    def explain(self) -> str:
        """Say what it asks."""
        bound, said = self._bound, []
        if bound.roles:
            said.append(f"one of the roles {', '.join(bound.roles)}")
        by_method = [f"{method} needs `{one}`" for method, one in bound.permissions.items()]
        if bound.default:
            said_of_all = f"needs `{bound.default}`"
            by_method.append(f"any other {said_of_all}" if by_method else said_of_all)
        said += by_method
        if bound.owner_from is not None:
            said.append(f"whose it is: asked at `{bound.owner_from.path}`")
        elif bound.owner:
            said.append(f"whose it is: `{{{bound.owner}}}`")
        if bound.clinical:
            said.append(f"clinical: its owner, or `{CLINICAL}`")
        if self._asks_level:
            said.append(self._level_told())
        return f"{'; '.join(said)}{'; only tells, and lets through' if bound.shadow else ''}"

    def _level_told(self) -> str:
        """Say how well somebody must have been proved."""
        said = ["with a second factor"] if self._level > 1 else ["proved"]
        if self._fresh:
            said.append(f"{self._fresh:g} s ago at most")
        return f"{', '.join(said)}{'; not for what is their own' if self._spares_owner else ''}"

    def on_request(self, exchange: Exchange) -> Response | None:
        """Refuse whoever may not.

        Fields that would ask the service for another method or path do not get past the codec.
        """
        principal = exchange.principal
        assert principal is not None  # settings: only routes with `auth: required` ask
        request = exchange.request
        verdict = self.verdict(exchange, principal, request)
        return None if verdict is None else self.refused(exchange, verdict)

    def refused(self, exchange: Exchange, verdict: Verdict) -> Response | None:
        """Refuse for this reason; where that is only told, let through."""
        verdict = self._of_program(exchange, verdict)
        if self._shadow:
            self._access.shadowed[verdict].add()
            exchange.shadowed = _PROBLEMS[verdict].code
            return None
        self._access.refused[verdict].add()
        method = exchange.request.method
        return answer_of(self._problem(verdict, method), self._detail(verdict, method))

    def _of_program(self, exchange: Exchange, verdict: Verdict) -> Verdict:
        """Return why not; where a program lacks what its user may, that is its scope.

        Whose it is comes first: what is clinical and their own needs no such scope.
        """
        principal = exchange.principal
        if verdict is not Verdict.CLINICAL or principal is None or not principal.is_narrow:
            return verdict
        return Verdict.SCOPE if self._whole(principal) & self._clinical else verdict

    def untold(self, exchange: Exchange) -> Response | None:
        """Refuse because nobody can tell whose it is; where that is only told, let through."""
        if self._shadow:
            exchange.shadowed = OWNER_UNTOLD.code
            return None
        return answer_of(OWNER_UNTOLD)

    def verdict(
        self, exchange: Exchange, principal: Principal, request: RequestHead
    ) -> Verdict | None:
        """Return why not; None if they may."""
        mask = self._whole(principal)
        if principal.is_narrow:
            return self._narrow_verdict(exchange, principal, request, mask)
        return self._verdict_by(exchange, principal, request, mask)

    def _whole(self, principal: Principal) -> int:
        """Return what somebody holds, whatever program asks for them."""
        mask = self._access.mask(principal.roles)
        return mask & self._access.within(principal.permitted) if principal.permitted else mask

    def _narrow_verdict(
        self, exchange: Exchange, principal: Principal, request: RequestHead, whole: int
    ) -> Verdict | None:
        """Return why a program may not that asks for somebody: what they lack themselves, first.

        Whether somebody is in a role is asked of them; what is done for them, of the program.
        """
        if self._asks_roles and not whole & self._roles:
            return Verdict.ROLE
        mask = whole & self._access.scoped(principal.scopes)
        demand = self._demands.get(request.method, self._default)
        wanted = 0 if demand is None else self._wanted(demand)
        if whole & wanted and not mask & wanted:
            return Verdict.SCOPE
        return self._verdict_by(exchange, principal, request, mask | whole & self._roles)

    def _wanted(self, demand: Demand) -> int:
        """Return the bits of which one must be held.

        Where no owner is named, nobody can tell who is in whose care; services go by the token.
        """
        return demand.held if self._owner else demand.own | demand.any

    def _verdict_by(
        self, exchange: Exchange, principal: Principal, request: RequestHead, mask: int
    ) -> Verdict | None:
        """Return why not who holds this; None if they may."""
        if self._asks_roles and not mask & self._roles:
            return Verdict.ROLE
        demand = self._demands.get(request.method, self._default)
        if demand is None:
            return Verdict.METHOD
        if not mask & self._wanted(demand):
            return Verdict.PERMISSION
        is_theirs = bool(self._owner) and self._is_theirs(exchange, principal)
        # Before any tie is looked at: glass is not used by who is sent back to show more.
        if self._asks_level and self._is_weak(principal, is_theirs=is_theirs):
            return Verdict.LEVEL
        if self._owner and not self._reaches(
            exchange, principal, mask, demand, is_theirs=is_theirs
        ):
            return Verdict.OWNER
        if self._clinical and not is_theirs and not mask & self._clinical:
            return Verdict.CLINICAL
        return None

    def _is_theirs(self, exchange: Exchange, principal: Principal) -> bool:
        """Tell whether the path names the caller."""
        person = exchange.params.get(self._owner, "")
        return bool(person) and person == principal.subject and is_name(person)

    def _reaches(
        self,
        exchange: Exchange,
        principal: Principal,
        mask: int,
        demand: Demand,
        *,
        is_theirs: bool,
    ) -> bool:
        """Tell whether what somebody holds reaches as far as whom the path names."""
        if mask & (demand.own | demand.any if is_theirs else demand.any):
            return True
        if not mask & demand.care:
            return False
        return self._is_tied(exchange, principal.subject, exchange.params.get(self._owner, ""))

    def _is_weak(self, principal: Principal, *, is_theirs: bool) -> bool:
        """Tell whether somebody must show better, or again, who they are (RFC 9470)."""
        if is_theirs and self._spares_owner:
            return False
        if principal.level < self._level:
            return True
        if not self._fresh:
            return False
        age = self._access.wall() - principal.authenticated
        return age > self._fresh or age < -_AHEAD

    def _is_tied(self, exchange: Exchange, subject: str, person: str) -> bool:
        """Tell whether somebody is in the caller's care, has consented, or is behind glass."""
        access = self._access
        if not is_name(person):
            return False
        now, ties = access.wall(), access.circle.ties
        if not ties.is_cared_for(person, subject, now) and not access.consents.covers(
            person, subject
        ):
            if not ties.is_behind_glass(person, subject, now):
                return False
            self._use_glass(exchange, subject, person, now)
        access.circle.tied[exchange] = self
        return True

    def _use_glass(self, exchange: Exchange, subject: str, person: str, now: float) -> None:
        """Count and tell that somebody uses glass that they have broken."""
        access = self._access
        access.glass.add()
        access.circle.told(
            GlassUsed(
                subject=subject,
                person=person,
                route=self._route,
                method=exchange.request.method.decode(),
                request_id=exchange.request_id.decode(),
                at=now,
            )
        )

    def lasts(self, exchange: Exchange) -> bool:
        """Tell whether what a tie has let through may go on; an answer that ends by itself may."""
        response, principal, access = exchange.response, exchange.principal, self._access
        if response is None or principal is None:
            return True
        if response.status != _SWITCHED and not (response.body is None and is_of_events(response)):
            return True
        person, now, ties = exchange.params.get(self._owner, ""), access.wall(), access.circle.ties
        return (
            ties.is_cared_for(person, principal.subject, now)
            or access.consents.covers(person, principal.subject)
            or ties.is_behind_glass(person, principal.subject, now)
        )

    def on_finish(self, exchange: Exchange) -> None:
        """Have it under way no longer."""
        self._access.circle.tied.pop(exchange, None)

    def _problem(self, verdict: Verdict, method: bytes) -> Problem:
        """Return what is said of it, with what is asked for where the caller can get that."""
        if verdict is Verdict.LEVEL:
            return self._weak
        if verdict is not Verdict.SCOPE:
            return _PROBLEMS[verdict]
        demand = self._demands.get(method, self._default)
        name = WHOLE if demand is None or not demand.name else demand.name
        found = self._short.get(name)
        if found is None:
            scope = f"{name} {CLINICAL}" if self._clinical and name != WHOLE else name
            told = f'{SCOPE_MISSING.challenge}, scope="{scope}"'
            found = self._short[name] = replace(SCOPE_MISSING, challenge=told)
        return found

    def _detail(self, verdict: Verdict, method: bytes) -> str | None:
        """Return what is missing, by its name; None where the problem's own words say it."""
        if verdict is Verdict.ROLE:
            named = ", ".join(f"`{one}`" for one in self._bound.roles)
            return f"This needs one of the roles {named}. Ask whoever administers your account."
        demand = self._demands.get(method, self._default)
        if verdict is not Verdict.PERMISSION or demand is None:
            return None
        return (
            f"This needs the permission `{demand.name}`, and none of your roles holds it. Ask "
            "whoever administers your account."
        )


class Asking:
    """Whose things are: what is known of it, and what asks for the rest."""

    def __init__(self, owners: Owners, look: Look, counted: Mapping[str, Child]) -> None:
        """Keep all of it."""
        self.owners = owners
        self.look = look
        self.counted = counted
        self._under_way: dict[str, int] = {}

    def begin(self, reader: str) -> bool:
        """Count a question for a caller; False where they are too many.

        They go to the service before any limit counts and before it is looked whether there is
        room, so that nobody may have a flood of them.
        """
        count = self._under_way.get(reader, 0)
        if count >= _AT_ONCE:
            return False
        self._under_way[reader] = count + 1
        return True

    def end(self, reader: str) -> None:
        """Count one no longer."""
        left = self._under_way.pop(reader) - 1
        if left:
            self._under_way[reader] = left


class AskingAccess:
    """What one route asks whose path does not say whose data it is: its service is asked first.

    Nobody is let in on a guess.  What is not the caller's and what is not there are one answer.
    """

    def __init__(
        self, rule: BoundAccess, asked: OwnerFrom, path: tuple[Segment, ...], asking: Asking
    ) -> None:
        """Decide by the rule, once it is known whose it is; `path` is the route's template."""
        self._rule = rule
        self._field = asked.field
        self._there = parse(asked.path)
        self._path = path
        self._asking = asking

    def explain(self) -> str:
        """Say what it asks."""
        return self._rule.explain()

    def on_request(self, exchange: Exchange) -> Response | Awaitable[Response | None] | None:
        """Refuse whoever may not; the service is asked where that hangs on whose it is."""
        principal = exchange.principal
        assert principal is not None  # settings: only routes with `auth: required` ask
        request = exchange.request
        there = fill(self._there, raw_values(self._path, request.path))
        thing = b"%b %b" % (there, self._asking.look.mark(exchange))
        owner = self._asking.owners.known(principal.subject, thing, exchange.started)
        if owner:
            exchange.params = {**exchange.params, ASKED: owner}
        verdict = self._rule.verdict(exchange, principal, request)
        if verdict is None:
            return None
        if owner or verdict not in _HANG_ON_OWNER:
            return self._rule.refused(exchange, verdict)
        if not self._asking.begin(principal.subject):
            return self._untold(exchange)
        return self._asked(exchange, principal, there, thing)

    def _untold(self, exchange: Exchange) -> Response | None:
        """Refuse because nobody can tell whose it is."""
        self._asking.counted["away"].add()
        return self._rule.untold(exchange)

    async def _asked(
        self, exchange: Exchange, principal: Principal, there: bytes, thing: bytes
    ) -> Response | None:
        """Ask whose it is, and decide."""
        asking, reader = self._asking, principal.subject
        try:
            status, body = await asking.look.ask(exchange, there)
        finally:
            asking.end(reader)
        if exchange.finished:  # who has asked is gone: no tie is used, and nothing is under way
            return None
        owner = owner_in(status, body, field=self._field, reader=reader)
        if owner is None:
            return self._untold(exchange)
        asking.counted["told" if owner else "hidden"].add()
        if owner:
            asking.owners.learn(reader, thing, owner, exchange.started)
            exchange.params = {**exchange.params, ASKED: owner}
        verdict = self._rule.verdict(exchange, principal, exchange.request)
        return None if verdict is None else self._rule.refused(exchange, verdict)

    def on_finish(self, exchange: Exchange) -> None:
        """Have it under way no longer."""
        self._rule.on_finish(exchange)


def challenge(bound: RouteAccess) -> str:
    """Return what a route asks for, as RFC 9470 3 has it."""
    said = ['Bearer error="insufficient_user_authentication"']
    if bound.level > 1:
        said.append(f'acr_values="{bound.level}"')
    if bound.fresh:
        said.append(f'max_age="{int(bound.fresh)}"')
    return ", ".join(said)


def book_of(bound: AccessBound) -> Book:
    """Return the roles of a configuration: those of the platform, where it names none."""
    return Book(ROLES if bound.roles is None else bound.roles, bound.scopes)

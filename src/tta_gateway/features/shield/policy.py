"""Keep out who attacks, before anything is spent on them; let in who is known all the same."""

from asyncio import Future
from typing import ClassVar, Final

from tta_gateway.features.shield.algorithm import (
    BLOCKED,
    CHALLENGED,
    MALFORMED,
    NONE,
    POINTS,
    REFUSED,
    REQUEST,
    SCAN,
    SLOW,
)
from tta_gateway.features.shield.problems import ASKED_TO_WAIT
from tta_gateway.features.shield.ward import KNOWN_ONE, NOBODY, Ward
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Refusal, Response
from tta_gateway.kernel.own import OWN
from tta_gateway.kernel.policy import Answer
from tta_gateway.kernel.principal import ACCOUNT_CREATED, GATEWAY, Principal
from tta_gateway.kernel.problem import (
    EXPECTATION_UNKNOWN,
    FIELDS_TOO_LARGE,
    FRAMING_INVALID,
    HOST_INVALID,
    LINE_TOO_LONG,
    METHOD_UNKNOWN,
    NOT_FOUND,
    PATH_REFUSED,
    REQUEST_TIMEOUT,
    TARGET_INVALID,
    UPGRADE_BODY,
    VERSION_UNSUPPORTED,
)
from tta_gateway.kernel.problem import MALFORMED as NO_HTTP
from tta_gateway.kernel.route import Route

_ERROR: Final = 400
_TAKEN: Final = 204
_UNHEEDED: Final = 0.5  # points of a request that comes sooner than its challenge has said
_UNAUTHORIZED: Final = 401
_NO_HTTP: Final = frozenset(
    one.code
    for one in (
        EXPECTATION_UNKNOWN,
        FIELDS_TOO_LARGE,
        FRAMING_INVALID,
        HOST_INVALID,
        LINE_TOO_LONG,
        METHOD_UNKNOWN,
        NO_HTTP,
        TARGET_INVALID,
        UPGRADE_BODY,
        VERSION_UNSUPPORTED,
    )
)
_NOWHERE: Final = frozenset((NOT_FOUND.code, PATH_REFUSED.code))
# Refusals of whom nothing is to be said: pages ask before anybody has logged in, and tokens end.
_HARMLESS: Final = frozenset(
    (
        "identity_token_missing",
        "identity_token_expired",
        "identity_token_revoked",
        "identity_token_early",
    )
)
_OURS: Final = "shield_"
_REFRESH: Final = "/api/v1/auth/refresh"
_READS: Final = (b"GET", b"HEAD", b"OPTIONS")


class ShieldMark:
    """Stands before identity: what is plainly hostile ends here, and everybody is counted."""

    name: ClassVar = "shield_mark"
    needs: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[frozenset[str]] = frozenset({"suspected"})

    def __init__(self, ward: Ward) -> None:
        """Go by what is known there."""
        self._ward = ward

    def for_route(self, route: Route | None) -> "BoundShieldMark | None":
        """Act on every route, and where there is none."""
        if not self._ward.bound.enabled:
            return None
        return BoundShieldMark(self._ward, route)


class BoundShieldMark:
    """What one route's requests are counted as, and who of them is kept out."""

    def __init__(self, ward: Ward, route: Route | None) -> None:
        """Keep what the route says."""
        self._ward = ward
        self._spares = route is not None and "shield" in route.features
        self._asks = route is not None and route.auth != "none"
        self._renews = route is not None and route.service == OWN and route.path == _REFRESH
        self._streams = route is not None and route.stream != ""
        self._dry = ward.bound.dry_run
        # Who goes on all the same climbs: fast where nobody serves what it asks.
        self._unheeded = _UNHEEDED if route is not None else POINTS[MALFORMED]

    def explain(self) -> str:
        """Say what it does."""
        if self._spares:
            return "counts what looks like an attack; keeps nobody out who asks in a crisis"
        return "keeps out addresses that attack, unless somebody known asks"

    def on_request(self, exchange: Exchange) -> "Future[Answer] | Refusal | None":
        """Turn back who is kept out; have who is suspected wait."""
        # One look while nobody is suspected: bench/shield.py.
        if not self._ward.watchful:
            return None
        level = self._ward.level_of(exchange.client)
        if level == NONE:
            return None
        if self._dry:
            self._ward.outcomes["would_block"].add()
            return None
        return self._look(exchange, level)

    def _look(self, exchange: Exchange, level: int) -> "Future[Answer] | Refusal | None":
        ward = self._ward
        if self._spares and ward.helps(exchange.client):
            ward.outcomes["spared"].add()
            return None
        shown = ward.shown(exchange)
        exchange.suspected = level
        if level == BLOCKED:
            return None if self._passes(exchange, shown) else ward.block(exchange.client)
        if shown == KNOWN_ONE:
            return None
        if level == CHALLENGED:
            return None if ward.has_turn(exchange.client) else ward.challenge()
        ward.outcomes["delayed"].add()
        return ward.wait()

    def _passes(self, exchange: Exchange, shown: int) -> bool:
        """Tell whether it is worth asking who comes from behind a block."""
        if self._renews and self._ward.is_known(exchange.client):
            return self._ward.has_floor(exchange.client)  # a session must not end for a block
        if shown == NOBODY:
            return False
        if shown == KNOWN_ONE:
            return self._asks or self._ward.has_floor(exchange.client)
        return self._asks and self._ward.fresh.take(self._ward.clock())

    def on_finish(self, exchange: Exchange) -> None:
        """Count what it was, if nobody known has asked."""
        if exchange.principal is not None:
            return
        response = exchange.response
        if self._streams and response is not None and response.status == _TAKEN:
            return  # it has shown the secret of a session: as a message of a WebSocket
        if response is None or response.status < _ERROR:
            self._ward.anonymous_asked(exchange.client)
            return
        self._judge(exchange, response)

    def _judge(self, exchange: Exchange, response: Response) -> None:
        """Count what was refused, by what it says of whoever asked."""
        peer, client = exchange.peer, exchange.client
        if peer.trusted and client == peer.address:
            return  # a proxy, which has not said whose it is
        code = response.problem.code if response.problem is not None else ""
        ward = self._ward
        if code == ASKED_TO_WAIT.code:
            ward.note(client, REQUEST, self._unheeded)
        elif code.startswith(_OURS):
            return
        elif code in _NO_HTTP:
            ward.note(client, MALFORMED, POINTS[MALFORMED])
        elif code == REQUEST_TIMEOUT.code:
            ward.note(client, SLOW, POINTS[SLOW])
        elif code in _NOWHERE:
            ward.vain(client, SCAN, exchange.request.path, POINTS[SCAN])
        elif response.status == _UNAUTHORIZED:
            self._unauthorized(exchange, code)
        else:
            ward.anonymous_asked(client)

    def _unauthorized(self, exchange: Exchange, code: str) -> None:
        """Count a login or a token that was refused; the same token again counts little."""
        ward, request = self._ward, exchange.request
        if code in _HARMLESS or (not code and request.method in _READS):
            ward.anonymous_asked(exchange.client)
        elif code:
            mark = request.get(b"authorization") or request.get(b"x-api-key") or b""
            ward.vain(exchange.client, REFUSED, mark, POINTS[REFUSED])
        else:
            ward.note(exchange.client, REFUSED, POINTS[REFUSED])


class ShieldAct:
    """Stands behind identity: whoever comes from behind a block gets the floor, if known."""

    name: ClassVar = "shield_act"
    needs: ClassVar[frozenset[str]] = frozenset({"principal", "suspected"})
    gives: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, ward: Ward) -> None:
        """Go by what is known there."""
        self._ward = ward

    def for_route(self, route: Route | None) -> "BoundShieldAct | None":
        """Act where the route asks who it is."""
        if route is None or route.auth == "none" or not self._ward.bound.enabled:
            return None
        return BoundShieldAct(self._ward)


class BoundShieldAct:
    """The floor of known people."""

    def __init__(self, ward: Ward) -> None:
        """Go by what is known there."""
        self._ward = ward

    def explain(self) -> str:
        """Say what it does."""
        rate = self._ward.bound.person_rate
        return f"lets known people through a block, {rate:g} requests a second each"

    def on_request(self, exchange: Exchange) -> Refusal | None:
        """Take note of who is known; hold them to the floor behind a block."""
        principal = exchange.principal
        if principal is None:
            if exchange.suspected != BLOCKED:
                return None
            return self._ward.block(exchange.client)
        # One look at a set where all is well: bench/shield.py.
        if exchange.client not in self._ward.people:
            self._ward.people.add(exchange.client)
        if exchange.suspected != BLOCKED:
            return None
        return self._floor(exchange, principal)

    def _floor(self, exchange: Exchange, principal: Principal) -> Refusal | None:
        ward = self._ward
        if self._is_new(principal):
            return ward.block(exchange.client)
        if not ward.has_own(principal.key) or not ward.has_floor(exchange.client):
            return ward.slowed()
        ward.outcomes["passed"].add()
        return None

    def _is_new(self, principal: Principal) -> bool:
        """Tell whether it is said that the account is young: attackers make many.

        The gateway's own tokens say it in a claim of their own, whatever is configured of others'.
        Where nothing is said it is not young: that is the safe side for the person.
        """
        bound = self._ward.bound
        claim = ACCOUNT_CREATED if principal.issuer == GATEWAY else bound.age_claim
        made = principal.claims.get(claim)
        if isinstance(made, bool) or not isinstance(made, (int, float)):
            return False
        return self._ward.wall() - float(made) < bound.newcomers

"""Help for one exchange: which card it is, in which words, and how an answer comes to carry it.

Cards are made once and kept: an error must not cost more than what it reports.
"""

from typing import Final

from tta_gateway.features.safety.block import Inserting, let_change, may_hold, put, stream
from tta_gateway.features.safety.bound import Region, SafetyBound, Texts, safety_of
from tta_gateway.features.safety.card import Card, Place, block, body, card, header
from tta_gateway.features.safety.region import country, language_of, region_of
from tta_gateway.features.safety.texts import ENGLISH, SHIPPED
from tta_gateway.kernel.crisis import SUPPORT, Fate, Help
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.verdict import NONE, Category

_MOST: Final = 4096
"""cards that are kept: what strangers write decides which are asked for"""
_WHICH: Final = b"accept-language"
_SOCKET: Final = b"websocket"
_KEEPING: Final = b"cache-control"


class Helping:
    """Knows the help of a snapshot; the `Helps` of a worker."""

    def __init__(self, bound: SafetyBound) -> None:
        """Know this."""
        self._bound = bound
        self._texts: dict[str, Texts] = {**SHIPPED, **bound.texts}
        self._regions = _by_country(bound.regions)
        self._of_routes: dict[str, str] = {}
        self._made: dict[tuple[object, ...], tuple[Card, Help]] = {}

    @property
    def cool_down(self) -> float:
        """Return how many seconds lie between two cards in a socket."""
        return self._bound.cool_down

    def of(
        self, exchange: Exchange, level: int, categories: tuple[Category, ...] = (), fate: Fate = ""
    ) -> Help:
        """Return the help for who asks; see the port."""
        return self._both(*self._where(exchange), (level, categories, fate))[1]

    def card_of(
        self, exchange: Exchange, level: int, categories: tuple[Category, ...] = (), fate: Fate = ""
    ) -> Card:
        """Return the card itself, for who words it in a way of their own."""
        return self._both(*self._where(exchange), (level, categories, fate))[0]

    def help_for(self, route: Route | None, *, region: str, level: int, language: str = "") -> Help:
        """Return the help on a route for a region, where there is no exchange to look at."""
        said = "" if route is None else self._region_of(route)
        name = said or country(region) or self._bound.region
        known = language if language in self._texts else self._bound.language
        return self._both(self._place(name, guessed=False), known, (level, (), ""))[1]

    def _both(
        self, place: Place, language: str, what: tuple[int, tuple[Category, ...], Fate]
    ) -> tuple[Card, Help]:
        """Return a card, and the help that it is."""
        key = (place.name, place.guessed, language, what)
        found = self._made.get(key)
        if found is None:
            level, topics, fate = what
            texts = self._texts.get(language, ENGLISH)
            made = card(place, texts, language=language, level=level, topics=topics, fate=fate)
            found = made, Help(header(made), body(made))
            if len(self._made) < _MOST:
                self._made[key] = found
        return found

    # Where somebody is, and what they read

    def _where(self, exchange: Exchange, near: str = "") -> tuple[Place, str]:
        """Return where help is looked for, and the language; `near` is the region of a route."""
        field = exchange.request.get(_WHICH)
        language = language_of(field, self._texts, self._bound.language)
        known = near or self._said(exchange)
        if known:
            return self._place(known, guessed=False), language
        return self._place(region_of(field, self._regions), guessed=True), language

    def _said(self, exchange: Exchange) -> str:
        """Return the region that somebody answers for: route, claim, field, or the operator."""
        route = exchange.plan.route
        return (
            ("" if route is None else self._region_of(route))
            or self._claimed(exchange)
            or self._told(exchange)
            or self._bound.region
        )

    def _region_of(self, route: Route) -> str:
        """Return what a route says; read once, since the route is a part of the snapshot."""
        found = self._of_routes.get(route.name)
        if found is None:
            found = self._of_routes[route.name] = safety_of(route).region
        return found

    def _claimed(self, exchange: Exchange) -> str:
        claim, principal = self._bound.region_claim, exchange.principal
        said = country(principal.claims.get(claim)) if claim and principal is not None else ""
        return said if said in self._regions else ""

    def _told(self, exchange: Exchange) -> str:
        name = self._bound.region_field
        value = exchange.request.get(name.encode()) if name else None
        said = country(value.decode("latin-1")) if value is not None else ""
        return said if said in self._regions else ""

    def _place(self, name: str, *, guessed: bool) -> Place:
        region = self._regions.get(name)
        return Place() if region is None else Place(region, name, guessed)

    # How an answer carries it

    def give(
        self,
        exchange: Exchange,
        response: Response,
        level: int,
        categories: tuple[Category, ...] = (),
    ) -> bool:
        """Have the answer to somebody at risk carry help, in the response phase.

        The field in any case, and the block where the answer is a JSON object that may be changed
        (block.py); an error gets the card.  True if it gets the block.  Nobody may keep such an
        answer.
        """
        made, told = self._both(*self._where(exchange), (level, categories, ""))
        nested = self._bound.nested
        path = ("metadata", "safety") if nested else ("safety",)
        if response.local and response.problem is None and response.get(SUPPORT) is not None:
            return False  # it is help already
        held = self._insert(exchange, response, path, block(made, categories, nested=nested))
        if response.problem is not None:
            response.members = {**(response.members or {}), "help": made}
        told.add_to(response)
        response.drop(_KEEPING)
        response.fields.append((_KEEPING, b"no-store"))
        return held

    def static(self, exchange: Exchange, near: str = "") -> bool:
        """Have an error carry static help: the field, and the card where it has a document.

        Who is refused a WebSocket whose form the gateway knows hears of the card as an event.

        `near` is the region of the route under whose path it is.  True if it gets the card.
        """
        response = exchange.response
        assert response is not None  # this is the response phase
        made, told = self._both(*self._where(exchange, near), (NONE, (), ""))
        told.add_to(response)
        if response.problem is not None:
            response.members = {"help": made, **(response.members or {})}
            wording = exchange.plan.wording
            if wording is not None and exchange.request.upgrade == _SOCKET:
                response.farewell = wording.event(exchange, "help", {"help": made})
            return True
        if response.get(_KEEPING) is None:
            response.fields.append((_KEEPING, b"no-store"))  # it speaks to somebody somewhere
        if response.local:
            return False  # an operator's own words
        return self._insert(exchange, response, ("help",), told.card[len(b'{"help":') : -1])

    def _insert(
        self, exchange: Exchange, response: Response, path: tuple[str, ...], piece: bytes
    ) -> bool:
        if not may_hold(exchange.request.method, response, self._bound.largest):
            return False
        whole = response.body
        if whole is not None:
            changed = put(whole, path, piece)
            if changed is None:
                return False
            response.body = changed
            response.length = len(changed)
        else:
            stream(response)
            wrap = Inserting.wrapping(path, piece, self._bound.largest)
            exchange.wraps = [*(exchange.wraps or ()), wrap]
        let_change(response)
        return True


def _by_country(regions: dict[str, Region]) -> dict[str, Region]:
    """Return regions by country: its own, or else the one that it is a member of."""
    shared = {member: one for one in regions.values() for member in one.members}
    return {**shared, **regions}

"""Help for one exchange: which card it is, in which words, and how an answer comes to carry it.

Cards are made once and kept: an error must not cost more than what it reports.
"""

from typing import Final

from tta_gateway.features.safety.block import Inserting, let_change, may_hold, put, stream
from tta_gateway.features.safety.bound import Region, SafetyBound, Texts, safety_of
from tta_gateway.features.safety.card import Card, Place, block, body, card, encoded, header
from tta_gateway.features.safety.metrics import HELPS
from tta_gateway.features.safety.region import country, language_of, region_of
from tta_gateway.features.safety.texts import SHIPPED
from tta_gateway.kernel.crisis import SUPPORT, Fate, Help
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.verdict import NONE, Category
from tta_gateway.support.metrics import Registry

_MOST: Final = 4096
"""cards that are kept: what strangers write decides which are asked for"""
_MOST_FIELDS: Final = 512
"""of languages that are remembered; strangers write them too"""
_LONGEST_FIELD: Final = 128
"""bytes of one that is"""
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
        self._fields: dict[bytes, tuple[str, str]] = {}
        self._counts: Registry | None = None
        self._made: dict[tuple[object, ...], tuple[Card, Help]] = {}

    def count_in(self, registry: Registry) -> None:
        """Count there what is given from now on."""
        self._counts = registry

    @property
    def hold(self) -> float:
        """Return for how many seconds the head of an answer is held."""
        return self._bound.hold

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
            spoken = language if language in self._texts else "en"
            texts = self._texts[spoken]
            made = card(place, texts, language=spoken, level=level, topics=topics, fate=fate)
            found = made, Help(header(made), body(made))
            if len(self._made) < _MOST:
                self._made[key] = found
        return found

    # Where somebody is, and what they read

    def _where(self, exchange: Exchange, near: str = "") -> tuple[Place, str]:
        """Return where help is looked for, and the language; `near` is the region of a route."""
        language, guess = self._read(exchange.request.get(_WHICH) or b"")
        known = near or self._said(exchange)
        place = self._place(known, guessed=False) if known else self._place(guess, guessed=True)
        return place, language

    def _read(self, field: bytes) -> tuple[str, str]:
        """Return the language and the country that a browser names; read once, mostly."""
        found = self._fields.get(field)
        if found is None:
            language = language_of(field, self._texts, self._bound.language)
            found = language, region_of(field, self._regions)
            if len(field) <= _LONGEST_FIELD and len(self._fields) < _MOST_FIELDS:
                self._fields[field] = found
        return found

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
        if response.local and response.problem is None and response.get(SUPPORT) is not None:
            return False  # it is help already
        made, told = self._both(*self._where(exchange), (level, categories, ""))
        nested = self._bound.nested
        path = ("metadata", "safety") if nested else ("safety",)
        piece = block(made, categories, nested=nested)
        # What is looked at on its way is of use before it is whole: it waits for no block.
        held = not exchange.wraps and self._insert(exchange, response, path, piece)
        if response.problem is not None:
            response.members = {**(response.members or {}), "help": made}
        told.add_to(response)
        response.drop(_KEEPING)
        response.fields.append((_KEEPING, b"no-store"))
        self._count("answer_block" if held else "answer_field")
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
        held = self._with_card(exchange, response, made)
        self._count("error_card" if held else "error_field")
        return held

    def _with_card(self, exchange: Exchange, response: Response, made: Card) -> bool:
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
        return self._insert(exchange, response, ("help",), encoded(made))

    def _count(self, kind: str) -> None:
        if self._counts is not None:
            self._counts.child(HELPS, kind).add()

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

"""What a worker needs to know where help is, and which routes are looked at."""

from typing import Final, Literal, TypeAlias

import msgspec

from tta_gateway.kernel.route import Route
from tta_gateway.kernel.verdict import Category

Mode: TypeAlias = Literal["off", "observe", "async", "parallel", "scan"]
MODES: Final[tuple[Mode, ...]] = ("off", "observe", "async", "parallel", "scan")
"""From the least to the most."""


class RouteSafety(msgspec.Struct, frozen=True, kw_only=True):
    """What a route says: one that says nothing is scanned.

    `off`: nothing is looked at, and `reason` says why.  `observe`: only counted.  `async`: looked
    at behind the answer.  `parallel`: while the service answers, which waits for that.  `scan`:
    before the service hears it.  `helps` tells whether errors carry static help; `region` is where
    its people are, empty where they say that themselves.
    """

    mode: Mode = "scan"
    reason: str = ""
    helps: bool = True
    region: str = ""


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody to talk to: by telephone, by text message (`say` to `text`), or at `url`.

    `hours` is empty where somebody is always there; `topics` where it is for everybody.
    `verified_on` is the day on which somebody has tried it, empty if nobody has.
    """

    name: str
    call: str = ""
    text: str = ""
    say: str = ""
    url: str = ""
    hours: str = ""
    topics: tuple[Category, ...] = ()
    verified_on: str = ""


class Region(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A country (ISO 3166-1 alpha-2), or several: whom to call in danger, and who listens."""

    emergency: str
    lines: tuple[Line, ...] = ()
    members: tuple[str, ...] = ()
    """The countries that go by this one, where they have no region of their own."""


class Texts(msgspec.Struct, frozen=True, kw_only=True):
    """What a card says in one language.  `{number}` is the region's emergency number.

    `static` stands in errors, where nobody has said anything; the next three are for the levels of
    a verdict.  `danger` and `danger_unknown` come last in each; `kept` and `counted` say what has
    become of a message that was not passed on.
    """

    static_title: str
    static: str
    elevated_title: str
    elevated: str
    high_title: str
    high: str
    imminent_title: str
    imminent: str
    danger: str
    danger_unknown: str
    elsewhere: str
    kept: str
    counted: str


EVERYWHERE: Final = Line(name="Find A Helpline", url="https://findahelpline.com")
"""Who knows help lines in most countries: on every card, and alone where the region is unknown."""


class ModeratorBound(msgspec.Struct, frozen=True, kw_only=True):
    """A moderator outside, and how long it may take to answer, in seconds."""

    url: str
    key: str = ""
    ca: str = ""
    model: str = ""
    timeout: float = 5.0

    def __repr__(self) -> str:
        """Say no secret: what is asked of whom may stand in the URL."""
        return "<moderator>"


class SafetyBound(msgspec.Struct, frozen=True, kw_only=True):
    """Where help is, and how it is told.

    `region` is where people are unless something better is known: the route, the field
    `region_field` (which something in front of the gateway sets), the claim `region_claim`.
    `nested` puts the block where the platform has it, `metadata.safety`.  `largest` bytes of an
    answer are held to be given a block, `hold` seconds a head waits for an answer to be whole, and
    `cool_down` seconds lie between two cards in a socket.
    `edition` is the day of the help lines.
    """

    regions: dict[str, Region] = {}
    edition: str = ""
    region: str = ""
    region_field: str = ""
    region_claim: str = ""
    language: str = "en"
    texts: dict[str, Texts] = {}
    nested: bool = False
    largest: int = 256 * 1024
    hold: float = 5.0
    cool_down: float = 600.0
    told: tuple[str, ...] = ()
    """The services that asked to be told who may be at risk."""
    moderator: ModeratorBound | None = None


def safety_of(route: Route) -> RouteSafety:
    """Return what a route says of safety."""
    raw = route.features.get("safety")
    return RouteSafety() if raw is None else msgspec.msgpack.decode(raw, type=RouteSafety)

"""Help cards: what somebody reads who may be in need, by region, language and level.  Pure.

The level is a verdict's (kernel/verdict.py); 0 is static help, for errors.
"""

from typing import Final

import msgspec

from tta_gateway.features.safety.bound import EVERYWHERE, Line, Region, Texts
from tta_gateway.kernel.crisis import Fate
from tta_gateway.kernel.verdict import ELEVATED, HIGH, IMMINENT, NONE, Category

_encode: Final = msgspec.json.Encoder().encode
TYPES: Final[dict[Category, str]] = {
    "suicide": "suicidal_ideation",
    "self_harm": "self_harm",
    "abuse": "domestic_violence",
    "eating_disorder": "eating_disorder",
    "substance_misuse": "substance_abuse",
}
"""What the platform calls a category, where it has a word for it."""


_OF_LIFE: Final[frozenset[Category]] = frozenset(("suicide", "self_harm"))


class Resource(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody to talk to, as clients show them; `url` leads there: `tel:`, `sms:`, `https:`."""

    name: str
    url: str
    call: str = ""
    text: str = ""
    say: str = ""
    link: str = ""
    hours: str = ""
    verified_on: str = ""


class Card(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A help card.  `guessed` says that the region is what the browser's language suggests."""

    title: str
    text: str
    danger: str
    resources: tuple[Resource, ...]
    level: int
    language: str
    region: str = ""
    guessed: bool = False
    emergency: str = ""
    elsewhere: str = ""
    message: Fate = ""
    about_message: str = ""


class Place(msgspec.Struct, frozen=True):
    """Where help is looked for: a region, its name, and whether that is a guess."""

    region: Region | None = None
    name: str = ""
    guessed: bool = False


def card(
    place: Place,
    texts: Texts,
    *,
    language: str,
    level: int = NONE,
    topics: tuple[Category, ...] = (),
    fate: Fate = "",
) -> Card:
    """Return the card for somebody in a place, with the lines for what it is about first."""
    region = place.region
    title, text = _words(texts, level)
    lines = () if region is None else _lines(region.lines, topics)
    return Card(
        title=title,
        text=text,
        danger=texts.danger_unknown if region is None else _danger(texts, region.emergency),
        resources=tuple(map(resource, (*lines, EVERYWHERE))),
        level=level,
        language=language,
        region=place.name,
        guessed=place.guessed,
        emergency="" if region is None else region.emergency,
        elsewhere=texts.elsewhere,
        message=fate,
        about_message={"": "", "kept": texts.kept, "counted": texts.counted}[fate],
    )


def _words(texts: Texts, level: int) -> tuple[str, str]:
    """Return what is said first; a level that nobody knows is the highest."""
    return {
        NONE: (texts.static_title, texts.static),
        ELEVATED: (texts.elevated_title, texts.elevated),
        HIGH: (texts.high_title, texts.high),
        IMMINENT: (texts.imminent_title, texts.imminent),
    }.get(level, (texts.imminent_title, texts.imminent))


def _danger(texts: Texts, number: str) -> str:
    return texts.danger.replace("{number}", number)


def _lines(lines: tuple[Line, ...], topics: tuple[Category, ...]) -> list[Line]:
    """Return those for everybody and those for what it is about: these first, but for a life."""
    apt = [one for one in lines if not set(topics).isdisjoint(one.topics)]
    general = [one for one in lines if not one.topics]
    return [*general, *apt] if _OF_LIFE & set(topics) else [*apt, *general]


def resource(line: Line) -> Resource:
    """Return a line as a card has it."""
    return Resource(
        line.name,
        _url(line),
        line.call,
        line.text,
        line.say,
        line.url,
        line.hours,
        line.verified_on,
    )


def _url(line: Line) -> str:
    if line.call:
        return f"tel:{_dialled(line.call)}"
    return f"sms:{_dialled(line.text)}" if line.text else line.url


def _dialled(number: str) -> str:
    return "".join(one for one in number if one in "+0123456789")


def header(made: Card) -> bytes:
    """Return the value of X-Crisis-Support: an item with parameters (RFC 9651)."""
    first = made.resources[0]
    said = {
        "region": made.region,
        "emergency": made.emergency,
        "call": first.call,
        "text": first.text,
        "url": EVERYWHERE.url,
    }
    told = [f'; {key}="{value}"' for key, value in said.items() if value and _is_plain(value)]
    return "".join(("available", *told)).encode()


def _is_plain(value: str) -> bool:
    return value.isascii() and value.isprintable() and not set('"\\') & set(value)


def encoded(made: Card) -> bytes:
    """Return the card as JSON."""
    return _encode(made)


def body(made: Card) -> bytes:
    """Return the card as a document of its own: `{"help": {…}}`."""
    return b'{"help":%b}' % _encode(made)


def words(made: Card) -> str:
    """Return the card as one text, for who is shown nothing else."""
    said = (f"{made.title}.", made.text, made.danger, f"{'; '.join(map(_named, made.resources))}.")
    return " ".join((*said, made.elsewhere))


def _named(one: Resource) -> str:
    """Return who listens, and how they are reached, in words."""
    texts = f'{one.text} "{one.say}"' if one.say else one.text
    ways = dict.fromkeys(filter(None, (one.call, texts)))
    return f"{one.name}: {', '.join(ways) or one.url}"


def lines(made: Card) -> tuple[str, ...]:
    """Return what a place with little room may say, the longest first: whom to call, and a page."""
    first, page = made.resources[0], EVERYWHERE.url.removeprefix("https://")
    who = ", ".join(filter(None, (first.call or first.text, page)))
    return (
        f"{made.title}: {who}. {made.danger}",
        f"{made.title}: {who}",
        f"{made.title}: {page}",
        page,
    )


def types(categories: tuple[Category, ...]) -> list[str]:
    """Return categories in the platform's words."""
    return [TYPES.get(one, one) for one in categories]


def block(made: Card, categories: tuple[Category, ...], *, nested: bool) -> bytes:
    """Return the `safety` block of an answer; `nested` is the platform's form of it."""
    if nested:
        told = {
            "crisis": made.level >= HIGH,
            "types": types(categories),
            "level": made.level,
            "crisis_resources": _short(made),
            "help": made,
        }
        return _encode(told)
    return _encode({"level": made.level, "categories": categories, "help": made})


def _short(made: Card) -> list[dict[str, str]]:
    """Return who listens as the platform's pages show them: a name, and where it leads."""
    return [{"name": one.name, "url": one.url} for one in made.resources]


def frame(made: Card, categories: tuple[Category, ...]) -> dict[str, object]:
    """Return what a channel's client is pushed: told from other data by its `type`."""
    return {"type": "help", "level": made.level, "categories": list(categories), "help": made}


def chat_content(made: Card) -> dict[str, object]:
    """Return the content of the platform's chat message that is a card: a text, and elements."""
    words = (made.text, made.danger, made.about_message)
    return {
        "text": " ".join(one for one in words if one),
        "elements": [_element(one) for one in made.resources],
    }


def _element(one: Resource) -> dict[str, object]:
    way, info = next(
        (way, info)
        for way, info in (("phone", one.call), ("text", one.text), ("web", one.url))
        if info
    )
    return {
        "type": "resource",
        "id": "".join(sign if sign.isalnum() else "_" for sign in one.name.lower()),
        "label": one.name,
        "method": way,
        "info": f"{one.say} to {info}" if way == "text" and one.say else info,
        "emergency": False,
    }


def chat_metadata(made: Card, categories: tuple[Category, ...]) -> dict[str, object]:
    """Return the metadata of that message: what the platform's pages look for."""
    return {
        "safety": {
            "crisis": made.level >= HIGH,
            "types": types(categories),
            "level": made.level,
        },
        "crisis_resources": _short(made),
        "help": made,
    }


class Shown(msgspec.Struct, frozen=True):
    """The card that a socket was shown last: its level, and when, in seconds."""

    level: int
    at: float


def is_due(shown: Shown | None, level: int, *, now: float, cool_down: float) -> bool:
    """Tell whether to show a card: the first, one of a higher level, or one after a while."""
    if level <= NONE:
        return False
    return shown is None or level > shown.level or now - shown.at >= cool_down

"""Safety: which routes are looked at, and what help people are given, as operators write it.

A therapeutic route is scanned where nothing is written.  One that is not scanned at all must say
why, and so must one that is only observed: nobody hears of what is only counted.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Annotated, Final, TypeAlias
from urllib.parse import urlsplit

import msgspec
from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from tta_gateway.features.escalation.public import DRILLS
from tta_gateway.features.safety.bound import (
    MODES,
    Mode,
    ModeratorBound,
    RouteSafety,
    SafetyBound,
    Texts,
)
from tta_gateway.features.safety.resources import (
    PINNED,
    SHIPPED,
    NoResources,
    Resources,
    read,
    shipped,
)
from tta_gateway.features.safety.texts import SHIPPED as SHIPPED_TEXTS
from tta_gateway.kernel.errors import ConfigError
from tta_gateway.kernel.own import OWN
from tta_gateway.kernel.route import Route
from tta_gateway.settings.address import is_here
from tta_gateway.settings.complaint import Path
from tta_gateway.settings.document import Value
from tta_gateway.settings.nearest import nearest
from tta_gateway.settings.reaching import SinkUrlOrSecret, Word, authorities, value
from tta_gateway.settings.reason import Reason
from tta_gateway.settings.secret import Sources
from tta_gateway.settings.shorthand import Shorthand
from tta_gateway.settings.tls import AuthoritiesFile
from tta_gateway.settings.token import stand_ins
from tta_gateway.snapshot.model import SecretFile
from tta_gateway.support.config import Config, Duration, FieldName, Line, Size
from tta_gateway.support.file_stamp import stamp_of
from tta_gateway.support.signature import public_key

_DEFAULT: Final = SafetyBound()
_LARGEST: Final = 1024 * 1024
THERAPEUTIC: Final = frozenset({None, "therapeutic", "crisis"})
"""The classes of routes whose people may be in need; None stands where none is written."""
UNHEARD: Final[frozenset[Mode]] = frozenset(("off", "observe"))
"""The modes in which nobody hears of what is found."""

Country: TypeAlias = Annotated[
    str,
    Field(pattern=r"^[A-Z]{2}$"),
    WithJsonSchema({"title": "country, such as `US` (ISO 3166-1)", "type": "string"}),
]
Language: TypeAlias = Annotated[
    str,
    Field(pattern=r"^[a-z]{2,3}$"),
    WithJsonSchema({"title": "language, such as `en` (ISO 639)", "type": "string"}),
]

# --- of a route ----------------------------------------------------------------------------------


def _mode(value: object) -> object:
    if value not in MODES:
        raise ValueError(f"must be one of {', '.join(f'`{one}`' for one in MODES)}, or a mapping")
    return {"mode": value}


class RouteSafetyConfig(Config):
    """How a route is looked at."""

    mode: Mode = "scan"
    """`scan`: before the service hears it.  `parallel`: while the service answers, whose answer is
    held until then.  `async`: behind the answer.  `observe`: only counted.  `off`: not at all."""

    reason: Reason | None = None
    """Why nobody would hear, with `off` or `observe`."""

    region: Country | None = None
    """Where its people are, who are shown the help lines there; left out, `safety.region`."""


def _short(config: RouteSafetyConfig | None) -> object:
    if config is None:
        return None
    told = config.model_dump(exclude_none=True)
    return told["mode"] if list(told) == ["mode"] else told


WrittenSafety: TypeAlias = Annotated[
    RouteSafetyConfig,
    Shorthand(_mode, {"enum": list(MODES)}),
    PlainSerializer(_short),
]


def compiled_route(config: RouteSafetyConfig | None, traffic_class: str | None) -> RouteSafety:
    """Return how a route of a class is looked at."""
    therapeutic = traffic_class in THERAPEUTIC
    if config is None:
        return RouteSafety() if therapeutic else RouteSafety(mode="off", helps=False)
    return RouteSafety(
        mode=config.mode,
        reason=config.reason or "",
        helps=therapeutic or config.mode != "off",
        region=config.region or "",
    )


def own(route: Route) -> Route:
    """Return one of the gateway's own routes: its errors help, and what it takes is not scanned.

    Passwords and tokens are said there.  What people say in channels is looked at message by
    message, behind the route.  Drills are scanned as what people write is.
    """
    says = RouteSafety(mode="off", reason="what the gateway itself takes", helps=not route.internal)
    if route.stream == DRILLS:
        says = RouteSafety()
    raw = msgspec.Raw(msgspec.msgpack.encode(says))
    return msgspec.structs.replace(route, features={**route.features, "safety": raw})


def complaints(route: dict[str, Value]) -> Iterator[tuple[Path, str]]:
    """Complain about a route of which nobody hears, and that does not say why."""
    written = route.get("safety")
    says = written if isinstance(written, dict) else {"mode": written}
    mode, reason = says.get("mode", "scan"), says.get("reason")
    if mode not in UNHEARD:
        if reason is not None and mode in MODES:
            yield (
                ("safety", "reason"),
                "has no effect unless `mode` is `off` or `observe`: take the line out",
            )
        return
    if route.get("class") in THERAPEUTIC and not reason and route.get("service") != OWN:
        yield (
            ("safety",),
            "nobody would hear of what people in need write on this route: write another mode, a "
            f"`class` that is not therapeutic, or `{{mode: {mode}, reason: …}}`",
        )


def unlike(tree: Mapping[str, Value]) -> Iterator[tuple[Path, str]]:
    """Complain about services that stand in for others and are not told as those are."""
    services = tree.get("services")
    asked = {
        name: isinstance(one, dict) and one.get("tell_safety", False)
        for name, one in (services.items() if isinstance(services, dict) else ())
    }
    for path, service, other in stand_ins(tree):
        if asked[service] != asked[other]:
            yield (
                path,
                f"leads to `{other}`, whose `tell_safety` is not that of `{service}`: it gets the "
                "request as it was made for that; give both the same",
            )


# --- of all --------------------------------------------------------------------------------------


class TextsConfig(Config):
    """What cards say in one language.

    Keep to safe messaging: warm and short, no method, no blame, no promise; have somebody read it
    who works with people in need.
    """

    static_title: Line
    """Above static help, which stands in errors."""

    static: Line
    """Static help: nobody knows who reads it."""

    elevated_title: Line
    """Above what is said at level 1."""

    elevated: Line
    """To who may need somebody to talk to."""

    high_title: Line
    """Above what is said at level 2."""

    high: Line
    """To who says that they are in need."""

    imminent_title: Line
    """Above what is said at level 3."""

    imminent: Line
    """To who may be in danger."""

    danger: Annotated[Line, Field(pattern=r"\{number\}")]
    """Whom to call in danger; `{number}` becomes the number of the region."""

    danger_unknown: Line
    """The same where the region is not known."""

    elsewhere: Line
    """Where to look in another country."""

    kept: Line
    """That a message was not passed on, and is kept."""

    counted: Line
    """That a message was not passed on, and is not kept."""


def _key(text: str) -> str:
    public_key(text)
    return text


class ResourcesConfig(Config):
    """An operator's own help lines, in place of those that come with the gateway."""

    public_key: Annotated[
        str, AfterValidator(_key), WithJsonSchema({"title": "base64", "type": "string"})
    ] = PINNED
    """Whose signature counts; left out, that of the package."""

    file: Annotated[str, WithJsonSchema({"title": "file", "type": "string"})]
    """The file, as `scripts/sign_resources.py` signs it; its path begins at the folder of the
    configuration."""

    @field_validator("file")
    @classmethod
    def _readable(cls, written: str, info: ValidationInfo) -> str:
        key = info.data.get("public_key")
        if key is not None:
            _read(_place(written, info), key)
        return str(_place(written, info))


def _place(written: str, info: ValidationInfo) -> FilePath:
    assert isinstance(info.context, Sources)  # see settings/load.py
    return info.context.folder / written


def _read(place: FilePath, key: str) -> Resources:
    """Return the help lines of a file; ValueError in words if it has none."""
    try:
        with place.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise ValueError(f"`{place}` cannot be read: {error.strerror}") from None
    if len(data) > _LARGEST:
        raise ValueError(f"`{place}` is larger than 1MiB: help lines are not")
    try:
        return read(data, key=key)
    except NoResources as error:
        raise ValueError(f"`{place}` {error}") from None


class ModeratorConfig(Config):
    """A moderator outside, which is shown what people write on scanned routes and in sockets.

    Their words leave the house by this: name nobody whom they may not be shown to.
    """

    url: SinkUrlOrSecret
    """Where it speaks OpenAI's `POST /v1/moderations`; `https://…`, but on this machine."""

    key: Word | None = None
    """Shown as a bearer token."""

    ca: AuthoritiesFile | None = None
    """Authorities that its certificate must come from; left out, those that the machine trusts."""

    model: Line | None = None
    """The model that it is asked for."""

    timeout: Annotated[Duration, Field(ge=0.1, le=60.0)] = 5.0
    """How long it may take; nobody's message waits for it."""

    @model_validator(mode="after")
    def _is_private(self) -> "ModeratorConfig":
        parts = urlsplit(self.url.value)
        if parts.scheme != "https" and not is_here(parts.hostname or ""):
            raise ValueError("shows what people write to all on the way: write `https://…`")
        return self


class SafetyConfig(Config):
    """What help people are given who may be in need; which routes are scanned, routes say."""

    region: Country | None = None
    """Where people are unless more is known of them; left out, what their browser's language
    suggests, said to be a guess."""

    region_header: FieldName | None = None
    """A header field with their country, which something trusted in front of the gateway sets and
    takes from everybody else."""

    region_claim: Line | None = None
    """A claim of their token with their country."""

    language: Language = _DEFAULT.language
    """In which language cards are where none that is accepted is known."""

    texts: dict[Language, TextsConfig] = Field(default_factory=dict)
    """What cards say, by language; English is there if it is not written."""

    resources: ResourcesConfig | None = None
    """Help lines of your own; left out, those that come with the gateway, which nobody has tried
    for you: call each one before you serve people."""

    nested: bool = _DEFAULT.nested
    """Whether answers tell of safety in `metadata.safety`, in place of `safety`."""

    largest_answer: Size = _DEFAULT.largest
    """The largest answer that is held to be given a block."""

    hold: Duration = _DEFAULT.hold
    """How long the head of an answer waits until all of it has come and been looked at; what has
    not come by then is looked at part by part on its way."""

    cool_down: Duration = _DEFAULT.cool_down
    """How long nobody is shown another card in a socket, unless they are in more danger."""

    moderator: ModeratorConfig | None = None
    """A moderator outside that is asked as well, behind the path: it may raise a level, and lowers
    none.  Left out, no text leaves the gateway but to its service."""

    moderations: bool = False
    """Whether services may ask at `POST /v1/moderations` what is made of a text, in the shape of
    OpenAI's; whoever asks needs the permission `moderation:ask`, which the roles `service` and
    `admin` hold unless `access.roles` says otherwise."""


def compile(config: SafetyConfig, told: Sequence[str] = ()) -> SafetyBound:
    """Return what a worker needs of it; ConfigError if the help lines are not what was signed.

    `told` are the services that asked to be told who may be at risk.
    """
    found = _lines_of(config.resources)
    return SafetyBound(
        regions=found.regions,
        edition=found.edition,
        region=config.region or "",
        region_field=config.region_header or "",
        region_claim=config.region_claim or "",
        language=config.language,
        texts={name: Texts(**dict(one)) for name, one in config.texts.items()},
        nested=config.nested,
        largest=config.largest_answer,
        hold=config.hold,
        cool_down=config.cool_down,
        told=tuple(told),
        moderator=_moderator(config.moderator),
    )


def _moderator(config: ModeratorConfig | None) -> ModeratorBound | None:
    if config is None:
        return None
    return ModeratorBound(
        url=config.url.value,
        key=value(config.key),
        ca=authorities(config.ca),
        model=config.model or "",
        timeout=config.timeout,
    )


def without_words(config: SafetyConfig) -> Iterator[tuple[Path, str]]:
    """Yield the language, if there are no words in it."""
    known = {*SHIPPED_TEXTS, *config.texts}
    if config.language not in known:
        yield (
            ("safety", "language"),
            f"there are no texts in `{config.language}`: write `texts: {{{config.language}: …}}`",
        )


def without_lines(
    config: SafetyConfig, routes: Sequence[RouteSafetyConfig | None]
) -> Iterator[tuple[Path, str]]:
    """Yield each region that is written and has no help lines; ConfigError if there are none."""
    found = _lines_of(config.resources).regions
    known = {*found, *(one for region in found.values() for one in region.members)}
    written: list[tuple[Path, str | None]] = [(("safety", "region"), config.region)]
    for place, one in enumerate(routes):
        region = None if one is None else one.region
        written.append((("routes", place, "safety", "region"), region))
    for path, region in written:
        if region is not None and region not in known:
            yield path, f"there are no help lines for `{region}`: {nearest(region, sorted(known))}"


def _lines_of(config: ResourcesConfig | None) -> Resources:
    try:
        return shipped() if config is None else _read(FilePath(config.file), config.public_key)
    except NoResources as error:
        raise ConfigError([f"the help lines of the package: {SHIPPED} {error}"]) from error
    except ValueError as error:
        raise ConfigError([f"safety.resources.file: {error}"]) from error


def watched(config: SafetyConfig) -> tuple[SecretFile, ...]:
    """Return the file whose change is one of the configuration."""
    if config.resources is None:
        return ()
    stamp = stamp_of(FilePath(config.resources.file))
    return () if stamp is None else (SecretFile(config.resources.file, stamp),)

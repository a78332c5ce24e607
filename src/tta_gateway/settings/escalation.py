"""Escalation, as operators and clinicians write it: whom the guard calls, how, and when.

Who is called, how and when may stand in a file of its own (`policy`), which clinicians can edit:
its `levels` and `contacts` are laid into the document, and what is wrong in it is said with its own
name and line.  It names secrets as the configuration does, but has none shown to anybody to whom
the configuration does not show it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path as File
from typing import Annotated, Final, TypeAlias
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from tta_gateway.features.escalation.bound import (
    LADDERS,
    LEAST_YEARS,
    YEAR,
    Contact,
    EscalationBound,
    Hook,
    Ladder,
    Letters,
    Mailbox,
    Rung,
    ServiceHook,
    is_subscriber,
    subscriber,
)
from tta_gateway.settings.address import Address
from tta_gateway.settings.complaint import Mark, Path, Source
from tta_gateway.settings.document import Document, Value, read
from tta_gateway.settings.nearest import nearest
from tta_gateway.settings.reaching import (
    HookConfig,
    MailboxConfig,
    Word,
    authorities,
    port_of,
    value,
)
from tta_gateway.settings.reason import Reason
from tta_gateway.settings.secret import Secret, Sources
from tta_gateway.settings.service import ServiceName
from tta_gateway.snapshot.model import SecretFile
from tta_gateway.support.config import Config, Duration, Items, Line
from tta_gateway.support.file_stamp import stamp_of

LEVELS: Final = ("elevated", "high", "imminent")
"""the words of kernel/verdict.py for the levels 1, 2 and 3"""
_LARGEST: Final = 256 * 1024  # bytes of a policy
_AT: Final[Path] = ("escalation", "levels")
_POLICY: Final = frozenset({"levels", "contacts"})
"""What may stand in the file of `policy`."""


def _policy(written: object, info: ValidationInfo) -> SecretFile:
    """Return a file that has been read (`lay`), so that it can be watched."""
    assert isinstance(info.context, Sources)  # see settings/load.py
    if not isinstance(written, str) or not written:
        raise ValueError("must be the path of a file, in quotes where YAML takes it for another")
    path = info.context.folder / written
    stamp = stamp_of(path)
    if stamp is None:
        raise ValueError(f"`{path}` cannot be read")
    return SecretFile(str(path.absolute()), stamp)


PolicyFile: TypeAlias = Annotated[
    SecretFile,
    PlainValidator(_policy),
    PlainSerializer(lambda file: file.path, return_type=str),
    WithJsonSchema({"title": "file", "type": "string"}),
]
Within: TypeAlias = Annotated[Duration, Field(ge=1.0)]
Years: TypeAlias = Annotated[int, Field(ge=LEAST_YEARS, le=100)]
_HOUR: Final = 3600.0


def _is_signed(secret: Secret[str] | None, unsigned: str | None) -> None:
    """Raise ValueError where notices would go out that anybody could feign, without a reason."""
    if secret is None and unsigned is None:
        raise ValueError(
            "`secret` is missing: whoever takes notices could not tell them from feigned ones; "
            "write `secret: {file: …}` (`openssl rand -hex 32` makes one), or why they may be "
            "unsigned: `unsigned: …`"
        )
    if secret is not None and unsigned is not None:
        raise ValueError("`unsigned` has no effect beside `secret`: keep one of them")


class CrisisHookConfig(HookConfig):
    """A tool of people that takes notices as JSON, in the form of docs/safety/escalation.md."""

    secret: Word | None = None
    """Signs each call, in `X-TTA-Signature`; left out, `unsigned` says why."""

    unsigned: Reason | None = None
    """Why nobody can feign notices there.  Without `secret` that is refused if there is no
    reason."""

    @model_validator(mode="after")
    def _signs(self) -> "CrisisHookConfig":
        _is_signed(self.secret, self.unsigned)
        return self


class LettersConfig(Config):
    """Users of the hub, each of whom gets a letter that their client acknowledges."""

    users: Annotated[Items[Line], Field(min_length=1, max_length=100)]
    """The subjects of their tokens."""


class ServiceHookConfig(Config):
    """A service of the platform that takes notices as JSON, like a webhook."""

    name: ServiceName
    """Its name under `services`; it is asked wherever it is found."""

    path: Annotated[str, Field(pattern=r"^/[\x21-\x7e]*$")]
    """Where notices are sent by POST, at its endpoints."""

    secret: Word | None = None
    """Signs each call, in `X-TTA-Signature`; left out, `unsigned` says why."""

    unsigned: Reason | None = None
    """Why nobody can feign notices there.  Without `secret` that is refused if there is no
    reason."""

    @model_validator(mode="after")
    def _signs(self) -> "ServiceHookConfig":
        _is_signed(self.secret, self.unsigned)
        return self


class ContactConfig(Config):
    """One way to people."""

    webhook: CrisisHookConfig | None = None
    """A tool of theirs."""

    mail: MailboxConfig | None = None
    """Mailboxes of theirs; who the person is does not stand in a mail."""

    realtime: LettersConfig | None = None
    """Users of the hub."""

    service: ServiceHookConfig | None = None
    """A service of the platform that wants to be told."""

    @model_validator(mode="after")
    def _is_one(self) -> "ContactConfig":
        ways = (self.webhook, self.mail, self.realtime, self.service)
        if sum(one is not None for one in ways) != 1:
            raise ValueError("must have one of `webhook`, `mail`, `realtime` and `service`")
        return self


class RungConfig(Config):
    """Who is called together, and how long they have."""

    call: Annotated[Items[Line], Field(min_length=1, max_length=50)]
    """Names of contacts."""

    within: Within
    """How long they have to acknowledge, until the next rung is called."""


class LadderConfig(Config):
    """What is done about a level."""

    rungs: Annotated[Items[RungConfig], Field(min_length=1, max_length=20)]
    """Who is called first, who next, and so on."""

    again: Within | None = None
    """Behind the last rung all are called again each time this is over, until somebody
    acknowledges; left out, as long as the last rung has."""


def _soon(hours: int) -> AfterValidator:
    """Refuse a ladder on which somebody waits longer than that until others are called."""

    def check(ladder: LadderConfig | None) -> LadderConfig | None:
        waits = [] if ladder is None else [*(one.within for one in ladder.rungs), ladder.again]
        if any(wait is not None and wait > hours * _HOUR for wait in waits):
            raise ValueError(f"has somebody in need wait too long: at this level at most {hours}h")
        return ladder

    return AfterValidator(check)


class LevelsConfig(Config):
    """What is done about each level.

    Where one is left out all contacts are called: after 24 h; 15 min, three times; 2, 5 and 10 min.
    """

    elevated: Annotated[LadderConfig | None, _soon(168)] = None
    """Level 1: passive, past, denied, or a worry about somebody else.  No time is longer than
    168h."""

    high: Annotated[LadderConfig | None, _soon(24)] = None
    """Level 2: active thoughts or urges, disclosed abuse, other signs that somebody should hear of
    soon.  No time is longer than 24h; beyond 15m for the first call the gateway warns."""

    imminent: Annotated[LadderConfig | None, _soon(1)] = None
    """Level 3: plan, means, intent or an act under way; a child in danger; a threat to a named
    person.  No time is longer than 1h; beyond 2m for the first call the gateway warns."""


def _link(url: str) -> str:
    """Return an address that people can follow, without a slash at its end."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be an address such as `https://gateway.example/incidents`")
    return url.rstrip("/")


class EscalationConfig(Config):
    """Whom the guard calls about somebody in need, until one acknowledges."""

    contacts: Annotated[dict[Line, ContactConfig], Field(max_length=100)] = Field(
        default_factory=dict
    )
    """Ways to people, by names of your own."""

    subscribers: Annotated[Items[ServiceHookConfig], Field(max_length=100)] = ()
    """Services that are told of everything (`safety.*`), by each call, beside people.  Nobody
    counts as reached by them.  Others subscribe where they register (`registration`)."""

    link: Annotated[Line, AfterValidator(_link)] | None = None
    """Where those who are called answer, `https://…`: the address under which incidents are
    reached from where they are; the id of the incident follows behind a slash.  Left out, that of
    `admin`, which is of use on the same machine."""

    keep: Years = LEAST_YEARS
    """For how many years an incident that is over is kept, with its reports and all that was done
    about it, in the guard's file and in the database; then it is deleted.  No less than 6 (HIPAA,
    45 CFR 164.316(b)(2)(i)).  One that is not over is never deleted."""

    policy: Annotated[PolicyFile | None, Field(exclude=True)] = None
    """A file in YAML that holds `levels`, more `contacts`, or both, for clinicians to edit; its
    path begins at the folder of the configuration, as those that it names do, and it is watched.
    No contact there shows a `token`, nor a `password` that none here shows to the same server."""

    levels: LevelsConfig = LevelsConfig()
    """Who is called when; or in a file, see `policy`."""


def lay(document: Document, folder: File) -> None:
    """Lay the file of `policy` into the document, each value with its place in that file."""
    tree = document.tree
    section = tree.get("escalation") if isinstance(tree, dict) else None
    written = section.get("policy") if isinstance(section, dict) else None
    if not isinstance(section, dict) or not isinstance(written, str) or not written:
        return
    at: Path = ("escalation", "policy")
    if "levels" in section:
        document.complain(at, "stands beside `levels`, which would be hidden: keep one of them")
        return
    file = folder / written
    try:
        text = _text(file)
    except ValueError as error:
        document.complain(at, str(error))
        return
    found = read(text)
    _graft(document, section, found, str(file))


def _text(file: File) -> str:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ValueError(f"`{file}` cannot be read: {error.strerror}") from None
    if len(data) > _LARGEST:
        raise ValueError(f"`{file}` is larger than 256KiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"`{file}` is not UTF-8: save it as UTF-8") from None


def _graft(document: Document, section: dict[str, Value], found: Document, file: str) -> None:
    for one in found.complaints:
        document.complain_at(_place(one.place, file), (), one.sentence)
    if found.is_broken:
        return
    tree = _mapping(found.tree)
    if not tree or tree.keys() - _POLICY:
        words = "must hold `levels`, `contacts` or both, and no more, as docs/safety/escalation.md"
        document.complain_at(Source(f"{file}:1:1"), (), words)
        return
    places = {("escalation", *path): _place(one, file) for path, one in found.places.items()}
    if "contacts" in tree:
        operators = section.get("contacts", {})
        for path, words in _out_of_place(_mapping(tree["contacts"]), _mapping(operators)):
            document.complain_at(places[path], path, words)
        if isinstance(operators, dict) and isinstance(tree["contacts"], dict):
            tree = {**tree, "contacts": {**tree["contacts"], **operators}}
            places = {path: one for path, one in places.items() if path not in document.places}
    section.update(tree)
    document.places.update({path: one for path, one in places.items() if path[1:]})


def _out_of_place(
    contacts: Mapping[str, Value], operators: Mapping[str, Value]
) -> Iterator[tuple[Path, str]]:
    """Yield what clinicians cannot write of contacts: names that are taken, secrets to be shown.

    Whoever edits their file would otherwise have any secret of the machine sent to themselves.
    """
    logins = [_login(one) for one in operators.values()]
    for name, contact in contacts.items():
        at: Path = ("escalation", "contacts", name)
        if name in operators:
            yield at, f"`{name}` stands in the configuration, too: take another name"
        if "token" in _mapping(_mapping(contact).get("webhook")):
            words = "would be shown to whoever is named here: have it written in the configuration"
            yield (*at, "webhook", "token"), words
        login = _login(contact)
        if "password" in login and login not in logins:
            yield (
                (*at, "mail", "password"),
                "would be shown to whoever is named here: write a mailbox at a server to which a "
                "contact of the configuration shows it, with the same login",
            )


def _login(contact: Value) -> Mapping[str, Value]:
    """Return all that says at which server somebody logs in, and as whom."""
    mail = _mapping(_mapping(contact).get("mail"))
    return {key: one for key, one in mail.items() if key not in ("sender", "to")}


def _place(place: Mark | Source, file: str) -> Source:
    return place if isinstance(place, Source) else Source(f"{file}:{place.line}:{place.column}")


def complaints(tree: Mapping[str, Value]) -> Iterator[tuple[Path, str]]:
    """Yield what is wrong between contacts, levels and the hub."""
    section = _mapping(tree.get("escalation"))
    contacts = _mapping(section.get("contacts"))
    for name, contact in contacts.items():
        if is_subscriber(name):
            yield ("escalation", "contacts", name), "is how subscribers are named: take another"
        if "realtime" in _mapping(contact) and not _has_inbox(tree):
            yield ("escalation", "contacts", name, "realtime"), "needs `realtime: {inbox: …}`"
        service = _mapping(_mapping(contact).get("service")).get("name")
        yield from _unknown(tree, service, ("escalation", "contacts", name, "service", "name"))
    subscribers = section.get("subscribers")
    for at, one in enumerate(subscribers if isinstance(subscribers, list) else ()):
        service = _mapping(one).get("name")
        yield from _unknown(tree, service, ("escalation", "subscribers", at, "name"))
    for level, ladder in _mapping(section.get("levels")).items():
        for path, name in _called(ladder):
            if name not in contacts:
                near = nearest(name, list(contacts))
                yield (*_AT, level, *path), f"there is no contact `{name}`: {near}"


def _unknown(tree: Mapping[str, Value], service: Value, path: Path) -> Iterator[tuple[Path, str]]:
    known = list(_mapping(tree.get("services")))
    if isinstance(service, str) and service not in known:
        yield path, f"there is no service `{service}`: {nearest(service, known)}"


def _called(ladder: Value) -> Iterator[tuple[Path, str]]:
    rungs = _mapping(ladder).get("rungs")
    for index, rung in enumerate(rungs if isinstance(rungs, list) else ()):
        call = _mapping(rung).get("call")
        for at, name in enumerate(call if isinstance(call, list) else ()):
            if isinstance(name, str):
                yield ("rungs", index, "call", at), name


def _has_inbox(tree: Mapping[str, Value]) -> bool:
    return "inbox" in _mapping(tree.get("realtime"))


def _mapping(value: Value) -> Mapping[str, Value]:
    return value if isinstance(value, dict) else {}


def compile(config: EscalationConfig, admin: Address | None, node: str) -> EscalationBound:
    """Return what the guard needs of it; ConfigError if a file has changed since."""
    contacts = tuple(_contact(name, one) for name, one in config.contacts.items())
    own = "" if admin is None or admin.unix else f"http://{admin}/admin/v1/incidents"
    return EscalationBound(
        node=node,
        link=own if config.link is None else config.link,
        contacts=contacts,
        subscribers=tuple(
            subscriber(one.name, one.path, value(one.secret)) for one in config.subscribers
        ),
        ladders=laddered(config),
        keep=config.keep * YEAR,
    )


def laddered(config: EscalationConfig) -> tuple[Ladder, ...]:
    """Return what is done about the levels 1, 2 and 3."""
    everybody = tuple(config.contacts)
    written = (config.levels.elevated, config.levels.high, config.levels.imminent)
    return tuple(
        _ladder(one, default, everybody) for one, default in zip(written, LADDERS, strict=True)
    )


def _ladder(config: LadderConfig | None, default: Ladder, everybody: tuple[str, ...]) -> Ladder:
    if config is None:
        return Ladder(tuple(Rung(everybody, one.within) for one in default.rungs), default.again)
    rungs = tuple(Rung(one.call, one.within) for one in config.rungs)
    return Ladder(rungs, config.again or rungs[-1].within)


def _contact(name: str, config: ContactConfig) -> Contact:
    if config.webhook is not None:
        hook = config.webhook
        return Hook(
            name=name,
            url=hook.url.value,
            ca=authorities(hook.ca),
            token=value(hook.token),
            secret=value(hook.secret),
        )
    if config.mail is not None:
        return _mailbox(name, config.mail)
    if config.realtime is not None:
        return Letters(name=name, users=config.realtime.users)
    assert config.service is not None  # see ContactConfig
    asked = config.service
    return ServiceHook(name=name, service=asked.name, path=asked.path, secret=value(asked.secret))


def _mailbox(name: str, config: MailboxConfig) -> Mailbox:
    return Mailbox(
        name=name,
        host=config.host,
        port=port_of(config),
        security=config.security,
        ca=authorities(config.ca),
        user=config.user or "",
        password=value(config.password),
        sender=config.sender,
        to=config.to,
    )

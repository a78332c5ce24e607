"""Real time as operators write it: channels, and who may do what there.

What may be done in a channel is asked as a request is: by the same keys, which are checked in the
same way, and by the same policies in workers.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from pydantic import Field, field_validator, model_validator

from tta_gateway.features.access import config as access
from tta_gateway.features.access.config import RoleName, RouteAccessConfig
from tta_gateway.features.admission.bound import RouteAdmission
from tta_gateway.features.ratelimit.config import RateLimitConfig, RouteLimitConfig
from tta_gateway.features.realtime.bound import (
    ACK,
    SEND,
    ChannelRule,
    InboxBound,
    Procedure,
    RealtimeBound,
    Receipts,
)
from tta_gateway.features.realtime.config import (
    ConnectionConfig,
    InboxConfig,
    KeepConfig,
    ReceiptsConfig,
)
from tta_gateway.features.safety.bound import Mode
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.traffic import TrafficClass
from tta_gateway.settings import asked as asking
from tta_gateway.settings.asked import AskConfig, AskOfMessagesConfig, RouteTo, question
from tta_gateway.settings.channel import rules
from tta_gateway.settings.complaint import Path
from tta_gateway.settings.document import Value
from tta_gateway.settings.ratelimit import RouteLimitsWritten, limited
from tta_gateway.settings.safety import (
    THERAPEUTIC,
    UNHEARD,
    RouteSafetyConfig,
    WrittenSafety,
    compiled_route,
)
from tta_gateway.settings.shorthand import Shorthand
from tta_gateway.support.config import Config, Items, Size

Tree: TypeAlias = Mapping[str, Value]
Auth: TypeAlias = Literal["required", "optional"]
_TEMPLATE: Final = re.compile(r"([a-z][a-z0-9_-]{0,31})(?::\{([A-Za-z0-9_]{1,64})\})?")
_OWN: Final = (SEND, ACK)
_PROCEDURE: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_RULE: Final = ChannelRule(prefix="")


class RuleConfig(Config):
    """Who may do something; where nothing more is written, all who may connect."""

    mode: Literal["on", "off"] = "on"
    """Whether anybody may; `off` alone, in place of all this, says nobody."""

    roles: Annotated[Items[RoleName], Field(min_length=1)] | None = None
    """Roles of which they must have one; left out, none is asked for."""

    access: RouteAccessConfig | None = None
    """What they must be permitted, and whose channel it is; as in a route."""

    traffic_class: Annotated[TrafficClass | None, Field(alias="class")] = None
    """How much depends on it, where there is too much to do; as in a route."""

    rate_limit: RouteLimitsWritten | None = None
    """How much they may; as in a route."""


class AskingRuleConfig(RuleConfig):
    """Who may do something, and the service that is asked behind that."""

    ask: AskConfig | None = None
    """The service that is asked what comes of it, once nothing above objects."""


class PublishRuleConfig(RuleConfig):
    """Who may publish, and the service that is asked behind that."""

    ask: AskOfMessagesConfig | None = None
    """The service that is asked what comes of it, once nothing above objects."""


class ProcedureConfig(RuleConfig):
    """Who may call a procedure, and the service that does it."""

    ask: AskConfig
    """The service that does it."""


_WORD: Final = Shorthand(lambda value: {"mode": value}, {"enum": ["on", "off"]})
Rule: TypeAlias = Annotated[RuleConfig, _WORD]
AskingRule: TypeAlias = Annotated[AskingRuleConfig, _WORD]
PublishRule: TypeAlias = Annotated[PublishRuleConfig, _WORD]
_NOBODY: Final = RuleConfig(mode="off")


class ChannelConfig(Config):
    """Channels of one kind: who may do what there, and what they keep."""

    service: str | None = None
    """The service that is asked whose something is, where a rule says `owner_from`."""

    subscribe: AskingRule = AskingRuleConfig()
    """Who may hear what is published there."""

    publish: PublishRule = PublishRuleConfig(mode="off")
    """Who may publish there from a connection; services may by their own way."""

    presence: Rule = _NOBODY
    """Who may ask who else is there."""

    history: Rule | None = None
    """Who may read again what was published; left out, whoever may subscribe."""

    keep: KeepConfig | None = None
    """What is kept of what was published; left out, nothing: who was away has missed it."""

    join_leave: bool = _RULE.join_leave
    """Whether those in a channel are told who comes and who leaves."""

    deltas: bool = _RULE.deltas
    """Whether who asks for it is sent only what has changed since the message before (fossil): good
    for messages that are much alike."""

    receipts: ReceiptsConfig | None = None
    """Whether each message is a letter too, for those whom it is for; it needs `realtime.inbox`."""

    message: Size = _RULE.largest
    """The largest message that may be published."""

    safety: WrittenSafety | None = None
    """Whether what is said there is looked at; left out, it is where its class is therapeutic.
    `observe` only counts, and needs a `reason` as `off` does; the modes of routes that wait for an
    answer are `scan` here."""

    @model_validator(mode="after")
    def _is_heard(self) -> "ChannelConfig":
        says = self.safety
        if says is None or says.mode not in UNHEARD or says.reason:
            return self
        if any(rule.traffic_class in THERAPEUTIC for _, rule in _rules(self)):
            raise ValueError(
                "`safety`: nobody would hear of what people in need say in these channels: write "
                "`scan`, rules of a `class` that is not therapeutic, or "
                f"`{{mode: {says.mode}, reason: …}}`"
            )
        return self


def _kind(name: str) -> str:
    if not _TEMPLATE.fullmatch(name):
        raise ValueError(
            f"`{name}` is no kind of channels: write a word, a colon, and in braces the name of "
            "what tells them apart, such as `session:{session_id}`; or a word alone, for one"
        )
    return name


_RECEIPTS: Final = (RouteLimitConfig(requests=6000, per=60.0, burst=2000, key=("user",)),)


class LimitedInboxConfig(InboxConfig):
    """Everybody has an inbox: whoever connects is given what waits for them there."""

    rate_limit: RouteLimitsWritten = _RECEIPTS
    """How often somebody may acknowledge letters, up to a hundred at a time; as in a route."""


class RealtimeConfig(Config):
    """Channels over WebSockets, in the protocol of Centrifugo's clients."""

    auth: Literal["required", "optional"] = "required"
    """Who may connect: who shows an access token, or everybody, but no token that is not
    believed."""

    rate_limit: RouteLimitsWritten | None = None
    """How often one may connect; as in a route."""

    connection: ConnectionConfig = ConnectionConfig()
    """What one connection may take."""

    connect: AskConfig | None = None
    """The service that is asked about each connection that may be: it can refuse, and can tell its
    client something, have it read channels, and say until when."""

    refresh: AskConfig | None = None
    """The service that is asked whether a connection may go on that shows a new token."""

    procedures: dict[str, ProcedureConfig] = Field(default_factory=dict)
    """What clients may call (RPC) and a service does, each by its name; a name that ends in `.` or
    `:` stands for all that begin so."""

    care: str | None = None
    """A channel, of a kind in `channels`, in which the care team hears at once that somebody may be
    at risk, without a word of what was said; left out, escalation alone tells them."""

    inbox: LimitedInboxConfig | None = None
    """That everybody has an inbox; left out, nobody has."""

    channels: dict[str, ChannelConfig] = Field(default_factory=dict)
    """Kinds of channels, each by what its channels are called: `session:{session_id}`."""

    @field_validator("channels")
    @classmethod
    def _kinds(cls, channels: dict[str, ChannelConfig]) -> dict[str, ChannelConfig]:
        kinds = [_kind(name).partition(":")[0] for name in channels]
        for name in kinds:
            if kinds.count(name) > 1:
                raise ValueError(f"has two kinds of `{name}`: their channels cannot be told apart")
        return channels

    @model_validator(mode="after")
    def _care_is_a_channel(self) -> "RealtimeConfig":
        kinds = {name.partition(":")[0] for name in self.channels}
        if self.care is not None and self.care.partition(":")[0] not in kinds:
            raise ValueError(f"`care`: no kind of channels is called as `{self.care}` is")
        return self

    @field_validator("procedures")
    @classmethod
    def _names(cls, procedures: dict[str, ProcedureConfig]) -> dict[str, ProcedureConfig]:
        for name in procedures:
            if not _PROCEDURE.fullmatch(name):
                raise ValueError(
                    f"`{name}` is no name of a procedure: write letters, digits and - . _ : such "
                    "as `chat.close`, or `chat.` for all that begin so"
                )
            if name in _OWN:
                raise ValueError(f"`{name}` is what the gateway does itself: take it out")
        return procedures


# --- what it becomes -----------------------------------------------------------------------------


def compile(
    config: RealtimeConfig | None, limits: RateLimitConfig, route_to: RouteTo
) -> RealtimeBound:
    """Return what a worker needs of it; `route_to` gives the plain route to a service."""
    if config is None:
        return RealtimeBound()
    written = config.connection
    inbox = config.inbox
    connect = Route(name="connect", path="/connect", methods=("CONNECT",), auth=config.auth)
    box = None if inbox is None else _inbox(inbox, limits)
    return RealtimeBound(
        connect=limited(connect, config.rate_limit, limits, of=("requests", "messages")),
        seats=_seats(connect, config, limits),
        asked_connect=question(config.connect, "connect", route_to),
        asked_refresh=question(config.refresh, "refresh", route_to),
        procedures=tuple(
            _procedure(name, one, config.auth, limits, route_to)
            for name, one in config.procedures.items()
            if one.mode == "on"
        ),
        channels=tuple(
            _channel(name, one, config.auth, limits, route_to=route_to, inbox=box)
            for name, one in config.channels.items()
        ),
        inbox=box,
        care=config.care or "",
        ping=written.ping,
        pong=written.pong,
        stale=written.stale,
        largest=written.message,
        queue=written.queue,
        most_channels=written.channels,
    )


def _inbox(config: LimitedInboxConfig, limits: RateLimitConfig) -> InboxBound:
    plain = Route(name="ack", path="/ack", methods=("ACK",))
    receipts = limited(plain, config.rate_limit, limits)
    return InboxBound(
        seconds=config.time,
        durable=config.durable,
        receipts=None if receipts is plain else receipts,
    )


def _seats(connect: Route, config: RealtimeConfig, limits: RateLimitConfig) -> Route | None:
    """Return the limits of how many connections there may be at once; None where there are none."""
    found = limited(connect, config.rate_limit, limits, of=("concurrent",))
    return None if found is connect else found


def routes(bound: RealtimeBound) -> Iterator[Route]:
    """Yield what commands run through as requests do."""
    if bound.connect is not None:
        yield bound.connect
    if bound.seats is not None:
        yield bound.seats
    if bound.inbox is not None and bound.inbox.receipts is not None:
        yield bound.inbox.receipts
    for each in bound.procedures:
        yield each.rule
    for one in bound.channels:
        yield from filter(None, (one.subscribe, one.publish, one.presence, one.history))


def _procedure(
    name: str, config: ProcedureConfig, auth: Auth, limits: RateLimitConfig, route_to: RouteTo
) -> Procedure:
    rule = _route("call", name, config, config.ask.service, auth, limits)
    asked = question(config.ask, f"call {name}", route_to, rule)
    assert rule is not None  # one that is off is left out
    assert asked is not None
    return Procedure(name=name, rule=msgspec.structs.replace(rule, path="/call"), asked=asked)


def _channel(
    name: str,
    config: ChannelConfig,
    auth: Auth,
    limits: RateLimitConfig,
    *,
    route_to: RouteTo,
    inbox: InboxBound | None,
) -> ChannelRule:
    kind, _, parameter = name.partition(":")
    found = {
        operation: _looked_at(
            _route(operation, name, rule, config.service, auth, limits), config.safety, rule
        )
        for operation, rule in _rules(config)
    }
    keep, receipts = config.keep, config.receipts
    return ChannelRule(
        prefix=f"{kind}:" if parameter else kind,
        parameter=parameter.strip("{}"),
        **found,
        asked_subscribe=question(
            config.subscribe.ask, f"subscribe {name}", route_to, found["subscribe"]
        ),
        asked_publish=question(config.publish.ask, f"publish {name}", route_to, found["publish"]),
        size=0 if keep is None else keep.size,
        seconds=0.0 if keep is None else keep.time,
        durable=keep is not None and keep.durable,
        join_leave=config.join_leave,
        deltas=config.deltas,
        receipts=None if receipts is None else _receipts(receipts, inbox or InboxBound()),
        largest=config.message,
    )


def _receipts(config: ReceiptsConfig, inbox: InboxBound) -> Receipts:
    lasts = inbox.seconds if config.time is None else config.time
    return Receipts(to=config.to or "", seconds=lasts, durable=inbox.durable)


def _rules(config: ChannelConfig) -> Iterator[tuple[str, RuleConfig]]:
    yield "subscribe", config.subscribe
    yield "publish", config.publish
    yield "presence", config.presence
    yield "history", config.subscribe if config.history is None else config.history


def _route(
    operation: str,
    name: str,
    rule: RuleConfig,
    service: str | None,
    auth: Auth,
    limits: RateLimitConfig,
) -> Route | None:
    """Return what a command runs through; None if nobody may."""
    if rule.mode == "off":
        return None
    features: dict[str, msgspec.Raw] = {}
    asked = access.compile_route(rule.access, rule.roles or ())
    if asked is not None:
        features["access"] = _encoded(asked)
    if rule.traffic_class is not None:
        features["admission"] = _encoded(RouteAdmission(traffic=rule.traffic_class))
    made = Route(
        name=f"{operation} {name}",
        path="/" + name.replace(":", "/"),
        methods=(operation.upper(),),
        service=service or "",
        auth="required" if features.get("access") is not None else auth,
        upgrade=(),
        features=features,
    )
    return limited(made, rule.rate_limit, limits)


def mode_of(config: ChannelConfig) -> Mode:
    """Return how what is said in channels is looked at: by clients, or by services alone."""
    rule = config.subscribe if config.publish.mode == "off" else config.publish
    return compiled_route(config.safety, rule.traffic_class).mode


def _looked_at(
    route: Route | None, safety: RouteSafetyConfig | None, rule: RuleConfig
) -> Route | None:
    """Return a rule that says how what is said by it is looked at."""
    if route is None:
        return None
    raw = _encoded(compiled_route(safety, rule.traffic_class))
    return msgspec.structs.replace(route, features={**route.features, "safety": raw})


def _encoded(bound: msgspec.Struct) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(bound))


# --- what must agree -----------------------------------------------------------------------------


def complaints(tree: Tree) -> Iterator[tuple[Path, str]]:
    """Complain about services that there are not, and about what nobody could read again."""
    named = _mapping(_mapping(tree.get("ratelimit")).get("limits"))
    for place, rule in rules(tree):
        yield from _of_rule(place, rule, named)
    services = _mapping(tree.get("services"))
    yield from asking.complaints(_mapping(tree.get("realtime")), services)
    has_inbox = isinstance(_mapping(tree.get("realtime")).get("inbox"), dict)
    for name, channel in _mapping(_mapping(tree.get("realtime")).get("channels")).items():
        written = _mapping(channel)
        where: Path = ("realtime", "channels", name)
        service = written.get("service")
        if isinstance(service, str) and service not in services:
            yield (*where, "service"), f"there is no service `{service}`"
        if written.get("history") not in (None, "off") and written.get("keep") is None:
            yield (*where, "history"), "reads what is not kept: write `keep` too"
        if isinstance(written.get("receipts"), dict):
            yield from _of_receipts(where, name, _mapping(written["receipts"]), has_inbox=has_inbox)


def _of_receipts(
    where: Path, name: str, receipts: Tree, *, has_inbox: bool
) -> Iterator[tuple[Path, str]]:
    """Complain about letters that nobody gets."""
    where = (*where, "receipts")
    if not has_inbox:
        yield where, "nobody has an inbox for its letters: write `inbox: {}` below `realtime` too"
    to, parameter = receipts.get("to"), name.partition("{")[2].rstrip("}")
    if isinstance(to, str) and to != parameter:
        names = f"write `{parameter}`" if parameter else "its channels are for nobody in particular"
        yield (
            (*where, "to"),
            f"`{to}` does not stand in the name of the channel: {names}, or take the line out",
        )


def _of_rule(where: Path, rule: Tree, named: Tree) -> Iterator[tuple[Path, str]]:
    """Complain about what means something of a path, and nothing here."""
    written = rule.get("rate_limit")
    limits = written if isinstance(written, list) else [written]
    for each in limits:
        name = each.get("use") if isinstance(each, dict) else each
        limit = _mapping(named.get(name) if isinstance(name, str) else each)
        if limit.get("messages") is not None:
            yield (*where, "rate_limit"), "each message is a request here: write `requests`"
        if limit.get("concurrent") is not None and where != ("realtime",):
            yield (
                (*where, "rate_limit"),
                "nothing of a channel is under way for long: write `requests`; how many channels a "
                "connection may have is `realtime.connection.channels`, and how many connections "
                "somebody may have a `concurrent` at `realtime.rate_limit`",
            )
    if _mapping(rule.get("access")).get("permissions"):
        yield (*where, "access", "permissions"), "there are no methods here: write `permission`"


def _mapping(value: Value) -> Tree:
    return value if isinstance(value, dict) else {}

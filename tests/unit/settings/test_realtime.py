"""Channels, from the text to what workers are told."""

import msgspec
import pytest

from tests.helpers.configuration import complaints, loaded
from tta_gateway.features.access.bound import RouteAccess
from tta_gateway.features.admission.bound import RouteAdmission
from tta_gateway.features.ratelimit.bound import RateLimitBound, RouteLimits
from tta_gateway.features.realtime.bound import ChannelRule, InboxBound, RealtimeBound, Receipts
from tta_gateway.features.safety.bound import safety_of
from tta_gateway.kernel.route import Route
from tta_gateway.settings.compile import compile_snapshot

ENVIRON = {"SECRET": "0123456789abcdef" * 4}
ISSUERS = "identity: {issuers: [{name: home, secret: {env: SECRET}, own_subjects: true}]}\n"
ALL = """
realtime:
  auth: optional
  rate_limit: {requests: 5, per: 1s}
  connection: {ping: 30s, pong: 5s, stale: 4s, message: 1KiB, queue: 2KiB, channels: 7}
  channels:
    "session:{session_id}":
      service: players
      subscribe:
        access: {permission: sessions:read, owner_from: {path: "/sessions/{session_id}"}}
        class: therapeutic
      publish: {roles: [player], rate_limit: {requests: 10, per: 1s}}
      presence: {}
      keep: {size: 100, time: 5m, durable: true}
      join_leave: true
      deltas: true
      message: 4KiB
    news: {history: off}
"""


def bound(text: str) -> RealtimeBound:
    snapshot = compile_snapshot(loaded(ISSUERS + text, ENVIRON).settings, 1)
    return msgspec.msgpack.decode(snapshot.features["realtime"], type=RealtimeBound)


def rule(text: str, at: int = 0) -> ChannelRule:
    return bound(text).channels[at]


def there(route: Route | None) -> Route:
    assert route is not None
    return route


def test_without_a_word_there_is_no_real_time() -> None:
    assert bound("") == RealtimeBound()


def test_what_a_connection_may_take_reaches_the_workers() -> None:
    found = bound(ALL)
    assert (found.ping, found.pong, found.stale) == (30.0, 5.0, 4.0)
    assert (found.largest, found.queue, found.most_channels) == (1024, 2048, 7)
    assert there(found.connect).auth == "optional"


def test_what_is_kept_reaches_the_workers() -> None:
    found = rule(ALL)
    assert (found.prefix, found.parameter) == ("session:", "session_id")
    assert (found.size, found.seconds, found.largest) == (100, 300.0, 4096)
    assert (found.join_leave, found.deltas, found.durable) == (True, True, True)
    assert not rule(ALL, 1).durable


INBOX = """
realtime:
  inbox: {time: 2h, durable: true}
  channels:
    "user:{user_id}": {receipts: {to: user_id}}
    news: {receipts: {time: 30s}}
"""


def test_what_asks_for_receipts_reaches_the_workers() -> None:
    inbox = bound(INBOX).inbox
    assert inbox is not None
    assert inbox == InboxBound(seconds=7200.0, durable=True, receipts=inbox.receipts)
    assert rule(INBOX).receipts == Receipts(to="user_id", seconds=7200.0, durable=True)
    assert rule(INBOX, 1).receipts == Receipts(seconds=30.0, durable=True)
    inbox = bound("realtime: {inbox: {}}\n").inbox
    assert inbox is not None
    assert (inbox.seconds, inbox.durable) == (7 * 24 * 3600.0, False)
    assert (bound(ALL).inbox, rule(ALL).receipts) == (None, None)


@pytest.mark.parametrize(
    ("name", "written", "place", "said"),
    [
        ("user:{id}", "receipts: {}", "receipts", "write `inbox: {}` below `realtime` too"),
        ("user:{id}", "receipts: {to: ids}", "receipts.to", "write `id`"),
        ("news", "receipts: {to: id}", "receipts.to", "for nobody in particular"),
    ],
)
def test_receipts_that_nobody_would_give_are_refused(
    name: str, written: str, place: str, said: str
) -> None:
    inbox = "" if said.startswith("write `inbox") else "inbox: {}, "
    text = f'realtime: {{{inbox}channels: {{"{name}": {{{written}}}}}}}\n'
    (found,) = complaints(text)
    assert place in found
    assert said in found


def test_a_kind_without_a_name_is_one_channel() -> None:
    found = rule(ALL, 1)
    assert (found.prefix, found.parameter) == ("news", "")


def test_what_may_be_done_is_asked_as_of_a_route() -> None:
    route = there(rule(ALL).subscribe)
    assert (route.path, route.methods) == ("/session/{session_id}", ("SUBSCRIBE",))
    asked = msgspec.msgpack.decode(route.features["access"], type=RouteAccess)
    assert (asked.default, there(rule(ALL).subscribe).service) == ("sessions:read", "players")
    lifted = msgspec.msgpack.decode(route.features["admission"], type=RouteAdmission)
    assert lifted.traffic == "therapeutic"


def test_who_is_asked_for_a_role_shows_a_token() -> None:
    assert there(rule(ALL).publish).auth == "required"
    assert there(rule(ALL).presence).auth == "optional"


@pytest.mark.parametrize("operation", ["publish", "presence"])
def test_nobody_does_what_nothing_is_said_of(operation: str) -> None:
    assert getattr(rule("realtime: {channels: {news: {}}}\n"), operation) is None


def test_who_may_subscribe_may_read_again_unless_it_says_otherwise() -> None:
    assert (
        there(rule(ALL).history).features["access"] == there(rule(ALL).subscribe).features["access"]
    )
    assert rule(ALL, 1).history is None


def test_how_many_connections_there_may_be_is_kept_apart_from_how_often() -> None:
    limits = "rate_limit: [{requests: 5, per: 1s}, {concurrent: 3, key: [user]}]"
    made = compile_snapshot(
        loaded(ISSUERS + f"realtime: {{{limits}, channels: {{}}}}\n", ENVIRON).settings, 1
    )
    found = msgspec.msgpack.decode(made.features["realtime"], type=RealtimeBound)
    kinds = [
        [
            one.of
            for one in msgspec.msgpack.decode(
                there(route).features["ratelimit"], type=RouteLimits
            ).limits
        ]
        for route in (found.connect, found.seats)
    ]
    assert kinds == [["requests"], ["concurrent"]]
    known = msgspec.msgpack.decode(made.features["ratelimit"], type=RateLimitBound)
    assert {"connect: requests", "connect: concurrent"} <= {one.id for one in known.limits}


@pytest.mark.parametrize(
    ("written", "amount"), [("{}", 6000), ("{rate_limit: {requests: 7, per: 1s}}", 7)]
)
def test_receipts_have_a_limit(written: str, amount: int) -> None:
    made = compile_snapshot(
        loaded(ISSUERS + f"realtime: {{inbox: {written}}}\n", ENVIRON).settings, 1
    )
    found = msgspec.msgpack.decode(made.features["realtime"], type=RealtimeBound)
    assert found.inbox is not None
    raw = there(found.inbox.receipts).features["ratelimit"]
    assert [one.amount for one in msgspec.msgpack.decode(raw, type=RouteLimits).limits] == [amount]
    known = msgspec.msgpack.decode(made.features["ratelimit"], type=RateLimitBound)
    assert amount in {one.amount for one in known.limits}


def test_an_inbox_without_a_limit_of_receipts() -> None:
    made = compile_snapshot(
        loaded(ISSUERS + "realtime: {inbox: {rate_limit: off}}\n", ENVIRON).settings, 1
    )
    found = msgspec.msgpack.decode(made.features["realtime"], type=RealtimeBound)
    assert found.inbox is not None
    assert found.inbox.receipts is None


def test_limits_of_channels_are_limits_like_others() -> None:
    snapshot = compile_snapshot(loaded(ISSUERS + ALL, ENVIRON).settings, 1)
    known = msgspec.msgpack.decode(snapshot.features["ratelimit"], type=RateLimitBound)
    own = msgspec.msgpack.decode(there(rule(ALL).publish).features["ratelimit"], type=RouteLimits)
    assert {one.id for one in own.limits} <= {one.id for one in known.limits}
    assert {5, 10} <= {one.amount for one in known.limits}
    assert "connect: requests" in {one.id for one in known.limits}


CHANNEL = 'realtime: {{channels: {{"session:{{id}}": {{{}}}}}}}\n'


@pytest.mark.parametrize(
    ("written", "path", "sentence"),
    [
        ("subscribe: {roles: [plaier]}", "subscribe.roles[0]", "there is no role `plaier`"),
        ("subscribe: {access: {owner: player}}", "subscribe.access.owner", "is not in"),
        ("publish: {rate_limit: much}", "publish.rate_limit", "there is no limit `much`"),
        ("service: plaiers", "service", "there is no service `plaiers`"),
        ("history: {}", "history", "write `keep` too"),
        ("keep: {size: 0, time: 1m}", "keep.size", "at least 1"),
        ("publish: {rate_limit: {messages: 3, per: 1s}}", "publish.rate_limit", "write `requests`"),
        ("publish: {rate_limit: {concurrent: 3}}", "publish.rate_limit", "write `requests`"),
        (
            "publish: {access: {permissions: {GET: sessions:read, default: sessions:write}}}",
            "publish.access.permissions",
            "write `permission`",
        ),
        ("keep: {size: 1, time: 500ms}", "keep.time", "at least"),
        ("subscribe: maybe", "subscribe", "must be one of `on`, `off`"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(written: str, path: str, sentence: str) -> None:
    (found,) = complaints(ISSUERS + CHANNEL.format(written), ENVIRON)
    assert f'realtime.channels["session:{{id}}"].{path}: ' in found
    assert sentence in found


@pytest.mark.parametrize(
    "name", ["Session:{id}", "session:id", "session:{id}:{part}", "a b", ":{x}"]
)
def test_what_is_no_kind_of_channels_is_said(name: str) -> None:
    (found,) = complaints(f'realtime: {{channels: {{"{name}": {{}}}}}}\n')
    assert "is no kind of channels" in found


def test_two_kinds_of_one_name_are_said() -> None:
    (found,) = complaints('realtime: {channels: {news: {}, "news:{id}": {}}}\n')
    assert "two kinds of `news`" in found


def test_an_answer_must_come_before_the_next_question() -> None:
    (found,) = complaints("realtime: {connection: {ping: 5s, pong: 5s}}\n")
    assert "`pong` must be shorter than `ping`" in found


def test_a_frame_may_be_no_larger_than_is_read() -> None:
    (found,) = complaints("realtime: {connection: {message: 1MiB}}\n")
    assert "realtime.connection.message: " in found


CLINICAL = """
access: {}
identity:
  issuing: {url: "https://gate", second_factor: {step_up: {fresh: 10m}}}
realtime:
  channels:
    "notes:{id}":
      subscribe: {access: {permission: notes:read, content: clinical}}
      publish: {roles: [therapist]}
      presence: {}
"""


def test_channels_of_clinical_content_ask_for_what_routes_of_it_do() -> None:
    """Whom other nodes have shut out must be known, and a second factor is asked for."""
    snapshot = compile_snapshot(loaded(CLINICAL).settings, 1)
    found = msgspec.msgpack.decode(snapshot.features["realtime"], type=RealtimeBound).channels[0]
    read, write = there(found.subscribe), there(found.publish)
    asked = msgspec.msgpack.decode(read.features["access"], type=RouteAccess)
    assert (asked.level, asked.fresh) == (2, 600.0)
    assert "nodes" in read.features
    assert "nodes" in write.features  # of a clinical role
    assert "nodes" in there(found.history).features
    assert "nodes" not in there(found.presence).features


def test_pages_that_may_read_answers_may_connect() -> None:
    text = "cors: {origins: ['https://app.example', '*']}\nrealtime: {}\n"
    snapshot = compile_snapshot(loaded(text).settings, 1)
    (socket,) = [one for one in snapshot.routes if one.socket]
    assert socket.origins == ("https://app.example",)


def mode(route: Route | None) -> str:
    return safety_of(there(route)).mode


def test_what_is_said_in_channels_is_looked_at_where_people_may_be_in_need() -> None:
    found = rule(ALL)
    assert (mode(found.subscribe), mode(found.publish)) == ("scan", "scan")
    found = rule("realtime: {channels: {news: {publish: {class: standard}}}}")
    assert (mode(found.subscribe), mode(found.publish)) == ("scan", "off")


def test_how_it_is_looked_at_may_be_said() -> None:
    found = rule(
        "realtime: {channels: {news: {publish: {}, safety: {mode: observe, reason: a trial}}}}"
    )
    assert mode(found.publish) == "observe"
    says = "{mode: 'off', reason: numbers alone}"
    found = rule(f"realtime: {{channels: {{news: {{publish: {{}}, safety: {says}}}}}}}")
    assert mode(found.publish) == "off"


def test_nobody_stops_listening_without_a_reason() -> None:
    for mode in ("off", "observe"):
        written = f"realtime: {{channels: {{news: {{publish: {{}}, safety: {mode}}}}}}}"
        (found,) = complaints(ISSUERS + written, ENVIRON)
        assert "nobody would hear of what people in need say" in found
        assert f"`{{mode: {mode}, reason: …}}`" in found


def test_the_care_team_s_channel_must_be_there() -> None:
    assert bound('realtime: {care: "team:a", channels: {"team:{id}": {}}}').care == "team:a"
    assert bound("realtime: {}").care == ""
    (found,) = complaints(ISSUERS + 'realtime: {care: "crew:a"}', ENVIRON)
    assert "no kind of channels is called as `crew:a` is" in found

"""Which help it is: by route, claim, field, operator and browser; and how answers carry it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.builders import (
    Bound,
    a_head,
    a_plan,
    a_route,
    an_exchange,
    answered,
    from_upstream,
)
from tta_gateway.features.safety import help as module
from tta_gateway.features.safety.bound import Line, Region, RouteSafety, SafetyBound
from tta_gateway.features.safety.help import Helping
from tta_gateway.features.safety.texts import ENGLISH
from tta_gateway.kernel.crisis import SUPPORT
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import CHUNKED, NO_FIELDS, Fields, Response, answer_of
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import NOT_FOUND
from tta_gateway.support.metrics import Registry

GERMAN = msgspec.structs.replace(ENGLISH, static_title="Es gibt Hilfe")
BOUND = SafetyBound(
    regions={
        "US": Region(emergency="911", lines=(Line(name="US", call="988"),)),
        "GB": Region(emergency="999", lines=(Line(name="GB", call="116 123"),)),
        "DE": Region(emergency="112", lines=(Line(name="DE", call="1"),)),
        "EU": Region(emergency="112", lines=(Line(name="EU", call="2"),), members=("AT", "DE")),
    },
    texts={"de": GERMAN},
)
JSON: Fields = [(b"content-type", b"application/json"), (b"etag", b'"1"')]


def helping(**changes: object) -> Helping:
    return Helping(msgspec.structs.replace(BOUND, **changes))


def asked(*fields: tuple[bytes, bytes], region: str = "", **claims: object) -> Exchange:
    """Return an exchange on a route of a region, of somebody whose token says this."""
    raw = msgspec.Raw(msgspec.msgpack.encode(RouteSafety(region=region)))
    route = a_route("/a", name=f"/a of {region}", features={"safety": raw})
    exchange = an_exchange(a_head("POST", "/a", fields=[*fields]), plan=a_plan(route=route))
    if claims:
        exchange.principal = Principal(subject="s", issuer="i", claims=claims)
    return exchange


SAYS_GB = (b"accept-language", b"en-GB")
TOLD_DE = (b"x-country", b"de")


@pytest.mark.parametrize(
    ("exchange", "settings", "region", "guessed"),
    [
        (asked(), {}, "", True),
        (asked(SAYS_GB), {}, "GB", True),
        (asked(SAYS_GB), {"region": "US"}, "US", False),
        (asked(SAYS_GB, TOLD_DE), {"region": "US"}, "US", False),
        (asked(SAYS_GB, TOLD_DE), {"region": "US", "region_field": "x-country"}, "DE", False),
        (asked((b"x-country", b"ZZ")), {"region": "US", "region_field": "x-country"}, "US", False),
        (asked(SAYS_GB), {"region_field": "x-country"}, "GB", True),
        (asked(TOLD_DE, c="GB"), {"region_claim": "c", "region_field": "x-country"}, "GB", False),
        (asked(c=7), {"region_claim": "c", "region": "US"}, "US", False),
        (asked(c="ZZ"), {"region_claim": "c"}, "", True),
        (asked(), {"region_claim": "c"}, "", True),
        (asked(region="US", c="GB"), {"region_claim": "c"}, "US", False),
        (asked((b"accept-language", b"de-AT")), {}, "AT", True),
        (asked(region="FR"), {}, "", False),
    ],
)
def test_what_is_better_known_goes_first(
    exchange: Exchange, settings: dict[str, object], region: str, *, guessed: bool
) -> None:
    card = helping(**settings).card_of(exchange, 2)
    assert (card.region, card.guessed) == (region, guessed and region != "")


def test_a_country_has_its_own_lines_before_those_that_it_shares() -> None:
    made = helping()
    names = [
        made.card_of(asked((b"accept-language", tag)), 2).resources[0].name
        for tag in (b"de-DE", b"de-AT")
    ]
    assert names == ["DE", "EU"]


def test_the_language_is_the_first_that_there_is() -> None:
    made = helping()
    titles = [
        made.card_of(asked((b"accept-language", tag)), 0).title for tag in (b"de", b"fr", b"en")
    ]
    assert titles == ["Es gibt Hilfe", ENGLISH.static_title, ENGLISH.static_title]
    assert helping(language="de").card_of(asked(), 0).title == "Es gibt Hilfe"


def test_a_language_without_words_is_english() -> None:
    card = helping(language="xx").card_of(asked(), 0)
    assert (card.title, card.language) == (ENGLISH.static_title, "en")


def test_what_strangers_write_is_read_again_once_enough_is_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_MOST_FIELDS", 0)
    made = helping()
    for _ in range(2):
        assert made.card_of(asked((b"accept-language", b"de-DE")), 0).region == "DE"
    long = (b"accept-language", b"en-GB, " + b"x" * 200)
    assert made.card_of(asked(long), 0).region == "GB"


def test_off_an_exchange_the_route_or_the_region_counts() -> None:
    made, route = helping(region="US"), asked(region="GB").plan.route
    assert b"999" in made.help_for(route, region="DE", level=2).line
    assert b"112" in made.help_for(None, region="de", level=2).line
    assert b"911" in made.help_for(None, region="", level=2, language="de").line


def test_somebody_without_a_route_is_helped_too() -> None:
    assert helping(region="US").of(an_exchange(), 2).line.startswith(b'available; region="US"')


def test_a_card_is_made_once_and_no_more_than_some_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, exchange = helping(), asked()
    assert made.of(exchange, 2) is made.of(exchange, 2)
    monkeypatch.setattr(module, "_MOST", 0)
    full = helping()
    assert full.of(exchange, 2) is not full.of(exchange, 2)


def test_a_message_that_is_kept_is_answered_with_the_card() -> None:
    response = helping().of(asked(), 2, ("suicide",), "kept").accepted()
    told = msgspec.json.decode(response.body or b"")["help"]
    assert (response.status, told["message"]) == (202, "kept")
    assert response.get(SUPPORT) is not None


def test_the_cool_down_and_how_long_a_head_is_held_are_the_operator_s() -> None:
    made = helping(cool_down=7.0, hold=2.0)
    assert (made.cool_down, made.hold) == (7.0, 2.0)


# How answers carry it


def test_an_error_without_a_document_of_ours_gets_the_field() -> None:
    for keeps, kept in (([], b"no-store"), ([(b"cache-control", b"max-age=5")], b"max-age=5")):
        exchange = answered(asked(), Response(503, list(keeps), b"closed"))
        assert not helping().static(exchange)
        assert exchange.response is not None
        assert exchange.response.get(b"cache-control") == kept


def test_an_error_of_control_gets_the_card() -> None:
    response = from_upstream(401, [*JSON])
    response.body, response.length = b'{"code":"a"}', 12
    assert helping().static(answered(asked(), response))
    assert msgspec.json.decode(response.body)["help"]["level"] == 0


class Speaking(Bound):
    """A policy that has words for sockets."""

    @property
    def wording(self) -> "Speaking":
        return self

    def event(self, exchange: Exchange, name: str, members: dict[str, object]) -> bytes:
        assert exchange.request.upgrade == b"websocket"
        return msgspec.json.encode({"event": name, **members})


@pytest.mark.parametrize("upgrade", [None, b"websocket"])
def test_who_is_refused_a_socket_hears_of_the_card(upgrade: bytes | None) -> None:
    plan = a_plan([Speaking(on_response=lambda _: None)], route=a_route("/a"))
    exchange = answered(an_exchange(plan=plan), answer_of(NOT_FOUND))
    exchange.request.upgrade = upgrade
    assert helping().static(exchange)
    assert exchange.response is not None
    told = exchange.response.farewell
    assert (b'"event":"help"' in told) is (upgrade is not None)
    assert (b"findahelpline" in told) is (upgrade is not None)


def given_to(response: Response, made: Helping | None = None, method: str = "POST") -> bool:
    exchange = asked()
    exchange.request.method = method.encode()
    return (made or helping()).give(answered(exchange, response), response, 2, ("suicide",))


def test_a_whole_answer_gets_the_field_and_the_block() -> None:
    response = from_upstream(200, [*JSON, (b"cache-control", b"public")])
    response.body, response.length = b'{"reply":"hello"}', 17
    assert given_to(response)
    told = msgspec.json.decode(response.body)
    assert (told["reply"], told["safety"]["level"]) == ("hello", 2)
    assert response.length == len(response.body)
    assert (response.get(b"etag"), response.get(b"cache-control")) == (None, b"no-store")
    assert response.get(SUPPORT) is not None


def test_the_platform_s_answers_get_its_block() -> None:
    response = from_upstream(200, [*JSON])
    response.body, response.length = b'{"metadata":{"safety":{"crisis":false,"types":[]}}}', 51
    assert given_to(response, helping(nested=True))
    told = msgspec.json.decode(response.body)["metadata"]["safety"]
    assert (told["crisis"], told["types"]) == (True, ["suicidal_ideation"])


class Taken:
    """A sink that keeps what comes."""

    def __init__(self) -> None:
        self.body = b""

    def send_data(self, data: bytes) -> None:
        self.body += data

    def send_end(self, trailers: Fields = NO_FIELDS) -> None:
        assert trailers == NO_FIELDS

    def abort(self) -> None:
        raise AssertionError


def test_an_answer_that_streams_gets_the_block_at_its_end() -> None:
    response, exchange, sink = from_upstream(200, [*JSON]), asked(), Taken()
    response.length = 17
    assert helping().give(answered(exchange, response), response, 2)
    assert response.length == CHUNKED
    (wrap,) = exchange.wraps or []
    way = wrap(sink)
    way.send_data(b'{"reply":')
    way.send_data(b'"hello"}')
    way.send_end()
    assert msgspec.json.decode(sink.body)["safety"]["level"] == 2


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ([(b"content-type", b"text/html")], b"<p>"),
        ([*JSON, (b"content-encoding", b"gzip")], b"\x1f\x8b"),
        ([*JSON, (b"signature", b"a")], b"{}"),
        (JSON, b"[1]"),
    ],
)
def test_another_answer_gets_the_field_alone(fields: Fields, body: bytes) -> None:
    response = from_upstream(200, [*fields])
    response.body, response.length = body, len(body)
    assert not given_to(response)
    assert (response.body, response.get(b"etag")) == (body, dict(fields).get(b"etag"))
    assert response.get(SUPPORT) is not None


def test_an_error_gets_the_card_of_the_level_and_keeps_it() -> None:
    response, exchange, made = answer_of(NOT_FOUND), asked(), helping()
    assert not made.give(answered(exchange, response), response, 3, ("suicide",))
    assert made.static(exchange)
    members = response.members or {}
    assert members["help"] == made.card_of(exchange, 3, ("suicide",))
    assert [name for name, _ in response.fields].count(SUPPORT) == 1


def test_answers_to_people_at_risk_are_counted_by_what_they_carry() -> None:
    registry, made = Registry(), helping()
    made.count_in(registry)
    response = from_upstream(200, [*JSON])
    response.body, response.length = b"{}", 2
    assert given_to(response, made)
    assert not given_to(from_upstream(204), made)
    found = {labels: cells for _, labels, cells in registry.collect()}
    assert found == {("answer_block",): [1.0], ("answer_field",): [1.0]}


def test_what_is_help_already_stays_as_it_is() -> None:
    response = helping().of(asked(), 2, (), "kept").accepted()
    before = response.body
    assert not given_to(response)
    assert response.body == before


@given(st.integers(-3, 9), st.binary(max_size=40), st.text(max_size=3))
def test_help_never_fails(level: int, language: bytes, claim: str) -> None:
    made = helping(region_claim="c", region_field="x-country")
    exchange = asked(
        (b"accept-language", language), (b"x-country", language[:2]), region="", c=claim
    )
    assert made.of(exchange, level, ("abuse",)).card.startswith(b'{"help":')

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.builders import a_head, a_peer, an_exchange
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Fields, Response
from tta_gateway.upstream.redirect import public_location, publish_location

OWN = frozenset((b"10.0.0.5:9001", b"players.local"))


def location(
    value: bytes, *, prefix: bytes = b"", scheme: bytes = b"https", host: bytes = b"example.org"
) -> bytes:
    return public_location(value, own=OWN, public=(scheme, host), prefix=prefix)


def test_a_location_that_names_the_endpoint_becomes_one_of_the_public_origin() -> None:
    assert location(b"http://10.0.0.5:9001/a?b=c#d") == b"https://example.org/a?b=c#d"


def test_an_authority_is_the_same_in_any_case() -> None:
    assert location(b"HTTP://Players.LOCAL/a") == b"https://example.org/a"


@pytest.mark.parametrize(
    ("value", "made"),
    [
        (b"http://players.local", b"https://example.org/"),
        (b"http://players.local?a", b"https://example.org/?a"),
        (b"http://players.local#a", b"https://example.org/#a"),
    ],
)
def test_a_location_without_a_path_becomes_the_root(value: bytes, made: bytes) -> None:
    assert location(value) == made


@pytest.mark.parametrize(
    "value",
    [
        b"https://other.example/a",
        b"http://players.local.evil.example/a",
        b"http://user@players.local/a",
        b"//players.local/a",
        b"/a",
        b"a/b",
        b"?a",
        b"mailto:a@players.local",
        b"",
    ],
)
def test_a_location_that_leads_elsewhere_is_left_alone(value: bytes) -> None:
    assert location(value) == value


def test_the_prefix_that_a_route_strips_is_put_back_before_a_path() -> None:
    assert location(b"/a", prefix=b"/api") == b"/api/a"


def test_the_prefix_is_put_back_behind_the_endpoint_s_name() -> None:
    assert location(b"http://players.local/a", prefix=b"/api") == b"https://example.org/api/a"


def test_the_prefix_is_put_back_behind_the_public_name_and_the_scheme_stays() -> None:
    assert location(b"http://Example.org/a", prefix=b"/api") == b"http://Example.org/api/a"


@pytest.mark.parametrize("value", [b"/api", b"/api/a", b"/api?a", b"/api#a"])
def test_a_service_that_knows_its_prefix_gets_no_second_one(value: bytes) -> None:
    assert location(value, prefix=b"/api") == value


def test_a_path_that_begins_like_the_prefix_is_not_below_it() -> None:
    assert location(b"/apix", prefix=b"/api") == b"/api/apix"


@pytest.mark.parametrize("value", [b"//other.example/a", b"a/b", b"https://other.example/a"])
def test_no_prefix_is_put_before_what_leads_elsewhere(value: bytes) -> None:
    assert location(value, prefix=b"/api") == value


def test_a_client_that_names_no_host_gets_a_path() -> None:
    assert location(b"http://players.local/a", host=b"") == b"/a"


@given(path=st.text(st.characters(codec="ascii", min_codepoint=33)).map(str.encode))
def test_no_location_shows_where_the_service_lives(path: bytes) -> None:
    made = location(b"http://10.0.0.5:9001/" + path)
    assert made == b"https://example.org/" + path


# --- in an answer --------------------------------------------------------------------------------


def published(fields: Fields, exchange: Exchange, *, prefix: bytes = b"") -> Fields:
    """Return the fields of an answer whose Location has been told in public terms."""
    response = Response(302, fields)
    publish_location(response, exchange, own=OWN, prefix=prefix)
    return response.fields


def test_an_answer_s_location_alone_is_told_in_public_terms() -> None:
    inner = b"http://players.local/a"
    fields = [(b"a", inner), (b"location", inner), (b"content-location", inner)]
    assert published(fields, an_exchange(a_head(host="example.org"))) == [
        (b"a", inner),
        (b"location", b"http://example.org/a"),
        (b"content-location", inner),
    ]


def test_an_answer_s_location_gets_its_prefix_back() -> None:
    told = published([(b"location", b"/a")], an_exchange(), prefix=b"/api")
    assert told == [(b"location", b"/api/a")]


@pytest.mark.parametrize(
    ("trusted", "origin"), [(False, b"http://example.org"), (True, b"https://outer.example")]
)
def test_the_public_terms_are_those_of_the_proxy_that_is_trusted(
    trusted: bool, origin: bytes
) -> None:
    said = [(b"x-forwarded-proto", b"https"), (b"x-forwarded-host", b"outer.example")]
    exchange = an_exchange(a_head(forwarding=said), peer=a_peer(trusted=trusted))
    told = published([(b"location", b"http://players.local/a")], exchange)
    assert told == [(b"location", origin + b"/a")]

import msgspec
import pytest

from tests.helpers.builders import a_head, an_exchange, answered, from_upstream
from tta_gateway.features.cors.bound import CorsBound
from tta_gateway.features.cors.policy import Cors
from tta_gateway.kernel.message import Fields, Response, answer_of
from tta_gateway.kernel.problem import NOT_FOUND

APP = b"https://app.example"
OTHER = b"https://evil.example"
CORS = b"access-control-"


def a_cors(**bound: object) -> Cors:
    return Cors(msgspec.structs.replace(CorsBound(origins=(APP.decode(),)), **bound))


def preflight(cors: Cors, *, origin: bytes | None = APP, asked: Fields | None = None) -> Response:
    """Return the whole answer to a preflight."""
    fields: Fields = [(b"access-control-request-method", b"PUT"), *(asked or [])]
    named = [(b"origin", origin)] if origin is not None else []
    exchange = an_exchange(a_head("OPTIONS", "/a", fields=[*named, *fields]))
    response = cors.on_request(exchange)
    assert response is not None
    cors.on_response(answered(exchange, response))
    return response


def read(cors: Cors, response: Response, *, origin: bytes | None = APP) -> dict[bytes, bytes]:
    """Return the fields of an answer that a page of this origin asked for."""
    fields = [(b"origin", origin)] if origin is not None else []
    cors.on_response(answered(an_exchange(a_head(fields=fields)), response))
    assert len({name for name, _ in response.fields}) == len(response.fields)
    return dict(response.fields)


def test_without_an_origin_what_a_service_allows_is_taken_away() -> None:
    exchange = an_exchange()
    exchange.response = Response(
        200, [(b"access-control-allow-origin", b"*"), (b"etag", b'"a"')], None
    )
    bound = a_cors(origins=()).for_route(None)
    assert bound.on_response(exchange) is None
    assert exchange.response.fields == [(b"etag", b'"a"')]


def test_without_an_origin_what_says_nothing_of_it_is_left_alone() -> None:
    exchange = an_exchange()
    fields = [(b"etag", b'"a"')]
    exchange.response = Response(200, fields, None)
    a_cors(origins=()).for_route(None).on_response(exchange)
    assert exchange.response.fields is fields


def test_without_an_origin_it_says_so() -> None:
    assert a_cors(origins=()).for_route(None).explain() == "allows no page of another origin"


def test_with_an_origin_it_acts_on_every_route() -> None:
    cors = a_cors()
    assert cors.for_route(None) is cors


def test_it_says_whom_it_allows() -> None:
    assert a_cors(origins=("https://b", "https://a")).explain() == (
        "allows pages of https://a, https://b"
    )


# --- preflights ----------------------------------------------------------------------------------


def test_a_preflight_is_answered_here() -> None:
    assert preflight(a_cors()).status == 204


def test_a_preflight_is_told_what_is_allowed() -> None:
    cors = a_cors(methods=("GET", "PUT"), headers=("content-type", "x-a"), max_age=60)
    assert dict(preflight(cors).fields) == {
        b"access-control-allow-origin": APP,
        b"access-control-allow-methods": b"GET, PUT",
        b"access-control-allow-headers": b"content-type, x-a",
        b"access-control-max-age": b"60",
        b"access-control-expose-headers": b"x-crisis-support",
        b"vary": b"Origin",
    }


def test_a_preflight_may_send_what_it_asks_for_where_no_header_is_named() -> None:
    asked = [(b"access-control-request-headers", b"x-a, x-b")]
    assert preflight(a_cors(), asked=asked).get(b"access-control-allow-headers") == b"x-a, x-b"


def test_a_preflight_that_asks_for_no_header_is_told_of_none() -> None:
    assert preflight(a_cors()).get(b"access-control-allow-headers") is None


def test_a_preflight_of_another_origin_is_not_allowed_in() -> None:
    assert preflight(a_cors(), origin=OTHER).get(b"access-control-allow-origin") is None


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("GET", [(b"origin", APP), (b"access-control-request-method", b"PUT")]),
        ("OPTIONS", [(b"access-control-request-method", b"PUT")]),
        ("OPTIONS", [(b"origin", APP)]),
    ],
)
def test_what_is_no_preflight_goes_on(method: str, fields: Fields) -> None:
    assert a_cors().on_request(an_exchange(a_head(method, fields=fields))) is None


# --- answers -------------------------------------------------------------------------------------


def test_an_allowed_page_may_read_the_answer() -> None:
    assert read(a_cors(), from_upstream())[b"access-control-allow-origin"] == APP


def test_an_allowed_page_may_read_an_error() -> None:
    assert read(a_cors(), answer_of(NOT_FOUND))[b"access-control-allow-origin"] == APP


@pytest.mark.parametrize("origin", [OTHER, b"null", APP + b".evil.example", APP.upper(), b"*"])
def test_another_page_may_not_read_the_answer(origin: bytes) -> None:
    assert read(a_cors(), from_upstream(), origin=origin) == {b"vary": b"Origin"}


def test_who_names_no_origin_is_told_nothing_but_that_it_matters() -> None:
    assert read(a_cors(), from_upstream(), origin=None) == {b"vary": b"Origin"}


def test_every_page_may_read_where_all_are_allowed() -> None:
    fields = read(a_cors(origins=("*",)), from_upstream(), origin=OTHER)
    assert fields == {
        b"access-control-allow-origin": b"*",
        b"access-control-expose-headers": b"x-crisis-support",
    }


def test_an_allowed_page_may_send_credentials_where_they_are_allowed() -> None:
    fields = read(a_cors(credentials=True), from_upstream())
    assert fields[b"access-control-allow-credentials"] == b"true"


def test_another_page_may_not_send_credentials() -> None:
    fields = read(a_cors(credentials=True), from_upstream(), origin=OTHER)
    assert b"access-control-allow-credentials" not in fields


def test_an_allowed_page_may_read_the_fields_that_are_exposed() -> None:
    fields = read(a_cors(expose=("x-a", "x-b")), from_upstream())
    assert fields[b"access-control-expose-headers"] == b"x-a, x-b"


def test_what_the_service_says_about_other_origins_goes() -> None:
    said = [
        (b"access-control-allow-origin", b"*"),
        (b"access-control-allow-credentials", b"true"),
        (b"content-type", b"a"),
    ]
    assert read(a_cors(), from_upstream(fields=said), origin=OTHER) == {
        b"content-type": b"a",
        b"vary": b"Origin",
    }


def test_what_the_service_says_about_other_origins_goes_where_all_are_allowed_too() -> None:
    said = [(b"access-control-allow-origin", b"https://inner.example")]
    fields = read(a_cors(origins=("*",)), from_upstream(fields=said), origin=OTHER)
    assert fields == {
        b"access-control-allow-origin": b"*",
        b"access-control-expose-headers": b"x-crisis-support",
    }


@pytest.mark.parametrize(
    ("said", "made"),
    [
        ([b"Accept"], b"Accept, Origin"),
        ([b"Accept", b"Accept-Encoding"], b"Accept, Accept-Encoding, Origin"),
        ([b"X-Origin-Region"], b"X-Origin-Region, Origin"),
        ([b"Accept, origin"], b"Accept, origin"),
        ([b"*"], b"*"),
    ],
)
def test_what_an_answer_depends_on_is_all_kept(said: list[bytes], made: bytes) -> None:
    response = from_upstream(fields=[(b"vary", value) for value in said])
    assert read(a_cors(), response)[b"vary"] == made


def test_what_an_answer_depends_on_is_left_alone_where_all_are_allowed() -> None:
    response = from_upstream(fields=[(b"vary", b"Accept")])
    assert read(a_cors(origins=("*",)), response)[b"vary"] == b"Accept"


def test_the_origin_is_looked_for_in_what_the_client_sent() -> None:
    exchange = an_exchange(a_head(fields=[(b"origin", APP)]))
    exchange.upstream_fields = []
    response = from_upstream()
    a_cors().on_response(answered(exchange, response))
    assert response.get(b"access-control-allow-origin") == APP


@pytest.mark.parametrize(
    ("origins", "origin", "likeness"),
    [
        ((APP.decode(),), APP, APP),
        ((APP.decode(),), OTHER, b""),
        ((APP.decode(),), None, b""),
        (("*",), OTHER, b"*"),
        (("*",), None, b""),
    ],
)
def test_what_an_error_says_to_pages_depends_on_those_that_are_allowed(
    origins: tuple[str, ...], origin: bytes | None, likeness: bytes
) -> None:
    fields = [(b"origin", origin)] if origin is not None else []
    assert a_cors(origins=origins).likeness(an_exchange(a_head(fields=fields))) == likeness

import pytest

from tests.helpers.builders import a_head, a_peer, an_exchange, answered, from_upstream
from tta_gateway.features.security_headers.bound import SecurityHeadersBound
from tta_gateway.features.security_headers.policy import SecurityHeaders
from tta_gateway.kernel.message import Fields, Response, answer_of
from tta_gateway.kernel.problem import NOT_FOUND

BOUND = SecurityHeadersBound(
    add=(("X-Frame-Options", "DENY"), ("referrer-policy", "no-referrer")),
    remove=("Server", "x-powered-by"),
)
ADDED = [(b"x-frame-options", b"DENY"), (b"referrer-policy", b"no-referrer")]


def changed(fields: Fields, bound: SecurityHeadersBound = BOUND) -> Fields:
    response = from_upstream(fields=fields)
    SecurityHeaders(bound).on_response(answered(an_exchange(), response))
    return response.fields


def test_fields_are_added() -> None:
    assert changed([(b"a", b"1")]) == [(b"a", b"1"), *ADDED]


def test_fields_are_added_to_an_error_too() -> None:
    response = answer_of(NOT_FOUND)
    SecurityHeaders(BOUND).on_response(answered(an_exchange(), response))
    assert response.fields == ADDED


def test_a_field_that_the_service_has_set_is_its_own() -> None:
    fields = changed([(b"x-frame-options", b"SAMEORIGIN")])
    assert fields == [(b"x-frame-options", b"SAMEORIGIN"), ADDED[1]]


@pytest.mark.parametrize("name", [b"server", b"x-powered-by"])
def test_a_field_that_gives_too_much_away_goes(name: bytes) -> None:
    assert changed([(name, b"nginx"), (b"a", b"1"), (name, b"again")]) == [(b"a", b"1"), *ADDED]


def test_two_answers_never_share_their_fields() -> None:
    changed([]).append((b"leaked", b"1"))
    assert changed([]) == ADDED


def test_without_anything_to_do_the_feature_is_off() -> None:
    assert SecurityHeaders(SecurityHeadersBound()).for_route(None) is None


@pytest.mark.parametrize(
    "bound", [SecurityHeadersBound(add=BOUND.add), SecurityHeadersBound(remove=BOUND.remove)]
)
def test_with_anything_to_do_it_acts_on_every_route(bound: SecurityHeadersBound) -> None:
    policy = SecurityHeaders(bound)
    assert policy.for_route(None) is policy


def test_it_may_only_remove() -> None:
    bound = SecurityHeadersBound(remove=("server",))
    assert changed([(b"server", b"nginx"), (b"a", b"1")], bound) == [(b"a", b"1")]


def test_it_says_what_it_does() -> None:
    assert SecurityHeaders(BOUND).explain() == (
        "adds x-frame-options, referrer-policy; removes server, x-powered-by"
    )


def test_it_says_when_it_does_nothing() -> None:
    assert SecurityHeaders(SecurityHeadersBound()).explain() == "adds nothing; removes nothing"


def test_an_answer_keeps_its_status() -> None:
    response = Response(204)
    SecurityHeaders(BOUND).on_response(answered(an_exchange(), response))
    assert response.status == 204


HSTS = SecurityHeadersBound(add=(("Strict-Transport-Security", "max-age=1"),))


@pytest.mark.parametrize(
    ("scheme", "trusted", "said", "told"),
    [
        (b"https", False, None, True),
        (b"http", False, None, False),
        (b"http", False, b"https", False),
        (b"http", True, b"https", True),
        (b"https", True, b"http", False),
        (b"https", True, None, True),
    ],
)
def test_browsers_are_bound_to_https_over_https_alone(
    scheme: bytes, trusted: bool, said: bytes | None, told: bool
) -> None:
    forwarding = [(b"x-forwarded-proto", said)] if said else None
    exchange = an_exchange(
        a_head(forwarding=forwarding), peer=a_peer(scheme=scheme, trusted=trusted)
    )
    response = from_upstream()
    SecurityHeaders(HSTS).on_response(answered(exchange, response))
    assert (response.get(b"strict-transport-security") == b"max-age=1") == told


@pytest.mark.parametrize(("scheme", "likeness"), [(b"http", b""), (b"https", b"s")])
def test_what_is_added_to_an_error_depends_on_whether_tls_is_spoken(
    scheme: bytes, likeness: bytes
) -> None:
    exchange = an_exchange(peer=a_peer(scheme=scheme))
    assert SecurityHeaders(BOUND).likeness(exchange) == likeness

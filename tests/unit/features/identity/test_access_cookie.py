"""The cookie that shows an access token: who may have it count, and that it goes no further."""

import pytest

from tests.helpers.builders import a_head, an_exchange
from tta_gateway.features.identity.access_cookie import AccessCookie, set_cookie
from tta_gateway.features.identity.bound import CookieBound
from tta_gateway.features.identity.credential import Ambiguous
from tta_gateway.kernel.exchange import Exchange

BOUND = CookieBound(name="__Host-tta", origins=("https://app.example",))
NAME = b"__Host-tta"


def asked(
    *fields: tuple[bytes, bytes], method: bytes = b"GET", upgrade: bytes | None = None
) -> Exchange:
    head = a_head(method.decode(), fields=[(b"host", b"gate"), *fields])
    head.host, head.upgrade = b"gate", upgrade
    return an_exchange(head)


def cookie(value: bytes) -> tuple[bytes, bytes]:
    return b"cookie", value


@pytest.mark.parametrize(
    ("said", "token", "left"),
    [
        (b"__Host-tta=t", b"t", []),
        (b'__Host-tta="t"', b"t", []),
        (b"a=b; __Host-tta=t; c=d", b"t", [b"a=b; c=d"]),
        (b"__Host-tta=t;a=b", b"t", [b"a=b"]),
        (b"__Host-tta=", None, []),
        (b"__Host-tta=t; __Host-tta=t", b"t", []),
        (b"__Host-tta = t", b"t", []),
    ],
)
def test_it_is_found_among_others_and_taken_out(
    said: bytes, token: bytes | None, left: list[bytes]
) -> None:
    exchange = asked(cookie(said))
    assert AccessCookie(BOUND).take(exchange) == token
    assert exchange.upstream_fields is not None
    assert [value for name, value in exchange.upstream_fields if name == b"cookie"] == left


@pytest.mark.parametrize("said", [b"", b"a=b", b"x__Host-tta=t", b"__host-tta=t", b"__Host-tta"])
def test_what_is_not_it_stays_as_it_is(said: bytes) -> None:
    exchange = asked(cookie(said))
    assert AccessCookie(BOUND).take(exchange) is None
    assert exchange.upstream_fields is None
    assert AccessCookie(BOUND).take(asked()) is None


@pytest.mark.parametrize(
    "fields",
    [
        [cookie(b"__Host-tta=a; __Host-tta=b")],
        [cookie(b"__Host-tta=a"), cookie(b"__Host-tta=b")],
    ],
)
def test_two_that_differ_are_one_too_many_and_no_service_sees_either(
    fields: list[tuple[bytes, bytes]],
) -> None:
    exchange = asked(*fields)
    with pytest.raises(Ambiguous):
        AccessCookie(BOUND).take(exchange)
    assert exchange.upstream_fields == [(b"host", b"gate")]


def test_what_others_have_changed_before_stays_changed() -> None:
    exchange = asked(cookie(b"__Host-tta=t"))
    exchange.upstream_fields = [(b"a", b"b"), cookie(b"__Host-tta=t; c=d")]
    assert AccessCookie(BOUND).take(exchange) == b"t"
    assert exchange.upstream_fields == [(b"a", b"b"), (b"cookie", b"c=d")]


ATTACKS = [
    # method, origin, site, may it
    (b"GET", None, None, True),
    (b"HEAD", b"https://evil.example", b"cross-site", True),  # it reads, and cannot be read
    (b"OPTIONS", None, None, True),
    (b"POST", None, None, False),
    (b"POST", b"https://evil.example", None, False),
    (b"POST", b"https://evil.example", b"same-origin", False),
    (b"POST", b"null", None, False),
    (b"POST", b"", None, False),
    (b"POST", None, b"cross-site", False),
    (b"POST", None, b"same-site", False),
    (b"POST", None, b"none", False),
    (b"POST", None, b"same-origin", True),
    (b"POST", b"https://gate", None, True),
    (b"POST", b"http://gate", None, True),
    (b"POST", b"https://gate.evil.example", None, False),
    (b"POST", b"https://gate:444", None, False),
    (b"POST", b"https://gate@evil.example", None, False),
    (b"POST", b"https://app.example", None, True),
    (b"POST", b"https://app.example.evil", None, False),
    (b"POST", b"https://app.example/", None, False),
    (b"POST", b"http://app.example", None, False),
    (b"POST", "https://äpp.example".encode(), None, False),
    (b"DELETE", None, None, False),
    (b"PUT", b"https://evil.example", None, False),
    (b"PATCH", b"https://app.example", None, True),
    (b"PURGE", None, None, False),
]


@pytest.mark.parametrize(("method", "origin", "site", "may"), ATTACKS)
def test_what_changes_anything_must_come_from_a_page_that_may(
    method: bytes, origin: bytes | None, site: bytes | None, *, may: bool
) -> None:
    fields = [(b"origin", origin), (b"sec-fetch-site", site)]
    said = [(name, value) for name, value in fields if value is not None]
    assert AccessCookie(BOUND).may_be_used(asked(*said, method=method)) is may


@pytest.mark.parametrize(
    ("origin", "may"),
    [(None, False), (b"https://evil.example", False), (b"https://app.example", True)],
)
def test_a_web_socket_must_say_where_its_page_is_from(origin: bytes | None, *, may: bool) -> None:
    fields = [] if origin is None else [(b"origin", origin)]
    assert AccessCookie(BOUND).may_be_used(asked(*fields, upgrade=b"websocket")) is may


def test_it_is_kept_for_this_host_over_tls_and_from_scripts() -> None:
    assert set_cookie(BOUND, "t", 600.0) == (
        "__Host-tta=t; Max-Age=600; Path=/; HttpOnly; SameSite=Strict; Secure"
    )
    lax = CookieBound(name="__Secure-a", same_site="lax")
    assert set_cookie(lax, "", 0) == (
        "__Secure-a=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure"
    )

"""The key of a request."""

import pytest

from tests.helpers.builders import a_head, a_peer, an_exchange
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Fields
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.route import Key
from tta_gateway.upstream.key import Reader, cookie_in

OURS = b"0123456789abcdef"


def asked(fields: Fields | None = None, **more: object) -> Exchange:
    exchange = an_exchange(a_head(fields=fields))
    for name, value in more.items():
        setattr(exchange, name, value)
    return exchange


def test_a_parameter_of_the_path_is_a_key() -> None:
    reader = Reader(Key(by="path", name="player_id"))
    assert reader.read(asked(params={"player_id": "jürgen"})) == "jürgen".encode()
    assert reader.read(asked(params={"other": "a"})) == b""


def test_a_header_field_is_a_key() -> None:
    reader = Reader(Key(by="header", name="X-Player"))
    assert [reader.read(asked(fields)) for fields in ([(b"x-player", b"7")], [])] == [b"7", b""]


def test_the_client_s_address_is_a_key() -> None:
    reader = Reader(Key(by="client_address"))
    assert [reader.read(asked(client=one)) for one in ("192.0.2.7", "")] == [b"192.0.2.7", b""]


def test_who_is_asking_is_a_key_where_that_is_known() -> None:
    reader, exchange = Reader(Key(by="principal")), asked()
    assert reader.read(exchange) == b""
    exchange.principal = Principal(subject="clinic:zoë", issuer="clinic")
    assert reader.read(exchange) == "clinic:zoë".encode()


@pytest.mark.parametrize(
    ("field", "found"),
    [
        (b"sid=a", b"a"),
        (b"x=1; sid=a", b"a"),
        (b"x=1;sid=a;y=2", b"a"),
        (b"xsid=b; sid=a ; y=2", b"a"),
        (b"xsid=b", b""),
        (b"x=sid=b", b""),
        (b"sid", b""),
        (b"sid=", b""),
        (b"", b""),
    ],
)
def test_a_cookie_is_read_by_its_whole_name(field: bytes, found: bytes) -> None:
    assert cookie_in(field, b"sid=") == found


def test_a_cookie_may_stand_in_the_second_field() -> None:
    reader = Reader(Key(by="cookie", name="sid"))
    fields = [(b"a", b"sid=z"), (b"cookie", b"a=b"), (b"cookie", b"sid=1")]
    assert reader.read(asked(fields)) == b"1"


def test_a_service_s_own_cookie_may_be_anything() -> None:
    assert Reader(Key(by="cookie", name="sid")).read(asked([(b"cookie", b"sid=x y")])) == b"x y"


def test_what_a_client_made_up_is_no_cookie_of_ours() -> None:
    reader = Reader(Key(by="cookie", name="sid", ttl=60.0))
    made_up, ours = ([(b"cookie", b"sid=" + value)] for value in (b"evil", OURS))
    assert [reader.read(asked(one)) for one in (made_up, ours)] == [b"", OURS]


def test_a_cookie_of_ours_is_for_http_alone_and_for_this_site() -> None:
    reader = Reader(Key(by="cookie", name="sid", ttl=60.0))
    assert reader.cookie(asked(), OURS) == (
        b"sid=0123456789abcdef; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"
    )


def test_a_cookie_for_as_long_as_the_browser_runs_has_no_end() -> None:
    reader = Reader(Key(by="cookie", name="sid", ttl=0.0))
    assert reader.issues
    assert b"Max-Age" not in reader.cookie(asked(), OURS)


def test_over_tls_it_comes_back_over_tls_alone() -> None:
    reader = Reader(Key(by="cookie", name="sid", ttl=0.0))
    direct = an_exchange(peer=a_peer(scheme=b"https"))
    behind = an_exchange(
        a_head(forwarding=[(b"x-forwarded-proto", b"https")]), peer=a_peer(trusted=True)
    )
    for exchange in (direct, behind):
        assert reader.cookie(exchange, OURS).endswith(b"; SameSite=Lax; Secure")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (Key(by="path", name="id"), "`{id}` of the path"),
        (Key(by="header", name="x-player"), "the header x-player"),
        (Key(by="cookie", name="sid"), "the cookie sid"),
        (Key(by="client_address"), "the client's address"),
        (Key(by="principal"), "who is asking"),
    ],
)
def test_a_key_says_what_it_goes_by(key: Key, said: str) -> None:
    assert str(Reader(key)) == said

"""What a request shows: one token from one place, or none, or a mistake."""

import pytest

from tests.helpers.builders import a_head
from tta_gateway.features.identity.credential import (
    Ambiguous,
    named_in,
    of_query,
    token_of,
    without_token,
)
from tta_gateway.kernel.message import Fields, RequestHead

PROTOCOLS = b"sec-websocket-protocol"


def shown(*fields: tuple[bytes, bytes], upgrade: bytes | None = None) -> RequestHead:
    head = a_head(fields=list(fields))
    head.upgrade = upgrade
    return head


def opening(*fields: tuple[bytes, bytes]) -> RequestHead:
    return shown(*fields, upgrade=b"websocket")


@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer", b"BEARER"])
def test_a_token_stands_behind_its_scheme(scheme: bytes) -> None:
    assert token_of(shown((b"authorization", scheme + b" a.b.c"))) == b"a.b.c"


@pytest.mark.parametrize("value", [b"Basic dTpw", b"Negotiate", b"", b"a.b.c", b"BearerX a"])
def test_what_is_of_another_scheme_is_not_ours(value: bytes) -> None:
    assert token_of(shown((b"authorization", value))) is None


def test_nothing_shown_is_nothing() -> None:
    assert token_of(shown()) is None
    assert token_of(opening((PROTOCOLS, b"chat"))) is None


@pytest.mark.parametrize("value", [b"Bearer", b"Bearer ", b"Bearer a b"])
def test_a_scheme_without_one_token_is_a_mistake(value: bytes) -> None:
    with pytest.raises(Ambiguous):
        token_of(shown((b"authorization", value)))


@pytest.mark.parametrize(
    "fields",
    [
        [(PROTOCOLS, b"bearer, a.B.c")],
        [(PROTOCOLS, b"chat, bearer, a.B.c")],
        [(PROTOCOLS, b"chat"), (PROTOCOLS, b"bearer,a.B.c")],
        [(PROTOCOLS, b"bearer, a.B.c, chat"), (b"authorization", b"Bearer a.B.c")],
    ],
)
def test_a_page_shows_it_among_the_protocols_of_its_web_socket(fields: Fields) -> None:
    assert token_of(opening(*fields)) == b"a.B.c"


def test_it_is_not_looked_for_there_where_no_web_socket_is_opened() -> None:
    assert token_of(shown((PROTOCOLS, b"bearer, a.b.c"))) is None


def test_a_marker_without_a_token_is_a_protocol() -> None:
    assert token_of(opening((PROTOCOLS, b"chat, bearer"))) is None


def test_two_that_differ_are_a_mistake() -> None:
    with pytest.raises(Ambiguous):
        token_of(opening((PROTOCOLS, b"bearer, a"), (b"authorization", b"Bearer b")))


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (b"bearer, a", None),
        (b"bearer, a, chat, v2", b"chat, v2"),
        (b"chat, bearer, a", b"chat"),
        (b"chat", b"chat"),
        (b"bearer", b"bearer"),
    ],
)
def test_the_service_does_not_see_it(said: bytes, left: bytes | None) -> None:
    fields = without_token([(b"a", b"1"), (PROTOCOLS, said)])
    assert dict(fields).get(PROTOCOLS) == left
    assert dict(fields)[b"a"] == b"1"


def test_fields_without_a_token_are_left_as_they_are() -> None:
    fields = [(PROTOCOLS, b"chat")]
    assert without_token(fields) is fields


def a_query(query: bytes) -> RequestHead:
    head = a_head(target="/ws")
    head.query = query
    return head


@pytest.mark.parametrize(
    ("query", "shown", "left"),
    [
        (b"token=abc", b"abc", b""),
        (b"a=1&token=abc&b=2", b"abc", b"a=1&b=2"),
        (b"a=1", None, b"a=1"),
        (b"xtoken=abc", None, b"xtoken=abc"),
        (b"token", None, b"token"),
        (b"token=", b"", b""),
        (b"a=1&&b", None, b"a=1&&b"),
    ],
)
def test_a_query_shows_one_and_is_left_without_it(
    query: bytes, shown: bytes | None, left: bytes
) -> None:
    assert of_query(a_query(query), b"token") == (shown, left)


def test_a_query_that_shows_two_is_refused() -> None:
    with pytest.raises(Ambiguous):
        of_query(a_query(b"token=a&token=a"), b"token")


def test_names_in_a_query_are_read_as_services_read_them() -> None:
    assert named_in(b"p=a%2Fb&q=1&p=c+d&p", b"p") == [b"a/b", b"c d", b""]

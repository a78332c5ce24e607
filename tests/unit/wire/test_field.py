"""Field names: what each means, and how little is believed of those that look like another."""

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.wire import field
from tta_gateway.wire.field import CONTROLS, TOKEN, VALUE, Kind, known, may_trail, tokens

_OCTETS = [bytes((number,)) for number in range(256)]


class Heard:
    """What llhttp calls back with."""

    def __init__(self) -> None:
        self.fields: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))


def llhttp_takes(line: bytes) -> bool:
    heard = Heard()
    try:
        httptools.HttpRequestParser(heard).feed_data(b"GET / HTTP/1.1\r\n" + line + b"\r\n\r\n")
    except httptools.HttpParserError:
        return False
    return len(heard.fields) == 1


def test_a_name_is_made_lower_case() -> None:
    assert known(b"X-Wire-Test") == (b"x-wire-test", Kind.PLAIN)


def test_a_name_is_known_again() -> None:
    known(b"X-Again")
    assert known(b"X-Again") == (b"x-again", Kind.PLAIN)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (b"HOST", Kind.HOST),
        (b"Content-Length", Kind.LENGTH),
        (b"transfer-encoding", Kind.ENCODING),
        (b"Connection", Kind.CONNECTION),
        (b"Keep-Alive", Kind.HOP),
        (b"Proxy-Connection", Kind.HOP),
        (b"TE", Kind.HOP),
        (b"Upgrade", Kind.UPGRADE),
        (b"Expect", Kind.EXPECT),
        (b"X-Forwarded-For", Kind.FORWARDING),
        (b"Authorization", Kind.SINGLE),
        (b"Range", Kind.RANGE),
    ],
)
def test_a_field_that_means_something_here_has_its_kind(name: bytes, kind: Kind) -> None:
    assert known(name) == (name.lower(), kind)


@pytest.mark.parametrize(
    "name",
    [
        b"Content_Length", b"Content.Length", b"#content-length", b"ContentLength", b"Host_",
        b"Transfer_Encoding", b"transfer--encoding", b"-Connection", b"con_nection", b"Host~",
        b"", b"Content-Length ", b" Host", b"X\x00", b"Host\r", b"caf\xe9", b"X(Y)",
    ],
)  # fmt: skip
def test_what_looks_like_a_field_that_frames_or_is_no_name_is_a_lookalike(name: bytes) -> None:
    assert known(name)[1] == Kind.LOOKALIKE


@pytest.mark.parametrize(
    "name",
    [
        b"X_Forwarded_For", b"x-forwarded_for", b"X.Real.IP", b"X_Request_ID", b"x_request-id",
        b"Keep_Alive", b"Content_Type", b"idempotency~key", b"X_HTTP_Method",
    ],
)  # fmt: skip
def test_what_a_service_may_read_as_another_such_field_is_its_alias(name: bytes) -> None:
    assert known(name) == (name.lower(), Kind.ALIAS)


@given(st.sampled_from(sorted(field._KINDS)), st.text("_-.~!x", min_size=1, max_size=2), st.data())
def test_no_name_that_collapses_to_one_that_frames_is_less_than_a_lookalike(
    name: bytes, changed: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(name)))
    other = name[:at] + changed.encode() + name[at:]
    frames = other.translate(None, b"_-.~!") in field._FRAMING
    assert (known(other)[1] == Kind.LOOKALIKE) == (frames and other not in field._KINDS)


@pytest.mark.parametrize("name", [b"X-Content-Length", b"X_Y", b"Hostname", b"x-requestid"])
def test_what_only_resembles_such_a_field_passes(name: bytes) -> None:
    assert known(name) == (name.lower(), Kind.PLAIN)


def test_the_memory_of_names_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(field, "_names", {})
    for number in range(3000):
        known(b"X-%d" % number)
    assert len(field._names) == 2048


def test_a_name_that_is_not_remembered_is_known_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(field, "_names", {})
    long = b"X-" + b"A" * 63
    assert known(long) == (long.lower(), Kind.PLAIN)
    assert not field._names


@pytest.mark.parametrize("name", [b"X-Checksum", b"server-timing", b"Grpc-Status"])
def test_a_field_that_changes_nothing_may_trail(name: bytes) -> None:
    assert may_trail(name)


@pytest.mark.parametrize(
    "name",
    [
        b"Content-Length", b"Transfer-Encoding", b"Host", b"Authorization", b"Set-Cookie",
        b"Content_Length", b"transfer_encoding", b"Cache-Control", b"X-Forwarded-For", b"Trailer",
        b"set_cookie", b"set%cookie", b"X_Request_ID", b"content_type",
    ],
)  # fmt: skip
def test_a_field_that_would_change_the_message_may_not_trail(name: bytes) -> None:
    assert not may_trail(name)


def test_members_of_a_list_are_lower_case_without_space_and_empty_ones() -> None:
    assert tokens(b"Close, ,X-A\t,\tx-b,") == [b"close", b"x-a", b"x-b"]


def test_a_list_of_nothing_has_no_members() -> None:
    assert tokens(b" , ") == []


@pytest.mark.parametrize("octet", [octet for octet in _OCTETS if octet != b":"])
def test_llhttp_has_the_same_octets_in_names(octet: bytes) -> None:
    assert bool(TOKEN.fullmatch(octet)) == llhttp_takes(b"x" + octet + b"y: z")


@pytest.mark.parametrize("octet", _OCTETS)
def test_llhttp_has_the_same_octets_in_values(octet: bytes) -> None:
    assert bool(VALUE.fullmatch(octet)) == llhttp_takes(b"x: y" + octet + b"z")


def test_controls_are_what_no_value_holds() -> None:
    assert [octet for octet in _OCTETS if not VALUE.fullmatch(octet)] == sorted(
        bytes((number,)) for number in CONTROLS
    )

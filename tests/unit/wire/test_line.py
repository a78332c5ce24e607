"""Field lines: from bytes to fields, and what is remembered of them."""

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.message_strategy import PROPERTY
from tta_gateway.kernel.message import Fields
from tta_gateway.wire import line
from tta_gateway.wire.field import Kind
from tta_gateway.wire.line import read


class Heard:
    """What llhttp calls back with."""

    def __init__(self) -> None:
        self.fields: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value.strip(b" \t")))


def llhttp_reads(raw: bytes) -> Fields | None:
    """Return the fields that llhttp reads; None if it refuses."""
    heard = Heard()
    try:
        httptools.HttpRequestParser(heard).feed_data(raw)
    except httptools.HttpParserError:
        return None
    return heard.fields


@pytest.fixture(autouse=True)
def nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "_plain", {})
    monkeypatch.setattr(line, "_special", {})


def test_a_plain_field_is_its_lower_case_name_and_its_value() -> None:
    assert read([b"X-A: b"], 0) == ([(b"x-a", b"b")], [])


def test_lines_before_the_beginning_are_passed_over() -> None:
    assert read([b"GET / HTTP/1.1", b"X-A: b"], 1) == ([(b"x-a", b"b")], [])


def test_white_space_around_a_value_is_no_part_of_it() -> None:
    assert read([b"X-A:\t b c \t"], 0) == ([(b"x-a", b"b c")], [])


def test_a_value_may_be_empty() -> None:
    assert read([b"X-A:"], 0) == ([(b"x-a", b"")], [])


def test_a_field_that_means_something_comes_apart_with_its_kind() -> None:
    assert read([b"X-A: b", b"Host: c"], 0) == ([(b"x-a", b"b")], [(Kind.HOST, b"host", b"c")])


def test_the_order_of_fields_is_kept() -> None:
    lines = [b"X-A: 1", b"X-B: 2", b"X-A: 3"]
    assert read(lines, 0)[0] == [(b"x-a", b"1"), (b"x-b", b"2"), (b"x-a", b"3")]


@pytest.mark.parametrize(
    "bad",
    [
        b"X-A", b": b", b"X-A : b", b" X-A: b", b"X A: b", b"X-A: b\x00c", b"X-A: b\rc", b"",
        b"X-A: b\nX-B: c", b"X-A: b\x7f", b"X-A: \x1b[31m", b"Content_Length: 5",
    ],
)  # fmt: skip
def test_what_is_no_field_line_is_a_lookalike(bad: bytes) -> None:
    assert [special[0] for special in read([bad], 0)[1]] == [Kind.LOOKALIKE]


def test_an_alias_comes_apart_as_it_was_sent() -> None:
    assert read([b"X_Request_ID: a"], 0) == ([], [(Kind.ALIAS, b"x_request_id", b"a")])


@pytest.mark.parametrize("bad", [b"X_Request_ID: a\x00", b"X_Request_ID : a", b"X_Request_ID"])
def test_an_alias_excuses_no_bad_line(bad: bytes) -> None:
    assert [special[0] for special in read([bad], 0)[1]] == [Kind.LOOKALIKE]


@pytest.mark.parametrize("name", [b"Idempotency_Key", b"X_Api_Key", b"Set_Cookie"])
def test_a_secret_under_another_spelling_is_not_remembered(name: bytes) -> None:
    read([name + b": secret"], 0)
    assert b"secret" not in repr((line._plain, line._special)).encode()


def test_a_bad_line_is_not_remembered() -> None:
    read([b"X-A: b\x00c"], 0)
    assert not line._plain
    assert not line._special


def test_a_line_is_read_the_same_when_it_is_remembered() -> None:
    lines = [b"X-A: b", b"Host: c", b"Connection: close"]
    assert read(lines, 0) == read(lines, 0)


@pytest.mark.parametrize("name", [b"Cookie", b"authorization", b"Set-Cookie", b"X-Api-Key"])
def test_a_line_that_may_carry_a_secret_is_not_remembered(name: bytes) -> None:
    read([name + b": secret"], 0)
    assert b"secret" not in repr((line._plain, line._special)).encode()


def test_a_long_line_is_not_remembered() -> None:
    read([b"X-A: " + b"b" * 200], 0)
    assert not line._plain


def test_the_memory_of_lines_is_bounded() -> None:
    read([b"X-A: %d" % number for number in range(5000)], 0)
    assert len(line._plain) == 5000 - 4096


@PROPERTY
@given(st.lists(st.binary(max_size=12).map(lambda tail: b"X-A:" + tail), max_size=4))
def test_llhttp_reads_the_same_fields_from_what_both_accept(lines: list[bytes]) -> None:
    section = b"\r\n".join([b"GET / HTTP/1.1", *lines, b"", b""]).partition(b"\r\n\r\n")[0]
    fields, specials = read(section.split(b"\r\n"), 1)
    assert llhttp_reads(section + b"\r\n\r\n") in (None, fields)
    assert specials == [] or llhttp_reads(section + b"\r\n\r\n") is None

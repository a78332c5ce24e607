"""Fields and varints, as the format's own library has them."""

import pytest
from google.protobuf.internal import decoder, encoder
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.realtime.codec import Malformed
from tta_gateway.features.realtime.protobuf_wire import (
    Fields,
    delimited,
    field_data,
    field_message,
    field_number,
    field_text,
    number,
    varint,
)


@given(value=st.integers(0, 2**64 - 1))
def test_a_varint_is_as_the_library_writes_and_reads_it(value: int) -> None:
    assert number(value) == encoder._VarintBytes(value)
    assert varint(b"x" + number(value), 1) == decoder._DecodeVarint(b"x" + number(value), 1)


def test_a_varint_keeps_sixty_four_bits() -> None:
    assert varint(b"\xff" * 9 + b"\x7f", 0) == (2**64 - 1, 10)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80" * 10, b"\x80" * 10 + b"\x01"])
def test_a_varint_that_does_not_end_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed, match="does not end"):
        varint(data, 0)


def test_the_last_of_a_field_counts_and_messages_are_joined() -> None:
    fields = Fields(
        field_number(1, 5)
        + field_number(1, 2**64 - 1)
        + field_text(2, "a")
        + field_text(2, "é")
        + field_message(3, field_number(1, 1))
        + field_message(3, field_number(2, 2))
        + b"\x21" + b"8bytes__" + b"\x2d" + b"four"
    )  # fmt: skip
    assert (fields.number(1), fields.signed(1), fields.flag(1)) == (2**64 - 1, -1, True)
    assert (fields.text(2), fields.data(2), fields.each(2)) == (
        "é",
        b"\xc3\xa9",
        [b"a", b"\xc3\xa9"],
    )
    assert (fields.message(3).number(1), fields.message(3).number(2)) == (1, 2)
    assert (fields.has(3), fields.has(4)) == (True, False)
    assert (fields.number(9), fields.signed(9), fields.flag(9)) == (0, 0, False)
    assert (fields.text(9), fields.data(9), fields.each(9)) == ("", b"", [])
    assert not fields.message(9).has(1)


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (b"\x00\x01", "no number"),
        (b"\x80\x80\x80\x80\x10\x01", "no number"),
        (b"\x0a\x02a", "ends behind"),
        (b"\x0b", "no form"),
        (b"\x0e", "no form"),
        (b"\x0dfou", "ends behind"),
        (b"\x09sevenby", "ends behind"),
        (b"\x08", "does not end"),
    ],
)
def test_what_is_no_message_is_refused(data: bytes, wrong: str) -> None:
    with pytest.raises(Malformed, match=wrong):
        Fields(data)


def test_text_is_utf_8() -> None:
    with pytest.raises(Malformed, match="not UTF-8"):
        Fields(field_data(1, b"\xff")).text(1)


def test_what_is_empty_is_not_written() -> None:
    assert field_number(1, 0) + field_data(1, b"") + field_text(1, "") == b""
    assert field_message(1, b"") == b"\x0a\x00"
    assert delimited(b"x" * 200)[:2] == b"\xc8\x01"

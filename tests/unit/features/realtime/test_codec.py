"""Data is JSON of one line, and not too deep."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.client_words import JSON
from tta_gateway.features.realtime.codec import Malformed, is_too_deep, one_line


@given(value=JSON, indent=st.sampled_from([None, 0, 2]))
def test_json_stays_what_it_says_in_one_line(value: object, indent: int | None) -> None:
    told = one_line(json.dumps(value, indent=indent).replace("\n", "\r\n").encode())
    assert json.loads(told) == value
    assert not {10, 13} & set(told)


def test_nothing_stays_nothing() -> None:
    assert one_line(b"") == b""


@pytest.mark.parametrize(
    "data",
    [
        *(b"{", b"nan", b"[1,]", b'"\n"', b"\xff", b'"\xff"', b"1 2", b" ", b"01", b"\x00"),
        *(b'"\\ud800', b"[" * 100_000, b"[" * 65 + b"]" * 65),
    ],
    ids=lambda data: str(data[:8]),
)
def test_what_is_not_json_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        one_line(data)


@pytest.mark.parametrize(
    ("text", "deep"),
    [
        (b"[" * 3, False),
        (b"[" * 4, True),
        (b"[]" * 9, False),
        (b'{"[[[[":[[1]]}', False),
        (b'"\\"[[[["', False),
        (b'"\\\\"[[[[', True),
        (b"[[]][[[]]]", False),
    ],
)
def test_depth_is_that_of_brackets_outside_of_strings(text: bytes, deep: bool) -> None:
    assert is_too_deep(text, 3) is deep

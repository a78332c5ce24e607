"""Deltas: the SDK makes of them what was published, and they are short where little has changed."""

import json

import pytest
from centrifuge import fossil
from hypothesis import example, given
from hypothesis import strategies as st

from tta_gateway.features.realtime.fossil import delta

TEXT = st.text("ab\u00e9\u20ac\U0001f600", max_size=20)


@given(head=TEXT, before=TEXT, after=TEXT, tail=TEXT)
@example(head="\u00e9", before="\u00e8", after="\u00ea", tail="")
@example(head="", before="\u20ac", after="\u20ad", tail="\u20ac")
@example(head="\u00e9", before="\u20ac", after="\u10ac", tail="")
def test_a_client_makes_of_it_what_was_published(
    head: str, before: str, after: str, tail: str
) -> None:
    base, target = (head + before + tail).encode(), (head + after + tail).encode()
    found = delta(base, target)
    assert bytes(fossil.apply_delta(base, found.decode().encode())) == target


@pytest.mark.parametrize("size", [1, 63, 64, 4095, 4096, 60_000])
def test_it_is_short_where_little_has_changed(size: int) -> None:
    base = json.dumps({"a": "x" * size, "count": 1, "b": "y" * size}).encode()
    target = json.dumps({"a": "x" * size, "count": 2, "b": "y" * size}).encode()
    found = delta(base, target)
    assert bytes(fossil.apply_delta(base, found)) == target
    assert len(found) < 40


def test_the_same_again_is_one_copy() -> None:
    assert delta(b"abcd", b"abcd").startswith(b"4\n4@0,")
    assert bytes(fossil.apply_delta(b"", delta(b"", b""))) == b""

"""Withdrawal: a certificate has one name of each kind, however an operator spells it."""

import pytest

from tta_gateway.support.withdrawal import called


@pytest.mark.parametrize(
    ("text", "name"),
    [("0A:bc", "abc"), ("00", "0"), ("AB" * 32, "ab" * 32), ("0" * 64, "0" * 64)],
)
def test_digits_are_compared_however_they_are_written(text: str, name: str) -> None:
    assert called(text) == name


@pytest.mark.parametrize("text", ["", ":", "g", "0x1", "a" * 41, "a" * 63, "a" * 65, "-1", "1 2"])
def test_anything_else_calls_no_certificate(text: str) -> None:
    with pytest.raises(ValueError, match="neither a serial number"):
        called(text)

"""Records of second factors, and the methods that a session has been shown."""

import pytest

from tta_gateway.features.identity.factor import Factor, joined


def test_nothing_secret_is_shown() -> None:
    made = Factor("f", "u", "totp", "phone", 0.0, secret=b"kanarie", public_key=b"kanarie")
    assert "kanarie" not in repr(made)


@pytest.mark.parametrize(
    ("before", "method", "after"),
    [
        ("pwd", "otp", "pwd otp mfa"),
        ("pwd otp mfa", "otp", "pwd otp mfa"),
        ("pwd otp mfa", "hwk", "pwd otp mfa hwk"),
        ("", "hwk", "hwk mfa"),
    ],
)
def test_each_method_stands_there_once(before: str, method: str, after: str) -> None:
    assert joined(before, method) == after

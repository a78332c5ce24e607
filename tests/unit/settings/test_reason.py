"""Reasons: blanks are none."""

import pytest

from tests.helpers.configuration import complaints, route


@pytest.mark.parametrize("reason", ["' '", "'   '"])
@pytest.mark.parametrize("mode", ["'off'", "observe"])
def test_blanks_are_no_reason(mode: str, reason: str) -> None:
    (found,) = complaints(route(f"safety: {{mode: {mode}, reason: {reason}}}"))
    assert "safety.reason: holds blanks alone" in found

"""What an operator may write about security headers."""

import pytest
from pydantic import ValidationError

from tta_gateway.features.security_headers.bound import SecurityHeadersBound
from tta_gateway.features.security_headers.config import SecurityHeadersConfig, compile


def test_nothing_written_is_safe() -> None:
    assert compile(SecurityHeadersConfig()) == SecurityHeadersBound(
        add=(
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("strict-transport-security", "max-age=31536000"),
        ),
        remove=("server", "x-powered-by"),
    )


def test_what_is_written_stands_over_the_defaults_and_null_takes_one_away() -> None:
    config = SecurityHeadersConfig(
        add={"X-Frame-Options": "SAMEORIGIN", "referrer-policy": None, "x-a": "1"}, remove=()
    )
    assert compile(config) == SecurityHeadersBound(
        add=(
            ("x-content-type-options", "nosniff"),
            ("strict-transport-security", "max-age=31536000"),
            ("x-frame-options", "SAMEORIGIN"),
            ("x-a", "1"),
        )
    )


@pytest.mark.parametrize("name", ["content-length", "Connection", "x-request-id", "host"])
def test_what_frames_a_message_is_not_touched(name: str) -> None:
    with pytest.raises(ValidationError, match="2 validation errors"):
        SecurityHeadersConfig(add={name: "1"}, remove=(name,))


def test_what_is_added_is_not_removed() -> None:
    with pytest.raises(ValidationError, match="`x-frame-options` stands in `add` too"):
        SecurityHeadersConfig(remove=("x-frame-options",))


def test_what_is_no_longer_added_may_be_removed() -> None:
    config = SecurityHeadersConfig(add={"x-frame-options": None}, remove=("x-frame-options",))
    assert compile(config).remove == ("x-frame-options",)


def test_what_is_no_mapping_is_refused() -> None:
    with pytest.raises(ValidationError, match="dict_type"):
        SecurityHeadersConfig.model_validate({"add": ["x-a"]})

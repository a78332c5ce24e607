"""Where help lines are asked for, and where not; asking itself is tests/e2e/test_help_lines.py."""

import pytest

from tta_gateway.features.safety.http_directory import HttpDirectory


@pytest.mark.parametrize(
    "url",
    ["https://lines.test/a?b=c", "http://localhost:8000/", "http://127.0.0.1/x", "http://[::1]:1"],
)
def test_a_place_may_be_asked(url: str) -> None:
    HttpDirectory(url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://lines.test/", "write an `https://` URL"),
        ("ftp://localhost/", "write an `https://` URL"),
        ("lines.test", "write an `https://` URL"),
        ("https:///a", "write an `https://` URL"),
        ("https://name:word@lines.test/", "leave out names, passwords"),
        ("https://lines.test/#a", "leave out names, passwords and fragments"),
    ],
)
def test_another_place_is_not_asked(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        HttpDirectory(url)

"""Whether a page is of the place that its request is for."""

import pytest

from tta_gateway.features.websocket_origin.algorithm import is_own


@pytest.mark.parametrize(
    ("origin", "scheme", "host"),
    [
        (b"http://a.example", b"http", b"a.example"),
        (b"http://a.example", b"http", b"A.example:80"),
        (b"https://a.example", b"https", b"a.example:443"),
        (b"https://a.example:8443", b"https", b"a.example:8443"),
        (b"http://[::1]:8080", b"http", b"[::1]:8080"),
        (b"https://a.example", b"http", b"a.example"),
        (b"https://a.example", b"http", b"a.example:443"),
    ],
)
def test_a_page_of_the_host_that_was_asked_is_its_own(
    origin: bytes, scheme: bytes, host: bytes
) -> None:
    assert is_own(origin, scheme=scheme, host=host)


@pytest.mark.parametrize(
    ("origin", "scheme", "host"),
    [
        (b"http://a.example", b"https", b"a.example"),
        (b"http://b.example", b"http", b"a.example"),
        (b"http://a.example:81", b"http", b"a.example"),
        (b"http://a.example", b"http", b"a.example:81"),
        (b"https://a.example", b"http", b"a.example:80"),
        (b"http://a.example.evil", b"http", b"a.example"),
        (b"http://evil/a.example", b"http", b"a.example"),
        (b"http://user@a.example", b"http", b"a.example"),
        (b"http://sub.a.example", b"http", b"a.example"),
        (b"capacitor://a.example", b"http", b"a.example"),
        (b"null", b"http", b"null"),
        (b"", b"http", b""),
        (b"a.example", b"http", b"a.example"),
    ],
)
def test_any_other_is_not(origin: bytes, scheme: bytes, host: bytes) -> None:
    assert not is_own(origin, scheme=scheme, host=host)

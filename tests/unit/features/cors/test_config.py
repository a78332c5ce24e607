"""What an operator may write about pages of other origins."""

import pytest
from pydantic import ValidationError

from tta_gateway.features.cors.bound import CorsBound
from tta_gateway.features.cors.config import CorsConfig, compile


def test_nothing_written_is_the_worker_s_default() -> None:
    assert compile(CorsConfig()) == CorsBound()


def test_everything_written_reaches_the_worker() -> None:
    config = CorsConfig.model_validate(
        {
            "origins": ["http://localhost:3000", "capacitor://localhost", "http://[::1]:3000"],
            "credentials": True,
            "methods": ["GET"],
            "headers": ["Authorization"],
            "expose": ["X-Request-ID"],
            "max_age": "1m",
        }
    )
    assert compile(config) == CorsBound(
        origins=("http://localhost:3000", "capacitor://localhost", "http://[::1]:3000"),
        credentials=True,
        methods=("GET",),
        headers=("authorization",),
        expose=("x-request-id", "x-crisis-support"),
        max_age=60,
    )


def test_every_origin_is_allowed_without_credentials() -> None:
    assert compile(CorsConfig(origins=("*",))) == CorsBound(origins=("*",))


def test_every_origin_is_not_allowed_with_credentials() -> None:
    with pytest.raises(ValidationError, match="name the origins instead of `\\*`"):
        CorsConfig(origins=("*",), credentials=True)


def test_a_bad_origin_does_not_hide_that_credentials_are_judged() -> None:
    with pytest.raises(ValidationError, match="1 validation error"):
        CorsConfig(origins=("null",), credentials=True)


@pytest.mark.parametrize(
    ("origin", "advice"),
    [
        ("null", "name the pages' own origins"),
        ("http://a/", "without a path"),
        ("http://a/b", "without a path"),
        ("http://A", "in lower case"),
        ("http://a:", "write `scheme://host`"),
        ("a.example", "write `scheme://host`"),
        ("http://*.a", "write `scheme://host`"),
        ("http://a:80", "write `http://a`"),
        ("https://a:443", "write `https://a`"),
    ],
)
def test_what_no_browser_sends_is_refused(origin: str, advice: str) -> None:
    with pytest.raises(ValidationError) as caught:
        CorsConfig(origins=(origin,))
    assert advice in str(caught.value)


def test_the_other_scheme_s_default_port_is_a_port() -> None:
    assert CorsConfig(origins=("https://a:80",)).origins == ("https://a:80",)


def test_a_fraction_of_a_second_is_refused() -> None:
    with pytest.raises(ValidationError, match="must be whole seconds"):
        CorsConfig(max_age=0.5)

"""One-time codes, by the vectors of RFC 6238, and each once."""

import base64
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.identity.totp import STEP, new_secret, step_of, uri

RFC = base64.b32encode(b"12345678901234567890").decode()
"""The secret of RFC 6238, appendix B; its codes have eight digits, of which six are ours."""


@pytest.mark.parametrize(
    ("now", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_codes_are_those_of_the_standard(now: int, code: str) -> None:
    assert step_of(RFC, code[-6:], now=float(now), last=0) == now // STEP


@given(
    st.integers(10, 10**8),
    st.integers(-4, 4),
    st.floats(0.0, 29.99),
    st.integers(-3, 3),
)
def test_one_step_around_counts_and_none_that_has_counted(
    step: int, away: int, within: float, before: int
) -> None:
    code = pyotp.TOTP(RFC).generate_otp(step + away)
    last = step + before
    found = step_of(RFC, code, now=step * STEP + within, last=last)
    assert found is None or (found == step + away and found > last)
    assert (found is not None) == (abs(away) <= 1 and step + away > last)


@given(st.text(max_size=12))
def test_what_is_no_code_is_none(text: str) -> None:
    right = pyotp.TOTP(RFC).generate_otp(100)
    found = step_of(RFC, text, now=100.0 * STEP, last=0)
    assert found is None or right == text.replace(" ", "") or abs(found - 100) == 1


@pytest.mark.parametrize(
    "code",
    ["", "12345", "1234567", "12345a", "-12345", "".join(chr(0x661 + at) for at in range(6))],
)
def test_six_plain_digits_are_a_code_and_nothing_else(code: str) -> None:
    assert step_of(RFC, code, now=3000.0, last=0) is None


def test_it_may_be_written_with_a_space_as_authenticators_show_it() -> None:
    code = pyotp.TOTP(RFC).generate_otp(100)
    assert step_of(RFC, f"{code[:3]} {code[3:]}", now=3000.0, last=0) == 100


def test_secrets_are_chance_and_an_authenticator_can_read_what_it_is_told() -> None:
    secret = new_secret()
    assert len(base64.b32decode(secret)) == 20
    assert secret != new_secret()
    told = urlsplit(uri(secret, name="ada@home", of="TTA: home"))
    assert (told.scheme, told.netloc) == ("otpauth", "totp")
    assert parse_qs(told.query)["secret"] == [secret]
    assert parse_qs(told.query)["issuer"] == ["TTA: home"]

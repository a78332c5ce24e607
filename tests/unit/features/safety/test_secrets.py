import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.safety.secrets import is_secret

SPEECH = "I want to tell somebody"


@pytest.mark.parametrize(
    "name",
    [
        *("password", "Password", "new_password", "newPassword", "password2", "password_confirm"),
        *("passwordConfirmation", "passwd", "pwd", "user[password]", "access_token", "api-key"),
        *("client_secret", "Authorization", "refreshToken"),
    ],
)
def test_a_password_is_no_speech_whatever_is_in_it(name: str) -> None:
    assert is_secret(name, "iwanttodie")
    assert is_secret(name, SPEECH)


@pytest.mark.parametrize("name", ["pin", "otp", "token", "userToken", "my_secret", "code", "jwt"])
def test_a_name_of_two_meanings_is_a_secret_if_its_value_is_one_word(name: str) -> None:
    assert is_secret(name, "iwanttodie")
    assert not is_secret(name, SPEECH)


@pytest.mark.parametrize("name", ["text", "message", "opinion", "spin", "monkey", "passage", ""])
def test_other_fields_are_speech(name: str) -> None:
    assert not is_secret(name, "iwanttodie")


def test_a_name_that_is_a_text_is_none() -> None:
    assert not is_secret("so I typed it in as my " * 9 + "password", "x")


@given(st.text(), st.text())
def test_no_name_is_too_odd(name: str, value: str) -> None:
    assert is_secret(name, value) in (True, False)

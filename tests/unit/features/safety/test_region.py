"""What a request says of where somebody is is read with care, whatever stands there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.safety.region import accepted, country, language_of, region_of

KNOWN = ("GB", "US", "DE")


@pytest.mark.parametrize(
    ("value", "code"),
    [("us", "US"), ("GB", "GB"), ("uk", "GB"), ("USA", ""), ("", ""), (None, ""), ("1A", "")],
)
def test_a_country_is_two_letters(value: object, code: str) -> None:
    assert country(value) == code


@pytest.mark.parametrize(
    ("field", "found"),
    [
        (None, []),
        (b"", []),
        (b"en-GB", [("en", "GB")]),
        (b"en", [("en", "")]),
        (b"de_DE", [("de", "DE")]),
        (b"en-UK", [("en", "GB")]),
        (b"en;q=0.5, de-AT;q=0.9", [("de", "AT"), ("en", "")]),
        (b"en;q=0, fr", [("fr", "")]),
        (b"en;q=2, fr", [("fr", "")]),
        (b"zh-Hant-TW", [("zh", "TW")]),
        (b"*, -, 12, en", [("en", "")]),
        (b"en ; q=1.0", [("en", "")]),
    ],
)
def test_languages_are_ranked_as_the_client_likes_them(
    field: bytes | None, found: list[tuple[str, str]]
) -> None:
    assert accepted(field) == found


def test_the_first_language_that_is_known_is_taken() -> None:
    assert language_of(b"fr, de;q=0.5", {"en", "de"}, "en") == "de"
    assert language_of(b"fr", {"en", "de"}, "en") == "en"


def test_the_first_country_that_is_known_is_taken() -> None:
    assert region_of(b"fr-FR, en, en-GB;q=0.2", KNOWN) == "GB"
    assert region_of(b"fr-FR", KNOWN) == ""


@given(st.binary(max_size=2000))
def test_whatever_stands_there_is_read_without_a_fault(field: bytes) -> None:
    assert len(accepted(field)) <= 16
    assert region_of(field, KNOWN) in (*KNOWN, "")

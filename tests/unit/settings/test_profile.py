"""Profiles: defaults for a platform."""

import pytest

from tests.helpers.configuration import complaints, loaded
from tta_gateway.settings.complaint import Source
from tta_gateway.settings.document import read
from tta_gateway.settings.profile import underlay


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", False),
        ("profile: tta", True),
        ("profile: tta\nproblem: {message: false}", False),
        ("profile: tta\nproblem: {base: 'urn:a:'}", True),
    ],
)
def test_the_platform_s_profile_gives_errors_a_message(text: str, message: bool) -> None:
    assert loaded(text + "\n").settings.problem.message is message


def test_what_a_profile_says_is_known_to_come_from_it() -> None:
    document = read("profile: tta")
    underlay(document)
    assert document.place(("problem", "message")) == Source("profile tta")


@pytest.mark.parametrize("text", ["- a", "profile: 1", "profile: x", "profile: tta\nproblem: 1"])
def test_what_is_not_of_its_kind_is_left_to_others(text: str) -> None:
    document = read(text)
    before = dict(document.places)
    underlay(document)
    assert document.places == before


def test_a_profile_that_does_not_exist_is_refused() -> None:
    assert complaints("profile: tat\n") == [
        "gateway.yaml:1:1 profile: must be `tta`, not the text `tat`; do you mean `tta`?"
    ]

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


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{}", {"failures": 5, "open": "60s"}),
        ("on", {"failures": 5, "open": "60s"}),
        ("{failures: 9}", {"failures": 9, "open": "60s"}),
        ("off", "off"),
        ("7", 7),
    ],
)
def test_the_platform_s_profile_has_its_breakers(written: str, expected: object) -> None:
    document = read(
        f"profile: tta\nservices: {{a: {{breaker: {written}}}}}\nroutes: [{{breaker: {written}}}]"
    )
    underlay(document)
    assert document.tree == {
        "profile": "tta",
        "services": {"a": {"breaker": expected}},
        "routes": [{"breaker": expected}],
        "problem": {"message": True},
        "safety": {"nested": True},
    }


def test_a_service_without_a_breaker_gets_the_profile_s_and_a_route_takes_its_service_s() -> None:
    document = read("profile: tta\nservices: {a: {}, b: 1}\nroutes: [{}, 1]")
    underlay(document)
    assert isinstance(document.tree, dict)
    assert document.tree["services"] == {"a": {"breaker": {"failures": 5, "open": "60s"}}, "b": 1}
    assert document.tree["routes"] == [{}, 1]
    place = document.place(("services", "a", "breaker", "open"))
    assert place == Source("profile tta")


def test_what_a_profile_says_is_known_to_come_from_it() -> None:
    document = read("profile: tta")
    underlay(document)
    assert document.place(("problem", "message")) == Source("profile tta")


@pytest.mark.parametrize(
    "text", ["- a", "profile: 1", "profile: x", "profile: tta\nproblem: 1\nsafety: 1"]
)
def test_what_is_not_of_its_kind_is_left_to_others(text: str) -> None:
    document = read(text)
    before = dict(document.places)
    underlay(document)
    assert document.places == before


def test_a_profile_that_does_not_exist_is_refused() -> None:
    assert complaints("profile: tat\n") == [
        "gateway.yaml:1:1 profile: must be `tta`, not the text `tat`; do you mean `tta`?"
    ]

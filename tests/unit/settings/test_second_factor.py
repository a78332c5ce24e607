"""What operators write of second factors, and what is wrong with it."""

import pytest
from pydantic import ValidationError

from tta_gateway.features.identity.bound import SecondFactor
from tta_gateway.settings.document import Value
from tta_gateway.settings.second_factor import SecondFactorConfig, compile, complaints

URL = "https://gate.example.org:8443/base"


def test_what_is_left_out_is_that_of_the_url() -> None:
    assert compile(SecondFactorConfig(), URL) == SecondFactor(
        name="gate.example.org",
        rp_id="gate.example.org",
        origins=("https://gate.example.org:8443",),
    )


def test_what_is_written_stands() -> None:
    config = SecondFactorConfig(
        required_roles=("admin",),
        within=86_400.0,
        name="TTA",
        rp_id="example.org",
        origins=("https://app.example.org",),
        fresh=120.0,
    )
    assert compile(config, URL) == SecondFactor(
        required_roles=("admin",),
        within=86_400.0,
        name="TTA",
        rp_id="example.org",
        origins=("https://app.example.org",),
        fresh=120.0,
    )


@pytest.mark.parametrize(
    "origin", ["https://a/path", "ftp://a", "a.example.org", "https://a?x", "https://[", ""]
)
def test_an_origin_is_one(origin: str) -> None:
    with pytest.raises(ValidationError, match=r"origin of a page|at least 1|empty"):
        SecondFactorConfig(origins=(origin,))


@pytest.mark.parametrize("origin", ["https://example.org.evil", "https://badexample.org"])
def test_a_page_that_is_not_below_the_domain_could_ask_for_nothing(origin: str) -> None:
    with pytest.raises(ValidationError, match="not below"):
        SecondFactorConfig(rp_id="example.org", origins=(origin,))


def said(tree: dict[str, Value]) -> list[tuple[tuple[str | int, ...], str]]:
    return [(tuple(path), sentence) for path, sentence in complaints(tree)]


def test_a_role_that_there_is_not_is_told_of() -> None:
    factors: dict[str, Value] = {"required_roles": ["admin", "terapist"]}
    found = said({"identity": {"issuing": {"second_factor": factors}}})
    assert [path for path, _ in found] == [
        ("identity", "issuing", "second_factor", "required_roles", 1)
    ]
    assert "therapist" in found[0][1]


def test_a_level_that_nobody_can_reach_is_told_of() -> None:
    routes: list[Value] = [{"access": {"level": 1}}, {"access": {"level": 2}}]
    foreign: list[Value] = [{"levels": {"urn:mfa": 1}}]
    assert [path for path, _ in said({"routes": routes, "identity": {"issuers": foreign}})] == [
        ("routes", 1, "access", "level")
    ]


@pytest.mark.parametrize("identity", [{"issuing": {}}, {"issuers": [{"levels": {"urn:mfa": 2}}]}])
def test_one_that_somebody_can_is_not(identity: dict[str, Value]) -> None:
    assert said({"routes": [{"access": {"level": 2}}], "identity": identity}) == []

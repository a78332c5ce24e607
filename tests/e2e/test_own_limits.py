"""Limits of the gateway's own endpoints, and what its tokens say of accounts: real processes."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.helpers.issuing_gateway import AUTH, Answer, Issuing, issuing
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e

ROUTES: Final = {
    "login": {"requests": 3, "per": "1h", "key": ["address"]},
    "account": {"requests": 4, "per": "1h"},
}


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuing]:
    folder: Path = tmp_path_factory.mktemp("own")
    with issuing(folder, workers=1, ratelimit={"own": ROUTES}) as made:
        made.user("ada")
        made.user("ben")
        yield made


@pytest.fixture(scope="module")
def token(one: Issuing) -> str:
    return str(one.login("ada").told["access_token"])


def changed(one: Issuing, handle: str, **said: object) -> Answer:
    return one.administer("PUT", f"/ratelimits/override?handle=gateway%20{handle}", said)


def test_an_account_says_to_the_minute_when_it_was_made(one: Issuing, token: str) -> None:
    made = one.claims(token)["account_created"]
    assert made % 60 == 0
    assert 0 <= time.time() - made < 180


def test_logins_of_an_address_are_counted_until_an_operator_says_otherwise(
    one: Issuing, token: str
) -> None:
    """Red where `limited` of settings/own_limits.py is not asked."""
    assert token  # the first of three
    answers = [one.login("ada", "wrong horse battery") for _ in range(4)]
    assert [answer.status for answer in answers] == [401, 401, 429, 429]
    refused = answers[-1]
    assert refused.code == "ratelimit_exceeded"
    assert refused.told["violated-policies"] == ["login"]
    assert int(refused.fields["retry-after"]) > 600
    assert answers[0].fields["ratelimit-policy"] == '"login";q=3;w=3600'
    assert one.login("ben").status == 429  # of another name, from the same address
    assert one.ask("GET", "/.well-known/jwks.json").status == 200  # another kind
    told = one.ask("GET", "/api/v1/limits").told["limits"]
    assert {limit["limit"]: limit["left"] for limit in told}["gateway login"] == 0
    assert changed(one, "login", amount=1000, per_seconds=10).status == 200
    assert wait_until(lambda: one.login("ben").status == 200)


def test_what_somebody_does_about_their_account_is_counted_for_them_alone(
    one: Issuing, token: str
) -> None:
    changed(one, "login", amount=1000, per_seconds=10)
    assert wait_until(lambda: one.login("ben").status == 200)
    ben = str(one.login("ben").told["access_token"])
    fates = [one.ask("GET", f"{AUTH}/me", token=token).status for _ in range(5)]
    assert fates == [200] * 4 + [429]
    assert one.ask("GET", f"{AUTH}/me", token=ben).status == 200
    bucket = "/ratelimits/bucket?limit=gateway%20account&key="
    subject = one.claims(token)["sub"]
    assert one.administer("GET", f"{bucket}{subject}").status == 422
    mine = f"{bucket}gateway/{subject}"
    assert wait_until(lambda: one.administer("GET", mine).told.get("left") == 0), one.administer(
        "GET", mine
    )
    assert one.administer("DELETE", mine).status == 204
    assert wait_until(lambda: one.ask("GET", f"{AUTH}/me", token=token).status == 200, 3.0)

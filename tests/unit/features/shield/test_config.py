import msgspec
import pytest

from tests.helpers.configuration import complaints, loaded, route
from tta_gateway.features.shield.bound import RouteShield, ShieldBound
from tta_gateway.features.shield.config import compile
from tta_gateway.settings.compile import compile_snapshot


def test_what_nobody_writes_is_what_workers_assume() -> None:
    assert compile(loaded("").settings.shield) == ShieldBound()


def test_all_that_is_written_reaches_the_workers() -> None:
    text = """
        shield:
          enabled: false
          dry_run: true
          allow: [192.0.2.0/24]
          delay: 1
          challenge: 2
          block: 3
          lenience: 4
          first_block: 5s
          longest_block: 6s
          forgiven_after: 7s
          person_rate: 8
          address_rate: 9
          newcomers: 10s
          age_claim: made
    """
    assert compile(loaded(text).settings.shield) == ShieldBound(
        enabled=False,
        dry_run=True,
        allowed=("192.0.2.0/24",),
        delay=1.0,
        challenge=2.0,
        block=3.0,
        lenience=4.0,
        first=5.0,
        longest=6.0,
        forgiven=7.0,
        person_rate=8.0,
        address_rate=9.0,
        newcomers=10.0,
        age_claim="made",
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("{allow: [here]}", "`here` is not a network"),
        ("{delay: 80, challenge: 70}", "the scores must climb"),
        ("{first_block: 2h}", "`first_block` is longer than `longest_block`"),
    ],
)
def test_what_could_not_be_meant_is_refused(wrong: str, said: str) -> None:
    assert said in complaints(f"shield: {wrong}")[0]


def test_a_route_for_people_in_a_crisis_refuses_nobody_for_an_address() -> None:
    made = compile_snapshot(loaded(route("class: crisis")).settings, version=1)
    raw = next(one for one in made.routes if one.service == "players").features["shield"]
    assert msgspec.msgpack.decode(raw, type=RouteShield) == RouteShield()

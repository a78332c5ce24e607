"""The numbers, and what clients make of them."""

import json

import pytest

from tta_gateway.features.realtime import codes
from tta_gateway.features.realtime.codes import DISCONNECTIONS, REFUSALS, UNSUBSCRIPTIONS


def test_refusals_have_the_numbers_of_the_protocol() -> None:
    assert [each.code for each in REFUSALS] == list(range(100, 114))
    assert {each.code for each in REFUSALS if each.temporary} == {100, 111, 113}


def test_only_what_the_server_decides_ends_a_subscription_for_good() -> None:
    assert {each.code: each.is_final for each in UNSUBSCRIPTIONS} == {
        2000: True,
        2500: False,
        2501: False,
        2502: False,
    }


@pytest.mark.parametrize("why", DISCONNECTIONS, ids=lambda why: str(why.code))
def test_a_reason_is_plain_words(why: codes.Disconnection) -> None:
    assert why.is_final is (why.code >= 3500)
    assert 0 < len(why.reason) <= codes.LONGEST_REASON
    assert why.reason.isascii()
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(why.reason)  # an SDK would take it for more


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((), "invalid token"),
        (("call 988", "988"), "invalid token. call 988"),
        (("é" * 55, "988"), "invalid token. 988"),
        (("é" * 54, "988"), f"invalid token. {'é' * 54}"),
        (("x" * 109,), "invalid token"),
    ],
)
def test_a_close_says_of_help_what_it_has_room_for(lines: tuple[str, ...], said: str) -> None:
    told = codes.INVALID_TOKEN.with_help(codes.Help(lines=lines))
    assert (told.code, told.reason) == (3500, said)
    assert len(told.reason.encode()) <= codes.LARGEST_REASON


def test_an_application_has_numbers_of_both_kinds() -> None:
    assert not codes.Disconnection(4499, "again").is_final
    assert codes.Disconnection(4500, "no more").is_final
    assert not codes.Disconnection(5000, "again").is_final


def test_no_number_is_there_twice() -> None:
    numbers = [each.code for each in (*REFUSALS, *UNSUBSCRIPTIONS, *DISCONNECTIONS)]
    assert len(set(numbers)) == len(numbers)

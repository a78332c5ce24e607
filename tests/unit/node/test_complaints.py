"""As many complaints as can be told."""

import msgspec

from tta_gateway.node.complaints import few
from tta_gateway.support.log import FULL


def test_a_few_are_told_as_they_are() -> None:
    said = [f"gateway.yaml:{line}:1 routes: no" for line in range(50)]
    assert (few(said), few([])) == (said, [])


def test_of_many_the_first_are_told_and_the_others_counted() -> None:
    said = [str(number) for number in range(3000)]
    assert few(said) == [*said[:50], "and 2950 more: `tta-gateway check` shows all"]


def test_a_long_one_is_cut_off_where_it_shows() -> None:
    (told,) = few(["x" * 100_000])
    assert (len(told), told[-2:]) == (400, "x…")
    assert few(["x" * 400]) == ["x" * 400]


def test_all_that_is_told_of_fits_into_one_line_of_the_log() -> None:
    assert len(msgspec.json.encode(few(["\t\U0001f9e0" * 1000] * 3000))) < FULL

"""Places: the way of an error through the code."""

import pytest

from tta_gateway.support.places import places


def fail() -> None:
    raise ValueError("what a person wrote")


def test_each_step_is_a_file_and_a_line_and_no_value() -> None:
    with pytest.raises(ValueError, match="person") as caught:
        fail()
    found = places(caught.value)
    assert [place.rpartition(":")[0].rpartition("/")[2] for place in found] == [
        "test_places.py"
    ] * 2
    assert all(place.rpartition(":")[2].isdigit() for place in found)
    assert "person" not in "".join(found)


def test_an_error_that_was_never_raised_has_been_nowhere() -> None:
    assert places(ValueError()) == []

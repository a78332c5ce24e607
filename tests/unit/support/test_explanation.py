"""Explanations: what counts as one."""

import pytest
from pydantic import TypeAdapter, ValidationError

from tta_gateway.support.explanation import Explanation

READER: TypeAdapter[str] = TypeAdapter(Explanation)


@pytest.mark.parametrize(
    ("written", "said"),
    [("0123456789", "0123456789"), ("  she asked us to\n", "she asked us to"), ("x" * 1000,) * 2],
)
def test_a_reason_is_taken_without_blanks_around_it(written: str, said: str) -> None:
    assert READER.validate_python(written) == said


@pytest.mark.parametrize("written", ["", " " * 20, "012345678 ", "x" * 1001])
def test_what_hardly_says_anything_or_too_much_is_refused(written: str) -> None:
    with pytest.raises(ValidationError):
        READER.validate_python(written)

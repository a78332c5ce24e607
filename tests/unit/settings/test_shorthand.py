"""Shorthand: a value alone, where the long form is a mapping or a list."""

from typing import Annotated

import pytest
from pydantic import TypeAdapter

from tta_gateway.settings.shorthand import ADDRESS, Shorthand

Names = Annotated[list[str], Shorthand(lambda value: [value], ADDRESS)]


@pytest.mark.parametrize("written", ["a", ["a"]])
def test_a_value_alone_is_written_out(written: object) -> None:
    assert TypeAdapter(Names).validate_python(written) == ["a"]


def test_editors_hear_that_both_are_good() -> None:
    assert TypeAdapter(Names).json_schema() == {
        "anyOf": [
            {"title": "address", "type": "string"},
            {"type": "array", "items": {"type": "string"}},
        ]
    }

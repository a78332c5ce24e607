"""What may be declared, as operators write it."""

import pytest
from pydantic import TypeAdapter, ValidationError

from tta_gateway.settings.claim import Prefix, fitting


@pytest.mark.parametrize("text", ["/", "/a", "/a/", "/api/v1/players/"])
def test_a_prefix_is_how_paths_begin(text: str) -> None:
    assert TypeAdapter(Prefix).validate_python(text) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [("api", "is not how a path begins"), ("/{x}/", "must be literal"), ("/%61/", "no escapes")],
)
def test_anything_else_is_none(text: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TypeAdapter(Prefix).validate_python(text)


def test_whom_routes_let_in_is_said_only_where_there_are_any() -> None:
    assert fitting(auth_none=True, routes=("/a",))
    assert not fitting(auth_none=False, routes=())
    assert fitting(auth_none=True, routes=None)  # something is wrong with them already
    assert not fitting(auth_none=False, routes=("/a",))
    with pytest.raises(ValueError, match="has no effect without `routes`"):
        fitting(auth_none=True, routes=())

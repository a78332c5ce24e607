"""Shapes notice what is missing, too much or of another kind: a test that cannot fail is none."""

import pytest

from tests.contract.platform.shape import Shape, differences

SAME: tuple[tuple[object, Shape], ...] = (
    ("text", "string"),
    (1, "integer"),
    (1, "number"),
    (0.5, "number"),
    (None, "string|null"),
    ("healthy", "=healthy"),
    ([], ["string"]),
    ({"a": 1}, {"a": "integer", "b?": "string"}),
    ({"x": 1, "y": 2}, {"*": "integer"}),
    ({"message": "done"}, "@logout"),
)
OTHER: tuple[tuple[object, Shape, str], ...] = (
    (True, "integer", "$: True is no integer"),
    (0.5, "integer", "$: 0.5 is no integer"),
    ("ill", "=healthy", "$: 'ill' is not 'healthy'"),
    ({}, {"a": "any"}, "$.a: is missing"),
    ({"a": 1}, {}, "$.a: is too much"),
    ({"a": ["x", 1]}, {"a": ["string"]}, "$.a[1]: 1 is no string"),
    ({"x": "1"}, {"*": "integer"}, "$.x: '1' is no integer"),
    ({"message": None}, "@logout", "$.message: None is no string"),
    ("text", ["string"], "$: 'text' is no list"),
    ([], {"a": "any"}, "$: [] is no object"),
)


@pytest.mark.parametrize(("value", "shape"), SAME)
def test_a_value_of_the_shape_has_no_differences(value: object, shape: Shape) -> None:
    assert differences(value, shape) == []


@pytest.mark.parametrize(("value", "shape", "difference"), OTHER)
def test_a_value_of_another_shape_is_told_where(
    value: object, shape: Shape, difference: str
) -> None:
    assert differences(value, shape) == [difference]

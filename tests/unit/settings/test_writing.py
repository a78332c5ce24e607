"""YAML, written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.settings.complaint import Path
from tta_gateway.settings.document import Value, read
from tta_gateway.settings.writing import block, flow


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("off", "off"),
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("http://a:80/b", "http://a:80/b"),
        ("true", '"true"'),
        ("12", '"12"'),
        ("", '""'),
        ("-", '"-"'),
        ("a: b", '"a: b"'),
        ("a:", '"a:"'),
        ("/{a}", '"/{a}"'),
        ('a"b\\\n', '"a\\U00000022b\\U0000005c\\U0000000a"'),
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        ([], "[]"),
        (["a", 1], "[a, 1]"),
        ({}, "{}"),
        ({"a": {"b": []}}, "{a: {b: []}}"),
    ],
)
def test_a_value_stands_on_one_line(value: Value, text: str) -> None:
    assert flow(value) == text


def test_a_mapping_has_a_line_for_each_key_and_comments_behind_them() -> None:
    comments: dict[Path, str] = {
        ("a",): "one",
        ("b",): "two",
        ("d", 0): "three",
        ("d", 0, "f"): "four",
    }
    value: dict[str, Value] = {
        "a": 1,
        "b": {"c": ["x"]},
        "d": [{"e": 2, "f": {"g": 3}}, {"h": {}}],
    }
    assert list(block(value, lambda path: comments.get(path, ""))) == [
        "a: 1  # one",
        "b:  # two",
        "  c: [x]",
        "d:",
        "  # three",
        "  - e: 2",
        "    f:  # four",
        "      g: 3",
        "  - h: {}",
    ]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text(max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=3), below),
    max_leaves=6,
)


@given(VALUES)
def test_what_is_written_on_one_line_reads_as_the_same(value: Value) -> None:
    assert read(flow(value)).tree == value


@given(st.dictionaries(st.text(max_size=3), VALUES, min_size=1))
def test_what_is_written_in_lines_reads_as_the_same(value: dict[str, Value]) -> None:
    assert read("\n".join(block(value, lambda _: ""))).tree == value

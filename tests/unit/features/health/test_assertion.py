"""What must be so of a JSON body."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.health.assertion import Assertion, parse

SCALARS = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(max_size=20)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,8}", fullmatch=True)
BODY = {
    "status": "healthy",
    "checks": [{"ok": True, "name": "redis"}, {"ok": False}],
    "load": 1,
    "since": None,
    "a name": {"x.y": 2.5},
}


@pytest.mark.parametrize(
    "text",
    [
        '$.status == "healthy"',
        '$.status=="healthy"',
        '  $.status  !=  "unhealthy"  ',
        '$.status in ["healthy", "degraded"]',
        "$.checks[0].ok == true",
        "$.checks[1].ok == false",
        "$.load == 1",
        "$.load == 1.0",
        "$.load != true",
        "$.since == null",
        '$["a name"]["x.y"] == 2.5',
        "$.load in [0, 1]",
    ],
)
def test_these_are_so(text: str) -> None:
    assert parse(text).why_not(BODY) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('$.status == "degraded"', '`$.status` is "healthy"'),
        ('$.status != "healthy"', '`$.status` is "healthy"'),
        ('$.status in ["a", "b"]', '`$.status` is "healthy"'),
        ("$.load == true", "`$.load` is 1"),
        ("$.checks[0].ok == 1", "`$.checks[0].ok` is true"),
        ("$.missing == 1", "its body has no `$.missing`"),
        ("$.missing != 1", "its body has no `$.missing`"),
        ("$.checks[2].ok == true", "its body has no `$.checks[2].ok`"),
        ("$.status[0] == 1", "its body has no `$.status[0]`"),
        ("$.checks.ok == 1", "its body has no `$.checks.ok`"),
        ("$.since.x == 1", "its body has no `$.since.x`"),
        ('$.checks[0] == "a"', '`$.checks[0]` is {"ok":true,"name":"redis"}'),
    ],
)
def test_these_are_not(text: str, why: str) -> None:
    assert parse(text).why_not(BODY) == why


def test_of_a_long_value_the_beginning_is_told() -> None:
    why = parse("$.a == 1").why_not({"a": "x" * 1000})
    assert why == f'`$.a` is "{"x" * 59}…'


def test_the_whole_body_can_be_compared() -> None:
    assert parse('$ == "OK"').why_not("OK") == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not an assertion about JSON"),
        ("$.status", "is not an assertion about JSON"),
        ("status == 1", "is not an assertion about JSON"),
        ("$.status = 1", "is not an assertion about JSON"),
        ("$.status > 1", "is not an assertion about JSON"),
        ("$.status ==", "is not an assertion about JSON"),
        ("$..status == 1", "is not a path"),
        ("$.a[-1] == 1", "is not a path"),
        ("$.a[1 == 1", "is not a path"),
        ("$a == 1", "is not a path"),
        ("$.a == healthy", "is not JSON"),
        ("$.a == 'healthy'", "is not JSON"),
        ("$.a == [1]", "cannot be compared"),
        ("$.a == {}", "cannot be compared"),
        ("$.a in 1", "cannot be compared"),
        ("$.a in []", "cannot be compared"),
        ("$.a in [[1]]", "cannot be compared"),
    ],
)
def test_what_makes_no_assertion_is_refused_with_what_would(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(text)


@given(st.lists(NAMES | st.integers(0, 99), max_size=4), SCALARS)
def test_what_is_written_is_what_is_read(path: list[str | int], value: bool | int | None) -> None:
    steps = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in path)
    found = parse(f"${steps} == {json.dumps(value)}")
    assert found == Assertion(tuple(path), "==", (value,))
    assert type(found.values[0]) is type(value)


@given(SCALARS, SCALARS)
def test_a_value_is_itself_and_nothing_else(one: object, other: object) -> None:
    body = msgspec.json.decode(json.dumps({"a": one}))
    same = type(one) is type(other) and one == other
    text = json.dumps(other)
    assert (parse(f"$.a == {text}").why_not(body) == "") is same
    assert (parse(f"$.a in [{text}]").why_not(body) == "") is same
    assert (parse(f"$.a != {text}").why_not(body) == "") is not same


@given(st.text(max_size=40))
def test_any_text_is_an_assertion_or_refused(text: str) -> None:
    for whole in (text, f"${text}", f"$.a == {text}", f"$.a in {text}"):
        try:
            found = parse(whole)
        except ValueError:
            continue
        assert isinstance(found.why_not({"a": 1}), str)

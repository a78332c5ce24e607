"""The members of a service's message."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.safety.members import LARGEST, Members, common, pieces

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda below: (
        st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=5), below, max_size=4)
    ),
    max_leaves=12,
)


def test_each_string_is_known_by_the_names_that_lead_to_it() -> None:
    data = b'{"content":{"text":"Hello.","elements":[{"label":"Yes"}]},"id":"2026-01-01T00:00:00"}'
    assert Members(data).texts == {".content.text": "Hello.", ".content.elements.0.label": "Yes"}


def test_words_that_could_be_hexadecimal_are_words() -> None:
    assert Members(b'{"t":"dead"}').texts == {".t": "dead"}


def test_what_is_no_json_is_one_text() -> None:
    assert Members(b"just words").texts == {"": "just words"}
    assert Members(b'{"cut').texts == {"": '{"cut', ".0": "cut"}
    assert Members(b"null").texts == {"": "null"}
    assert Members(b"5").texts == {"": "5"}


def test_of_several_documents_each_line_that_says_something_is_known() -> None:
    data = b'{"a":"one\\n \\ntwo"}\n{"b":"three"}'
    found = Members(data).texts
    del found[""]
    assert found == {".0": "one", ".2": "two", ".3": "three"}


def test_a_name_that_says_something_is_a_text_and_can_be_replaced() -> None:
    members = Members(b'{"how are you":{"a":"fine"}}')
    name = ".how are you (its name)"
    assert members.texts == {name: "how are you", ".how are you.a": "fine"}
    made = json.loads(members.with_texts({name: "safe", ".how are you.a": "well"}))
    assert made == {"safe": {"a": "well"}}


@pytest.mark.parametrize(
    ("name", "together"),
    [
        (".a.0.b.12", ".a.*.b.*"),
        (".0", ".*"),
        (".1.2", ".*.*"),
        (".a1.2b", ".a1.2b"),
        ("", ""),
    ],
)
def test_neighbours_differ_by_a_number_alone(name: str, together: str) -> None:
    assert common(name) == together


def test_very_much_is_one_text() -> None:
    data = b"[" + b",".join([b'"a"'] * 3000) + b"]"
    assert list(Members(data).texts) == [""]
    assert list(Members(b'"' + b"a" * LARGEST + b'"').texts) == [""]


def test_what_lies_too_deep_is_read_together() -> None:
    data = b'{"a":' * 70 + b'"deep"' + b"}" * 70
    (text,) = Members(data).texts.values()
    assert "deep" in text


def test_texts_are_put_in_the_place_of_others() -> None:
    data = b'{"a":[1,{"b":"old"}],"c":"stays"}'
    made = json.loads(Members(data).with_texts({".a.1.b": "new"}))
    assert made == {"a": [1, {"b": "new"}], "c": "stays"}


def test_what_is_no_json_is_replaced_as_a_whole() -> None:
    assert Members(b"just words").with_texts({"": "safe"}) == b"safe"
    assert Members(b'{"cut').with_texts({"": "safe"}) == b'"safe"'


@given(JSON)
def test_nothing_changes_where_nothing_is_replaced(tree: object) -> None:
    data = json.dumps(tree).encode()
    members = Members(data)
    if "" not in members.texts:
        assert json.loads(members.with_texts({})) == tree


@pytest.mark.parametrize("ascii_only", [False, True])
@given(shift=st.integers(0, 12))
def test_a_large_message_is_read_in_parts_and_nothing_is_cut(shift: int, ascii_only: bool) -> None:
    said = "a" * shift + "\u00e4\u4f60\u0434" * 9000
    data = json.dumps(said, ensure_ascii=ascii_only).encode()
    found = list(pieces(data))
    assert "".join(found) == f'"{said}"'
    assert len(found) > 4
    assert "".join(pieces(b"\x80" * 20_000)) == "\ufffd" * 20_000

"""The file: YAML 1.2, a place for every value, and no surprise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.settings.complaint import Mark
from tta_gateway.settings.document import DEEPEST, Document, Value, child, read, resolve


def complaints(text: str) -> list[str]:
    return [complaint.line("f") for complaint in read(text).complaints]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("False", False),
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("n", "n"),
        ("", None),
        ("~", None),
        ("null", None),
        ("12", 12),
        ("-012", -12),
        ("0o17", 15),
        ("0xff", 255),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("1.5", 1.5),
        (".5e1", 5.0),
        ("1e3", 1000.0),
        ("-.inf", float("-inf")),
        (".inf", float("inf")),
        ("9" * 19, float("9" * 19)),
        ("1.2.3", "1.2.3"),
        ("2001-01-01", "2001-01-01"),
        ("=", "="),
    ],
)
def test_plain_text_means_what_yaml_1_2_says(written: str, value: object) -> None:
    assert resolve(written) == value
    assert type(resolve(written)) is type(value)


def test_quoted_text_is_text() -> None:
    assert read("""{a: "true", b: '1', c: "", d: |\n  5\n}""").complaints
    assert read("a: \"true\"\nb: '1'\nc: |\n  5\n").tree == {"a": "true", "b": "1", "c": "5\n"}


def test_keys_are_text_as_they_are_written() -> None:
    assert read("404: a\ntrue: b\n0x1: c\n").tree == {"404": "a", "true": "b", "0x1": "c"}


def test_every_value_has_a_place() -> None:
    document = read("a: 1\nb:\n  - x\n  - {c: 2}\n")
    assert document.places == {
        (): Mark(1, 1),
        ("a",): Mark(1, 1),
        ("b",): Mark(2, 1),
        ("b", 0): Mark(3, 5),
        ("b", 1): Mark(4, 5),
        ("b", 1, "c"): Mark(4, 6),
    }


def test_what_has_no_place_of_its_own_stands_where_its_owner_does() -> None:
    document = read("# first\na:\n  b: 1\n")
    assert document.place(("a", "c", "d")) == Mark(2, 1)
    assert document.place(("x",)) == Mark(2, 1)
    assert Document().place(("x",)) == Mark(1, 1)


def test_the_known_part_of_a_path_leads_to_a_value() -> None:
    document = read("a: [{b: 1}]")
    assert document.known(("a", 0, "b")) == ("a", 0, "b")
    assert document.known(("a", 0, "b", "c")) == ("a", 0, "b")
    assert document.known(("a", 1, "b")) == ("a",)
    assert document.known(("x",)) == ()


@pytest.mark.parametrize(("value", "key"), [({}, "a"), ([], 0), ({}, 0), ([], "a"), (None, "a")])
def test_where_there_is_no_child_there_is_none(value: Value, key: str | int) -> None:
    with pytest.raises(LookupError):
        child(value, key)


def test_anchors_unfold_and_are_strangers_afterwards() -> None:
    tree = read("a: &x {y: [1]}\nb: *x\n").tree
    assert tree == {"a": {"y": [1]}, "b": {"y": [1]}}
    assert isinstance(tree, dict)
    assert tree["a"] is not tree["b"]


def test_places_below_an_anchor_are_the_anchor_s() -> None:
    assert read("a: &x {y: 1}\nb: *x\n").place(("b", "y")) == Mark(1, 8)


def test_an_empty_text_is_nothing() -> None:
    assert read("").tree is None
    assert read("# words\n").tree is None


def test_a_key_that_stands_twice_is_refused_and_the_first_one_stays() -> None:
    document = read("a: 1\nb: {c: 1, c: 2}\na: 3\n")
    assert document.tree == {"a": 1, "b": {"c": 1}}
    assert [complaint.line("f") for complaint in document.complaints] == [
        "f:2:11 b.c: stands twice, first in line 2: keep one",
        "f:3:1 a: stands twice, first in line 1: keep one",
    ]


def test_every_level_of_nesting_up_to_the_limit_is_read() -> None:
    assert not complaints("[" * DEEPEST + "]" * DEEPEST)
    assert complaints("[" * (DEEPEST + 2) + "]" * (DEEPEST + 2)) == [
        f"f:1:{DEEPEST + 2}: is nested more than {DEEPEST} deep"
    ]


def test_anchors_do_not_lead_deeper_than_the_limit() -> None:
    half = DEEPEST // 2
    deep = "[" * half + "x" + "]" * half
    deeper = "[" * half + "*a" + "]" * half
    assert complaints(f"a: &a {deep}\nb: {deeper}\n") == [
        f"f:1:{7 + half}: anchors make it too deep or too large: write less of it"
    ]


def test_surrogates_are_no_text() -> None:
    assert complaints("a: \udcff") == [
        "f:1:1: is not YAML: there is a character that text may not hold"
    ]


@pytest.mark.parametrize("text", ["a: \x01", "é: 1\nü\x01: 2"])
def test_control_characters_are_found_where_they_stand(text: str) -> None:
    before = text.partition("\x01")[0].split("\n")
    assert complaints(text) == [
        f"f:{len(before)}:{len(before[-1]) + 1}: is not YAML: there is a character that text may "
        "not hold"
    ]


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#?,%@` \n\t\x85\ufeff\u2028", max_size=40))
def test_no_text_is_too_strange_to_be_read_or_refused(text: str) -> None:
    document = read(text)
    assert document.is_broken <= bool(document.complaints)
    assert all(isinstance(complaint.place, Mark) for complaint in document.complaints)

import pytest

from tests.helpers.builders import a_route
from tta_gateway.routing.template import (
    Segment,
    TemplateError,
    decoded,
    fill,
    names,
    other_slash,
    parse,
    raw_values,
)


def test_a_literal_segment_is_itself() -> None:
    assert parse("/players") == (Segment(b"players"),)


def test_a_segment_in_braces_is_any_one_segment() -> None:
    assert parse("/{player_id}") == (Segment(name="player_id"),)


def test_a_segment_of_paths_is_all_that_follows() -> None:
    assert parse("/files/{rest:path}") == (Segment(b"files"), Segment(name="rest", tail=True))


def test_a_slash_at_the_end_is_an_empty_segment() -> None:
    assert parse("/a/") == (Segment(b"a"), Segment())


def test_the_root_is_one_empty_segment() -> None:
    assert parse("/") == (Segment(),)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("players", "begins with `/`"),
        ("/{rest:path}/more", "stands last"),
        ("/a//b", "never matches"),
        ("/{id}/{id}", "twice"),
        ("/a{id}", "neither a literal segment nor"),
        ("/{1}", "neither a literal segment nor"),
        ("/a b", "neither a literal segment nor"),
        ("/../a", "neither a literal segment nor"),
        ("/./a", "neither a literal segment nor"),
        ("/{rest:int}", "neither a literal segment nor"),
    ],
)
def test_what_is_no_template_says_why(text: str, why: str) -> None:
    with pytest.raises(TemplateError, match=why):
        parse(text)


def test_the_names_of_a_template_are_in_order() -> None:
    assert names("/{one}/x/{two:path}") == ("one", "two")


def test_the_values_of_a_path_are_still_encoded() -> None:
    assert raw_values(parse("/x/{one}/{two}"), b"/x/%C3%A9/b") == {"one": b"%C3%A9", "two": b"b"}


def test_the_value_of_a_tail_is_all_that_follows() -> None:
    assert raw_values(parse("/x/{one}/{rest:path}"), b"/x/a/b/c/") == {"one": b"a", "rest": b"b/c/"}


def test_the_value_of_a_tail_may_be_empty() -> None:
    assert raw_values(parse("/x/{rest:path}"), b"/x/") == {"rest": b""}


def test_a_slash_beyond_the_template_belongs_to_no_value() -> None:
    assert raw_values(parse("/x/{one}"), b"/x/a/") == {"one": b"a"}


def test_a_template_is_filled_with_raw_values() -> None:
    made = fill(parse("/v1/{rest}/{one}"), {"rest": b"b/c", "one": b"%C3%A9"})
    assert made == b"/v1/b/c/%C3%A9"


def test_a_value_is_decoded_to_text() -> None:
    assert decoded(b"caf%C3%A9") == "café"


def test_a_value_that_is_no_utf8_is_marked_where_it_is_not() -> None:
    assert decoded(b"a%FFb") == "a\N{REPLACEMENT CHARACTER}b"


def test_a_plain_value_is_itself() -> None:
    assert decoded(b"plain") == "plain"


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("/a", (Segment(b"a"), Segment())),
        ("/a/", (Segment(b"a"),)),
        ("/{id}", (Segment(name="id"), Segment())),
        ("/", ()),
        ("/{rest:path}", ()),
    ],
)
def test_a_path_may_be_taken_with_its_last_slash_either_way(
    path: str, other: tuple[Segment, ...]
) -> None:
    assert other_slash(a_route(path, trailing_slash="either"), parse(path)) == other


def test_a_strict_path_is_taken_one_way() -> None:
    assert other_slash(a_route("/a"), parse("/a")) == ()

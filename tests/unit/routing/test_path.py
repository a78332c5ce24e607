import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.routing.path import is_usual, normal

ESCAPES = st.integers(0, 255).flatmap(
    lambda value: st.sampled_from([f"%{value:02x}".encode(), f"%{value:02X}".encode()])
)
DOTS = st.sampled_from([b"/", b".", b"..", b"/.", b"/..", b"%2e", b"%2E", b"\\", b";", b"//"])
TEXT = st.text(st.characters(codec="ascii", exclude_characters="%?#"), max_size=3)
PATHS = st.lists(st.one_of(ESCAPES, DOTS, TEXT.map(str.encode)), max_size=12).map(
    lambda parts: b"/" + b"".join(parts)
)


@pytest.mark.parametrize("path", [b"/", b"/players/7", b"/a.b/c-d_e~f", b"/a/", b"*"])
def test_a_usual_path_needs_no_second_look(path: bytes) -> None:
    assert is_usual(path)


@pytest.mark.parametrize("path", [b"/%41", b"/a//b", b"/./a", b"/a/..", b"/a\\b", b"/a;b", b"/.a"])
def test_an_unusual_path_is_looked_at(path: bytes) -> None:
    assert not is_usual(path)


@pytest.mark.parametrize(
    ("path", "made"),
    [
        (b"/%41%7a%2D%2e%5f%7E", b"/Az-._~"),
        (b"/%c3%a9", b"/%C3%A9"),
        (b"/a/./b", b"/a/b"),
        (b"/a/../b", b"/b"),
        (b"/a/b/..", b"/a/"),
        (b"/a/.", b"/a/"),
        (b"/..a/.b", b"/..a/.b"),
        (b"/a/%2e%2e/b", b"/b"),
        (b"/.well-known/jwks.json", b"/.well-known/jwks.json"),
    ],
)
def test_a_path_is_made_normal(path: bytes, made: bytes) -> None:
    assert normal(path) == (made, False)


@pytest.mark.parametrize("path", [b"/..", b"/a/../..", b"/%2e%2e/a", b"/./../a"])
def test_a_path_that_leaves_the_root_has_no_normal_form(path: bytes) -> None:
    assert normal(path)[0] is None


@pytest.mark.parametrize("path", [b"/%", b"/%4", b"/%zz", b"/%%32E%%32E/secret", b"/%2%46"])
def test_a_percent_sign_that_begins_no_escape_has_no_normal_form(path: bytes) -> None:
    assert normal(path)[0] is None


@pytest.mark.parametrize(
    "path", [b"/a//b", b"/a%2Fb", b"/a%2fb", b"/a\\b", b"/a%5Cb", b"/a%00", b"/a;b", b"/a%3bb"]
)
def test_what_services_read_differently_is_ambiguous(path: bytes) -> None:
    assert normal(path)[1]


def test_what_dots_take_away_may_still_make_a_path_ambiguous() -> None:
    assert normal(b"/a;b/../c") == (b"/c", True)


@given(PATHS)
def test_a_normal_path_is_normal(path: bytes) -> None:
    made = normal(path)[0] or b"/"
    assert normal(made)[0] == made


@given(PATHS)
def test_a_normal_path_has_no_dot_segments(path: bytes) -> None:
    made = normal(path)[0] or b"/"
    assert not {b".", b".."} & set(made.split(b"/"))


@given(PATHS)
def test_nothing_in_a_normal_path_decodes_to_a_dot(path: bytes) -> None:
    made = normal(path)[0] or b"/"
    assert re.search(rb"%2[eE]", made) is None


@given(PATHS)
def test_a_usual_path_is_normal(path: bytes) -> None:
    assert not is_usual(path) or normal(path) == (path, False)


@given(PATHS)
def test_a_path_that_is_not_ambiguous_decodes_to_no_new_segment(path: bytes) -> None:
    made, ambiguous = normal(path)
    assert ambiguous or b"%2F" not in (made or b"")

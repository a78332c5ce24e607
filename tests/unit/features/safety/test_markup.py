import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.safety import markup
from tta_gateway.features.safety.markup import bare


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("so <b>very</b> tired", "so very tired"),
        ("ti<i></i>red", "tired"),
        ('<p class="a b">so<br/>tired</p>', " so tired "),
        ("<SPAN style='color: red' id=x>so</SPAN>", "so"),
        ("so<!-- not seen -->", "so"),
        ("so&nbsp;ti&#114;e&#x64;", "so\xa0tired"),
        ("&lt;b&gt;so&lt;/b&gt;", "so"),
        ("ti&amp;#114;ed", "tired"),
        ("so & so", "so & so"),
        ("<so>", "<so>"),
        ("<so> <b>so</b>", "<so> so"),
        ("</\u017fpan>so<blockquotes>", "so<blockquotes>"),
        ("<h3>so</H3>", " so "),
        ("so <", "so <"),
        ("<b so tired>", "<b so tired>"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("&none; &#xd800;", "&none; \ufffd"),
    ],
)
def test_tags_and_entities_are_taken_out_and_words_are_not(text: str, said: str) -> None:
    assert bare(text) == said


@given(st.text(alphabet="<>/b &#;x1\"'= am", max_size=80))
def test_no_markup_is_too_odd(text: str) -> None:
    assert isinstance(bare(text), str)


@pytest.mark.parametrize("unit", ["<", "<b ", "<b a=", "<b a='", "&#1", "<!--", "<b a=b ", "&amp;"])
def test_time_grows_with_the_length_and_no_faster(unit: str) -> None:
    begun = time.process_time()
    bare(unit * (20_000 // len(unit)))
    assert time.process_time() - begun < 0.5


@given(
    st.lists(
        st.sampled_from(["<", "</", "b", "BR", "h4", ">", "\u017f", "pan", " ", "x", "!--", "-->"])
    )
)
def test_what_has_no_tag_at_a_glance_has_none(parts: list[str]) -> None:
    text = "".join(parts)
    slowly = markup._BETWEEN.sub(" ", markup._INSIDE.sub("", text))
    assert bare(text) == slowly


def test_not_all_entities_are_remembered() -> None:
    for number in range(2 * markup._MOST_KNOWN):
        assert bare(f"&#{number + 256};") == chr(number + 256)
    assert len(markup._KNOWN) <= markup._MOST_KNOWN

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

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

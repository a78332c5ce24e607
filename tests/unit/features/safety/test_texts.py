"""Every text that is shipped keeps the rules of safe messaging, as far as single words show it."""

import re

import msgspec
import pytest

from tta_gateway.features.safety.texts import SHIPPED

# What no text of a card may say: methods and places, blame, promises, what is asked of nobody.
NEVER = re.compile(
    r"\b(?:commit\w*|attempt\w*|success\w*|fail\w*|overdose\w*|pill\w*|bridge\w*|gun\w*|rope\w*"
    r"|selfish|fault|should have|must|never|always|promise\w*|guarantee\w*|secret\w*"
    r"|confidential\w*|anonymous\w*|everything will|you will be|calm down|just)\b",
    re.IGNORECASE,
)
TEXTS = [
    (language, name, text)
    for language, texts in SHIPPED.items()
    for name, text in msgspec.structs.asdict(texts).items()
]


@pytest.mark.parametrize(("language", "name", "text"), TEXTS)
def test_a_text_is_short_and_says_nothing_that_it_must_not(
    language: str, name: str, text: str
) -> None:
    said = text.replace("just now", "now")
    assert not NEVER.search(said), (language, name)
    assert len(text) <= 200
    assert text.isprintable()


@pytest.mark.parametrize("texts", SHIPPED.values(), ids=SHIPPED)
def test_who_is_in_danger_is_told_whom_to_call(texts: msgspec.Struct) -> None:
    told = msgspec.structs.asdict(texts)
    assert [name for name, text in told.items() if "{number}" in text] == ["danger"]


def test_whoever_says_that_they_are_in_need_is_asked() -> None:
    english = SHIPPED["en"]
    assert "?" in english.high
    assert "?" in english.imminent

"""Texts of rich editors: tags and entities of HTML stand inside of words and phrases.

Only tags that HTML has are taken out, so that nobody hides a word as one.
"""

import html
import re
from typing import Final

_LONGEST: Final = 400
"""characters of an attribute"""
_INLINE: Final = "a|abbr|b|bdi|bdo|big|code|del|em|font|i|ins|kbd|mark|q|s|small|span|strike|strong"
_INLINE_TOO: Final = "sub|sup|tt|u|wbr"
_BLOCK: Final = (
    "article|blockquote|body|br|center|dd|div|dl|dt|figure|footer|h1|h2|h3|h4|h5|h6|head|header|hr"
)
_BLOCK_TOO: Final = "html|img|input|li|main|nav|ol|p|pre|section|table|tbody|td|th|thead|tr|ul"
_ATTRIBUTES: Final = (
    rf"(?:\s++[\w:-]{{1,60}}+\s?=\s?"
    rf"(?:\"[^\"<>]{{0,{_LONGEST}}}+\"|'[^'<>]{{0,{_LONGEST}}}+'|[^\s\"'<>]{{1,{_LONGEST}}}+))*+"
    r"\s{0,8}+/?>"
)
_INSIDE: Final = re.compile(
    rf"</?(?:{_INLINE}|{_INLINE_TOO}){_ATTRIBUTES}|<!--[^<>]{{0,{_LONGEST}}}-->", re.IGNORECASE
)
_BETWEEN: Final = re.compile(rf"</?(?:{_BLOCK}|{_BLOCK_TOO}){_ATTRIBUTES}", re.IGNORECASE)
_TAGS: Final = frozenset("|".join((_INLINE, _INLINE_TOO, _BLOCK, _BLOCK_TOO)).split("|"))
_LONGEST_TAG: Final = max(map(len, _TAGS))
_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,24});")
_KNOWN: Final[dict[str, str]] = {}
"""entities that were looked at before, and what they stand for"""
_MOST_KNOWN: Final = 1024
_DEEP: Final = 2
"""times that a text may have been escaped"""


def bare(text: str) -> str:
    """Return a text without tags and entities."""
    for _ in range(_DEEP):
        if "&" in text and _ENTITY.search(text) is not None:
            text = _ENTITY.sub(_char, text)
    if "<" in text and _may_have_tags(text):
        text = _BETWEEN.sub(" ", _INSIDE.sub("", text))
    return text


def _may_have_tags(text: str) -> bool:
    """Tell whether the name of a tag, or a comment, stands behind a bracket.

    Expressions take ten times as long, and many texts have brackets: scripts/safety_score.py.
    """
    at = text.find("<")
    while at >= 0:
        begin = at + 2 if text.startswith("/", at + 1) else at + 1
        end = begin
        while end < len(text) and end - begin <= _LONGEST_TAG and text[end].isalnum():
            end += 1
        name = text[begin:end]
        # Letters of other alphabets may be small ones of these: that is left to the expressions.
        if name.lower() in _TAGS or not name.isascii() or text.startswith("!--", begin):
            return True
        at = text.find("<", at + 1)
    return False


def _char(entity: re.Match[str]) -> str:
    """Return what an entity stands for; what is none, or half a character, U+FFFD or nothing."""
    name = entity[0]
    known = _KNOWN.get(name)
    if known is None:
        if len(_KNOWN) >= _MOST_KNOWN:
            _KNOWN.clear()
        known = _KNOWN[name] = html.unescape(name)
    return known

"""Scrubbing: free texts, of exceptions above all, without what looks like somebody's.

The second belt: nothing that a person wrote should stand in such a text at all.  Mail addresses,
telephone numbers, tokens, passwords and long numbers go; the time that takes grows with the length
of the text alone, and of that there is a bound.
"""

import re
from typing import Final

LONGEST: Final = 1000
"""Characters of a text that are shown."""
_CUT: Final = " [...]"
_DIGITS: Final = 4  # of each, at least, that what is no word has
_LETTERS: Final = 4
_JWT: Final = re.compile(r"eyJ[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*){0,4}")
_USER_IN_URL: Final = re.compile(r"://[^/\s@]{1,256}@")
_MAIL: Final = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_SHOWN: Final = re.compile(r"\b(bearer|basic|digest) +[A-Za-z0-9+/=_.~-]{6,}", re.IGNORECASE)
_NAMED: Final = re.compile(
    r"\b(password|passwd|secret|token|session|sid|code|key|api[_-]?key|authorization)"
    r"(=|\": ?\")[^\s&;,\"']{1,512}",
    re.IGNORECASE,
)
_OPAQUE: Final = re.compile(r"[A-Za-z0-9_+=-]{20,}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_PHONE: Final = re.compile(
    r"\+\d(?:[ ().-]{0,2}\d){7,17}"
    r"|(?<![\d.-])(?:\(\d{2,5}\) ?|0?\d{2,4}[ -])\d{3,4}[ -]\d{3,5}(?![\d.-])"
    r"|(?<![\d.])\d{3}\.\d{3}\.\d{4}(?![\d.])"
    r"|(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])"
)
_LONG: Final = re.compile(r"\d{9,}")
_SOME_DIGITS: Final = re.compile(r"\d{2}")


def scrub(text: str) -> str:
    """Return a text with placeholders for what looks like somebody's."""
    if len(text) > LONGEST:
        text = text[:LONGEST] + _CUT
    if "@" in text:
        text = _USER_IN_URL.sub("://[secret]@", text)
        text = _MAIL.sub("[mail]", text)
    if "eyJ" in text:
        text = _JWT.sub("[token]", text)
    text = _SHOWN.sub(r"\1 [secret]", text)
    text = _NAMED.sub(r"\1\2[secret]", text)
    if _SOME_DIGITS.search(text) is None:
        return text
    text = _OPAQUE.sub(_opaque, text)
    text = _PHONE.sub("[number]", text)
    return _beside_ids(text)


def _opaque(found: re.Match[str]) -> str:
    """Return what stands for something that is hardly a word: ids of ours stay."""
    word = found[0]
    if _UUID.fullmatch(word):
        return word
    digits = sum(one.isdigit() for one in word)
    letters = sum(one.isalpha() for one in word)
    return "[token]" if digits >= _DIGITS and letters >= _LETTERS else word


def _beside_ids(text: str) -> str:
    """Take out long numbers, but not those in ids."""
    made, at = [], 0
    for found in _UUID.finditer(text):
        made += [_LONG.sub("[number]", text[at : found.start()]), found[0]]
        at = found.end()
    made.append(_LONG.sub("[number]", text[at:]))
    return "".join(made)

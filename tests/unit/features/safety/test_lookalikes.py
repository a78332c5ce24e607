import re
import unicodedata

from tta_gateway.features.safety.lookalikes import EMOJI, INVISIBLE, LATIN


def test_what_looks_like_a_letter_is_none_of_ascii() -> None:
    assert all(code > 127 for code in LATIN)
    assert all(len(letter) == 1 and letter.isascii() for letter in LATIN.values())


def test_what_nobody_sees_is_no_letter_that_is_read() -> None:
    seen = re.compile(f"[{INVISIBLE}]")
    assert not any(seen.search(chr(code)) for code in range(128))
    assert seen.search("\u200b")
    assert seen.search("\U000e0041")


def test_pictures_are_no_letters() -> None:
    pictures = re.compile(f"[{EMOJI}]")
    assert pictures.search("\U0001f480")
    assert not any(unicodedata.category(char) == "Lu" for char in "☠⚰")

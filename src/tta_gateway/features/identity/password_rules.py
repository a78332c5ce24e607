"""Which passwords people may choose (NIST SP 800-63B 5.1.1.2): long ones that nobody tries first.

No rule says of which characters one is to be made: that makes passwords no better, and people write
them down.  One that programs try at once is refused, by a list of what is behind the commonest
ones, whatever digits and signs stand around it and in its letters' places.
"""

import unicodedata
from collections.abc import Iterable
from typing import Final

_WORDS: Final = """
password passwort motdepasse contrasena senha secret letmein welcome iloveyou sunshine
princess football baseball superman batman pokemon dragon monkey master shadow michael
jennifer trustno computer internet whatever freedom starwars charlie jordan hunter
killer ginger administrator admin root user guest test demo login changeme default
qwerty qwertyuiop qwertzuiop azertyuiop asdfghjkl zxcvbnm qazwsx qazwsxedc abcdef
abcdefgh abcdefghijkl passwordpassword qwertyqwerty letmeinletmein passphrase mypassword
yourpassword newpassword thepassword password1password correcthorsebatterystaple
helloworld hello summer winter spring autumn therapy therapist therapeutic storyteller
"""
_COMMON: Final = frozenset(_WORDS.split())
_AROUND: Final = "0123456789 .,;:!?$%&#*+-_/=()[]{}<>@'\"^~|"
_MEANT: Final = str.maketrans("@4031!$57", "aaoeiisst")
_ROWS: Final = (
    "01234567890123456789",
    "98765432109876543210",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
)
_LONGEST_PERIOD: Final = 4
_NAMED: Final = 4  # characters of a name that can be told from chance
_BESIDE: Final = 4  # characters beside what is common that do not help


def complaint(password: str, *, shortest: int, longest: int, names: Iterable[str] = ()) -> str:
    """Return what is wrong with a password, for who has chosen it; empty if nothing is."""
    if not shortest <= len(password) <= longest:
        return f"A password has {shortest} to {longest} characters: several words make a good one."
    text = unicodedata.normalize("NFKC", password).casefold()
    for name in names:
        known = unicodedata.normalize("NFKC", name).casefold()
        if text == known or (len(known) >= _NAMED and _is_little_more(text, known)):
            return "The password is little more than the name: choose one that nobody can guess."
    if _is_common(text):
        return (
            "The password is one of those that are tried first: choose one that nobody can guess, "
            "several words, say, that have nothing to do with each other."
        )
    return ""


def _is_little_more(text: str, known: str) -> bool:
    return known in text and len(text) - len(known) <= _BESIDE


def _is_common(text: str) -> bool:
    if _repeats(text) or _is_a_row(text):
        return True
    letters = text.strip(_AROUND)
    if not letters or _is_a_row(letters) or _repeats(letters):
        return True
    return any("".join(one.split()) in _COMMON for one in (letters, letters.translate(_MEANT)))


def _repeats(text: str) -> bool:
    """Tell whether it is a few characters again and again."""
    for period in range(1, min(_LONGEST_PERIOD, len(text) // 2) + 1):
        if text == (text[:period] * len(text))[: len(text)]:
            return True
    return False


def _is_a_row(text: str) -> bool:
    """Tell whether it is a row of the keyboard, or of the alphabet."""
    return len(text) > 1 and any(text in row for row in _ROWS)

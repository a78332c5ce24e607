"""Words as they are typed in a hurry: one slip of a finger away from a word that matters.

Only words of five letters and more are read so, and none that is a word itself: shorter ones have
too many neighbours, and stand in the lexicon with the spellings that people use.
"""

from collections.abc import Iterable, Mapping
from typing import Final

SHORTEST: Final = 5
_ROWS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_VOWELS: Final = "aeiou"


def _near() -> dict[str, str]:
    """Return the letters whose keys touch one's own, and for a vowel the other ones."""
    near: dict[str, str] = {}
    for number, row in enumerate(_ROWS):
        for at, letter in enumerate(row):
            others = row[max(0, at - 1) : at] + row[at + 1 : at + 2]
            if number:
                others += _ROWS[number - 1][at : at + 2]
            if number + 1 < len(_ROWS):
                others += _ROWS[number + 1][max(0, at - 1) : at + 1]
            near[letter] = others + (_VOWELS if letter in _VOWELS else "")
    return near


_NEAR: Final = _near()


def slips(word: str) -> set[str]:
    """Return a word with a letter left out, doubled, changed for a near one, or two exchanged."""
    made: set[str] = set()
    for at, letter in enumerate(word):
        head, tail = word[:at], word[at + 1 :]
        if at:
            made.add(head + tail)
        made.add(head + letter + letter + tail)
        made.update(head + other + tail for other in _NEAR.get(letter, ""))
        made.update(head + letter + other + tail for other in _NEAR.get(letter, ""))
        if tail:
            made.add(head + tail[0] + letter + tail[1:])
    made.discard(word)
    return made


def misspelt(words: Iterable[str], but: frozenset[str]) -> dict[str, str]:
    """Return what words are typed as, and the word; `but` are words of their own.

    What could be two of them is nearer to neither, and stays as it is.
    """
    made: dict[str, str] = {}
    twice: set[str] = set()
    for word in words:
        if len(word) < SHORTEST:
            continue
        for slip in slips(word):
            if slip in made:
                twice.add(slip)
            elif slip not in but:
                made[slip] = word
    return {slip: word for slip, word in made.items() if slip not in twice}


def meant(spellings: Mapping[str, str], words: list[str]) -> list[str]:
    """Return words as they are meant.

    A spelling may stand for several, whose last is not said twice: "idw to" is "i dont want to".
    """
    made: list[str] = []
    last = ""
    for word in words:
        known = spellings.get(word)
        if known is None:
            if word != last:
                made.append(word)
            last = ""
        else:
            several = known.split()
            made += several
            last = several[-1] if len(several) > 1 else ""
    return made

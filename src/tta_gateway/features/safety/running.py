"""A text that comes in parts: its last words are looked at together with what comes.  Pure.

Parts are words, or pieces of them, and nobody says whether a space belongs between two: so where
neither side has one, the text is read both ways.  A part that is the same each time (an id, the
name of a kind) is no text that goes on, and is read once.
"""

from collections.abc import Iterator
from typing import Final

from tta_gateway.features.safety.leaves import OVERLAP, slices

_IDEOGRAPHS: Final = "\u2e80"  # from here on, words are not set apart by spaces
_CONSTANT: Final = 4  # characters, from which on a repeated part is no word


class Running:
    """One text that goes on."""

    __slots__ = ("_last", "_new", "_spaced", "_text", "is_open")

    def __init__(self) -> None:
        """Begin with nothing said."""
        self._text = ""
        self._spaced = ""
        self._last = ""
        self._new = False
        self.is_open = False
        """Whether it ends within a word."""

    def add(self, said: str) -> bool:
        """Go on; True if all before this part has become whole words."""
        if said == self._last and len(said) >= _CONSTANT and " " not in said:
            self.is_open = False
            return True
        self._last = said
        if self._text and _in_word(self._text[-1]) and _in_word(said[0]):
            spaced = self._spaced or self._text
            self._spaced = f"{spaced} {said}"
        elif self._spaced:
            self._spaced += said
        self._text += said
        self._new = True
        self.is_open = _in_word(said[-1])
        return not all(map(_in_word, said))

    def pieces(self) -> Iterator[str]:
        """Yield what is to be looked at, and begin anew behind it, with its last words."""
        if not self._new:
            return
        self._new = False
        text, spaced = self._text, self._spaced
        self._text, self._spaced = text[-OVERLAP:], spaced[-OVERLAP:]
        yield from slices(text)
        if spaced:
            yield from slices(spaced)


def _in_word(letter: str) -> bool:
    return letter < _IDEOGRAPHS and letter.isalnum()


def boundary(text: str) -> int:
    """Return how many characters there are up to the end of the last whole word."""
    for at in range(len(text) - 1, -1, -1):
        if not _in_word(text[at]):
            return at + 1
    return 0

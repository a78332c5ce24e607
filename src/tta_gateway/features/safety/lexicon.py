"""The lexicon: phrases of eight kinds of need, read from the file beside this one.

The head of lexicon.txt says how phrases are written.
"""

from collections.abc import Iterator
from itertools import product
from typing import Final, cast, get_args

from tta_gateway.features.safety.automaton import ANY, Automaton, Element, grown
from tta_gateway.features.safety.contents import Contents, restored
from tta_gateway.features.safety.meaning import NEEDED, Reader
from tta_gateway.features.safety.normal import Words
from tta_gateway.features.safety.rule import FLAGS, Rule
from tta_gateway.features.safety.spelling import misspelt
from tta_gateway.kernel.verdict import Category

CATEGORIES: Final = cast("tuple[Category, ...]", get_args(Category))


_LISTS: Final = ("starred", "typed", "others")
"""of words: those that stars may hide, those found with a letter wrong, others like these"""
_NO_WORD: Final = frozenset("?'-_@")


class LexiconError(ValueError):
    """A line of the lexicon that says nothing that is understood."""


class Lexicon:
    """Rules, the automaton that finds their phrases, and the words that these are made of."""

    def __init__(self, text: str, kept: bytes = b"") -> None:
        """Read it, or what is kept of it; LexiconError names the line that is wrong."""
        contents = (restored(kept, text) if kept else None) or contents_of(text)
        self.version = contents.version
        self.rules = contents.rules
        self.common = contents.common
        self.automaton = contents.automaton
        self.reader = Reader(contents.groups)
        self.words = Words(
            contents.known,
            starred=contents.starred,
            spellings=contents.spellings,
            anchors=contents.automaton.anchors,
        )


def contents_of(text: str) -> Contents:
    """Return what a text comes to; LexiconError names the line that is wrong."""
    return _Reading().contents(text)


class _Reading:
    """A lexicon while its lines are read."""

    def __init__(self) -> None:
        self._version = ""
        self._rules: list[Rule] = []
        self._classes: dict[str, Element] = {}
        self._common: list[str] = []
        self._lists: dict[str, Element] = dict.fromkeys(_LISTS, frozenset())
        self._spellings: dict[str, str] = {}
        self._groups: dict[str, Element] = {}
        self._elements: dict[str, Element] = {}

    def contents(self, text: str) -> Contents:
        """Return what all lines come to."""
        phrases: list[tuple[int, list[Element]]] = []
        for number, line in enumerate(text.splitlines(), 1):
            try:
                phrases += self._read(line.strip())
            except LexiconError as error:
                raise LexiconError(f"line {number}: {error}") from None
        if not self._groups.keys() >= NEEDED:
            raise LexiconError(f"without {' '.join(sorted(NEEDED.difference(self._groups)))}")
        looked_for = {one for _, elements in phrases for one in elements}
        known = frozenset(self._common).union(*looked_for)
        spellings = misspelt(sorted(self._lists["typed"]), known | self._lists["others"])
        return Contents(
            self._version,
            rules=self._rules,
            automaton=Automaton(grown(phrases, self._common)),
            common=self._common,
            groups=self._groups,
            known=known,
            starred=self._lists["starred"],
            spellings=spellings | self._spellings,
        )

    def _read(self, line: str) -> Iterator[tuple[int, list[Element]]]:
        """Take one line; yield the phrases that it stands for."""
        first, _, rest = line.partition(" ")
        if not line or first == "#" or line.startswith("# "):
            return
        if self._is_taken(first, rest):
            return
        if first.startswith("%"):
            self._groups[first[1:]] = frozenset(rest.removeprefix("= ").split())
        elif line.startswith("["):
            self._rules.append(_rule(line))
        elif rest.startswith("= "):
            self._classes[first] = self._element(rest[2:].replace(" ", "|"))
        else:
            yield from ((len(self._rules) - 1, made) for made in self._phrases(line))

    def _is_taken(self, first: str, rest: str) -> bool:
        """Take a line of words that are of no phrase; tell whether it is one."""
        if first == "version":
            self._version = rest
        elif first == "common":
            self._common = rest.split()
        elif first in _LISTS:
            self._lists[first] |= frozenset(rest.split())
        elif first == "spelt":
            self._spell_as(rest)
        else:
            return False
        return True

    def _spell_as(self, line: str) -> None:
        """Take spellings of words: of which, then how."""
        said, equals, spellings = line.partition(" = ")
        if not equals:
            raise LexiconError(f"no spellings: {line}")
        self._spellings.update(dict.fromkeys(spellings.split(), said))

    def _phrases(self, line: str) -> Iterator[list[Element]]:
        """Yield a phrase with and without all that may be missing."""
        if not self._rules:
            raise LexiconError("a phrase before the first rule")
        choices = [self._choices(word) for word in line.split()]
        for chosen in product(*choices):
            elements = [element for part in chosen for element in part]
            if all(not element for element in elements):
                raise LexiconError("a phrase that any word would be")
            yield elements

    def _choices(self, word: str) -> list[list[Element]]:
        if set(word) == {"_"}:
            return [[ANY] * count for count in range(len(word) + 1)]
        if word.endswith("?"):
            return [[self._element(word[:-1])], []]
        return [[self._element(word)]]

    def _element(self, text: str) -> Element:
        known = self._elements.get(text)
        if known is None:
            known = self._elements[text] = self._made(text)
        return known

    def _made(self, text: str) -> Element:
        made: set[str] = set()
        for word in text.split("|"):
            if word.startswith("@"):
                if word not in self._classes:
                    raise LexiconError(f"no class {word}")
                made |= self._classes[word]
            elif word and _NO_WORD.isdisjoint(word):
                made.add(word)
            elif word:
                raise LexiconError(f"no word as normal.py leaves them: {word}")
        if not made:
            raise LexiconError("an element of no word")
        return frozenset(made)


def _rule(line: str) -> Rule:
    parts = line.strip("[]").split()
    if len(parts) < 3:
        raise LexiconError("a rule is [name category level flags]")
    name, category, level, *flags = parts
    if category not in CATEGORIES or level not in "0123" or not FLAGS.issuperset(flags):
        raise LexiconError(f"no category, level or flag of a rule: {line}")
    return Rule(name, category, int(level), frozenset(flags))

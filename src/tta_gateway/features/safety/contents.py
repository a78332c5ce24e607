"""What a lexicon comes to once it is read, and how it is kept: reading its text takes 70 ms.

What is kept stands beside the text (scripts/safety_keep.py writes it), and is gone by only if it
was made of this very text.  Nodes of phrases that go on alike are kept once.
"""

import zlib
from collections.abc import Mapping
from hashlib import sha256
from typing import Final, NamedTuple, TypeAlias

import msgspec

from tta_gateway.features.safety.automaton import Automaton, Element, Node
from tta_gateway.features.safety.rule import Rule
from tta_gateway.kernel.verdict import Category

_DIGEST: Final = 32
_EDITION: Final = b"1"
"""of the form in which it is kept"""
_Rule: TypeAlias = tuple[str, Category, int, list[str]]
_Kept: TypeAlias = tuple[
    str,  # version
    list[str],  # common
    list[str],  # starred
    dict[str, list[str]],  # groups
    dict[str, str],  # what is meant, and spellings of it
    list[_Rule],
    str,  # words
    list[list[int]],  # elements, by the numbers of their words
    list[list[int]],  # nodes: the way back, its rules, then elements and what follows them
]
_read: Final = msgspec.msgpack.Decoder(_Kept).decode
_written: Final = msgspec.msgpack.Encoder().encode


class Contents(NamedTuple):
    """All that stands in a lexicon."""

    version: str
    rules: list[Rule]
    automaton: Automaton
    common: list[str]
    groups: Mapping[str, Element]
    known: Element
    """all words that it knows"""
    starred: Element
    spellings: Mapping[str, str]
    """and what they mean"""


def kept(contents: Contents, text: str) -> bytes:
    """Return the contents of a lexicon of this text as they are kept."""
    words = sorted(contents.known)
    numbers = _Numbers(words)
    numbers.of(contents.automaton.root)
    meant: dict[str, str] = {}
    for spelling, said in sorted(contents.spellings.items()):
        meant[said] = f"{meant[said]} {spelling}" if said in meant else spelling
    body = _written(
        (
            contents.version,
            contents.common,
            sorted(contents.starred),
            {name: sorted(group) for name, group in sorted(contents.groups.items())},
            meant,
            [(one.name, one.category, one.level, one.flags) for one in contents.rules],
            " ".join(words),
            numbers.elements,
            numbers.nodes,
        )
    )
    packed = zlib.compress(body, 9)
    return _digest(text, packed) + packed


def restored(data: bytes, text: str) -> Contents | None:
    """Return what was kept of a lexicon of this text; None if it is of another, or is damaged."""
    packed = data[_DIGEST:]
    if data[:_DIGEST] != _digest(text, packed):
        return None
    made = _read(zlib.decompress(packed))
    version, common, starred, groups, meant, rules, known, elements, nodes = made
    words = known.split(" ")
    return Contents(
        version,
        rules=[Rule(name, kind, level, frozenset(flags)) for name, kind, level, flags in rules],
        automaton=Automaton(_grown(nodes, _elements(words, elements))),
        common=common,
        groups={name: frozenset(group) for name, group in groups.items()},
        known=frozenset(words),
        starred=frozenset(starred),
        spellings={one: said for said, several in meant.items() for one in several.split(" ")},
    )


def _digest(text: str, packed: bytes) -> bytes:
    return sha256(b"%b\0%b\0%b" % (_EDITION, text.encode(), packed)).digest()


def _elements(words: list[str], numbers: list[list[int]]) -> list[Element]:
    return [frozenset([words[at] for at in each]) for each in numbers]


def _grown(rows: list[list[int]], elements: list[Element]) -> Node:
    """Return the root: a row names nodes of rows before it."""
    nodes: list[Node] = []
    for row in rows:
        node = Node()
        if row[0]:
            node.before = nodes[row[0] - 1]
        rest = 2 + row[1]
        node.rules = row[2:rest]
        for at in range(rest, len(row), 2):
            node.put(elements[row[at]], nodes[row[at + 1]])
        node.edges()  # made here: the first texts of a worker took up to 1.7 ms for it
        nodes.append(node)
    return nodes[-1]


class _Numbers:
    """The numbers of elements and nodes; nodes from which the same leads on have one number."""

    def __init__(self, words: list[str]) -> None:
        self._words = {word: number for number, word in enumerate(words)}
        self._elements: dict[Element, int] = {}
        self._rows: dict[tuple[int, ...], int] = {}
        self.elements: list[list[int]] = []
        self.nodes: list[list[int]] = []

    def of(self, node: Node) -> int:
        """Return the number of a node; those that it leads to have theirs before it."""
        row = [0 if node.before is None else self.of(node.before) + 1, len(node.rules)]
        row += node.rules
        for element, child in node.children.items():
            row += (self._of_element(element), self.of(child))
        key = tuple(row)
        number = self._rows.get(key)
        if number is None:
            number = self._rows[key] = len(self.nodes)
            self.nodes.append(row)
        return number

    def _of_element(self, element: Element) -> int:
        number = self._elements.get(element)
        if number is None:
            number = self._elements[element] = len(self.elements)
            self.elements.append(sorted(self._words[word] for word in element))
        return number

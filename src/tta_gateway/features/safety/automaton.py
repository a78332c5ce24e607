"""Many phrases found in one pass over the words of a text.

A phrase is a row of elements; an element is a set of words, or any word at all.  Phrases that begin
alike share their beginning, as in a trie, so that a word costs one look-up for each phrase that is
under way.  Nothing is looked for unless a word is there that some phrase cannot be without.
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from tta_gateway.features.safety.normal import STOP

Element: TypeAlias = frozenset[str]
ANY: Final[Element] = frozenset()
"""the element that is any word"""
_MOST: Final = 96
"""phrases under way at once: texts made to hold more of them cost no more"""


class Hit:
    """A phrase that was found: its number, its first word and the one after its last."""

    __slots__ = ("begin", "end", "rule")

    def __init__(self, rule: int, begin: int, end: int) -> None:
        """Say where it is."""
        self.rule = rule
        self.begin = begin
        self.end = end


class Node:
    """What may follow once so much of a phrase has been read."""

    __slots__ = ("_edges", "children", "rest", "rules")

    def __init__(self) -> None:
        """Begin with nothing."""
        self.children: dict[Element, Node] = {}
        self._edges: dict[str, list[Node]] | None = None
        self.rest: Node | None = None
        self.rules: list[int] = []

    def child(self, element: Element) -> "Node":
        """Return what follows an element, made if it is not there yet."""
        node = self.children.get(element)
        if node is None:
            node = self.children[element] = Node()
            if not element:
                self.rest = node
        return node

    def edges(self) -> dict[str, list["Node"]]:
        """Return what follows each word; made when it is first asked for, which most never are."""
        made = self._edges
        if made is None:
            made = self._edges = {}
            for element, node in self.children.items():
                for word in element:
                    made.setdefault(word, []).append(node)
        return made


_NONE: Final[list[Node]] = []


class _Step:
    """What is under way after a word."""

    __slots__ = ("_at", "begins", "nodes")

    def __init__(self, at: int) -> None:
        self._at = at
        self.nodes: list[Node] = []
        self.begins: list[int] = []

    def after(self, node: Node, word: str, begin: int, found: list[Hit]) -> None:
        """Go on from a node by a word."""
        for one in node.edges().get(word, _NONE):
            self.into(one, begin, found)
        if node.rest is not None:
            self.into(node.rest, begin, found)

    def into(self, node: Node, begin: int, found: list[Hit]) -> None:
        """Come to a node."""
        for rule in node.rules:
            found.append(Hit(rule, begin, self._at + 1))  # noqa: PERF401 - no copy of the list
        if node.children and len(self.nodes) < _MOST:
            self.nodes.append(node)
            self.begins.append(begin)


class Automaton:
    """Finds phrases."""

    def __init__(self, phrases: Iterable[tuple[int, Sequence[Element]]], common: Element) -> None:
        """Look for these, by number; every text has words that are `common`."""
        self._root = Node()
        needed: set[str] = set()
        for rule, elements in phrases:
            node = self._root
            for element in elements:
                node = node.child(element)
            if rule not in node.rules:
                node.rules.append(rule)
            needed |= _needed(elements, common)
        self._needed = frozenset(needed)

    def hits(self, words: list[str]) -> list[Hit]:
        """Return what is found, in the order of its ends."""
        found: list[Hit] = []
        if self._needed.isdisjoint(words):
            return found
        under_way: list[Node] = []
        begins: list[int] = []
        edges = self._root.edges()
        for at, word in enumerate(words):
            if word == STOP:
                under_way, begins = [], []
                continue
            step = _Step(at)
            for index, node in enumerate(under_way):
                step.after(node, word, begins[index], found)
            for one in edges.get(word, _NONE):
                step.into(one, begin=at, found=found)
            under_way, begins = step.nodes, step.begins
        return found


def _needed(elements: Sequence[Element], common: Element) -> Element:
    """Return the words one of which is in every text that holds the phrase."""
    rare = [element for element in elements if element and element.isdisjoint(common)]
    if rare:
        return min(rare, key=len)
    return min((element for element in elements if element), key=len)

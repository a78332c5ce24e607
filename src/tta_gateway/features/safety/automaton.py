"""Many phrases found in one pass over the words of a text.

A phrase is a row of elements; an element is a set of words, or any word at all.  Each phrase has an
anchor, the element whose words are rarest, and is looked for only where a word of that stands: from
there on along a trie of what follows, then back along a trie of what comes before.  So a word that
is nobody's anchor costs one look-up.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from tta_gateway.features.safety.normal import STOP

Element: TypeAlias = frozenset[str]
ANY: Final[Element] = frozenset()
"""the element that is any word"""
STEPS: Final = 4000
"""along the tries, for one text: three times what anybody has needed; what is made to need more is
not read to its end"""
_RARE: Final = 0.0004


class Hit:
    """A phrase that was found: its number, its first word and the one after its last."""

    __slots__ = ("begin", "end", "rule")

    def __init__(self, rule: int, begin: int, end: int) -> None:
        """Say where it is."""
        self.rule = rule
        self.begin = begin
        self.end = end


class Node:
    """What may follow once so much of a phrase has been read.

    `before` is where the way back from the anchor begins, if nothing need follow; on the way back
    `rules` are those whose phrase is whole.
    """

    __slots__ = ("_edges", "before", "children", "rest", "rules")

    def __init__(self) -> None:
        """Begin with nothing."""
        self.children: dict[Element, Node] = {}
        self._edges: dict[str, list[Node]] | None = None
        self.rest: Node | None = None
        self.before: Node | None = None
        self.rules: list[int] = []

    def child(self, element: Element) -> "Node":
        """Return what follows an element, made if it is not there yet."""
        node = self.children.get(element)
        if node is None:
            node = Node()
            self.put(element, node)
        return node

    def put(self, element: Element, node: "Node") -> None:
        """Have a node follow an element."""
        self.children[element] = node
        if not element:
            self.rest = node

    def edges(self) -> dict[str, list["Node"]]:
        """Return what follows each word; made when it is first asked for, which most never are."""
        made = self._edges
        if made is None:
            made = self._edges = {}
            for element, node in self.children.items():
                for word in element:
                    made.setdefault(word, []).append(node)
        return made


def grown(phrases: Iterable[tuple[int, Sequence[Element]]], common: Sequence[str]) -> Node:
    """Return the root of phrases, by number; `common` are words that are usual, most usual first.

    From the root lead anchors.
    """
    usual = {word: 1.0 / (10.0 + rank) for rank, word in enumerate(common)}
    costs: dict[Element, float] = {}  # an element stands in many phrases
    root = Node()
    for rule, elements in phrases:
        for element in elements:
            if element not in costs:
                costs[element] = sum([usual.get(word, _RARE) for word in element])
        anchor = _anchor(elements, costs)
        node = root.child(elements[anchor])
        for element in elements[anchor + 1 :]:
            node = node.child(element)
        if node.before is None:
            node.before = Node()
        back = node.before
        for at in range(anchor - 1, -1, -1):
            back = back.child(elements[at])
        if rule not in back.rules:
            back.rules.append(rule)
    return root


class Automaton:
    """Finds phrases."""

    def __init__(self, root: Node) -> None:
        """Look for those that have `grown` here."""
        self.root = root
        edges = root.edges()
        self.anchors = {word: number for number, word in enumerate(edges, 1)}
        """the words that are an anchor's, each with a number of its own"""
        self._starts: list[list[Node]] = [[], *edges.values()]

    def hits(self, words: list[str], numbers: list[int | None] | None = None) -> list[Hit]:
        """Return what is found, in the order of its anchors.

        Whoever has looked the words up has their `numbers`: one of `anchors`, 0 or None.
        """
        if numbers is None:
            numbers = [self.anchors.get(word) for word in words]
        walk = _Walk(words)
        starts = self._starts
        for at, number in enumerate(numbers):
            if number:
                for node in starts[number]:
                    walk.onward(node, at, at + 1)
                if walk.steps > STEPS:
                    break
        return walk.found


class _Walk:
    """One text, and what is found in it."""

    __slots__ = ("_words", "found", "steps")

    def __init__(self, words: list[str]) -> None:
        self._words = words
        self.found: list[Hit] = []
        self.steps = 0

    def onward(self, node: Node, anchor: int, at: int) -> None:
        """Go on from a node, reached by all words from the anchor up to `at`."""
        self.steps += 1
        if self.steps > STEPS:
            return
        if node.before is not None:
            self.back(node.before, anchor - 1, at)
        if not node.children or at >= len(self._words):
            return
        word = self._words[at]
        if word == STOP:
            return
        after = node.edges().get(word)
        if after is not None:
            for one in after:
                self.onward(one, anchor, at + 1)
        if node.rest is not None:
            self.onward(node.rest, anchor, at + 1)

    def back(self, node: Node, at: int, end: int) -> None:
        """Go back from a node, reached by all words after `at`."""
        self.steps += 1
        for rule in node.rules:
            self.found.append(Hit(rule, at + 1, end))
        if not node.children or at < 0:
            return
        word = self._words[at]
        if word == STOP:
            return
        after = node.edges().get(word)
        if after is not None:
            for one in after:
                self.back(one, at - 1, end)
        if node.rest is not None:
            self.back(node.rest, at - 1, end)


def _anchor(elements: Sequence[Element], costs: Mapping[Element, float]) -> int:
    """Return which element has the rarest words."""
    best = -1
    least = 0.0
    for at, element in enumerate(elements):
        if element:
            cost = costs[element]
            if best < 0 or cost < least:
                best, least = at, cost
    return best

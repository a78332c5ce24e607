"""The file: YAML as 1.2 has it, into a tree of plain values and the place of each of them.

Read from the events of libyaml: the usual constructor keeps no places, lets a key stand twice and
takes `off` for false.  `true` and `false` are the only booleans; anchors work; tags and keys that
are not plain text are refused.  What anchors unfold into has a limit.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import yaml

from tta_gateway.settings.complaint import Complaint, Mark, Path, Source

Scalar: TypeAlias = str | int | float | bool | None
Value: TypeAlias = "Scalar | list[Value] | dict[str, Value]"

DEEPEST: Final = 32
MOST: Final = 200_000
_START: Final = Mark(1, 1)

# YAML 1.2.2, 10.3.2: the core schema.
_WORDS: Final[dict[str, Scalar]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_NUMBERS: Final = (
    (re.compile(r"[-+]?[0-9]{1,18}"), 10),
    (re.compile(r"0o[0-7]{1,18}"), 8),
    (re.compile(r"0x[0-9a-fA-F]{1,15}"), 16),
)
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


@dataclass(slots=True)
class Document:
    """A configuration before it is checked: values, where they stand, what is wrong so far."""

    tree: Value = None
    places: dict[Path, Mark | Source] = field(default_factory=dict)
    complaints: list[Complaint] = field(default_factory=list)
    is_broken: bool = False  # and cannot be read to its end

    def place(self, path: Path) -> Mark | Source:
        """Return where a value stands, or what it would stand in."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, _START)

    def known(self, path: Path) -> Path:
        """Return the part of the path that leads to a value: not what a shorthand stood for."""
        value = self.tree
        for depth, key in enumerate(path):
            try:
                value = child(value, key)
            except LookupError:
                return path[:depth]
        return path

    def complain(self, path: Path, sentence: str) -> None:
        """Take note that something is wrong at a path."""
        self.complain_at(self.place(path), path, sentence)

    def complain_at(self, place: Mark | Source, path: Path, sentence: str) -> None:
        """Take note that something is wrong at a place, which may be of another file."""
        self.complaints.append(Complaint(place, path, sentence))


def read(text: str) -> Document:
    """Return what the text holds; what is wrong with it stands in `complaints`."""
    reader = _Reader(text)
    document = Document(complaints=reader.complaints)
    try:
        node = reader.document()
        document.tree = _Unfolder(document.places).value(node, (), node.mark)
    except _Broken as broken:
        document.is_broken = True
        document.complaints.append(Complaint(broken.mark, (), broken.sentence))
    return document


def child(value: Value, key: str | int) -> Value:
    """Return the value one level down; LookupError if there is none."""
    if isinstance(value, dict) and isinstance(key, str):
        return value[key]
    if isinstance(value, list) and isinstance(key, int):
        return value[key]
    raise LookupError(key)


def resolve(text: str) -> Scalar:
    """Return what plain text stands for: null, true, false, a number, or itself."""
    if text in _WORDS:
        return _WORDS[text]
    for form, base in _NUMBERS:
        if form.fullmatch(text):
            return int(text.removeprefix("0o"), base)
    return float(text) if _FLOAT.fullmatch(text) else text


class _Broken(Exception):
    """The rest of the text cannot be read."""

    def __init__(self, mark: Mark, sentence: str) -> None:
        super().__init__(sentence)
        self.mark = mark
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class _Node:
    """A value where it is written; an anchored one may stand in several places."""

    mark: Mark
    value: "Scalar | list[_Node] | dict[str, tuple[Mark, _Node]]"
    text: str | None = None  # of a scalar, as it is written


class _Reader:
    """From events to nodes."""

    def __init__(self, text: str) -> None:
        self.complaints: list[Complaint] = []
        self._text = text
        self._anchors: dict[str, _Node] = {}
        self._events = self._parsed()

    def _parsed(self) -> Iterator[yaml.Event]:
        try:
            yield from yaml.parse(self._text, Loader=yaml.CSafeLoader)
        except yaml.MarkedYAMLError as error:
            raise _Broken(*self._explained(error)) from error
        except yaml.reader.ReaderError as error:
            raise _Broken(self._mark_of(error.position), _UNREADABLE) from error
        except UnicodeEncodeError as error:
            raise _Broken(_START, _UNREADABLE) from error

    def _explained(self, error: yaml.MarkedYAMLError) -> tuple[Mark, str]:
        assert error.problem_mark is not None  # libyaml says where
        at = error.problem_mark.index
        hint = _TAB if self._text[at : at + 1] == "\t" else _QUOTES
        mark = Mark(error.problem_mark.line + 1, error.problem_mark.column + 1)
        return mark, f"is not YAML: {error.problem} ({hint})"

    def _mark_of(self, position: int) -> Mark:
        """Return the place of a byte."""
        before = self._text.encode()[:position].decode(errors="ignore").split("\n")
        return Mark(len(before), len(before[-1]) + 1)

    def document(self) -> _Node:
        """Return the first document of the text; a second one is refused."""
        node = _Node(_START, None)
        for number, event in enumerate(self._starts()):
            if number:
                raise _Broken(_start_of(event), "is a second document: keep one")
            node = self._node(next(self._events), ())
        return node

    def _starts(self) -> Iterator[yaml.Event]:
        return (event for event in self._events if isinstance(event, yaml.DocumentStartEvent))

    def _node(self, event: yaml.Event, path: Path) -> _Node:
        mark = _start_of(event)
        assert isinstance(event, yaml.NodeEvent)  # libyaml's grammar: one stands here
        anchor = str(event.anchor)
        if len(path) > DEEPEST:
            raise _Broken(mark, f"is nested more than {DEEPEST} deep")
        if not isinstance(event, yaml.AliasEvent):
            self._anchors[anchor] = node = self._made(event, path, mark)
            return node
        if anchor not in self._anchors:
            raise _Broken(mark, f"`*{anchor}` names no anchor that stands before it")
        return self._anchors[anchor]

    def _made(self, event: yaml.NodeEvent, path: Path, mark: Mark) -> _Node:
        if getattr(event, "tag", None) is not None:
            self._complain(mark, path, "has a tag (`!…`): take it out")
        if isinstance(event, yaml.MappingStartEvent):
            return _Node(mark, self._mapping(path))
        if isinstance(event, yaml.SequenceStartEvent):
            return _Node(mark, self._sequence(path))
        assert isinstance(event, yaml.ScalarEvent)  # the only other kind
        plain = event.implicit[0]
        return _Node(mark, resolve(event.value) if plain else event.value, event.value)

    def _sequence(self, path: Path) -> list[_Node]:
        nodes: list[_Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            nodes.append(self._node(event, (*path, len(nodes))))
        return nodes

    def _mapping(self, path: Path) -> dict[str, tuple[Mark, _Node]]:
        entries: dict[str, tuple[Mark, _Node]] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            mark = _start_of(event)
            key = self._key(event, path)
            value = self._node(next(self._events), (*path, key))
            if key in entries:
                sentence = f"stands twice, first in line {entries[key][0].line}: keep one"
                self._complain(mark, (*path, key), sentence)
            entries.setdefault(key, (mark, value))
        return entries

    def _key(self, event: yaml.Event, path: Path) -> str:
        node = self._node(event, path)
        if node.text is None:
            raise _Broken(node.mark, "a key must be plain text")
        return node.text

    def _complain(self, mark: Mark, path: Path, sentence: str) -> None:
        self.complaints.append(Complaint(mark, path, sentence))


class _Unfolder:
    """From nodes to plain values, each anchored one wherever it is named."""

    def __init__(self, places: dict[Path, Mark | Source]) -> None:
        self._places = places

    def value(self, node: _Node, path: Path, mark: Mark) -> Value:
        """Return the plain value, and note the place of each value in it."""
        if len(path) > DEEPEST or len(self._places) >= MOST:
            raise _Broken(mark, "anchors make it too deep or too large: write less of it")
        self._places[path] = mark
        if isinstance(node.value, list):
            members = enumerate(node.value)
            return [self.value(one, (*path, index), one.mark) for index, one in members]
        if isinstance(node.value, dict):
            entries = node.value.items()
            return {key: self.value(one, (*path, key), at) for key, (at, one) in entries}
        return node.value


def _start_of(event: yaml.Event) -> Mark:
    mark = event.start_mark
    assert mark is not None  # libyaml knows where everything starts
    return Mark(mark.line + 1, mark.column + 1)


_TAB: Final = "a tab: indent with spaces"
_QUOTES: Final = (
    "text needs quotes if it begins with one of [ { * & ! | > % @ ` or holds a colon and a space"
)
_UNREADABLE: Final = "is not YAML: there is a character that text may not hold"

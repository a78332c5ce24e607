"""What is kept of a lexicon is what its text comes to, and of no other."""

import pytest

from tests.helpers.lexicons import SMALL
from tta_gateway.features.safety.automaton import Node
from tta_gateway.features.safety.contents import Contents, kept, restored
from tta_gateway.features.safety.detector import KEPT, LEXICON
from tta_gateway.features.safety.finding import read
from tta_gateway.features.safety.lexicon import Lexicon, contents_of


def rows(node: Node) -> object:
    """Return all that a node leads to."""
    before = None if node.before is None else rows(node.before)
    after = [(sorted(element), rows(child)) for element, child in node.children.items()]
    return (before, node.rules, after, node.rest is not None)


def told(contents: Contents) -> list[object]:
    return [
        contents.version,
        [(one.name, one.category, one.level, one.flags) for one in contents.rules],
        rows(contents.automaton.root),
        contents.common,
        dict(contents.groups),
        contents.known,
        contents.starred,
        dict(contents.spellings),
    ]


MORE = (
    "starred die\ntyped hopeless\nspelt want to = wana\n[one abuse 2 plain stands]\nhe _ will? go\n"
)


@pytest.mark.parametrize("text", [SMALL, SMALL + MORE])
def test_what_was_kept_is_what_was_read(text: str) -> None:
    data = kept(contents_of(text), text)
    found = restored(data, text)
    assert found is not None
    assert told(found) == told(contents_of(text))
    assert kept(found, text) == data


def test_nodes_that_lead_on_alike_are_kept_once() -> None:
    text = SMALL + "[one abuse 2]\nblue go|run now|soon\ngreen go|run now|soon\n"
    found = restored(kept(contents_of(text), text), text)
    assert found is not None
    first, second = [
        child
        for element, child in found.automaton.root.children.items()
        if element <= {"blue", "green"}
    ]
    assert first is second


@pytest.mark.parametrize("at", [0, 31, 32, -1])
def test_of_another_text_or_damaged_it_is_nothing(at: int) -> None:
    data = kept(contents_of(SMALL), SMALL)
    assert restored(data, SMALL + "\n") is None
    spoilt = bytearray(data)
    spoilt[at] ^= 1
    assert restored(bytes(spoilt), SMALL) is None
    assert restored(data[:20], SMALL) is None


def test_a_lexicon_of_which_nothing_is_kept_is_read_from_its_text() -> None:
    for data in (b"", b"damaged", kept(contents_of(SMALL), SMALL)):
        words, found = read(Lexicon(SMALL, data), "I want to die")
        assert words == ["i", "want", "to", "die"]
        assert [one.rule.name for one in found] == ["suicide.active"]


def test_what_the_package_brings_is_of_its_text_and_else_safety_keep_writes_it() -> None:
    text = LEXICON.read_text(encoding="utf-8")
    found = restored(KEPT.read_bytes(), text)
    assert found is not None, "python -m scripts.safety_keep"
    assert told(found) == told(contents_of(text)), "python -m scripts.safety_keep"

import pytest

from tta_gateway.features.safety import reading
from tta_gateway.features.safety.automaton import Hit
from tta_gateway.features.safety.reading import Reader, level
from tta_gateway.features.safety.rule import Rule

GROUPS = {
    "self": frozenset({"i", "me", "my", "myself"}),
    "others": frozenset({"he", "people", "friend"}),
    "no": frozenset({"not", "dont", "never"}),
    "no_denial": frozenset({"only", "know"}),
    "saying": frozenset({"says"}),
    "still": frozenset({"again", "still"}),
    "past": frozenset({"ago", "used"}),
    "fiction": frozenset({"novel"}),
    "abstract": frozenset({"essay"}),
    "joke": frozenset({"lol"}),
}
READER = Reader(GROUPS)


def flags(text: str, *, plain: bool = False) -> int:
    """Read a text whose phrase stands in brackets."""
    words = text.replace("[", " [ ").replace("]", " ] ").split()
    begin = words.index("[")
    end = words.index("]") - 1
    return READER.flags(
        [word for word in words if word not in "[]"], Hit(0, begin, end), plain=plain
    )


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("[die]", 0),
        ("i [die]", reading.SELF),
        ("[kill myself]", reading.SELF),
        ("[die] is what i think", reading.SELF),
        ("he wants to [die]", reading.OTHER),
        ("he says that people [die]", reading.OTHER),
        ("he says to [die]", reading.OTHER | reading.REPORTED),
        ("he told me i [die]", reading.SELF),
        ("i dont want to [die]", reading.SELF | reading.NEGATED),
        ("i dont know if [die]", reading.SELF),
        ("not . [die]", 0),
        ("i used to [die]", reading.SELF | reading.PAST),
        ("i used to [die] again", reading.SELF),
        ("a novel of [die]", reading.FICTION),
        ("[die] in an essay", reading.ABSTRACT),
        ("[die] lol", reading.JOKE),
        ("[die] . lol", 0),
        ("i one two three four five six seven eight nine ten eleven twelve [die]", 0),
    ],
)
def test_a_phrase_is_read_by_the_words_around_it(text: str, meant: int) -> None:
    assert flags(text) == meant


def test_a_phrase_that_is_plain_is_denied_within_too() -> None:
    assert flags("[want not die]", plain=True) == reading.NEGATED
    assert flags("[want to die]", plain=True) == 0
    assert flags("[want not die]") == 0


def rule(number: int, *which: str) -> Rule:
    return Rule("one", "suicide", number, frozenset(which))


@pytest.mark.parametrize(
    ("given", "meant", "expected"),
    [
        (rule(3), reading.SELF, 3),
        (rule(3), 0, 2),
        (rule(3, "anyone"), 0, 3),
        (rule(2), 0, 2),
        (rule(2, "weak"), reading.SELF, 0),
        (rule(2), reading.ABSTRACT, 0),
        (rule(2), reading.ABSTRACT | reading.SELF, 2),
        (rule(2, "anyone"), reading.ABSTRACT, 2),
        (rule(3), reading.FICTION, 1),
        (rule(3), reading.FICTION | reading.SELF, 3),
        (rule(3), reading.JOKE | reading.SELF, 2),
        (rule(3), reading.OTHER, 1),
        (rule(3), reading.REPORTED, 1),
        (rule(1, "anyone"), reading.OTHER, 1),
        (rule(2), reading.NEGATED | reading.SELF, 1),
        (rule(2), reading.PAST | reading.SELF, 1),
        (rule(2, "stands"), reading.PAST | reading.NEGATED | reading.SELF, 2),
        (rule(2, "self"), 0, 1),
        (rule(2, "self"), reading.SELF | reading.ABSTRACT, 1),
        (rule(2, "self"), reading.SELF, 2),
    ],
)
def test_a_level_follows_from_how_a_phrase_is_meant(given: Rule, meant: int, expected: int) -> None:
    assert level(given, meant) == expected

import pytest

from tta_gateway.features.safety import meaning
from tta_gateway.features.safety.automaton import Hit
from tta_gateway.features.safety.meaning import Reader, level
from tta_gateway.features.safety.rule import Rule

GROUPS = {
    "self": frozenset({"i", "me", "my", "myself"}),
    "others": frozenset({"he", "people", "friend"}),
    "no": frozenset({"not", "dont", "never", "no", "nobody"}),
    "no_denial": frozenset({"only", "know"}),
    "saying": frozenset({"says"}),
    "still": frozenset({"again", "still"}),
    "past": frozenset({"ago", "used"}),
    "fiction": frozenset({"novel"}),
    "abstract": frozenset({"essay"}),
    "joke": frozenset({"lol"}),
    "breaks": frozenset({"but"}),
    "denial": frozenset({"not"}),
    "nobody": frozenset({"nobody"}),
    "untrue": frozenset({"lied"}),
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
        ("i [die]", meaning.SELF),
        ("[kill myself]", meaning.SELF),
        ("[die] is what i think", meaning.SELF),
        ("he wants to [die]", meaning.OTHER),
        ("he says that people [die]", meaning.OTHER),
        ("he says to [die]", meaning.OTHER | meaning.REPORTED),
        ("[people die]", meaning.OTHER),
        ("[people and i die]", meaning.SELF),
        ("he told me i [die]", meaning.SELF),
        ("i dont want to [die]", meaning.SELF | meaning.NEGATED),
        ("i dont know if [die]", meaning.SELF),
        ("not . [die]", 0),
        ("nobody knows that i want to [die]", meaning.SELF),
        ("no one knows that i [die]", meaning.SELF),
        ("nobody knows [i die]", meaning.SELF),
        ("nobody wants to [die]", meaning.NEGATED),
        ("no one wants to [die]", meaning.NEGATED),
        ("i never [die] but i lied", meaning.SELF),
        ("i never [die] . i lied", meaning.SELF | meaning.NEGATED),
        ("i dont eat but [die]", meaning.SELF),
        ("i used to [die]", meaning.SELF | meaning.PAST),
        ("i used to [die] again", meaning.SELF),
        ("a novel of [die]", meaning.FICTION),
        ("[die] in an essay", meaning.ABSTRACT),
        ("[die] lol", meaning.JOKE),
        ("[die] . lol", 0),
        ("i one two three four five six seven eight nine ten eleven twelve [die]", 0),
    ],
)
def test_a_phrase_is_read_by_the_words_around_it(text: str, meant: int) -> None:
    assert flags(text) == meant


def test_a_phrase_that_is_plain_is_denied_within_too() -> None:
    assert flags("[want not die]", plain=True) == meaning.NEGATED
    assert flags("[want to die]", plain=True) == 0
    assert flags("[want not die]") == 0


def rule(number: int, *which: str) -> Rule:
    return Rule("one", "suicide", number, frozenset(which))


@pytest.mark.parametrize(
    ("given", "meant", "expected"),
    [
        (rule(3), meaning.SELF, 3),
        (rule(3), 0, 2),
        (rule(3, "anyone"), 0, 3),
        (rule(2), 0, 2),
        (rule(2, "weak"), meaning.SELF, 0),
        (rule(2), meaning.ABSTRACT, 0),
        (rule(2), meaning.ABSTRACT | meaning.SELF, 2),
        (rule(2, "anyone"), meaning.ABSTRACT, 2),
        (rule(3), meaning.FICTION, 1),
        (rule(3), meaning.FICTION | meaning.SELF, 3),
        (rule(3), meaning.JOKE | meaning.SELF, 2),
        (rule(3), meaning.OTHER, 1),
        (rule(3), meaning.REPORTED, 1),
        (rule(1, "anyone"), meaning.OTHER, 1),
        (rule(2), meaning.NEGATED | meaning.SELF, 1),
        (rule(2), meaning.PAST | meaning.SELF, 1),
        (rule(2, "stands"), meaning.PAST | meaning.NEGATED | meaning.SELF, 2),
        (rule(2, "self"), 0, 1),
        (rule(2, "self"), meaning.SELF | meaning.ABSTRACT, 1),
        (rule(2, "self"), meaning.SELF, 2),
    ],
)
def test_a_level_follows_from_how_a_phrase_is_meant(given: Rule, meant: int, expected: int) -> None:
    assert level(given, meant) == expected

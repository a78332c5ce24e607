import pytest

from tta_gateway.features.safety.detector import LEXICON
from tta_gateway.features.safety.lexicon import CATEGORIES, Lexicon, LexiconError

NEW_LINE = "\n"
HEAD = """# a lexicon
version 1
common i to
starred die
%self = i me
%others = he
%no = not
%no_denial = only
%past = ago
%still = now
%breaks = but
%denial = not
%nobody = nobody
%untrue = lied
%saying = says
%fiction = novel
%abstract = essay
%joke = lol
@want = want wish

"""


def found(lexicon: Lexicon, text: str) -> set[str]:
    hits = lexicon.automaton.hits(lexicon.words.of(text))
    return {lexicon.rules[hit.rule].name for hit in hits}


def test_phrases_stand_for_all_that_they_may_be() -> None:
    lexicon = Lexicon(HEAD + "[one suicide 2]\n@want|need to? __ die|end\n")
    assert lexicon.version == "1"
    for text in ("wish die", "need to end", "want to just really d*e"):
        assert found(lexicon, text) == {"one"}
    assert found(lexicon, "want to just really never die") == set()


def test_a_rule_has_a_name_a_category_a_level_and_flags() -> None:
    lexicon = Lexicon(HEAD + "[one abuse 3 anyone plain]\nx\n[service.two neglect 0]\ny\n")
    one, two = lexicon.rules
    assert (one.name, one.category, one.level) == ("one", "abuse", 3)
    assert (one.anyone, one.plain, one.stands, one.idiom, one.service) == (
        *(True, True),
        *(False, False, False),
    )
    assert (two.idiom, two.service) == (True, True)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x y", 1),
        ("[one suicide]", 1),
        ("[one sorrow 2]", 1),
        ("[one suicide 7]", 1),
        ("[one suicide 2 loud]", 1),
        ("[one suicide 2]\n_ __", 2),
        ("[one suicide 2]\n@none", 2),
        ("[one suicide 2]\nx |", 2),
        ("[one suicide 2]\ndon't", 2),
        ("spelt dye", 1),
    ],
)
def test_a_line_that_says_nothing_is_named(text: str, line: int) -> None:
    with pytest.raises(LexiconError, match=f"line {HEAD.count(NEW_LINE) + line}:"):
        Lexicon(HEAD + text)


def test_a_lexicon_names_all_groups_of_words() -> None:
    with pytest.raises(LexiconError, match="joke"):
        Lexicon(HEAD.replace("%joke = lol\n", "") + "[one suicide 2]\nx\n")


def test_the_lexicon_of_the_package_has_rules_of_all_categories() -> None:
    lexicon = Lexicon(LEXICON.read_text(encoding="utf-8"))
    assert {rule.category for rule in lexicon.rules if rule.level > 1} == set(CATEGORIES)
    names = [rule.name for rule in lexicon.rules]
    assert len(names) == len(set(names))


def test_no_line_of_the_lexicon_stands_there_twice() -> None:
    lines = [
        line
        for line in LEXICON.read_text(encoding="utf-8").splitlines()
        if line and line[0] not in "#[%@" and " " in line
    ]
    assert len(lines) - len(set(lines)) <= 12


def test_words_are_found_as_they_are_typed() -> None:
    lines = "typed cutting\nothers putting curring\nspelt want to = wana\n"
    lexicon = Lexicon(HEAD + lines + "[one suicide 2]\nwant to die\n[two self_harm 2]\ncutting\n")
    assert found(lexicon, "wana die") == found(lexicon, "wana to die") == {"one"}
    for text in ("cuttng", "cuting", "cuttingg", "cuttinh", "cutitng"):
        assert found(lexicon, text) == {"two"}
    for text in ("putting", "curring", "cut"):
        assert found(lexicon, text) == set()

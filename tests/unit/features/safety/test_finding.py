from tests.helpers.lexicons import lexicon
from tta_gateway.features.safety.finding import MOST_READ, Finding, findings, read, urgent_first

LEXICON = lexicon()


def found(text: str, *, of_service: bool = False) -> list[tuple[str, int]]:
    words = LEXICON.words.of(text)
    return [(one.rule.name, one.level) for one in findings(LEXICON, words, of_service=of_service)]


def test_phrases_are_found_with_their_levels() -> None:
    assert found("I want to die. Some day I will die.") == [
        ("suicide.active", 2),
        ("suicide.intent", 3),
    ]


def test_a_text_is_read_at_once() -> None:
    words, made = read(LEXICON, "I want to die")
    assert words == ["i", "want", "to", "die"]
    assert [(one.rule.name, one.level) for one in made] == found("I want to die")
    assert read(LEXICON, "best way", of_service=True)[1] != []


def test_nothing_is_found_in_a_text_without_phrases() -> None:
    assert found("I want to go home") == []


def test_an_idiom_hides_what_it_overlaps_and_no_more() -> None:
    assert found("I will die of laughter") == []
    assert found("I will die of laughter. I want to die") == [("suicide.active", 2)]
    assert found("I will die of laughter. I die of laughter. I want to die") == [
        ("suicide.active", 2)
    ]


def test_a_weak_phrase_is_found_and_has_no_level() -> None:
    assert found("hopeless") == [("suicide.soft", 0)]


def test_people_and_services_are_read_by_rules_of_their_own() -> None:
    text = "the best way: I want to die"
    assert found(text) == [("suicide.active", 2)]
    assert found(text, of_service=True) == [("service.method", 3)]


def test_what_hides_phrases_of_services_hides_none_of_people() -> None:
    assert found("no best way to want to die", of_service=True) == []
    assert found("no best way. I want to die") == [("suicide.active", 2)]


def test_a_rule_is_read_until_one_phrase_is_all_that_it_says() -> None:
    assert found("not want to die. I want to die. I want to die") == [
        ("suicide.active", 1),
        ("suicide.active", 2),
    ]


def test_of_many_phrases_of_a_rule_so_many_are_read() -> None:
    assert len(found("not want to die. " * 100)) == MOST_READ


def test_categories_come_most_urgent_first() -> None:
    rules = {rule.name: rule for rule in LEXICON.rules}
    made = [
        Finding(rules["self_harm.other"], 0, 1),
        Finding(rules["abuse.active"], 0, 2),
        Finding(rules["suicide.soft"], 0, 0),
    ]
    assert urgent_first(made) == ("abuse", "self_harm")
    assert urgent_first([*made, Finding(rules["suicide.intent"], 0, 3)])[0] == "suicide"
    assert urgent_first([*made, Finding(rules["suicide.active"], 0, 2)])[0] == "suicide"

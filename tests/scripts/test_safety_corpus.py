from collections import Counter

from scripts.safety_corpus import CORPUS, VARIANTS, Phrase, expanded, phrases


def test_a_line_stands_for_all_that_it_may_be() -> None:
    assert expanded("{I|we} {go|stay}.", 9) == ["I go.", "I stay.", "we go.", "we stay."]


def test_of_many_variants_some_are_chosen_evenly() -> None:
    made = expanded("{a|b|c|d} {e|f|g} {h|i}", 12)
    assert len(set(made)) == 12
    assert {text[0] for text in made} == set("abcd")
    assert {text[2] for text in made} == set("efg")
    assert {text[4] for text in made} == set("hi")


def test_a_corpus_has_sections() -> None:
    corpus = "# words\n[person 1]\n{x|y}\n\n[service 0]\nz\n"
    assert phrases(corpus) == [
        Phrase("x", "person", 1),
        Phrase("y", "person", 1),
        Phrase("z", "service", 0),
    ]


def test_the_corpus_of_the_project_speaks_for_both_heads_and_both_labels() -> None:
    made = phrases(CORPUS.read_text(encoding="utf-8"))
    kinds = Counter((one.head, one.label) for one in made)
    assert len(kinds) == 4
    assert min(kinds.values()) > 10 * VARIANTS
    assert not any("{" in one.text or "|" in one.text for one in made)

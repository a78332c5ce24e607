from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.safety.automaton import ANY, STEPS, Automaton, Element, grown


def words(*each: str) -> list[Element]:
    return [ANY if one == "_" else frozenset(one.split("|")) for one in each]


COMMON = ["i", "to", "die"]
PHRASES = [
    (0, words("want|wish", "to", "die")),
    (1, words("want", "_", "die")),
    (2, words("i", "to")),
    (3, words("die")),
    (0, words("want", "to", "go", "now")),
]
AUTOMATON = Automaton(grown(PHRASES, COMMON))


def found(text: str) -> list[tuple[int, int, int]]:
    return sorted((hit.rule, hit.begin, hit.end) for hit in AUTOMATON.hits(text.split()))


def test_phrases_are_found_where_they_stand() -> None:
    assert found("so i want to die now") == [(0, 2, 5), (1, 2, 5), (3, 4, 5)]


def test_words_that_were_looked_up_before_are_not_looked_up_again() -> None:
    words = ["so", "i", "want", "to", "die", "now"]
    numbers = [AUTOMATON.anchors.get(word) for word in words]
    assert [hit.rule for hit in AUTOMATON.hits(words, numbers)] == [
        hit.rule for hit in AUTOMATON.hits(words)
    ]
    assert AUTOMATON.hits(words, [None, 0, 0, 0, 0, 0]) == []


def test_a_gap_is_any_word_but_no_stop() -> None:
    assert found("want badly die") == [(1, 0, 3), (3, 2, 3)]
    assert found("want . die") == [(3, 2, 3)]


def test_nothing_is_found_without_the_rest_of_a_phrase() -> None:
    assert found("good morning want") == []
    assert found("to") == []
    assert found(". to") == []


def test_a_phrase_of_common_words_is_found_by_them() -> None:
    assert found("i to") == [(2, 0, 2)]


def test_phrases_that_overlap_are_all_found() -> None:
    assert found("wish to die want to go now") == [(0, 0, 3), (0, 3, 7), (3, 2, 3)]


def test_the_same_phrase_twice_is_one() -> None:
    twice = Automaton(grown([(0, words("die")), (0, words("die"))], COMMON))
    assert len(twice.hits(["die"])) == 1


def test_the_way_along_the_tries_is_bounded() -> None:
    many = Automaton(grown([(at, words(*["_"] * at, "x")) for at in range(1, 400)], []))
    assert len(many.hits(["x"] * 1000)) < STEPS + 1000


def test_so_is_the_way_from_a_single_word() -> None:
    alike = [frozenset({"a", f"b{number}"}) for number in range(18)]
    phrases = [[frozenset({"x"}), *rest] for rest in product(alike, repeat=3)]
    assert len(phrases) > STEPS
    many = Automaton(grown(enumerate(phrases), ["a", *(f"b{number}" for number in range(18))]))
    assert 0 < len(many.hits(["x", "a", "a", "a"])) <= STEPS


def slowly(text: list[str]) -> set[tuple[int, int, int]]:
    made = set()
    for rule, elements in PHRASES:
        for begin in range(len(text) - len(elements) + 1):
            part = text[begin : begin + len(elements)]
            if "." not in part and all(
                not element or word in element for word, element in zip(part, elements, strict=True)
            ):
                made.add((rule, begin, begin + len(elements)))
    return made


@given(
    st.lists(
        st.sampled_from(["i", "want", "wish", "to", "die", "go", "now", "x", "."]), max_size=12
    )
)
def test_it_finds_what_looking_everywhere_finds(text: list[str]) -> None:
    assert set(found(" ".join(text))) == slowly(text)

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.safety import normal
from tta_gateway.features.safety.normal import LONGEST, OVERLAP, PIECE, Words, pieces, plain

KNOWN = frozenset(
    ["i", "want", "to", "kill", "die", "dying", "myself", "suicide", "help", "a", "self"]
)
WORDS = Words(
    KNOWN,
    starred=frozenset({"kill", "die", "suicide", "dying"}),
    spellings={"kil": "kill", "wana": "want to"},
)


def read(text: str) -> str:
    return " ".join(WORDS.of(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I don't WANT to.", "i dont want to ."),
        ("self-harm, again", "self harm again"),
        ("what?! no\nyes... so", "what . . no yes so"),
        ("", ""),
        ("it\u2019s \u201cfine\u201d", "its fine"),
        ("it\u02bcs \u00abfine\u00bb\u3002 yes", "its fine . yes"),
        ("fine\U0001f600yes", "fine \U0001f600 yes"),
        ("ccc wwww 12-34 x5 $50", "ccc wwww 12 34 x5 50"),
    ],
)
def test_a_plain_text_is_its_words_in_lower_case(text: str, words: str) -> None:
    assert read(text) == words


@pytest.mark.parametrize(
    "text",
    [
        "i want to k\u200bill mys\u00adelf",
        "i w\u0430nt t\u043e k\u0456ll mys\u0435lf",
        "i want to \uff4b\uff49\uff4c\uff4c myself",
        "i w4nt t0 k1ll mys3lf",
        "i want to ki11 my$elf",
        "i waaant to killlll myseeeelf",
        "i want to k i l l myself",
        "i want to k.i.l.l m.y.s.e.l.f",
        "i w a n t t o k i l l m y s e l f",
        "i want to k*ll myself",
        "i want to k!ll myself",
        "i want to k**l myself",
        "i want to ki ll myself",
        "i.want.to.kill.myself",
        "i want 2 k.i.l.l myself".replace("2", "to"),
        "i want to <b>kill</b> myself",
        "<p>i want to ki<i></i>ll myself</p>",
        "i&nbsp;want to &#107;ill myself",
        "i want to kil myself",
        "i wana kill myself",
        "i w\u00e4nt t\u00f6 k\u00efll mys\u00e9lf",
        "I WANT TO KILL MYSELF",
        "\u202ei want\u202c to \U0001d424\U0001d422\U0001d425\U0001d425 myself",
    ],
)
def test_a_disguise_is_taken_off(text: str) -> None:
    assert read(text) == "i want to kill myself"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("my 2nd try at 10:30", "my 2nd try at 10 30"),
        ("covid19 mp3 x86", "covid19 mp3 x86"),
        ("a 5* hotel, 5 stars", "a 5 hotel 5 stars"),
        ("help* me", "help me"),
        ("*help", "help"),
        ("gr8t-b0x", "grbt box"),
        ("U.S.A. is", "us a . is"),
        ("sooo gooood", "so god"),
        ("x y", "x y"),
        ("to 2 k.i.l.l", "to 2 kill"),
        ("no.. so. i", "no . . so . i"),
        ("so.i help.a self", "so . i help . a self"),
        ("<self> help", "self help"),
        ("1 2 3 4", "1 2 3 4"),
        ("q w z f", "qwzf"),
        ("1234 4321", "1234 4321"),
        ("d0n't c0me", "dont come"),
    ],
)
def test_what_is_no_disguise_is_left(text: str, words: str) -> None:
    assert read(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("#killmyself", "kill myself"),
        ("iwanttodie myself", "i want to die myself"),
        ("bymyselfish myself", "bymyselfish myself"),
        ("todie", "todie"),
    ],
)
def test_words_that_are_written_as_one_are_parted_if_all_of_it_is_words(
    text: str, words: str
) -> None:
    assert read(text) == words


def test_pictures_are_words_of_their_own() -> None:
    assert read("die\U0001f480now") == "die \U0001f480 now"


def test_slurred_words_are_those_that_they_stand_for() -> None:
    assert read("Wanna, gonna, tryna die") == "want to going to trying to die"


def test_characters_that_were_looked_at_are_forgotten_when_there_are_many() -> None:
    many = "".join(map(chr, range(0x4E00, 0x4E00 + 5000)))
    assert plain(many) == many
    assert len(normal._KNOWN) <= normal._MOST_KNOWN
    assert read("d\u0456e") == "die"


def test_a_text_of_marks_alone_has_no_words() -> None:
    assert read("\u200b\u200d\ufeff") == ""


def test_other_alphabets_stay_what_they_are_if_nothing_of_them_looks_latin() -> None:
    assert plain("你好") == "你好"


def test_spans_are_where_the_words_stand() -> None:
    text = "I w4nt\tto k\u200bill."
    assert WORDS.spans(text) == [
        ("i", 0, 1),
        ("want", 2, 6),
        ("to", 7, 9),
        ("kill", 10, 16),
        (".", 10, 16),
    ]


def test_a_long_text_is_cut_between_words_and_pieces_overlap() -> None:
    text = "word " * 2000
    made = pieces(text)
    assert all(len(piece) <= PIECE for piece in made)
    assert all(piece.startswith(("word", " word")) for piece in made)
    assert sum(map(len, made)) >= len(text)


def test_a_text_without_spaces_is_cut_all_the_same() -> None:
    made = pieces("x" * (PIECE + 10))
    assert [len(piece) for piece in made] == [PIECE, OVERLAP + 10]


def test_of_a_very_long_text_the_head_and_the_tail_are_read() -> None:
    text = "head " + "x " * LONGEST + " tail"
    made = pieces(text)
    assert made[0].startswith("head")
    assert made[-1].endswith(" tail")
    assert sum(map(len, made)) < LONGEST * 1.2


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    assert all(word and word == word.strip() for word in WORDS.of(text))


@given(st.text(alphabet="ikl1 d!e*.\u0456$4sS-'\u200b", max_size=60))
def test_reading_what_was_read_changes_nothing(text: str) -> None:
    once = WORDS.of(text)
    assert WORDS.of(" ".join(once)) in (once, WORDS.of(" ".join(WORDS.of(" ".join(once)))))


@given(st.text(max_size=40))
def test_spans_are_in_order_and_inside(text: str) -> None:
    spans = WORDS.spans(text)
    assert all(0 <= begin < end <= len(text) for _, begin, end in spans)
    assert [begin for _, begin, _ in spans] == sorted(begin for _, begin, _ in spans)


@given(st.lists(st.text(alphabet="ab \n", max_size=9), min_size=1), st.integers(1, 3000))
def test_pieces_hold_all_of_a_text(words: list[str], times: int) -> None:
    text = "".join(f"{word}{at} " for at, word in enumerate(words * times))[: LONGEST // 2]
    at = 0
    for piece in pieces(text):
        found = text.index(piece, max(0, at - OVERLAP))
        assert found <= at
        at = found + len(piece)
    assert at == len(text)


@pytest.mark.parametrize("unit", ["i ", "k.", "kkk ", "k1", "\u0456", "k\u200b", "* ", "ki ll "])
def test_time_grows_with_the_length_and_no_faster(unit: str) -> None:
    def taken(times: int) -> float:
        best = 9.0
        for _ in range(3):
            begun = time.perf_counter()
            WORDS.of(unit * times)
            best = min(best, time.perf_counter() - begun)
        return best

    assert taken(4000) < 40 * taken(400) + 0.02


def test_letters_that_stand_alone_are_parted_into_words_and_the_rest() -> None:
    assert read("i q x w a n t z t o d i e q") == "i qx want z to die q"


def test_words_are_given_with_the_numbers_that_they_have() -> None:
    words = Words(frozenset({"i", "want", "hurt"}), spellings={"hrt": "hurt"}, anchors={"hurt": 7})
    assert words.numbered("I want hurt so") == (["i", "want", "hurt", "so"], [0, 0, 7, None])
    assert words.numbered("hrt so") == (["hurt", "so"], [7, None])


def test_what_is_plain_stays_as_it_is() -> None:
    assert plain("It's fine") == "It's fine"
    assert plain("it\u2019s fine") == "it's fine"

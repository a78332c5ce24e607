import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.safety.parts import HELD, LONGEST, Events, Lines, Parts, Words, texts_of


def through(parts: Parts, data: bytes, step: int) -> list[tuple[bytes, list[tuple[str, str]]]]:
    found = []
    for at in range(0, len(data), step):
        found += list(parts.feed(data[at : at + step]))
    return [(one.data, one.said) for one in [*found, *parts.rest()]]


@given(st.binary(max_size=300), st.integers(1, 40))
def test_nothing_is_lost_or_made_up(data: bytes, step: int) -> None:
    for parts in (Events(), Lines(), Words()):
        assert b"".join(one for one, _ in through(parts, data, step)) == data


@given(st.integers(1, 60), st.sampled_from(("\n", "\r\n", "\r")))
def test_each_event_is_a_part_and_its_data_the_text(step: int, end: str) -> None:
    sent = f": hello{end}{end}id: 1{end}data: one{end}data:two{end}{end}data: three{end}{end}"
    found = [said for _, said in through(Events(), sent.encode(), step)]
    assert [one for one in found if one] == [[("", "one\ntwo")], [("", "three")]]


def test_an_event_without_an_end_is_read_at_the_end() -> None:
    assert through(Events(), b"data: so", 3) == [(b"data: so", [("", "so")])]


@pytest.mark.parametrize("parts", [Events(), Lines()])
def test_what_does_not_end_is_passed_on_in_pieces(parts: Parts) -> None:
    found = through(parts, b"data: " + b"a" * 3 * LONGEST, 10_000)
    assert len(found) > 1
    assert all(len(data) <= LONGEST + 10_000 for data, _ in found)


def test_the_texts_of_a_document_are_told_by_where_they_stand() -> None:
    told = msgspec.json.encode({"id": "x1", "choices": [{"delta": {"content": " so"}}], "n": ""})
    assert texts_of(told.decode()) == [(".id", "x1"), (".choices.0.delta.content", " so")]
    assert texts_of('"bare"') == [("", "bare")]
    assert texts_of("{broken") == [("", "{broken")]
    assert texts_of("[" * 100_000) == [("", "[" * 100_000)]


def test_beyond_so_many_texts_the_rest_stands_together() -> None:
    found = texts_of(msgspec.json.encode([f"t{number}" for number in range(70)]).decode())
    assert len(found) == 65
    assert found[-1] == ("*", "t64\nt65\nt66\nt67\nt68\nt69")


def test_a_line_is_a_part() -> None:
    found = through(Lines(), b'{"r":"one"}\n\x1e{"r":"two"}\n\n{"r":"three"}', 5)
    assert [said for _, said in found] == [
        [(".r", "one")],
        [(".r", "two")],
        [],
        [(".r", "three")],
    ]


@given(st.text(st.sampled_from("ab \u00e9\U0001f600."), max_size=100), st.integers(1, 7))
def test_a_text_comes_in_whole_words_and_characters(said: str, step: int) -> None:
    found = through(Words(), said.encode(), step)
    assert "".join(text for _, parts in found for _, text in parts) == said


@pytest.mark.parametrize("data", [b"a\xff\xff\xff", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98"])
def test_bytes_that_are_no_characters_are_gaps(data: bytes) -> None:
    found = through(Words(), data, 1)
    assert b"".join(one for one, _ in found) == data


def test_a_word_without_an_end_is_not_waited_for() -> None:
    first = next(iter(Words().feed(b"a" * (HELD + 1))))
    assert len(first.data) == HELD + 1

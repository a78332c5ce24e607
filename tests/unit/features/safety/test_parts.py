import gzip
import json
import sys
import zlib
from time import process_time

import brotli
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.safety.decoding import Decoding, Truncated, Undecodable
from tta_gateway.features.safety.parts import (
    HELD,
    LONGEST,
    Events,
    Lines,
    Packed,
    Parts,
    Strings,
    Words,
    texts_of,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def coded(data: bytes, coding: bytes) -> bytes:
    """Return data in these codings, applied one after the other."""
    for name in coding.split(b", "):
        if name == b"br":
            data = brotli.compress(data)
        elif name == b"zstd":
            data = zstd.compress(data)
        else:
            data = gzip.compress(data) if name == b"gzip" else zlib.compress(data)
    return data


def through(parts: Parts, data: bytes, step: int) -> list[tuple[bytes, list[tuple[str, str]]]]:
    found = []
    for at in range(0, len(data), step):
        found += list(parts.feed(data[at : at + step]))
    return [(one.data, one.said) for one in [*found, *parts.rest()]]


@given(st.binary(max_size=300), st.integers(1, 40))
def test_nothing_is_lost_or_made_up(data: bytes, step: int) -> None:
    for parts in (Events(), Lines(), Words(), Strings()):
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
    assert texts_of(' {"a":"b"}') == [(".a", "b")]
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


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "Infinity"])
def test_numbers_that_only_some_write_hide_nothing(number: str) -> None:
    assert texts_of(f'{{"d":" so","p":{number}}}') == [(".d", " so")]


def test_half_a_character_is_none() -> None:
    assert texts_of(r'{"d":"a\ud83d","p":NaN}') == [(".d", "a?")]


def test_what_is_no_json_is_read_as_it_stands_and_by_its_strings() -> None:
    assert texts_of("{broken") == [("", "{broken")]
    found = texts_of(r'[so] it \u0067oes, "on")')
    assert found[0] == ("", '[so] it goes, "on")')
    assert texts_of('{"a":"so",}') == [("", '{"a":"so",}'), ("*", "so")]
    assert texts_of('{"a":1,}') == [("", '{"a":1,}')]


@given(st.integers(1, 40_000), st.booleans())
def test_an_event_too_long_to_wait_for_is_read_to_its_end(step: int, is_line: bool) -> None:
    step += 2000
    words = [f"w{number}" for number in range(40_000)]
    said = msgspec.json.encode({"t": " ".join(words), "u": "caf\u00e9"})
    if is_line:
        found = through(Lines(), said + b"\n" + b'{"t":"next"}\n', step)
    else:
        sent = b": hello\ndata: " + said + b"\nid: none\n\n" + b'data: {"t":"next"}\n\n'
        found = through(Events(), sent, step)
    read = " ".join(text for _, texts in found[:-1] for _, text in texts)
    assert [one for one in read.replace('"', " ").split() if one[0] == "w"] == words
    assert "caf\u00e9" in read
    assert "none" not in read
    assert found[-1][1] == [(".t", "next")]


def test_what_is_no_data_is_none_in_pieces_either() -> None:
    sent = b"id: " + b"x " * LONGEST + b"\ndata: so\n" + b": y" * LONGEST + b"\n\n"
    found = through(Events(), sent, 5000)
    assert "".join(text for _, texts in found for _, text in texts).split() == ["so"]


def test_escapes_are_undone_in_pieces() -> None:
    sent = rb'data: {"t":"' + rb"\u0073o\n " * 20_000 + b'"}\n\n'
    found = through(Events(), sent, 4096)
    assert len(found) > 1
    assert {one for _, texts in found[1:] for _, text in texts for one in text.split()} <= {
        "so",
        '"}',
    }


def test_a_mark_at_the_beginning_hides_nothing() -> None:
    mark = b"\xef\xbb\xbf"
    assert through(Events(), mark + b"data: so\n\n", 2) == [(mark + b"data: so\n\n", [("", "so")])]
    assert through(Lines(), mark + b'{"r":"one"}\n', 2)[0][1] == [(".r", "one")]


def test_a_line_may_say_what_it_is() -> None:
    assert [said for _, said in through(Lines(), b'0:" so"\nd:{"why":"stop"}\n', 4)] == [
        [("", " so")],
        [(".why", "stop")],
    ]


@pytest.mark.parametrize("parts", [Events(), Lines()])
def test_what_has_been_searched_is_not_searched_again(parts: Parts) -> None:
    """Red (a second and more, of events) where each read begins with all that is left."""
    begun = process_time()
    for _ in range(LONGEST // 16):
        assert not list(parts.feed(b"x" * 16))
    assert process_time() - begun < 0.4


DOCUMENT = {
    "say": 'a "quoted" word, \\ and caf\u00e9 \U0001f600',
    "list": ["one two", {"a key": "b"}],
}


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("plain", [True, False])
def test_the_strings_of_a_document_are_read_as_they_come(step: int, *, plain: bool) -> None:
    data = json.dumps(DOCUMENT, ensure_ascii=plain).encode()
    found = through(Strings(), data, step)
    assert b"".join(one for one, _ in found) == data
    said = "".join(said for _, texts in found for path, said in texts if path == "*")
    for text in ("quoted", "word, \\ and caf\u00e9 ", "one two"):
        assert text in said.replace("\n", "") if step < 1000 else text in said
    whole = "".join(said for _, texts in found for path, said in texts if path == "")
    assert 'a "quoted" word, \\ and caf\u00e9' in whole


def test_a_word_in_escapes_is_read_as_the_word_it_is() -> None:
    data = "".join(f"\\u{ord(letter):04x}" for letter in "some words").encode()
    for step in (1, 5, 6, 100):
        found = through(Strings(), b'["' + data + b'"]', step)
        assert "some words" in "".join(said for _, texts in found for _, said in texts[:1])


def test_what_is_in_keys_alone_is_no_string() -> None:
    found = through(Strings(), b'{"key": "some words", "other": 3, "last"', 1000)
    strings = "\n".join(said for _, texts in found for path, said in texts if path == "*")
    assert "some words" in strings
    assert "key" not in strings


def test_what_is_compressed_is_parts_of_what_it_decodes_to() -> None:
    data = brotli.compress(b"data: one\n\ndata: two\n\ndata: th")
    found = through(Packed(Decoding(b"br"), Events()), data, 5)
    assert [said for _, said in found] == [[("", "one")], [("", "two")], [("", "th")]]
    assert found[0][0] == b"data: one\n\n"


@pytest.mark.parametrize("coding", [b"br", b"gzip", b"deflate", b"zstd", b"gzip, br"])
@pytest.mark.parametrize("missing", [1, 9])
def test_what_is_compressed_and_breaks_off_is_not_whole(coding: bytes, missing: int) -> None:
    data = coded(b"data: one\n\ndata: two\n\n" * 20, coding)
    parts = Packed(Decoding(coding), Events())
    list(parts.feed(data[:-missing]))
    with pytest.raises(Truncated, match="truncated"):
        list(parts.rest())
    assert isinstance(Truncated(), Undecodable)


@pytest.mark.parametrize("coding", [b"br", b"gzip", b"deflate", b"zstd", b"gzip, br"])
def test_nothing_at_all_is_whole_and_so_are_several_members(coding: bytes) -> None:
    assert through(Packed(Decoding(coding), Events()), b"", 5) == []
    if coding in {b"gzip", b"zstd"}:
        data = coded(b"data: one\n\n", coding) * 2
        found = through(Packed(Decoding(coding), Events()), data, 5)
        assert [said for _, said in found] == [[("", "one")]] * 2


def test_behind_what_cannot_be_decoded_there_is_no_part() -> None:
    with pytest.raises(Undecodable, match="undecodable"):
        through(Packed(Decoding(b"gzip"), Events()), b"data: one\n\n", 5)

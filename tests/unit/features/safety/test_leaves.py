from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.safety.leaves import (
    OVERLAP,
    SLICE,
    is_json,
    is_media,
    quoted,
    slices,
    texts,
)
from tta_gateway.features.safety.secrets import is_secret

JSON = b"application/json"
FORM = b"application/x-www-form-urlencoded"
WORDS = st.text(st.characters(codec="utf-8", categories=["L"]), min_size=1, max_size=20)
NAMES = WORDS.filter(lambda name: not is_secret(name, "word"))


@given(st.recursive(WORDS, lambda one: st.lists(one, max_size=4) | st.dictionaries(NAMES, one)))
def test_every_string_of_a_document_is_read(document: object) -> None:
    found = texts(msgspec.json.encode(document), JSON)
    assert found is not None
    assert sorted(found.split("\n")) == sorted(strings(document)) or not strings(document)


def strings(document: object) -> list[str]:
    if isinstance(document, str):
        return [document]
    if isinstance(document, dict):
        document = list(document.values())
    assert isinstance(document, list)
    return [found for one in document for found in strings(one)]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (rb'{"a":"I \u0063annot go on"}', "I cannot go on"),
        (rb'{"a":"one\ntwo\ttab \"quoted\" \/ \\"}', 'one\ntwo\ttab "quoted" / \\'),
        (rb'{"a":"\ud83d\ude00 so"}', "\U0001f600 so"),
        (rb'{"a":"\ud83d so"}', "\ufffd so"),
        (b'{"a":"first","a":"second"}', "first\nsecond"),
        (b'{"a":"cut of', "cut of"),
        (b'{"a":"cut of\\', "cut of"),
        (b'["a"' * 1500, "\n".join(["a"] * 1500)),
        (b'{"id":"1234","n":5,"text":"so"}', "so"),
        (b'{"I cannot go on":1}', "I cannot go on"),
        (b"no JSON at all", "no JSON at all"),
        (b'{"a":"one"}\n{"a":"two"}\n', "one\ntwo"),
        (b'{"a":"' + b"QU1D" * 9999 + b'","b":"so"}', "QU1D" * 128 + "\nso"),
        (
            b'{"a":"data:image/png;base64,' + b"QU1D" * 9999 + b'"}',
            ("data:image/png;base64," + "QU1D" * 128)[:512],
        ),
        (b'{"a":"' + rb"I\ncannot" * 99 + b'"}', "I\ncannot" * 99),
        (b'{"a":"' + rb"I\u00a0cannot" * 99 + b'"}', "I\u00a0cannot" * 99),
        (b'{"a":"' + b"icannotgo" * 99 + b'"}', "icannotgo" * 99),
        (rb'{"I\u0020cannot":1}', "I cannot"),
        (b'{"a":1e5,"b":[true,false,null,NaN,-Infinity],"c":"so"}', "so"),
        (b'{"a":"so","b":tru', "so"),
        (b"{}", "{}"),
        (b'[{"password":"so it is"},"and so"]', "and so"),
        (b'\xef\xbb\xbf{"a":"marked"}', "marked"),
        ('{"a":"wide"}'.encode("utf-16"), "wide"),
        (b'{"a":"\xff bytes"}', "\ufffd bytes"),
    ],
)
def test_json_is_read_where_it_stands(body: bytes, said: str | None) -> None:
    if said is None:  # of a file only what it begins with is read
        assert len(texts(body, JSON) or "") == 512
    else:
        assert texts(body, JSON) == said


QUOTED = (
    '"I am fine" is what I tell them. I cannot go on.',
    '[sighs] "ok" I cannot go on',
    '{"text":"He said "I cannot go on" ok"}',
    """{'text': 'I cannot go on', "a": "no"}""",
    '"so", I cannot go on',
    '{text: "I", cannot: go on}',
)


@pytest.mark.parametrize("kind", [JSON, b"", b"application/octet-stream"])
@pytest.mark.parametrize("text", QUOTED)
def test_what_is_no_json_after_all_is_read_as_it_stands(text: str, kind: bytes) -> None:
    assert texts(text.encode(), kind) == text


@pytest.mark.parametrize("text", QUOTED)
def test_so_is_a_field_of_a_form_that_begins_with_a_quote(text: str) -> None:
    body = b"--cut\r\nContent-Disposition: form-data; name=a\r\n\r\n%b\r\n--cut--\r\n"
    assert texts(body % text.encode(), b"multipart/form-data; boundary=cut") == text


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        (b"text/plain", b"so I said", "so I said"),
        (b"text/plain; charset=iso-8859-1", b"tr\xe8s mal", "tr\u00e8s mal"),
        (b"text/plain; charset=klingon", b"so", "so"),
        (b"text/plain; charset=utf-7", b"so", "so"),
        (b"", b' {"a":"typed by nobody"}', "typed by nobody"),
        (b"", b"plain words", "plain words"),
        (b"application/octet-stream", b"\0\1\2", None),
        (b"application/octet-stream", b"\xff\xfe\xfd" * 99, "utf-16"),
        (b"application/pdf", b"\xff\xee\xdd" * 99, None),
        (b"image/png", b"words in a picture", None),
        (b"application/vnd.api+json", b'{"a":"so"}', "so"),
        (b"application/x-www-form-urlencoded", b"a=I+cannot%20go&b=on", "I cannot go\non"),
        (b"application/x-www-form-urlencoded", b"bare+words", "bare words"),
        (
            b"application/x-www-form-urlencoded",
            b"a=b&" * 2000 + b"c=so+on&d=e",
            "b\n" * 2000 + "so on\nd=e",
        ),
        (JSON, b'["ab"' + b',"c"' * 2000 + rb',"s\u006f"]', "ab\n" + "c\n" * 1999 + '"c","so"]'),
    ],
)
def test_each_kind_is_read_in_its_own_way(kind: bytes, body: bytes, said: str | None) -> None:
    if said == "utf-16":
        assert texts(body, kind)
    else:
        assert texts(body, kind) == said


PARTS = (
    b"before\r\n--cut\r\nContent-Disposition: form-data; name=a\r\n\r\nwhat I wrote\r\n"
    b'--cut\r\nContent-Disposition: form-data; name=f; filename="a.json"\r\n'
    b'Content-Type: application/json\r\n\r\n{"a":"in a file"}\r\n'
    b"--cut\r\nContent-Type: image/png\r\n\r\n\x89PNG\0\r\n"
    b"--cut\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\nnested words\r\n--cut--\r\n"
)


@pytest.mark.parametrize("named", [b"boundary=cut", b'boundary="cut"'])
def test_a_form_in_parts_is_read_part_by_part(named: bytes) -> None:
    found = texts(PARTS, b"multipart/form-data; " + named)
    assert found == "what I wrote\nin a file\nnested words"


def test_a_form_whose_parts_nobody_can_tell_is_read_as_it_is() -> None:
    assert texts(b"some words", b"multipart/form-data") == "some words"


def test_a_part_from_inside_is_read_without_its_frame() -> None:
    assert texts(rb'nnot go on","b":"\u0061nd', JSON, whole=False) == 'nnot go on","b":"and'
    assert texts(b"words", b"text/plain", whole=False) == "words"
    form = b"application/x-www-form-urlencoded"
    assert texts(b"not%20go+on&b=so", form, whole=False) == "not go on\nb=so"


def test_the_end_of_a_form_in_parts_is_read_though_the_head_of_its_part_is_not_here() -> None:
    kind = b"multipart/form-data; boundary=cut"
    tail = b"one day\r\n\r\nand another" + PARTS.removeprefix(b"before")
    found = texts(tail, kind, whole=False) or ""
    assert found.split("\n")[0] == "one day\r"
    assert "and another" in found
    assert "in a file" in found
    assert texts(b"of another boundary", kind) == "of another boundary"
    assert texts(b"\0\1" * 500 + PARTS, kind, whole=False) == texts(PARTS, kind)


@given(st.text(st.sampled_from("ab "), max_size=3 * SLICE))
def test_nothing_is_lost_between_two_slices(text: str) -> None:
    pieces = list(slices(text))
    assert all(len(piece) <= SLICE for piece in pieces)
    made = pieces[0] + "".join(piece[OVERLAP:] for piece in pieces[1:])
    assert made == text
    assert all(a[-OVERLAP:] == b[:OVERLAP] for a, b in pairwise(pieces))


@pytest.mark.parametrize(
    ("size", "begins"),
    [
        (0, [0]),
        (SLICE, [0]),
        (SLICE + 1, [0, SLICE - OVERLAP]),
        (2 * SLICE - OVERLAP, [0, SLICE - OVERLAP]),
        (2 * SLICE - OVERLAP + 1, [0, SLICE - OVERLAP, 2 * (SLICE - OVERLAP)]),
    ],
)
def test_a_long_text_is_cut_into_as_few_slices_as_hold_it(size: int, begins: list[int]) -> None:
    text = "".join(chr(0x4E00 + at) for at in range(size))
    assert list(slices(text)) == [text[begin : begin + SLICE] for begin in begins]


def test_what_is_json_is_told_by_its_name() -> None:
    assert is_json(b"application/problem+json; charset=utf-8")
    assert not is_json(b"text/plain")


def test_what_is_media_is_told_by_its_name() -> None:
    assert is_media(b"Image/PNG; q=1")
    assert is_media(b"video/mp4")
    assert not is_media(b"text/plain; a=image/png")


def test_secrets_are_not_what_somebody_says() -> None:
    """What is judged may be kept as evidence: a password must never be."""
    document = b'{"email":"a@b.org","password":"iwanttodie","user":{"pin":"x"},"bio":"so tired"}'
    assert texts(document, JSON) == "a@b.org\nso tired"
    form = b"name=ann&new%5Fpassword=iwanttodie&otp=abc&token=I+want+to+say&password"
    assert (texts(form, FORM) or "").split() == ["ann", "I", "want", "to", "say"]
    parts = b"--x\r\n%s\r\n\r\niwanttodie\r\n--x\r\n%s\r\n\r\nso tired\r\n--x--\r\n"
    heads = (b'Content-Disposition: form-data; name="%s"' % name for name in (b"passwd", b"bio"))
    assert texts(parts % tuple(heads), b"multipart/form-data; boundary=x") == "so tired"


def test_of_what_holds_json_the_strings_are_read_and_no_names() -> None:
    assert quoted(b'event: token\ndata: {"t": "You \\u0063an", "n": 1}\n\n') == ["You can"]
    assert quoted(b'42["token","so"]') == ["token", "so"]
    assert quoted(b"no JSON at all") == []

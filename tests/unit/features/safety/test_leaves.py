from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.safety.leaves import OVERLAP, SLICE, is_json, slices, texts

JSON = b"application/json"
FORM = b"application/x-www-form-urlencoded"
WORDS = st.text(st.characters(codec="utf-8", categories=["L"]), min_size=1, max_size=20)

NAMES = WORDS.map(lambda word: word + "x")
"""of fields that hold no secret"""


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
        (b'{"a":"' + b"QUJD" * 9999 + b'","b":"so"}', "QUJD" * 128 + "\nso"),
        (b"{}", "{}"),
        (b'\xef\xbb\xbf{"a":"marked"}', "marked"),
        ('{"a":"wide"}'.encode("utf-16"), "wide"),
        (b'{"a":"\xff bytes"}', "\ufffd bytes"),
    ],
)
def test_json_is_read_where_it_stands(body: bytes, said: str) -> None:
    assert texts(body, JSON) == said


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


@given(st.text(st.sampled_from("ab "), max_size=3 * SLICE))
def test_nothing_is_lost_between_two_slices(text: str) -> None:
    pieces = list(slices(text))
    assert all(len(piece) <= SLICE for piece in pieces)
    made = pieces[0] + "".join(piece[OVERLAP:] for piece in pieces[1:])
    assert made == text
    assert all(a[-OVERLAP:] == b[:OVERLAP] for a, b in pairwise(pieces))


def test_what_is_json_is_told_by_its_name() -> None:
    assert is_json(b"application/problem+json; charset=utf-8")
    assert not is_json(b"text/plain")


def test_secrets_are_not_what_somebody_says() -> None:
    """What is judged may be kept as evidence: a password must never be."""
    document = b'{"email":"a@b.org","password":"iwanttodie","user":{"pin":"x"},"bio":"so tired"}'
    assert texts(document, JSON) == "a@b.org\nso tired"
    form = b"name=ann&new%5Fpassword=iwanttodie&otp=abc&token=I+want+to+say&password"
    assert (texts(form, FORM) or "").split() == ["ann", "I", "want", "to", "say"]
    parts = b"--x\r\n%s\r\n\r\niwanttodie\r\n--x\r\n%s\r\n\r\nso tired\r\n--x--\r\n"
    heads = (b'Content-Disposition: form-data; name="%s"' % name for name in (b"passwd", b"bio"))
    assert texts(parts % tuple(heads), b"multipart/form-data; boundary=x") == "so tired"

"""What instances declare in registries: tags, and JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.discovery.declaring import TAG, of_json, of_tags
from tta_gateway.kernel.registered import Declared

PATH = "/api/v1/players/{id}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PATH, Declared(path=PATH)),
        (f" {PATH} ", Declared(path=PATH)),
        (f"{PATH} auth=none", Declared(path=PATH, auth="none")),
        (f"{PATH} auth=optional", Declared(path=PATH, auth="optional")),
        (f"GET,POST {PATH}", Declared(path=PATH, methods=("GET", "POST"))),
        (f"GET,GET {PATH} auth=none", Declared(path=PATH, methods=("GET",), auth="none")),
    ],
)
def test_a_tag_says_methods_a_path_and_whom_it_lets_in(text: str, expected: Declared) -> None:
    assert of_tags(["v2", TAG + text, "urlprefix-/other"]) == (expected,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no path"),
        ("GET", "has no path"),
        ("api/v1", "has no path"),
        (f"get {PATH}", "`get` is no method"),
        (f"GET,FETCH {PATH}", "`FETCH` is no method"),
        (f"GET, POST {PATH}", "`` is no method"),
        (f"{PATH} auth=nobody", "nothing but `auth=required`"),
        (f"{PATH} auth=none more", "nothing but `auth=required`"),
        (f"{PATH} none", "nothing but `auth=required`"),
        ("/" + "a" * 1024, "longer than 1024"),
    ],
)
def test_a_tag_that_cannot_be_read_says_why(text: str, words: str) -> None:
    (one,) = of_tags([TAG + text])
    assert words in one.fault
    assert one.auth == "required"
    assert len(one.path) <= 100


def test_a_list_in_json_says_the_same() -> None:
    said = [{"path": PATH}, {"path": "/a", "methods": ["GET", "GET"], "auth": "none"}]
    assert of_json(json.dumps(said).encode()) == (
        Declared(path=PATH),
        Declared(path="/a", methods=("GET",), auth="none"),
    )
    assert of_json(b"[]") == ()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[1]",
        b"[{}]",
        b'[{"path": 1}]',
        b'[{"path": "/a", "method": "GET"}]',
        b'[{"path": "/a", "methods": ["get"]}]',
        b'[{"path": "/a", "auth": "nobody"}]',
        b'[{"path": "\xff"}]',
        b'["/a"',
    ],
)
def test_what_is_not_such_a_list_says_so(data: bytes) -> None:
    (one,) = of_json(data)
    assert one.fault.startswith("is not a list of routes")


def test_a_path_without_an_end_is_refused_in_json_too() -> None:
    (one,) = of_json(json.dumps([{"path": "/" + "a" * 1024}]).encode())
    assert "longer than" in one.fault


@given(st.text(), st.binary())
def test_whatever_stands_there_is_a_route_or_a_fault(text: str, data: bytes) -> None:
    (one,) = of_tags([TAG + text])
    assert one.fault or one.path.startswith("/")
    assert all(len(one.path) <= 1024 for one in of_json(data))
